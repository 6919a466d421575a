"""Pictures made of characters: right, as wide as they may be, and in ASCII where they must be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tw.charts import bar_lines, ms_text, progress_bar, sparkline
from tw.core.bars import Bar

ROWS = (Bar(0.0001, 0.001, 10), Bar(0.001, 0.01, 985), Bar(0.01, 0.1, 0), Bar(0.1, 12.5, 5))


def test_a_sparkline_is_as_high_as_its_values() -> None:
    assert sparkline([0.0, 1.0, 4.0, 7.9, 8.0], 10, unicode=True) == "▁▂▅██"
    assert sparkline([0.0, 1.0, 4.0, 7.9, 8.0], 10, unicode=False) == "_.=##"


def test_a_sparkline_of_nothing_is_flat() -> None:
    assert sparkline([0.0, 0.0], 10, unicode=True) == "▁▁"
    assert sparkline([], 10, unicode=True) == ""


@given(st.lists(st.floats(0, 1e9), max_size=200), st.integers(1, 100), st.booleans())
def test_a_sparkline_keeps_to_its_width(values: list[float], width: int, unicode: bool) -> None:
    assert len(sparkline(values, width, unicode=unicode)) == min(len(values), width)


@pytest.mark.parametrize(("share", "done"), [(-1.0, 0), (0.0, 0), (0.5, 4), (0.999, 7), (1.0, 8), (3.0, 8)])
def test_a_progress_bar_is_full_when_all_is_done_and_not_before(share: float, done: int) -> None:
    assert progress_bar(share, 8, unicode=True) == ("━" * done, "─" * (8 - done))
    assert progress_bar(share, 8, unicode=False) == ("#" * done, "-" * (8 - done))


def test_milliseconds_have_the_decimals_that_say_something() -> None:
    texts = [ms_text(seconds) for seconds in (0.0, 1.2e-6, 0.0123456, 0.1, 1.23456, 12.3456)]
    assert texts == ["0.000", "0.001", "12.346", "100.0", "1234.6", "12346"]


def test_bars_stand_in_columns_and_whatever_is_more_than_nothing_can_be_seen() -> None:
    assert bar_lines(ROWS, 60, unicode=True) == [
        " 0.100 to  1.000 ms  ▎                           1.0 %   10",
        " 1.000 to 10.000 ms  █████████████████████████  98.5 %  985",
        "10.000 to  100.0 ms                              0.0 %    0",
        " 100.0 to  12500 ms  ▏                           0.5 %    5",
    ]


def test_bars_are_ascii_where_there_is_nothing_else() -> None:
    first, second, third, _ = bar_lines(ROWS, 60, unicode=False)
    assert first == " 0.100 to  1.000 ms  #                           1.0 %   10"
    assert "#" * 20 in second
    assert "#" not in third


def test_on_a_narrow_terminal_the_numbers_stay_and_the_bars_go() -> None:
    assert bar_lines(ROWS, 20, unicode=True)[0] == " 0.100 to  1.000 ms   1.0 %   10"


def test_nothing_measured_is_no_picture() -> None:
    assert bar_lines((), 80, unicode=True) == []


@given(st.integers(45, 200), st.booleans(), st.lists(st.integers(0, 10**6), min_size=1, max_size=12))
def test_bars_are_no_wider_than_the_terminal(width: int, unicode: bool, counts: list[int]) -> None:
    rows = tuple(Bar(0.001 * index, 0.001 * (index + 1), count) for index, count in enumerate(counts))
    lines = bar_lines(rows, width, unicode=unicode)
    assert len({len(line) for line in lines}) <= 1
    assert all(len(line) < width for line in lines)
