"""A distribution in a dozen rows, to be drawn as bars."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import log

ROWS = 11

LEAST_RATIO = 1.02
"""Rows that are closer together than 2 % read as the same number."""


@dataclass(frozen=True, slots=True)
class Bar:
    """So many values lie from `low_s` up to `high_s`, give or take a histogram's bucket (0.1 %)."""

    low_s: float
    high_s: float
    count: int


def bars(buckets: Iterable[tuple[float, int]], min_s: float | None, max_s: float | None) -> tuple[Bar, ...]:
    """Rows from the least value to the greatest, each as much wider than the one before as that was, so that a long
    tail and the bulk are both seen. `buckets` are (highest value, count). Nothing where nothing was measured."""
    if min_s is None or max_s is None:
        return ()
    least = max(min_s, MIN_S)
    ratio = max(max_s, least) / least
    rows = max(1, min(ROWS, int(log(ratio) / log(LEAST_RATIO))))
    edges = [min_s, *(least * ratio ** (row / rows) for row in range(1, rows)), max_s]
    counts = [0] * rows
    for high_s, count in buckets:
        place = log(max(high_s, least) / least) / log(ratio) if ratio > 1 else 0.0
        counts[min(rows - 1, int(place * rows))] += count
    return tuple(map(Bar, edges, edges[1:], counts))


MIN_S = 1e-6
"""The histogram's lowest bucket, and what has a logarithm."""
