"""Results of clients: frozen values, and their JSON form. The schema lives here and in `events`, nowhere else.

Every object carries `"v": 1`. Units end keys. What was not measured is null, never NaN. A field that is named here
keeps its name and meaning.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from tw.core.histogram import Histogram
from tw.errors import TwError

VERSION = 1
MS_PER_S = 1000

SOURCE = re.compile(rb"<([^<>\s]{1,300})> ")
"""The prefix of a pub/sub line: who published it."""

Json: TypeAlias = dict[str, object]


def error_json(error: TwError) -> Json:
    told: Json = {"kind": error.kind, "exit": int(error.exit_code), "message": str(error)}
    return told if error.reason is None else {**told, "reason": error.reason}


def failure_json(error: TwError) -> Json:
    """The one object that a client prints when it has no report: it failed before it could have one."""
    return {"v": VERSION, "ok": False, "error": error_json(error)}


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """What the counter's numbers say by themselves. `gaps`: numbers that went to others, or whose answer was lost."""

    first: int | None = None
    last: int | None = None
    gaps: int = 0
    duplicates: int = 0
    resets: int = 0
    instances: int = 0

    def to_json(self) -> Json:
        return {name: getattr(self, name) for name in self.__slots__}


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
    """A whole probe run. `errors` counts by kind; `error` is the failure that ended the run, if one did."""

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
        if self.error is not None:
            document["error"] = error_json(self.error)
        return document


@dataclass(frozen=True, slots=True, kw_only=True)
class LineReceived:
    """One line that `--subscribe` got. `source` is the server's prefix, None under its `--no-prefix`."""

    source: str | None
    line: str

    @classmethod
    def parse(cls, line: bytes) -> "LineReceived":
        """Part the prefix from the line; under the server's `--no-prefix` a line's own text may look like one.

        Bytes that are not UTF-8 become `\\xNN`: JSON is UTF-8.
        """
        match = SOURCE.match(line)
        source = match[1].decode("utf-8", "backslashreplace") if match else None
        text = line[match.end() :] if match else line
        return cls(source=source, line=text.decode("utf-8", "backslashreplace"))

    def to_json(self) -> Json:
        return {"v": VERSION, "event": "line", "source": self.source, "line": self.line}


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscribeSummary:
    """The end of a `--subscribe` run. `expected` is `--count`, None without it."""

    target: str
    ok: bool
    lines: int
    expected: int | None
    received_bytes: int
    duration_s: float
    error: TwError | None = None

    def to_json(self) -> Json:
        document: Json = {
            "v": VERSION,
            "event": "summary",
            "probe": "pubsub",
            "target": self.target,
            "ok": self.ok,
            "lines": self.lines,
            "expected": self.expected,
            "received_bytes": self.received_bytes,
            "duration_s": round(self.duration_s, 6),
        }
        if self.error is not None:
            document["error"] = error_json(self.error)
        return document
