"""Saved reports, as probes write them, and as nobody should."""

import json
from typing import Any

from tw.core.histogram import Histogram
from tw.load_options import LoadOptions
from tw.output import to_text
from tw.probes.books import Books
from tw.probes.load_report import load_figures
from tw.probes.spent import Spent
from tw.report import Distribution, PhaseFigures, ProbeReport


def times(*seconds: float) -> Distribution:
    histogram = Histogram()
    histogram.record_many(seconds)
    return Distribution.of(histogram)


def a_load(base_s: float = 0.001, count: int = 1000, **more: Any) -> dict[str, Any]:
    """The report of an open-loop run, as JSON: round trips from `base_s` to its double."""
    spread = times(*(base_s * (1 + number / count) for number in range(count)))
    options = LoadOptions(rate_per_s=100.0, duration_s=10.0)
    books = Books(0.0)
    books.close(10.0)
    fields: dict[str, Any] = {"probe": "echo", "target": "h:1", "ok": True, "sent": count, "received": count}
    fields |= {"rtt_ms": spread, "duration_s": 10.0, "load": load_figures(options, books, None, Spent(1.0))}
    fields |= {"connect_ms": times(0.01), "phases": PhaseFigures(connect=times(0.004), tls=times(0.006))}
    return ProbeReport(**fields | more).to_json()


def a_ping(**more: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {"probe": "echo", "target": "h:1", "ok": True, "sent": 2, "received": 2}
    return ProbeReport(**fields | {"rtt_ms": times(0.001, 0.002), "duration_s": 1.0} | more).to_json()


def data(document: Any) -> bytes:
    """As `tw` writes it."""
    return (to_text(document) + "\n").encode()


def raw(document: Any) -> bytes:
    """As anybody may: with what `tw` never writes."""
    return json.dumps(document).encode()
