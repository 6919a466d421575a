"""A distribution in rows: every value in one of them, whatever the values are."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tw.core.bars import ROWS, Bar, bars
from tw.core.histogram import Histogram

TIMES = st.lists(st.one_of(st.floats(0, 1e-3), st.floats(0, 5000)), min_size=1, max_size=60)


def rows(times: list[float]) -> tuple[Bar, ...]:
    histogram = Histogram()
    histogram.record_many(times)
    return bars(histogram.buckets(), histogram.min_s, histogram.max_s)


def test_nothing_measured_is_no_row() -> None:
    assert bars([], None, None) == ()


def test_values_that_are_all_the_same_are_one_row() -> None:
    assert rows([0.25] * 9) == (Bar(0.25, 0.25, 9),)


def test_a_wide_distribution_has_a_row_for_each_equal_step_of_its_ratio() -> None:
    made = rows([0.001 * 2**power for power in range(12)])
    assert len(made) == ROWS
    assert [row.low_s for row in made] == pytest.approx([0.001 * 2**power for power in range(11)])
    # Each is on the lower edge of its row, and the greatest on the upper one of the last.
    assert [row.count for row in made] == [*[1] * 10, 2]


def test_rows_that_would_read_alike_are_joined() -> None:
    made = rows([0.1, 0.1 * 1.05])
    assert [row.count for row in made] == [1, 1]
    assert rows([0.1, 0.1 * 1.01])[0].count == 2


@given(TIMES)
def test_every_value_is_in_a_row_that_holds_it(times: list[float]) -> None:
    made = rows(times)
    assert 1 <= len(made) <= ROWS
    assert sum(row.count for row in made) == len(times)
    assert (made[0].low_s, made[-1].high_s) == (min(times), max(times))
    for before, after in pairwise(made):
        assert before.high_s == after.low_s
    below = 0
    for row in made[:-1]:
        below += row.count
        # A bucket, 0.1 % wide, counts where its highest value is; those outside the range at its end.
        sure = sum(time <= row.high_s * 0.998 for time in times)
        possible = sum(time <= row.high_s * 1.002 or row.high_s >= 3600 for time in times)
        assert sure <= below <= possible
