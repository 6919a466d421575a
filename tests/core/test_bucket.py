"""A token bucket passes its burst, then its rate, and never more."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tw.core.bucket import WHOLE, TokenBucket


def taken(bucket: TokenBucket, now_s: float) -> int:
    count = 0
    while bucket.take(now_s):
        count += 1
    return count


def test_it_begins_full_and_gains_its_rate() -> None:
    bucket = TokenBucket(10, 3, now_s=100.0)
    assert taken(bucket, 100.0) == 3
    assert taken(bucket, 100.05) == 0
    assert taken(bucket, 100.1) == 1
    assert taken(bucket, 100.3) == 2
    assert taken(bucket, 1000.0) == 3  # no more than the burst, however long nothing happened


def test_it_says_how_long_to_wait_and_keeps_its_word() -> None:
    bucket = TokenBucket(4, 1, now_s=0.0)
    assert bucket.wait_s(0.0) == 0.0
    assert bucket.take(0.0)
    assert bucket.wait_s(0.0) == 0.25
    assert bucket.wait_s(0.125) == 0.125
    assert bucket.wait_s(0.25) == 0.0
    assert bucket.take(0.25)


def test_a_clock_that_goes_back_gives_nothing() -> None:
    bucket = TokenBucket(1, 1, now_s=10.0)
    assert bucket.take(10.0)
    assert not bucket.take(5.0)


@given(
    rate=st.floats(0.01, 10_000),
    burst=st.integers(1, 1000),
    steps=st.lists(st.floats(0, 10), max_size=50),
    start_s=st.floats(0, 1e7),
)
def test_no_more_pass_than_the_burst_and_the_rate_allow(
    rate: float, burst: int, steps: list[float], start_s: float
) -> None:
    bucket = TokenBucket(rate, burst, start_s)
    now_s = start_s
    count = taken(bucket, now_s)
    assert count == burst
    for step in steps:
        now_s += step
        count += taken(bucket, now_s)
    # What is missing of a token is owed, once.
    assert count <= burst + (now_s - start_s) * rate + (1 - WHOLE) + 1e-3


@given(rate=st.floats(0.01, 10_000), start_s=st.floats(0, 1e6))
def test_who_waits_as_told_gets_a_token_soon(rate: float, start_s: float) -> None:
    bucket = TokenBucket(rate, 1, start_s)
    now_s = start_s
    assert bucket.take(now_s)
    for _ in range(3):  # a large clock and a short wait: rounding may ask for another, shorter one
        now_s += bucket.wait_s(now_s)
    assert bucket.take(now_s)


@pytest.mark.parametrize(("rate", "burst"), [(0, 1), (-1, 1), (1, 0), (1, 0.5), (math.nan, 1), (1, math.nan)])
def test_a_bucket_that_passes_nothing_is_refused(rate: float, burst: float) -> None:
    with pytest.raises(ValueError, match="nothing passes"):
        TokenBucket(rate, burst, 0.0)
