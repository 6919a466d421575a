"""Latencies in few buckets: right to an eighth, beside the sorted values themselves."""

from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tw.core.coarse import CoarseTimes
from tw.core.histogram import HIGHEST_S, LOWEST_S

TIMES = st.floats(LOWEST_S, HIGHEST_S)


def of(*seconds: float) -> CoarseTimes:
    times = CoarseTimes()
    for each in seconds:
        times.record(each)
    return times


@given(st.lists(TIMES, min_size=1, max_size=50), st.sampled_from([0, 1, 50, 90, 99, 100]))
def test_a_percentile_is_at_most_an_eighth_above_the_value(values: list[float], p: int) -> None:
    exact = sorted(values)[max(0, ceil(p * len(values) / 100) - 1)]
    found = of(*values).percentile(p)
    assert found is not None
    assert exact <= found <= exact * 1.125
    assert found <= max(values)


@given(st.lists(TIMES, min_size=1), st.lists(TIMES))
def test_merging_is_recording_everything_in_one(some: list[float], others: list[float]) -> None:
    merged = of(*some)
    merged.merge(of(*others))
    whole = of(*some, *others)
    assert (merged.count, merged.max_s) == (whole.count, whole.max_s)
    assert merged.mean_s == pytest.approx(whole.mean_s)
    assert [merged.percentile(p) for p in (1, 50, 99)] == [whole.percentile(p) for p in (1, 50, 99)]


def test_a_duration_counts_as_often_as_it_is_said_to() -> None:
    times = of(1.0)
    times.record(2.0, 9)
    assert (times.count, times.mean_s, times.max_s, times.percentile(10)) == (10, 1.9, 2.0, 1.125)


@pytest.mark.parametrize(("seconds", "p50"), [(0.0, 0.0), (1e-9, 1e-9), (1e6, HIGHEST_S)])
def test_what_is_out_of_range_counts_in_the_bucket_at_its_end(seconds: float, p50: float) -> None:
    times = of(seconds)
    assert (times.count, times.max_s) == (1, seconds)
    assert times.percentile(50) == pytest.approx(p50, rel=0.125)


def test_without_a_value_there_is_nothing_to_say() -> None:
    times = CoarseTimes()
    assert (times.count, times.mean_s, times.percentile(50)) == (0, None, None)
