"""HdrHistogram's percentile output (`.hgrm`), as `outputPercentileDistribution` of its Java original writes it.

What plots it (HdrHistogram's own page, hdr-plot and the like) reads four columns, and lines that begin with `#` at the
end. Steps towards 100 % halve: each half of the way that is left takes as many lines as the one before.
"""

from collections.abc import Iterator, Sequence
from math import log2, sqrt
from typing import TypeAlias

from tw.core.histogram import HIGHEST_S, LOWEST_S, Histogram

TICKS_PER_HALF_DISTANCE = 5
MS_PER_S = 1000

Buckets: TypeAlias = Sequence[tuple[float, int]]

HEADER = f"{'Value':>12} {'Percentile':>14} {'TotalCount':>10} {'1/(1-Percentile)':>14}\n"


def hgrm(histogram: Histogram) -> str:
    """The whole file: values in milliseconds, to the nanosecond, since three decimals are not three digits of 40 us."""
    lines = [HEADER]
    buckets = histogram.buckets()
    for value_ms, percent, total in _steps(histogram, buckets):
        further = f" {1 / (1 - percent / 100):14.2f}" if percent < 100 else ""
        lines.append(f"{value_ms:12.6f} {percent / 100:2.12f} {total:10d}{further}")
    mean_ms = (histogram.mean_s or 0.0) * MS_PER_S
    lines.append(f"#[Mean    = {mean_ms:12.6f}, StdDeviation   = {_deviation_ms(histogram, buckets):12.6f}]")
    lines.append(f"#[Max     = {(histogram.max_s or 0.0) * MS_PER_S:12.6f}, Total count    = {histogram.count:12d}]")
    octaves = int(log2(HIGHEST_S / LOWEST_S)) + 1
    lines.append(f"#[Buckets = {octaves:12d}, SubBuckets     = {2048:12d}]")
    return "\n".join(lines) + "\n"


def _steps(histogram: Histogram, buckets: Buckets) -> Iterator[tuple[float, float, int]]:
    """The lines: a value in milliseconds, the percentile that is reached there, and how many values are no higher.

    The percentile is a step; the share of the values that are no higher is that or more. So it is in the original.
    """
    max_ms = (histogram.max_s or 0.0) * MS_PER_S
    total = 0
    percent = 0.0  # and not a share: its steps, 10 and halves of it, are exact
    for value_s, count in buckets:
        value_ms = min(value_s * MS_PER_S, max_ms)
        total += count
        while 100 * total / histogram.count >= percent:
            yield value_ms, percent, total
            if total == histogram.count:
                break
            percent += 100 / (TICKS_PER_HALF_DISTANCE * 2 ** (int(log2(100 / (100 - percent))) + 1))
    if total:
        yield max_ms, 100.0, total


def _deviation_ms(histogram: Histogram, buckets: Buckets) -> float:
    """The standard deviation, of the buckets' values: they are right to three digits."""
    if not histogram.count:
        return 0.0
    mean_s = histogram.mean_s or 0.0
    total = sum(count * (value_s - mean_s) ** 2 for value_s, count in buckets)
    return sqrt(total / histogram.count) * MS_PER_S
