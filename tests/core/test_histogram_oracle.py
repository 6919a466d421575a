"""The histogram beside HdrHistogram's own (its Python port), with three digits."""

import random

import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given, settings
from hypothesis import strategies as st

from tw.core.histogram import HIGHEST_S, LOWEST_S, Histogram

UNIT_S = 2.0**-30
"""HdrHistogram counts whole units. One that is a power of two seconds cuts the octaves where this one does, so that the
buckets of values from 2,048 units on are the very same."""

LOWEST, HIGHEST = 2048, int(HIGHEST_S / UNIT_S)
PERCENTS = [0, 10, 25, 50, 75, 90, 95, 99, 99.9, 99.99, 100]
UNITS = st.integers(LOWEST, HIGHEST) | st.floats(11, 41).map(lambda power: int(2**power))


def both(units: list[int]) -> tuple[Histogram, HdrHistogram]:
    ours, theirs = Histogram(), HdrHistogram(1, HIGHEST, 3)
    ours.record_many(unit * UNIT_S for unit in units)
    for unit in units:
        theirs.record_value(unit)
    return ours, theirs


def bucket(theirs: HdrHistogram, seconds: float | None) -> int:
    """The bucket of HdrHistogram's that the value falls into, by its lowest."""
    assert seconds is not None
    return int(theirs.get_lowest_equivalent_value(int(seconds / UNIT_S)))


@settings(max_examples=10)  # each one walks over all of HdrHistogram's buckets
@given(st.lists(UNITS, min_size=1, max_size=300))
def test_the_buckets_and_their_counts_are_hdrhistograms(units: list[int]) -> None:
    ours, theirs = both(units)
    recorded = {
        theirs.get_highest_equivalent_value(item.value_iterated_to): item.count_at_value_iterated_to
        for item in theirs.get_recorded_iterator()
    }
    assert {int(upper_s / UNIT_S): count for upper_s, count in ours.buckets()} == recorded


@pytest.mark.parametrize("seed", range(5))
def test_percentiles_are_in_hdrhistograms_bucket(seed: int) -> None:
    """10,000 values, so that every rank is a whole number: HdrHistogram rounds others to the nearest, not up."""
    rng = random.Random(seed)
    units = [min(max(int(rng.lognormvariate(13 + 2 * seed, 1 + seed / 4)), LOWEST), HIGHEST) for _ in range(10_000)]
    ours, theirs = both(units)
    assert sorted(units)[4999] <= (ours.percentile(50) or 0) / UNIT_S  # it is not two histograms of nothing
    for p in PERCENTS[1:]:
        assert bucket(theirs, ours.percentile(p)) == bucket(theirs, theirs.get_value_at_percentile(p) * UNIT_S), p
    assert ours.count == theirs.get_total_count()
    assert ours.mean_s == pytest.approx(theirs.get_mean_value() * UNIT_S, rel=0.001)


def test_merging_is_hdrhistograms() -> None:
    rng = random.Random(3)
    parts = [both([int(rng.lognormvariate(15, 1)) for _ in range(1000)]) for _ in range(10)]
    ours, theirs = Histogram(), HdrHistogram(1, HIGHEST, 3)
    for our_part, their_part in parts:
        ours.merge(our_part)
        theirs.add(their_part)
    for p in PERCENTS[1:]:
        assert bucket(theirs, ours.percentile(p)) == bucket(theirs, theirs.get_value_at_percentile(p) * UNIT_S), p


@given(st.lists(st.floats(0, 2 * HIGHEST_S) | st.floats(-6, 3.5).map(lambda power: 10.0**power), max_size=100))
def test_percentiles_together_are_percentiles_one_by_one(values: list[float]) -> None:
    histogram = Histogram()
    histogram.record_many(values)
    shuffled = random.Random(1).sample(PERCENTS, len(PERCENTS))
    assert histogram.percentiles(shuffled) == [histogram.percentile(p) for p in shuffled]
    assert histogram.percentiles([]) == []


@pytest.mark.parametrize("p", [-0.1, 100.1])
def test_one_percentile_that_is_none_refuses_all(p: float) -> None:
    with pytest.raises(ValueError, match="percentile"):
        Histogram().percentiles([50, p])


@given(st.lists(st.floats(LOWEST_S, HIGHEST_S) | st.floats(-6, 3.5).map(lambda power: 10.0**power), max_size=200))
def test_wider_buckets_hold_what_the_narrow_ones_in_them_do(values: list[float]) -> None:
    histogram = Histogram()
    histogram.record_many(values)
    for per_octave in (1024, 32, 1):
        held = histogram.buckets(per_octave)
        assert sum(count for _, count in held) == len(values)
        assert [upper for upper, _ in held] == sorted({upper for upper, _ in held})
        below = 0.0
        for upper, count in held:
            assert count == sum(below < value <= upper for value in values)
            assert all(value >= upper / (1 + 1.0001 / per_octave) for value in values if below < value <= upper)
            below = upper


def test_buckets_of_no_whole_number_of_buckets_are_refused() -> None:
    with pytest.raises(ValueError, match="1024 buckets"):
        Histogram().buckets(3)


def test_buckets_are_the_same_in_every_histogram() -> None:
    """So that shapes can be drawn over each other."""
    low, high = Histogram(), Histogram()
    low.record_many([LOWEST_S, 0.0101])
    high.record_many([0.0102, HIGHEST_S])
    assert low.buckets(32)[-1][0] == high.buckets(32)[0][0]
