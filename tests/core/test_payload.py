"""Payloads: what can happen to them shows, and a stream of them is read the same however it is split."""

import re
from itertools import pairwise
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tw.core.payload import LOWEST_SIZE_BYTES, PayloadFormat, PayloadStream, first_difference

TOKEN = b"0123abcd"
FORM = PayloadFormat(TOKEN, 40)

_NUMBERS = st.integers(0, 9_999_999_999)
_FORMS = st.builds(
    PayloadFormat,
    st.integers(0, 2**32 - 1).map(lambda token: b"%08x" % token),
    st.integers(LOWEST_SIZE_BYTES, 300),
    line_feed=st.booleans(),
)


@given(_FORMS, _NUMBERS)
def test_a_payload_has_its_size_begins_with_token_and_number_and_is_one_printable_line(
    form: PayloadFormat, number: int
) -> None:
    payload = form.payload(number)
    assert len(payload) == form.size_bytes
    assert payload.startswith(b"%b-%010d" % (form.token, number))
    line = payload.removesuffix(b"\n") if form.line_feed else payload
    assert all(0x20 < byte < 0x7F for byte in line)
    assert payload.endswith(b"\n") == form.line_feed
    assert payload.count(form.mark) == 1
    assert form.number(b"<source> " + payload, len("<source> ")) == number
    assert form.payload(number) == payload


def test_the_least_payload_is_token_number_and_line_feed() -> None:
    assert PayloadFormat(TOKEN, 20).payload(7) == b"0123abcd-0000000007\n"


def test_a_filler_is_the_same_in_every_version() -> None:
    assert FORM.payload(7) == b"0123abcd-0000000007.TQXOD64K5VIBFRVkhjm\n"


@given(_NUMBERS, _NUMBERS)
def test_fillers_of_two_numbers_cannot_be_swapped_unnoticed(one: int, other: int) -> None:
    same = FORM.payload(one)[19:] == FORM.payload(other)[19:]
    assert same == ((one - other) % 65521 == 0)


@pytest.mark.parametrize("token", [b"", b"0123abc", b"0123abcde", b"0123ABCD", b"0123abc-", b"0123abc\n"])
def test_a_token_is_eight_lower_case_hexadecimal_digits(token: bytes) -> None:
    with pytest.raises(ValueError, match="hexadecimal"):
        PayloadFormat(token, 64)


def test_a_payload_has_room_for_token_and_number() -> None:
    with pytest.raises(ValueError, match="20 bytes"):
        PayloadFormat(TOKEN, 19)


@pytest.mark.parametrize("number", [-1, 10**10])
def test_a_number_has_ten_digits_at_most(number: int) -> None:
    with pytest.raises(ValueError, match="10 digits"):
        FORM.payload(number)


@pytest.mark.parametrize(
    "payload",
    [b"", b"0123abcd-", b"0123abcd-000000000", b"0123abcd- 000000001", b"0123abcd-0_00000001", b"0123abce-0000000001"],
)
def test_what_is_no_number_is_not_read_as_one(payload: bytes) -> None:
    assert FORM.number(payload) is None


# Streams.

_GOOD = _NUMBERS.map(FORM.payload)
_CUT = st.tuples(_GOOD, st.integers(0, 40), st.integers(0, 40)).map(lambda drawn: drawn[0][drawn[1] : drawn[2]])
_NOISE = st.sampled_from([b"\n", b"-", TOKEN, FORM.mark, b"x" * 30, b"x" * 41, b"x" * 49, b"x" * 200]) | st.binary(
    max_size=60
)
_STREAMS = st.lists(_GOOD | _CUT | _NOISE, max_size=12).map(b"".join)


def _naive(data: bytes) -> tuple[list[bytes], bytes]:
    """Payloads and rest, from the whole stream: cut after each line feed and before each mark, then shorten."""
    longest = FORM.size_bytes + len(FORM.mark)
    cuts = sorted(
        {0, len(data)} | {m.end() for m in re.finditer(b"\n", data)} | {m.start() for m in re.finditer(FORM.mark, data)}
    )
    payloads = []
    rest = b""
    for start, end in pairwise(cuts):
        piece = data[start:end]
        visible_bytes = len(piece) if piece.endswith(b"\n") else len(piece) + len(FORM.mark)
        if end == len(data) and not piece.endswith(b"\n") and len(piece) < longest:
            rest = piece
        elif visible_bytes <= longest:
            payloads.append(piece)
        else:
            payloads.append(piece[: FORM.size_bytes + 1])
    return payloads, rest


@given(_STREAMS, st.data())
def test_a_stream_is_read_the_same_for_any_split(stream: bytes, data: st.DataObject) -> None:
    whole = PayloadStream(FORM)
    expected = _naive(stream)
    assert (whole.feed(stream), whole.close()) == expected
    bytewise = PayloadStream(FORM)
    single = [payload for byte in stream for payload in bytewise.feed(bytes([byte]))]
    assert (single, bytewise.close()) == expected
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    split = PayloadStream(FORM)
    pieces = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert ([payload for piece in pieces for payload in split.feed(piece)], split.close()) == expected


@given(st.lists(_NUMBERS, max_size=20), _NOISE)
def test_good_payloads_around_noise_are_read_whole(numbers: list[int], noise: bytes) -> None:
    payloads = [FORM.payload(number) for number in numbers]
    stream = PayloadStream(FORM)
    assert stream.feed(b"".join(payloads)) == payloads
    after = stream.feed(noise + b"".join(payloads))
    assert after[len(after) - len(payloads) :] == payloads


def test_an_endless_line_is_one_bad_payload_and_is_not_kept() -> None:
    stream = PayloadStream(FORM)
    payloads = [payload for _ in range(1000) for payload in stream.feed(b"x" * 1000)]
    assert payloads == [b"x" * 41]
    assert len(stream._kept) == 8
    assert stream.close() == b""
    assert stream.feed(FORM.payload(1)) == [FORM.payload(1)]


def test_a_large_payload_in_small_pieces_costs_linear_time() -> None:
    """8,192 pieces: 20 ms of the processor's time, where reading all that came before each again took over 5 s."""
    form = PayloadFormat(TOKEN, 8 * 1024 * 1024)
    stream, payload = PayloadStream(form), form.payload(1)
    began_s = process_time()
    whole = [found for at in range(0, len(payload), 1024) for found in stream.feed(payload[at : at + 1024])]
    assert whole == [payload]
    assert process_time() - began_s < 2.0


def test_a_stream_that_ends_within_a_payload_gives_up_the_rest() -> None:
    stream = PayloadStream(FORM)
    assert stream.feed(FORM.payload(1)[:30]) == []
    assert stream.close() == FORM.payload(1)[:30]


# Differences.


@given(st.binary(max_size=50), st.binary(max_size=50), st.binary(max_size=50))
def test_the_first_difference_is_where_the_bytes_part(start: bytes, one: bytes, other: bytes) -> None:
    expected, received = start + one, start + other
    naive = next((at for at in range(100) if expected[at : at + 1] != received[at : at + 1]), None)
    assert first_difference(expected, received) == naive
