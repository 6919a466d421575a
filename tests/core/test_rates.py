"""Rates over a run of any length: nothing is lost, and they stay few."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tw.core.rates import CELLS, Rates, resampled

INTERVALS = st.lists(st.tuples(st.integers(0, 10**6), st.floats(1e-4, 1e4)), min_size=1, max_size=50)


def test_a_steady_run_has_the_same_rate_in_every_span_however_long_it_lasts() -> None:
    rates = Rates(0.1)
    for _ in range(10 * CELLS + 3):
        rates.add(50, 0.1)
    assert len(rates.per_s()) <= CELLS
    assert rates.per_s() == pytest.approx([500.0] * len(rates.per_s()))
    assert rates.recent_per_s == pytest.approx(500.0)


@given(INTERVALS)
def test_nothing_is_lost_and_the_spans_stay_few(intervals: list[tuple[int, float]]) -> None:
    rates = Rates(0.1)
    for amount, seconds in intervals:
        rates.add(amount, seconds)
    assert sum(rates._amounts) == pytest.approx(sum(amount for amount, _ in intervals))
    assert len(rates._amounts) <= CELLS
    assert all(rate >= 0 for rate in rates.per_s())


@given(INTERVALS, st.integers(2, 9))
def test_how_finely_time_is_cut_changes_little(intervals: list[tuple[int, float]], parts: int) -> None:
    whole, cut = Rates(0.1), Rates(0.1)
    for amount, seconds in intervals:
        whole.add(amount, seconds)
        for _ in range(parts):
            cut.add(amount / parts, seconds / parts)
    top = max(amount / seconds for amount, seconds in intervals)
    for one, other in zip(whole.per_s(), cut.per_s(), strict=False):  # rounding may put the end beyond an edge
        assert one == pytest.approx(other, abs=1e-6 * top + 1e-9)


def test_a_change_is_seen_where_it_happened() -> None:
    rates = Rates(0.1)
    for amount in (10, 10, 0, 40):
        rates.add(amount, 0.1)
    assert rates.per_s() == pytest.approx([100.0, 100.0, 0.0, 400.0])


def test_a_long_silence_is_as_long_as_it_was() -> None:
    rates = Rates(0.1)
    rates.add(10, 0.1)
    rates.add(0, 3600.0)
    first, *rest = rates.per_s()
    assert first > 0
    assert rest
    assert set(rest) == {0.0}


def test_a_span_that_has_hardly_begun_is_not_shown() -> None:
    rates = Rates(1.0)
    rates.add(100, 1.0)
    rates.add(90, 0.4)
    assert rates.per_s() == pytest.approx([100.0])
    rates.add(0, 0.2)
    assert rates.per_s() == pytest.approx([100.0, 150.0])


def test_the_rate_now_is_that_of_the_last_second() -> None:
    rates = Rates(0.1)
    assert rates.recent_per_s is None
    rates.add(7, 0.0)
    assert rates.recent_per_s is None
    rates.add(1, 0.1)
    assert rates.recent_per_s == pytest.approx(10.0)
    for _ in range(20):
        rates.add(5, 0.1)
    assert rates.recent_per_s == pytest.approx(50.0)


def test_values_are_averaged_where_there_is_no_room_for_all() -> None:
    assert resampled([1.0, 3.0, 5.0, 7.0], 2) == [2.0, 6.0]
    assert resampled([1.0, 2.0, 3.0], 2) == [1.0, 2.5]
    assert resampled([1.0, 2.0], 5) == [1.0, 2.0]
    with pytest.raises(ValueError, match="width of 0"):
        resampled([1.0], 0)
