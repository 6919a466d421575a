"""Percentiles from buckets, beside the same percentiles from the sorted list."""

import math
import random
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tw.core.histogram import HIGHEST_S, LOWEST_S, Histogram

_IN_RANGE = st.floats(LOWEST_S, HIGHEST_S)
# Drawn evenly over the magnitudes as well: plain floats are mostly near 3600.
_DURATIONS = _IN_RANGE | st.floats(-6, 3.5).map(lambda power: 10.0**power)
_ANY_DURATIONS = st.floats(0, 1e6) | _DURATIONS | st.sampled_from([0.0, LOWEST_S, HIGHEST_S])
_PERCENTS = st.sampled_from([0, 0.1, 50, 90, 95, 99, 99.9, 99.99, 100]) | st.floats(0, 100).map(lambda p: round(p, 6))


def _of(values: list[float]) -> Histogram:
    histogram = Histogram()
    histogram.record_many(values)
    return histogram


def _exact(values: list[float], p: float) -> float:
    """The nearest rank in exact arithmetic, `p` being the decimal number that it prints as."""
    rank = math.ceil(Fraction(str(p)) * len(values) / 100)
    return sorted(values)[max(rank, 1) - 1]


def _state(histogram: Histogram) -> tuple[object, ...]:
    return (
        histogram.count,
        histogram.min_s,
        histogram.max_s,
        histogram.clamped_low_count,
        histogram.clamped_high_count,
        [histogram.percentile(p) for p in (0, 1, 10, 25, 50, 75, 90, 99, 100)],
    )


def test_an_empty_histogram_has_no_figures() -> None:
    histogram = Histogram()
    assert histogram.count == 0
    assert histogram.sum_s == 0
    assert (histogram.min_s, histogram.max_s, histogram.mean_s, histogram.percentile(50)) == (None, None, None, None)


def test_a_single_value_is_every_figure() -> None:
    histogram = _of([0.0123])
    assert histogram.mean_s == 0.0123
    assert {histogram.percentile(p) for p in (0, 50, 100)} == {0.0123}


@given(st.lists(_DURATIONS, min_size=1, max_size=200), _PERCENTS)
def test_a_percentile_is_within_a_thousandth_of_the_sorted_list(values: list[float], p: float) -> None:
    measured = _of(values).percentile(p)
    exact = _exact(values, p)
    assert measured is not None
    assert exact <= measured <= exact * 1.001
    assert min(values) <= measured <= max(values)


@given(st.lists(_ANY_DURATIONS, min_size=1, max_size=100), _PERCENTS)
def test_values_out_of_range_are_clamped_and_counted(values: list[float], p: float) -> None:
    histogram = _of(values)
    assert histogram.clamped_low_count == len([value for value in values if value < LOWEST_S])
    assert histogram.clamped_high_count == len([value for value in values if value > HIGHEST_S])
    assert (histogram.min_s, histogram.max_s) == (min(values), max(values))
    measured = histogram.percentile(p)
    assert measured is not None
    assert min(values) <= measured <= max(values)
    clamped = min(max(_exact(values, p), LOWEST_S), HIGHEST_S)
    if min(values) < measured < max(values):
        assert clamped <= measured <= clamped * 1.001


def test_the_first_and_the_last_rank_are_exact() -> None:
    values = [0.0010001, 0.0010002, 0.0010003]  # all of them in one bucket
    histogram = _of(values)
    assert (histogram.percentile(0), histogram.percentile(33.3)) == (values[0], values[0])
    assert (histogram.percentile(66.7), histogram.percentile(100)) == (values[2], values[2])
    assert histogram.percentile(50) == values[2]  # the bucket's highest value, but not above the maximum


def test_clamped_values_are_known_as_the_end_of_the_range() -> None:
    low = _of([0.0, 0.0, 0.0, 5.0])
    assert low.percentile(50) == pytest.approx(LOWEST_S, rel=0.001)
    assert low.percentile(0) == 0
    high = _of([1.0, 1e5, 1e5, 1e6])
    assert high.percentile(50) == pytest.approx(HIGHEST_S, rel=0.001)
    assert high.percentile(100) == 1e6
    assert _of([5e3, 6e3, 7e3]).percentile(50) == 5e3  # never below the minimum


@pytest.mark.parametrize(("p", "rank"), [(99.9, 999), (99.8, 998), (55.1, 551), (0.1, 1), (0.2, 2)])
def test_a_percentile_that_falls_on_a_rank_is_that_rank(p: float, rank: int) -> None:
    # In floats 99.9 / 100 * 1000 is above 999, and its ceiling the 1,000th.
    histogram = Histogram()
    histogram.record(1.0, rank)
    histogram.record(2.0, 1000 - rank)
    assert histogram.percentile(p) == pytest.approx(1.0, rel=0.001)
    assert histogram.percentile(p + 0.000001) == pytest.approx(2.0, rel=0.001)


@pytest.mark.parametrize("exponent", range(-19, 12))
def test_buckets_join_without_a_gap_at_powers_of_two(exponent: int) -> None:
    edge = 2.0**exponent
    below, above = math.nextafter(edge, 0), math.nextafter(edge, math.inf)
    histogram = _of([below, below, edge, above, edge * 2])
    second, third = histogram.percentile(40), histogram.percentile(60)
    assert second == below  # the highest value of the last bucket under the power of two
    assert third is not None
    assert edge <= third <= edge * (1 + 1 / 512)


def test_a_percentile_never_falls_when_p_rises() -> None:
    rng = random.Random(7)
    histogram = _of([rng.lognormvariate(-7, 2) for _ in range(1_000)])
    figures = [histogram.percentile(p / 10) for p in range(1001)]
    assert figures == sorted(figures, key=lambda figure: figure or 0.0)
    assert len(set(figures)) > 500


@given(st.lists(_ANY_DURATIONS, max_size=50))
def test_recording_one_by_one_is_recording_many(values: list[float]) -> None:
    single = Histogram()
    for value in values:
        single.record(value)
    many = Histogram()
    many.record_many(value for value in values)
    assert _state(single) == _state(many)
    assert single.sum_s == pytest.approx(many.sum_s)


def test_a_count_stands_for_as_many_values() -> None:
    histogram = Histogram()
    histogram.record(0.5, 3)
    histogram.record(1e-9, 2)
    histogram.record(1e4, 4)
    assert _state(histogram) == _state(_of([0.5] * 3 + [1e-9] * 2 + [1e4] * 4))
    assert histogram.sum_s == pytest.approx(40001.5)


@given(st.lists(st.lists(_ANY_DURATIONS, max_size=20), max_size=5))
def test_merging_is_recording_in_one(parts: list[list[float]]) -> None:
    merged = Histogram()
    for part in parts:
        other = _of(part)
        before = _state(other)
        merged.merge(other)
        assert _state(other) == before
    whole = _of([value for part in parts for value in part])
    assert _state(merged) == _state(whole)
    assert merged.sum_s == pytest.approx(whole.sum_s)


def test_merging_with_itself_doubles() -> None:
    histogram = _of([0.1, 0.2])
    histogram.merge(histogram)
    assert _state(histogram) == _state(_of([0.1, 0.2, 0.1, 0.2]))


@given(st.lists(_ANY_DURATIONS, min_size=1, max_size=50))
def test_the_mean_is_of_the_values_themselves(values: list[float]) -> None:
    mean_s = _of(values).mean_s
    assert mean_s == pytest.approx(math.fsum(values) / len(values))
    assert mean_s is not None
    assert min(values) <= mean_s <= max(values)


def test_rounding_does_not_take_the_mean_out_of_its_values() -> None:
    assert sum([0.1, 0.1, 0.1]) / 3 > 0.1
    assert _of([0.1, 0.1, 0.1]).mean_s == 0.1


@pytest.mark.parametrize("bad", [-1.0, -1e-300, math.nan, math.inf, -math.inf])
def test_what_is_no_duration_is_refused_and_leaves_no_trace(bad: float) -> None:
    histogram = _of([0.5])
    with pytest.raises(ValueError, match="not a duration"):
        histogram.record(bad)
    for values in ([bad], [0.1, bad, 0.2], [bad, math.inf]):
        with pytest.raises(ValueError, match="not all durations"):
            histogram.record_many(values)
    assert _state(histogram) == _state(_of([0.5]))
    assert histogram.sum_s == 0.5


@pytest.mark.parametrize("count", [0, -1])
def test_a_count_below_one_is_refused(count: int) -> None:
    histogram = Histogram()
    with pytest.raises(ValueError, match="count"):
        histogram.record(1.0, count)
    assert histogram.count == 0


@pytest.mark.parametrize("p", [-0.1, 100.1, math.nan])
def test_a_percentile_outside_of_0_to_100_is_refused(p: float) -> None:
    with pytest.raises(ValueError, match="percentile"):
        _of([1.0]).percentile(p)


@given(st.lists(_ANY_DURATIONS, max_size=100), st.lists(_PERCENTS, max_size=5))
def test_percentiles_taken_together_are_those_taken_one_by_one(values: list[float], wanted: list[float]) -> None:
    histogram = _of(values)
    assert histogram.percentiles(wanted) == [histogram.percentile(p) for p in wanted]


def test_a_bad_percentile_among_good_ones_is_refused_also_where_nothing_was_measured() -> None:
    with pytest.raises(ValueError, match="not 101"):
        Histogram().percentiles([50, 101])


@given(st.lists(_DURATIONS, max_size=100))
def test_the_buckets_hold_everything_in_order(values: list[float]) -> None:
    found = [high_s for high_s, count in _of(values).buckets() for _ in range(count)]
    assert len(found) == len(values)
    for value, high_s in zip(sorted(values), found, strict=True):
        assert value <= high_s <= value * 1.001


@given(st.lists(_ANY_DURATIONS, max_size=60), st.lists(_ANY_DURATIONS, max_size=60), _PERCENTS)
def test_what_was_recorded_since_is_what_was_recorded_alone(before: list[float], after: list[float], p: float) -> None:
    histogram = _of(before)
    earlier = histogram.copy()
    histogram.record_many(after)
    since, alone = histogram.since(earlier), _of(after)
    assert _state(earlier) == _state(_of(before))
    assert since.buckets() == alone.buckets()
    assert since.sum_s == pytest.approx(alone.sum_s, abs=1e-6 * (1 + sum(before)))
    counts = ("count", "clamped_low_count", "clamped_high_count")
    assert [getattr(since, name) for name in counts] == [getattr(alone, name) for name in counts]
    if after:
        expected, measured = alone.percentile(p), since.percentile(p)
        assert expected is not None
        assert measured is not None
        # Outside the range, values are known only as its end.
        assert min(expected, HIGHEST_S) / 1.001 <= measured <= max(expected, LOWEST_S) * 1.001


def test_nothing_since_has_no_figures() -> None:
    histogram = _of([0.1])
    since = histogram.since(histogram.copy())
    assert (since.count, since.min_s, since.max_s, since.percentile(50)) == (0, None, None, None)


def test_what_was_not_copied_from_it_is_no_earlier_one() -> None:
    with pytest.raises(ValueError, match="not a part"):
        _of([0.1]).since(_of([0.2]))
