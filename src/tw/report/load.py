"""What a load run adds to a report, and what it tells while it goes on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from tw.report.distribution import Distribution
from tw.schema import VERSION, Json, iso_utc

Pacing: TypeAlias = Literal["closed", "open"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Warmup:
    """What `--warmup` sent and got back: measured, and kept apart from the run's own figures.

    `connect_ms` is of the connections that ended before it did: those that go on are the run's.
    """

    sent: int
    received: int
    duration_s: float
    rtt_ms: Distribution
    connect_ms: Distribution = Distribution()
    errors: Mapping[str, int] = field(default_factory=dict)

    def to_json(self) -> Json:
        return {
            "sent": self.sent,
            "received": self.received,
            "duration_s": round(self.duration_s, 6),
            "rtt_ms": self.rtt_ms.to_json(),
            "connect_ms": self.connect_ms.to_json(),
            "errors": dict(self.errors),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadFigures:
    """How the load was made, and how well the probe itself kept up.

    In the open loop the report's `rtt_ms` counts from when a message was due, `service_ms` from when it was sent, and
    `late_ms` is what lies between. `cpu_share` is the process's CPU time by the run's time: 1.0 is a whole core.
    `cpu_wait_share` is the time for which it was ready to run while other programs had the cores; None where the system
    does not tell. `limit` says why the probe, and not the server, may have set the figures; None where nothing speaks
    for it. `held` messages were due while every connection waited for answers; `unsent` ones found no room before the
    end.
    """

    pacing: Pacing
    connections: int
    rate_asked_per_s: float | None = None
    service_ms: Distribution | None = None
    late_ms: Distribution | None = None
    cpu_share: float | None = None
    cpu_wait_share: float | None = None
    limit: str | None = None
    held: int = 0
    unsent: int = 0
    reconnected: int = 0
    warmup: Warmup | None = None

    def to_json(self) -> Json:
        return {
            "pacing": self.pacing,
            "connections": self.connections,
            "rate_asked_per_s": self.rate_asked_per_s,
            "service_ms": self.service_ms.to_json() if self.service_ms else None,
            "late_ms": self.late_ms.to_json() if self.late_ms else None,
            "cpu_share": self.cpu_share,
            "cpu_wait_share": self.cpu_wait_share,
            "limit": self.limit,
            "held": self.held,
            "unsent": self.unsent,
            "reconnected": self.reconnected,
            "warmup": self.warmup.to_json() if self.warmup else None,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Where a load run stands. Counts and `rtt_ms` are of the whole run so far (of the warm-up, while `warming`).

    `elapsed_s` counts from the run's beginning (the warm-up's, while `warming`); `interval_s`, `interval_received` and
    `interval_rtt_ms` (None where it was not worked out) are since the snapshot before. `bad` counts everything that
    would spoil the verdict. `count` and `duration_s` are what was asked for.
    """

    elapsed_s: float
    interval_s: float
    interval_received: int
    sent: int
    received: int
    bad: int
    under_way: int
    connections: int
    rtt_ms: Distribution
    interval_rtt_ms: Distribution | None = None
    warming: bool = False
    count: int | None = None
    duration_s: float | None = None

    @property
    def rate_per_s(self) -> float | None:
        """Answers per second since the snapshot before."""
        return round(self.interval_received / self.interval_s, 3) if self.interval_s > 0 else None

    def to_json(self, at_s: float) -> Json:
        return {
            "v": VERSION,
            "event": "progress",
            "at": iso_utc(at_s),
            "elapsed_s": round(self.elapsed_s, 6),
            "warming": self.warming,
            "rate_per_s": self.rate_per_s,
            "sent": self.sent,
            "received": self.received,
            "bad": self.bad,
            "under_way": self.under_way,
            "connections": self.connections,
            "rtt_ms": self.rtt_ms.to_json(),
            "interval_rtt_ms": self.interval_rtt_ms.to_json() if self.interval_rtt_ms else None,
        }
