"""The histogram's cost: records a second in batches, beside appending each to a list, and beside HdrHistogram's C core.

    python tests/benchmarks/histogram.py

Interleaved, medians; a batch is what one turn of the reactor brings in under load. The figures of a report, taken ten
times a second for a live view, are timed over a spread of values as wide as the histogram's range.
"""

import random
import statistics
import time
from collections.abc import Callable

from hdrh.histogram import HdrHistogram

from tw.core.histogram import Histogram
from tw.report import Distribution

RECORDS = 500_000
ROUNDS = 7
BATCHES = (50, 1000)


def appended(values: list[float]) -> None:
    kept = []
    for value in values:
        kept.append(value)  # noqa: PERF402 - that loop is what is measured


def batched(batch: int) -> Callable[[list[float]], None]:
    def record(values: list[float]) -> None:
        histogram = Histogram()
        for start in range(0, len(values), batch):
            histogram.record_many(values[start : start + batch])

    return record


def hdr(values: list[float]) -> None:
    histogram = HdrHistogram(1, 3_600_000_000_000, 3)
    for value in values:
        histogram.record_value(int(value * 1e9))


def rate(work: Callable[[list[float]], None], values: list[float]) -> float:
    began = time.perf_counter()
    work(values)
    return len(values) / (time.perf_counter() - began)


def main() -> None:
    rng = random.Random(1)
    values = [min(max(rng.lognormvariate(-8, 3), 1e-6), 3600.0) for _ in range(RECORDS)]
    ways = {"list.append": appended, **{f"tw, {n} at a time": batched(n) for n in BATCHES}, "hdrhistogram": hdr}
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, work in ways.items():
            rates[name].append(rate(work, values))
    base = statistics.median(rates["list.append"])
    for name, found in rates.items():
        median = statistics.median(found)
        print(f"{name:22} {median / 1e6:6.2f} million/s  {median / base:5.2f} of list.append")

    histogram = Histogram()
    histogram.record_many(values)
    times = []
    for _ in range(100):
        began = time.perf_counter()
        Distribution.of(histogram)
        times.append((time.perf_counter() - began) * 1000)
    print(f"figures of a report    {statistics.median(times):6.3f} ms, {max(times):.3f} at worst")


if __name__ == "__main__":
    main()
