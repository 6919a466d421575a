"""Where a load run stands, for what shows it."""

from typing import Any

from tw.report import Distribution, Snapshot

TIMES = Distribution(min=0.1, mean=0.25, p50=0.2, p90=0.3, p95=0.4, p99=0.5, p999=0.6, max=0.7)


def snapshot(**more: Any) -> Snapshot:
    """A tenth of a second of a run of 10 s."""
    fields: dict[str, Any] = {
        "elapsed_s": 4.0,
        "interval_s": 0.1,
        "interval_received": 1234,
        "sent": 50_050,
        "received": 50_000,
        "bad": 0,
        "under_way": 50,
        "connections": 50,
        "rtt_ms": TIMES,
        "duration_s": 10.0,
    }
    return Snapshot(**fields | more)
