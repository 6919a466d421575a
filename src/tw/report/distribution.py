"""Measured times, and their JSON form."""

from dataclasses import dataclass, field

from tw.core.histogram import Histogram
from tw.schema import Json

MS_PER_S = 1000

PERCENTILES = {"p50": 50.0, "p90": 90.0, "p95": 95.0, "p99": 99.0, "p999": 99.9}
FIGURES = ("min", "mean", *PERCENTILES, "max")
"""The fields that are in the JSON."""

SHAPED_FROM = 100
"""Values that make a shape. A distribution of fewer is no more than they are."""

SHAPE_PER_OCTAVE = 32
"""Buckets of a saved shape between a value and its double: 3 % wide, finer than a drawing's columns, and some hundred
where round trips differ by a factor of ten."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """Where measured times lie, in milliseconds; every field None where nothing was measured.

    `histogram` is what they were taken from, for whoever asks for more once the run is over; a run that goes on
    records into it, while the figures stay.
    """

    min: float | None = None
    mean: float | None = None
    p50: float | None = None
    p90: float | None = None
    p95: float | None = None
    p99: float | None = None
    p999: float | None = None
    max: float | None = None
    histogram: Histogram | None = field(default=None, compare=False, repr=False)

    @classmethod
    def of(cls, histogram: Histogram) -> "Distribution":
        percentiles = zip(PERCENTILES, map(_ms, histogram.percentiles(list(PERCENTILES.values()))), strict=True)
        ends = {"min": _ms(histogram.min_s), "mean": _ms(histogram.mean_s), "max": _ms(histogram.max_s)}
        return cls(**ends, **dict(percentiles), histogram=histogram)

    def percentile(self, p: float) -> float | None:
        """Any percentile, in milliseconds; None where nothing was measured, or only the figures are known."""
        return None if self.histogram is None else _ms(self.histogram.percentile(p))

    def to_json(self) -> Json:
        return {name: getattr(self, name) for name in FIGURES}


def shape_json(times: Distribution, *, anyway: bool) -> list[list[float]] | None:
    """`[[upper_ms, count], …]`, to draw the distribution from: the highest value of each bucket that holds something.

    None where there are too few values for a shape, unless it is wanted `anyway`, and where there are none at all.
    """
    histogram = times.histogram
    if histogram is None or histogram.count < (1 if anyway else SHAPED_FROM):
        return None
    return [[round(upper_s * MS_PER_S, 6), count] for upper_s, count in histogram.buckets(SHAPE_PER_OCTAVE)]


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * MS_PER_S, 6)
