"""Saved reports, read back: `tw probe --json`'s object, or the lines of `--json-stream`, whose last one it is.

A file may be anybody's. Nothing in it is believed before its type and its range are checked, and nothing is kept that a
comparison does not show.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NoReturn, get_args

from tw.core.text import safe
from tw.errors import LocalError, UsageError
from tw.report.distribution import FIGURES
from tw.report.load import Pacing
from tw.schema import VERSION, Json

MOST_BYTES = 16 * 1024 * 1024
"""Of a file: a stream of an object a second for seven hours, and some 200 MB of objects once it is read."""

MOST_BUCKETS = 2000
"""A shape has 1,016 at most: 32 for each of 31.8 octaves."""

MOST_KINDS = 1000
HIGHEST_COUNT = 2**63
HIGHEST_FIGURE = 1e15

PROBES = ("echo", "counter", "pubsub")
COUNTS = ("sent", "received", "lost", "duplicated", "reordered", "corrupted")
NUMBERS = ("gaps", "duplicates", "resets", "instances")
TIMES = ("rtt_ms", "connect_ms", "service_ms", "late_ms")
PHASES = ("dns", "connect", "tls", "first_byte", "body")

HOW = "save one with: tw probe … --json > FILE"


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedLoad:
    """How a load was made. `limit` says why the probe, and not the server, may have set the figures."""

    pacing: Pacing
    connections: int
    rate_asked_per_s: float | None = None
    limit: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedReport:
    """What a comparison needs of one.

    `counts` and `times` are by their path in the JSON (`numbers.gaps`, `phases_ms.tls`), `errors` as their sum. `shape`
    is the round trips' `[(upper_ms, count), …]`, empty where the report has none. `load` is None for a ping.
    """

    name: str
    probe: str
    target: str
    ok: bool
    error: str | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    rate_per_s: float | None = None
    duration_s: float = 0.0
    times: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    shape: tuple[tuple[float, int], ...] = ()
    load: SavedLoad | None = None
    cpu_share: float | None = None


def read_saved(data: bytes, name: str) -> SavedReport:
    """The report in a file's content. Raises LocalError, naming the file, where there is none, or a damaged one."""
    if len(data) > MOST_BYTES:
        raise LocalError(f"over {MOST_BYTES // 1024**2} MiB, which is no report", name, HOW)
    return _Reader(_object(data, name), name).report()


def _object(data: bytes, name: str) -> Json:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise LocalError("not UTF-8, so no JSON", name, HOW) from None
    lines = text.rstrip().rsplit("\n", 1)
    for part in (lines[-1], text):
        try:
            found = json.loads(part, parse_constant=_refuse)
        # ValueError is also what a number of 5,000 digits is; RecursionError what a thousand brackets are.
        except (ValueError, RecursionError):
            continue
        if isinstance(found, dict):
            return found
    raise LocalError("no JSON object" if text.strip() else "empty", name, HOW)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


class _Reader:
    """Takes a document apart. Every method raises LocalError for what is not as it should be."""

    def __init__(self, document: Json, name: str) -> None:
        self._document = document
        self._name = name

    def report(self) -> SavedReport:
        document = self._document
        self._check_kind()
        counts = {key: self._count(document.get(key), key) for key in COUNTS}
        return SavedReport(
            name=self._name,
            probe=str(document["probe"]),
            target=self._text(document.get("target"), "target"),
            ok=self._truth(document.get("ok"), "ok"),
            error=self._error(document.get("error")),
            counts={**counts, "errors": self._errors(document.get("errors")), **self._more_counts()},
            rate_per_s=self._figure(document.get("rate_per_s"), "rate_per_s"),
            duration_s=self._figure(document.get("duration_s"), "duration_s") or 0.0,
            times=self._times(),
            shape=self._shape(document.get("histogram")),
            load=self._load(),
            cpu_share=self._figure(document.get("cpu_share"), "cpu_share"),
        )

    def _check_kind(self) -> None:
        document = self._document
        if document.get("event") == "progress":
            raise LocalError("it ends before its report: the run was cut off", self._name, HOW)
        if "probe" not in document and document.get("ok") is False:
            raise LocalError("of a run that failed before it had a report", self._name, HOW)
        version = document.get("v")
        if isinstance(version, bool) or not isinstance(version, int):  # true is 1 as well
            version = None
        if version is not None and version > VERSION:
            raise LocalError("written by a later version of tw", self._name, "update this one")
        if version != VERSION or document.get("probe") not in PROBES or "sent" not in document:
            raise LocalError("no report of a probe", self._name, HOW)

    def _damaged(self, key: str, what: str) -> NoReturn:
        raise LocalError(f"a damaged report: {key!r} is {what}", self._name, HOW)

    def _count(self, value: object, key: str) -> int:
        if type(value) is not int or not 0 <= value < HIGHEST_COUNT:
            self._damaged(key, "no count")
        return value

    def _truth(self, value: object, key: str) -> bool:
        if not isinstance(value, bool):
            self._damaged(key, "neither true nor false")
        return value

    def _text(self, value: object, key: str) -> str:
        if not isinstance(value, str):
            self._damaged(key, "no text")
        return value

    def _figure(self, value: object, key: str) -> float | None:
        if value is None:
            return None
        # A number that is none, or is infinite, lies in no range.
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= HIGHEST_FIGURE:
            self._damaged(key, "no figure")
        return float(value)

    def _mapping(self, value: object, key: str) -> Json:
        if not isinstance(value, dict):
            self._damaged(key, "no object")
        return value

    def _errors(self, value: object) -> int:
        kinds = self._mapping(value, "errors")
        if len(kinds) > MOST_KINDS:
            self._damaged("errors", "too long")
        return min(sum(self._count(count, "errors") for count in kinds.values()), HIGHEST_COUNT - 1)

    def _more_counts(self) -> dict[str, int]:
        """What the counter's and the pub/sub probe count besides."""
        found = {}
        if (unsent := self._document.get("unsent")) is not None:
            found["unsent"] = self._count(unsent, "unsent")
        if (foreign := self._document.get("foreign")) is not None:
            found["foreign"] = self._count(foreign, "foreign")
        numbers = self._mapping(self._document.get("numbers", {}), "numbers")
        if numbers.get("first") is not None:  # else there was none to say anything
            found |= {f"numbers.{key}": self._count(numbers.get(key), f"numbers.{key}") for key in NUMBERS}
        return found

    def _load(self) -> SavedLoad | None:
        document = self._document
        limit = document.get("limit")
        if document.get("pacing") is None:
            return None
        pacing = next((kind for kind in get_args(Pacing) if kind == document["pacing"]), None)
        if pacing is None:
            self._damaged("pacing", "no kind of load")
        return SavedLoad(
            pacing=pacing,
            connections=self._count(document.get("connections"), "connections"),
            rate_asked_per_s=self._figure(document.get("rate_asked_per_s"), "rate_asked_per_s"),
            limit=None if limit is None else self._text(limit, "limit"),
        )

    def _error(self, value: object) -> str | None:
        return None if value is None else self._text(self._mapping(value, "error").get("kind"), "error.kind")

    def _times(self) -> dict[str, dict[str, float]]:
        found = {key: self._distribution(self._document.get(key), key) for key in TIMES}
        phases = self._document.get("phases_ms")
        if phases is not None:
            for name in PHASES:
                key = f"phases_ms.{name}"
                found[key] = self._distribution(self._mapping(phases, "phases_ms").get(name), key)
        return {key: figures for key, figures in found.items() if figures}

    def _distribution(self, value: object, key: str) -> dict[str, float]:
        """Its figures; none where nothing was measured."""
        if value is None:
            return {}
        document = self._mapping(value, key)
        figures = {name: self._figure(document.get(name), f"{key}.{name}") for name in FIGURES}
        return {name: figure for name, figure in figures.items() if figure is not None}

    def _shape(self, value: object) -> tuple[tuple[float, int], ...]:
        """The buckets, whose upper ends must rise."""
        key = "histogram"
        buckets = None if value is None else self._mapping(value, key).get("rtt_ms")
        if buckets is None:
            return ()
        if not isinstance(buckets, list) or len(buckets) > MOST_BUCKETS:
            self._damaged(key, "no list of buckets")
        shape: list[tuple[float, int]] = []
        for bucket in buckets:
            if not isinstance(bucket, list) or len(bucket) != 2:
                self._damaged(key, "no list of buckets")
            upper, count = self._figure(bucket[0], key), self._count(bucket[1], key)
            if not upper or upper < LOWEST_MS or (shape and upper <= shape[-1][0]):
                self._damaged(key, "not in order")
            if count:
                shape.append((upper, count))
        return tuple(shape)


LOWEST_MS = 1e-9
"""Below any bucket's end, and still of some use to a logarithm."""


def check_together(reports: list[SavedReport]) -> None:
    """Raise UsageError where the reports are of different probes: their figures do not mean the same."""
    first = reports[0]
    for other in reports[1:]:
        if other.probe != first.probe:
            what = f"a report of {other.probe}'s probe, and {safe(first.name, 100)} is of {first.probe}'s"
            raise UsageError(what, safe(other.name), "compare reports of one probe")
