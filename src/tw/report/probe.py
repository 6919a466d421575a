"""One probe run: its samples, its counts, its verdict."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tw.errors import TwError
from tw.report.assertion import Checked
from tw.report.distribution import MS_PER_S, Distribution, shape_json
from tw.report.harm import HarmFigures
from tw.report.idle import IdleTimeout
from tw.report.load import LoadFigures
from tw.report.matrix import MatrixFigures
from tw.report.numbers import Numbers
from tw.report.phases import PhaseFigures
from tw.schema import VERSION, Json, error_json, iso_utc

if TYPE_CHECKING:
    from tw.core.difference import PathDifference


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One answer of a ping run, or its absence: what a watching person gets a line of.

    `outcome` is "ok", or what went wrong ("timeout", "corrupted", "status 500", …), safe for a terminal.
    """

    number: int
    rtt_s: float | None
    outcome: str
    detail: str = ""

    @property
    def ok(self) -> bool:
        return self.outcome == "ok"

    def to_json(self, at_s: float) -> Json:
        return {
            "v": VERSION,
            "event": "sample",
            "at": iso_utc(at_s),
            "number": self.number,
            "outcome": self.outcome,
            "rtt_ms": None if self.rtt_s is None else round(self.rtt_s * MS_PER_S, 6),
            "detail": self.detail,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """The pub/sub probe's own counts: lines published, delivered, expected, and those of other people."""

    published: int = 0
    delivered: int = 0
    expected: int = 0
    foreign: int = 0

    def to_json(self) -> Json:
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeReport:
    """A whole probe run. `errors` counts by kind; `error` is the failure that ended the run, if one did. `targets` are
    listed in the JSON where there were several."""

    probe: str
    target: str
    ok: bool
    sent: int
    received: int
    lost: int = 0
    duplicated: int = 0
    reordered: int = 0
    corrupted: int = 0
    errors: Mapping[str, int] = field(default_factory=dict)
    rtt_ms: Distribution = Distribution()
    connect_ms: Distribution = Distribution()
    duration_s: float = 0.0
    sent_bytes: int = 0
    received_bytes: int = 0
    numbers: Numbers | None = None
    delivery: Delivery | None = None
    load: LoadFigures | None = None
    matrix: MatrixFigures | None = None
    phases: PhaseFigures | None = None
    targets: tuple[str, ...] = ()
    harm: HarmFigures | None = None
    assertions: tuple[Checked, ...] = ()
    difference: "PathDifference | None" = None
    idle_timeout: IdleTimeout | None = None
    error: TwError | None = None

    @property
    def rate_per_s(self) -> float | None:
        """Answers per second; None where there was none, or no time."""
        return round(self.received / self.duration_s, 3) if self.received and self.duration_s > 0 else None

    def to_json(self) -> Json:
        document: Json = {
            "v": VERSION,
            "probe": self.probe,
            "target": self.target,
            **({"targets": list(self.targets)} if len(self.targets) > 1 else {}),
            "ok": self.ok,
            "sent": self.sent,
            "received": self.received,
            "lost": self.lost,
            "duplicated": self.duplicated,
            "reordered": self.reordered,
            "corrupted": self.corrupted,
            "errors": dict(self.errors),
            "rtt_ms": self.rtt_ms.to_json(),
            "connect_ms": self.connect_ms.to_json(),
            "duration_s": round(self.duration_s, 6),
            "rate_per_s": self.rate_per_s,
            "sent_bytes": self.sent_bytes,
            "received_bytes": self.received_bytes,
        }
        if self.numbers is not None:
            document["numbers"] = self.numbers.to_json()
        if self.delivery is not None:
            document |= self.delivery.to_json()
        if self.load is not None:
            document |= self.load.to_json()
        if self.matrix is not None:
            document["matrix"] = self.matrix.to_json()
        if self.phases is not None:
            document["phases_ms"] = self.phases.to_json()
        if self.harm is not None:
            document |= self.harm.to_json()
        if self.assertions:
            document["assertions"] = [one.to_json() for one in self.assertions]
        shape = shape_json(self.rtt_ms, anyway=self.load is not None)
        if shape is not None:
            document["histogram"] = {"rtt_ms": shape}
        if self.difference is not None:
            from tw.report.path import difference_json  # here, since few reports have one

            document["diff"] = difference_json(self.difference)
        if self.idle_timeout is not None:
            document["idle_timeout"] = self.idle_timeout.to_json()
        if self.error is not None:
            document["error"] = error_json(self.error)
        return document
