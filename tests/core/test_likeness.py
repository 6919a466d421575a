"""A harmed payload is set against the one that it was."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tw.core.faults import Fate, corrupted, truncated
from tw.core.likeness import CANDIDATES, most_alike
from tw.core.payload import PayloadFormat

FORM = PayloadFormat(b"0123abcd", 64)
LINE = PayloadFormat(b"0123abcd", 64, line_feed=False)
SHARES = st.floats(0.0, 1.0, exclude_max=True)


@given(st.integers(0, CANDIDATES - 1), SHARES, SHARES)
def test_one_changed_byte_hides_nothing_wherever_it_is(number: int, place: float, change: float) -> None:
    harmed = corrupted(FORM.payload(number), Fate(place=place, change=change))
    assert most_alike(FORM, harmed, FORM.number(harmed), range(CANDIDATES)) == number


@given(st.integers(0, 9), SHARES)
def test_a_cut_payload_is_the_oldest_where_its_number_is_gone(number: int, place: float) -> None:
    harmed = truncated(FORM.payload(number), Fate(place=place))
    assert most_alike(FORM, harmed, FORM.number(harmed), range(10)) == number
    assert most_alike(FORM, harmed[:12], None, range(number, 10)) == number


def test_where_another_number_can_be_read_the_rest_decides() -> None:
    payload = FORM.payload(2)
    harmed = payload[:18] + b"5" + payload[19:]
    assert FORM.number(harmed) == 5
    assert most_alike(FORM, harmed, 5, range(10)) == 2


@pytest.mark.parametrize("noise", [b"", b"\n", b"HTTP/1.1 400 Bad Request\r\n", bytes(64)])
def test_noise_is_like_none(noise: bytes) -> None:
    assert most_alike(FORM, noise, None, range(10)) is None
    assert most_alike(FORM, noise, None, ()) is None


def test_what_stands_before_a_line_does_not_count() -> None:
    harmed = b"<127.0.0.1:5> " + corrupted(LINE.payload(3), Fate(place=0.9))
    assert most_alike(LINE, harmed, 3, range(10)) == 3
