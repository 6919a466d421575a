"""One frame of the live view: what it says, and that it fits into any terminal."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snapshots import snapshot
from tw.core.rates import Rates
from tw.frame import Line, Room, frame, how_far, span_text
from tw.report import Distribution, Snapshot


def rates(*amounts: float) -> Rates:
    made = Rates(0.1)
    for amount in amounts:
        made.add(amount, 0.1)
    return made


def texts(lines: list[Line]) -> list[str]:
    return ["".join(text for text, _ in line) for line in lines]


def shown(at: Snapshot, columns: int = 80, rows: int = 24, *, unicode: bool = True) -> list[str]:
    return texts(frame(at, rates(0, 600, 1000), Room(columns, rows, unicode)))


def test_a_frame_has_the_rate_the_errors_the_percentiles_and_the_progress() -> None:
    assert shown(snapshot(bad=3)) == [
        "5,333/s     ▁▅█",
        "3 errors  50,000 answers  50 under way  50 connections",
        "p50 0.200  p99 0.500  max 0.700 ms",
        "━━━━━━━━━━━━──────────────────  40 %  6.0 s left",
    ]


def test_a_frame_is_ascii_where_there_is_nothing_else() -> None:
    made = shown(snapshot(), unicode=False)
    assert made[0] == "5,333/s     _=#"
    assert made[3] == "############------------------  40 %  6.0 s left"
    assert all(line.isascii() for line in made)


def test_the_warm_up_is_marked_and_has_its_own_progress() -> None:
    assert shown(snapshot(warming=True, elapsed_s=1.0, duration_s=2.0))[3] == (
        "━━━━━━━━━━━━━━━───────────────  warming up  1.0 s left"
    )


def test_while_connections_are_opened_the_run_has_not_begun() -> None:
    assert shown(snapshot(sent=0, received=0, under_way=0, warming=True))[3] == "connecting, 4.0 s"


def test_errors_are_red_and_only_then() -> None:
    room = Room(80, 24, True)
    assert frame(snapshot(bad=1), rates(1), room)[1][0] == ("1 error", "red")
    assert frame(snapshot(), rates(1), room)[1][0] == ("0 errors", "")


def test_a_run_without_an_answer_says_so() -> None:
    made = texts(frame(snapshot(rtt_ms=Distribution(), received=0), Rates(), Room(80, 24, True)))
    assert made[0].strip() == "0.0/s"
    assert made[2] == "no answer yet"


def test_twenty_columns_hold_what_matters_most() -> None:
    assert shown(snapshot(), 20) == ["5,333/s     ▁▅█", "0 errors", "p99 0.500 ms", "40 %  6.0 s left"]


def test_a_low_terminal_holds_fewer_lines() -> None:
    assert len(shown(snapshot(), rows=3)) == 2
    assert len(shown(snapshot(), rows=1)) == 1


@pytest.mark.parametrize(
    ("more", "rate", "expected"),
    [
        ({"duration_s": 10.0, "elapsed_s": 4.0}, 100.0, (0.4, 6.0)),
        ({"duration_s": 10.0, "elapsed_s": 11.0}, 100.0, (1.0, 0.0)),
        ({"duration_s": None, "count": 1000, "sent": 600, "under_way": 100}, 100.0, (0.5, 5.0)),
        ({"duration_s": None, "count": 1000, "sent": 600, "under_way": 100}, None, (0.5, None)),
        ({"duration_s": 10.0, "elapsed_s": 4.0, "count": 1000, "sent": 900, "under_way": 0}, 50.0, (0.9, 2.0)),
        ({"duration_s": 10.0, "elapsed_s": 9.0, "count": 1000, "sent": 100, "under_way": 0}, 50.0, (0.9, 1.0)),
        ({"duration_s": None}, 100.0, (None, None)),
    ],
)
def test_whichever_end_comes_first_counts(
    more: dict[str, Any], rate: float | None, expected: tuple[float | None, float | None]
) -> None:
    share, left = how_far(snapshot(**more), rate)
    assert (share, left) == (pytest.approx(expected[0]), pytest.approx(expected[1]))


def test_without_a_rate_nothing_is_said_of_the_time_left() -> None:
    at = snapshot(duration_s=None, count=100_100, rtt_ms=Distribution())
    assert texts(frame(at, Rates(), Room(80, 24, True)))[3].endswith("───  50 %")


def test_without_an_end_the_time_is_shown() -> None:
    assert shown(snapshot(duration_s=None, elapsed_s=125.0))[3] == "2 min 5 s"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0.0 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min 0 s"),
        (3599.6, "1 h 0 min"),
        (7800.0, "2 h 10 min"),
    ],
)
def test_a_time_is_told_as_a_person_would(seconds: float, text: str) -> None:
    assert span_text(seconds) == text


@given(
    st.integers(1, 300),
    st.integers(1, 100),
    st.booleans(),
    st.integers(0, 10**15),
    st.floats(0, 1e9),
    st.lists(st.floats(0, 1e9), max_size=30),
)
def test_no_line_is_as_wide_as_the_terminal(
    columns: int, rows: int, unicode: bool, count: int, elapsed_s: float, amounts: list[float]
) -> None:
    at = snapshot(sent=count + 1, received=count, bad=count, elapsed_s=elapsed_s, duration_s=1e9, connections=count)
    made = texts(frame(at, rates(*amounts), Room(columns, rows, unicode)))
    assert 1 <= len(made) <= max(1, rows - 1)
    assert all(len(line) <= max(1, columns - 1) for line in made)
