"""Latencies in few buckets, for where there are thousands of distributions."""

from array import array
from itertools import accumulate
from math import frexp, ldexp

from tw.core.histogram import HIGHEST_S, LOWEST_S

_PER_OCTAVE = 8


def _position(seconds: float) -> int:
    mantissa, exponent = frexp(seconds)
    return exponent * _PER_OCTAVE + int(mantissa * 2 * _PER_OCTAVE)


_FIRST = _position(LOWEST_S)
_BUCKETS = _position(HIGHEST_S) - _FIRST + 1


class CoarseTimes:
    """A distribution of durations in seconds, from 1 us to 1 hour, in 2 KiB where `core.histogram` takes 256.

    Each power of two is cut into 8 buckets: a percentile is at most an eighth above the recorded value, and never above
    the highest. The count, the mean and the maximum are exact.
    """

    __slots__ = ("_counts", "count", "max_s", "sum_s")

    def __init__(self) -> None:
        self._counts = array("Q", bytes(8 * _BUCKETS))
        self.count = 0
        self.sum_s = 0.0
        self.max_s = 0.0

    def record(self, seconds: float, count: int = 1) -> None:
        """Count a duration, `count` times. One outside the range counts in the bucket at its end."""
        self.count += count
        self.sum_s += seconds * count
        if seconds > self.max_s:
            self.max_s = seconds
        mantissa, exponent = frexp(LOWEST_S if seconds < LOWEST_S else HIGHEST_S if seconds > HIGHEST_S else seconds)
        self._counts[exponent * _PER_OCTAVE + int(mantissa * 2 * _PER_OCTAVE) - _FIRST] += count

    def merge(self, other: "CoarseTimes") -> None:
        """Add everything that another one has recorded."""
        for index, count in enumerate(other._counts):
            self._counts[index] += count
        self.count += other.count
        self.sum_s += other.sum_s
        self.max_s = max(self.max_s, other.max_s)

    @property
    def mean_s(self) -> float | None:
        return min(self.sum_s / self.count, self.max_s) if self.count else None

    def percentile(self, p: float) -> float | None:
        """The duration that `p` percent of the values do not exceed, to an eighth; None where there are none."""
        if not self.count:
            return None
        rank = max(1, -(-int(p * self.count) // 100))
        below = accumulate(self._counts)
        index = next(index for index, count in enumerate(below) if count >= rank)
        position = index + _FIRST
        exponent = position // _PER_OCTAVE - 1
        step = position - exponent * _PER_OCTAVE
        return min(ldexp((step + 1) / (2 * _PER_OCTAVE), exponent), self.max_s)
