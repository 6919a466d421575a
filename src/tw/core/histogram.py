"""Latencies in buckets: any number of them in constant memory, with percentiles that are right to three digits."""

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from math import frexp, isfinite, ldexp, nextafter
from operator import add, sub

LOWEST_S = 1e-6
HIGHEST_S = 3600.0

# Each power of two is cut into 1,024 buckets of equal width, so a bucket is at most 1/1024 (0.098 %) of its values
# wide: three significant digits. HdrHistogram cuts whole units the same way; a float's mantissa and exponent do it
# without a unit, so that 1.4 us is as exact as 1.4 s.
_BUCKETS_PER_OCTAVE = 1024
_PERCENTILE_DECIMALS = 10**9
# Buckets that are added up at a time in search of a rank: short enough that a look into one costs little, long enough
# that there are few.
_STRIDE = 256


def _position(seconds: float) -> int:
    """A value's bucket, counted from an arbitrary zero; neighbours differ by one, also across powers of two."""
    mantissa, exponent = frexp(seconds)  # the mantissa is in [0.5, 1): its bucket in [1024, 2048)
    return exponent * _BUCKETS_PER_OCTAVE + int(mantissa * 2 * _BUCKETS_PER_OCTAVE)


_FIRST = _position(LOWEST_S)
_BUCKETS = _position(HIGHEST_S) - _FIRST + 1
# Of an IEEE 754 double's 64 bits, the exponent and the mantissa's first ten: what `_position` works out, but for where
# it counts from. This is what makes `record_many` fast.
_DROPPED_BITS = 42


def _bits(values: Iterable[float]) -> "memoryview[int]":
    """The values as the machine holds them, each as one whole number."""
    return memoryview(array("d", values)).cast("B").cast("Q")


_FIRST_BITS = _bits([LOWEST_S])[0] >> _DROPPED_BITS


def _clamped(seconds: float) -> float:
    return LOWEST_S if seconds < LOWEST_S else min(seconds, HIGHEST_S)


def _highest_equivalent_s(index: int) -> float:
    """The highest value that falls into a bucket, which is what HdrHistogram reports for all of it."""
    position = index + _FIRST
    exponent = position // _BUCKETS_PER_OCTAVE - 1
    step = position - exponent * _BUCKETS_PER_OCTAVE
    return nextafter(ldexp((step + 1) / (2 * _BUCKETS_PER_OCTAVE), exponent), 0.0)


class Histogram:
    """A distribution of durations, in seconds, from 1 us to 1 hour; 256 KiB whatever it has recorded.

    Values outside the range are counted in the bucket at its end, and in `clamped_low_count` or `clamped_high_count`.
    The count, the sum, the minimum and the maximum are of the values themselves.
    """

    __slots__ = ("_counts", "clamped_high_count", "clamped_low_count", "count", "max_s", "min_s", "sum_s")

    def __init__(self) -> None:
        self._counts = array("Q", bytes(8 * _BUCKETS))
        self.count: int = 0
        self.sum_s: float = 0.0
        self.min_s: float | None = None
        self.max_s: float | None = None
        self.clamped_low_count: int = 0
        self.clamped_high_count: int = 0

    def record(self, seconds: float, count: int = 1) -> None:
        """Counts a duration, `count` times.

        Raises ValueError for a negative or non-finite duration (time does not run backwards: the caller mixed up its
        clocks) and for a count below 1; nothing is recorded then.
        """
        if not (isfinite(seconds) and seconds >= 0):
            raise ValueError(f"not a duration: {seconds}")
        if count < 1:
            raise ValueError(f"count must be 1 or more, not {count}")
        self._counts[_position(_clamped(seconds)) - _FIRST] += count
        self.clamped_low_count += count * (seconds < LOWEST_S)
        self.clamped_high_count += count * (seconds > HIGHEST_S)
        self._note(count, seconds * count, seconds, seconds)

    def record_many(self, seconds: Iterable[float]) -> None:
        """Counts each of these durations. Several times as fast as `record`; they are held in a list meanwhile.

        Raises ValueError for a negative or non-finite duration; none is recorded then.
        """
        values = list(seconds)
        if not values:
            return
        sum_s = sum(values)  # not finite if one of them is not, and only then are min() and max() unreliable
        min_s, max_s = min(values), max(values)
        if not (isfinite(sum_s) and min_s >= 0):
            raise ValueError(f"not all durations: from {min_s} to {max_s}, {sum_s} in all")
        in_range = values
        if min_s < LOWEST_S or max_s > HIGHEST_S:
            self.clamped_low_count += sum(value < LOWEST_S for value in values)
            self.clamped_high_count += sum(value > HIGHEST_S for value in values)
            in_range = [_clamped(value) for value in values]
        counts, first = self._counts, _FIRST_BITS
        for bits in _bits(in_range):  # `_position`, without a call for each value
            counts[(bits >> 42) - first] += 1
        self._note(len(values), sum_s, min_s, max_s)

    def merge(self, other: "Histogram") -> None:
        """Adds everything that another histogram has recorded; the other one stays as it is."""
        if other.min_s is None or other.max_s is None:
            return
        self._counts = array("Q", map(add, self._counts, other._counts))
        self.clamped_low_count += other.clamped_low_count
        self.clamped_high_count += other.clamped_high_count
        self._note(other.count, other.sum_s, other.min_s, other.max_s)

    def copy(self) -> "Histogram":
        """What it holds now, for `since`."""
        copied = Histogram()
        for name in self.__slots__:
            setattr(copied, name, getattr(self, name))
        copied._counts = self._counts[:]
        return copied

    def since(self, earlier: "Histogram") -> "Histogram":
        """What was recorded after `earlier` was copied from this one.

        The least and the greatest value are known as buckets are, to 0.1 %. Raises ValueError where `earlier` holds
        what this one does not.
        """
        try:
            counts = array("Q", map(sub, self._counts, earlier._counts))
        except OverflowError:
            raise ValueError("the earlier histogram is not a part of this one") from None
        later = Histogram()
        later._counts = counts
        later.clamped_low_count = self.clamped_low_count - earlier.clamped_low_count
        later.clamped_high_count = self.clamped_high_count - earlier.clamped_high_count
        if self.count > earlier.count and self.min_s is not None and self.max_s is not None:
            first, last = self._span(self.min_s, self.max_s)
            held = [index for index, count in enumerate(counts[first : last + 1], first) if count]
            ends = (min(max(_highest_equivalent_s(held[end]), self.min_s), self.max_s) for end in (0, -1))
            later._note(self.count - earlier.count, self.sum_s - earlier.sum_s, *ends)
        return later

    @property
    def mean_s(self) -> float | None:
        """The mean of the recorded values; None when there are none."""
        if self.min_s is None or self.max_s is None:
            return None
        # Rounding alone takes the mean of three times 0.1 above 0.1.
        return min(max(self.sum_s / self.count, self.min_s), self.max_s)

    def percentile(self, p: float) -> float | None:
        """The duration, in seconds, that `p` percent of the values do not exceed; None when there are none.

        By nearest rank: the value at position ceil(p/100 * count) of the sorted values, and the first one for p = 0. It
        is at most 0.1 % above the recorded one, never below it, and exact for the smallest and the largest. Values that
        were clamped are known only as the end of the range. `p` counts to nine decimals, as the decimal number it was
        written as: 99.9 of 1,000 values is the 999th, though the float is a little more.

        Raises ValueError unless 0 <= p <= 100.
        """
        return self.percentiles([p])[0]

    def percentiles(self, ps: Sequence[float]) -> list[float | None]:
        """Several of them, as `percentile` gives each, in one pass over the buckets."""
        for p in ps:
            if not 0 <= p <= 100:
                raise ValueError(f"a percentile is from 0 to 100, not {p}")
        if self.min_s is None or self.max_s is None:
            return [None] * len(ps)
        ranks = [-(-round(p * _PERCENTILE_DECIMALS) * self.count // (100 * _PERCENTILE_DECIMALS)) for p in ps]
        at: dict[int, float] = dict(self._at_ranks(sorted({rank for rank in ranks if 1 < rank < self.count})))
        return [self.min_s if rank <= 1 else at.get(rank, self.max_s) for rank in ranks]

    def buckets(self, per_octave: int = _BUCKETS_PER_OCTAVE) -> list[tuple[float, int]]:
        """Each bucket that holds something: the highest value that falls into it, in seconds, and how many did.

        There are `per_octave` of equal width between a value and its double; the same ones in every histogram.

        Raises ValueError unless 1,024 can be divided by it.
        """
        width, rest = divmod(_BUCKETS_PER_OCTAVE, per_octave)
        if rest:
            raise ValueError(f"{_BUCKETS_PER_OCTAVE} buckets are not {per_octave} wider ones")
        if self.min_s is None or self.max_s is None:
            return []
        first, last = self._span(self.min_s, self.max_s)
        first -= (first + _FIRST) % width  # where a wider one begins; it may lie below the range
        starts = range(first, last + 1, width)
        if width == 1:
            counts: Iterable[int] = self._counts[first : last + 1]
        else:
            counts = (sum(self._counts[max(0, start) : start + width]) for start in starts)
        held = ((start, count) for start, count in zip(starts, counts, strict=True) if count)
        return [(_highest_equivalent_s(start + width - 1), count) for start, count in held]

    def _at_ranks(self, ranks: Sequence[int]) -> Iterator[tuple[int, float]]:
        """The values at these positions, which rise, of the sorted values."""
        assert self.min_s is not None
        assert self.max_s is not None
        first, last = self._span(self.min_s, self.max_s)
        before = done = 0
        for start in range(first, last + 1, _STRIDE):
            if done == len(ranks):
                return
            stride = self._counts[start : min(start + _STRIDE, last + 1)]
            until = before + sum(stride)
            if ranks[done] <= until:
                running = list(accumulate(stride, initial=before))[1:]
                while done < len(ranks) and ranks[done] <= until:
                    highest_s = _highest_equivalent_s(start + bisect_left(running, ranks[done]))
                    yield ranks[done], min(max(highest_s, self.min_s), self.max_s)
                    done += 1
            before = until

    @staticmethod
    def _span(min_s: float, max_s: float) -> tuple[int, int]:
        """The first and the last bucket that may hold something."""
        return _position(_clamped(min_s)) - _FIRST, _position(_clamped(max_s)) - _FIRST

    def _note(self, count: int, sum_s: float, min_s: float, max_s: float) -> None:
        self.count += count
        self.sum_s += sum_s
        self.min_s = min_s if self.min_s is None else min(self.min_s, min_s)
        self.max_s = max_s if self.max_s is None else max(self.max_s, max_s)
