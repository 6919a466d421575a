"""Measured times, and their JSON form."""

from dataclasses import dataclass

from tw.core.histogram import Histogram
from tw.schema import Json

MS_PER_S = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """Where measured times lie, in milliseconds; every field None where nothing was measured."""

    min: float | None = None
    mean: float | None = None
    p50: float | None = None
    p90: float | None = None
    p95: float | None = None
    p99: float | None = None
    p999: float | None = None
    max: float | None = None

    @classmethod
    def of(cls, histogram: Histogram) -> "Distribution":
        def ms(seconds: float | None) -> float | None:
            return None if seconds is None else round(seconds * MS_PER_S, 6)

        return cls(
            min=ms(histogram.min_s),
            mean=ms(histogram.mean_s),
            p50=ms(histogram.percentile(50)),
            p90=ms(histogram.percentile(90)),
            p95=ms(histogram.percentile(95)),
            p99=ms(histogram.percentile(99)),
            p999=ms(histogram.percentile(99.9)),
            max=ms(histogram.max_s),
        )

    def to_json(self) -> Json:
        return {name: getattr(self, name) for name in self.__slots__}
