"""Saved reports side by side: their figures, each with its ratio to the first report's, as lines and as JSON."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from os.path import basename

from tw.core.shapes import ASCII, BLOCKS, Axis, bars, density, scale
from tw.core.text import safe
from tw.report.distribution import FIGURES
from tw.saved import COUNTS, NUMBERS, SavedReport
from tw.schema import VERSION, Json

LONGEST_NAME = 28
LONGEST_TARGET = 40
LONGEST_LIMIT = 300
COLUMNS = 64
ROWS = 3

SHORT_FIGURES = ("p50", "p99", "max")
NAMES = {
    "rtt_ms": ("round trip", FIGURES),
    "service_ms": ("service", FIGURES),
    "late_ms": ("late", SHORT_FIGURES),
    "phases_ms.first_byte": ("first byte", SHORT_FIGURES),
    "phases_ms.body": ("body", SHORT_FIGURES),
    "connect_ms": ("connect", SHORT_FIGURES),
    "phases_ms.dns": ("DNS", SHORT_FIGURES),
    "phases_ms.connect": ("TCP", SHORT_FIGURES),
    "phases_ms.tls": ("TLS", SHORT_FIGURES),
}
"""Each distribution in words, and which of its figures are shown."""

CONNECTING = ("phases_ms.dns", "phases_ms.connect", "phases_ms.tls")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One figure of every report, None where one has not got it. `path` is its place in the JSON."""

    path: str
    name: str
    values: tuple[float | None, ...]
    unit: str = ""
    digits: int = 0

    @property
    def ratios(self) -> tuple[float | None, ...]:
        """By the first report's, the first one's own left out; None where there is nothing to divide, or by."""
        first, *others = self.values
        return tuple(None if value is None or not first else value / first for value in others)

    def text(self, value: float | None) -> str:
        return "-" if value is None else f"{value:.{self.digits}f}{self.unit}"


def rows(reports: Sequence[SavedReport]) -> list[Row]:
    """Every figure that any of them has."""
    return [row for row in _rows(reports) if any(value is not None for value in row.values)]


def _rows(reports: Sequence[SavedReport]) -> Iterator[Row]:
    for key in (*COUNTS, "errors", "unsent", *(f"numbers.{name}" for name in NUMBERS), "foreign"):
        yield Row(path=key, name=key.rpartition(".")[2], values=tuple(report.counts.get(key) for report in reports))
    yield Row(path="rate_per_s", name="rate", values=tuple(one.rate_per_s for one in reports), unit=" /s", digits=1)
    shares = tuple(one.cpu_share for one in reports)
    yield Row(path="cpu_share", name="probe's CPU", values=shares, unit=" cores", digits=2)
    parts = [key for key in CONNECTING if any(key in report.times for report in reports)]
    for key, (words, figures) in NAMES.items():
        if parts == [key]:
            continue  # it is all of the connecting, and stands above
        for figure in figures:
            values = tuple(report.times.get(key, {}).get(figure) for report in reports)
            yield Row(path=f"{key}.{figure}", name=f"{words} {figure}", values=values, unit=" ms", digits=3)
    yield Row(path="duration_s", name="duration", values=tuple(one.duration_s for one in reports), unit=" s", digits=3)


def labels(reports: Sequence[SavedReport]) -> list[str]:
    """What each is called: its file's name, or its whole path where that is another one's name too. Safe to print."""
    names = [basename(report.name) or report.name for report in reports]
    told = [report.name if names.count(name) > 1 else name for name, report in zip(names, reports, strict=True)]
    return [safe("stdin" if name == "-" else name, LONGEST_NAME) for name in told]


def verdict(report: SavedReport) -> str:
    if report.error is not None:
        return safe(f"failed: {report.error}", LONGEST_NAME)
    return "ok" if report.ok else "bad"


def load_text(report: SavedReport) -> str:
    """How the load was made; figures of different loads do not mean the same."""
    load = report.load
    if load is None:
        return "none: one after the other"
    over = f"{load.connections} connection{'' if load.connections == 1 else 's'}"
    if load.pacing == "closed":
        return f"closed loop, {over}"
    return f"open loop, {load.rate_asked_per_s or 0:.10g} /s, {over}"


def limits(reports: Sequence[SavedReport]) -> list[str]:
    """Of each report whose figures the probe may have set, why."""
    named = zip(labels(reports), reports, strict=True)
    return [f"{name}: {safe(one.load.limit, LONGEST_LIMIT)}" for name, one in named if one.load and one.load.limit]


def has_load(reports: Sequence[SavedReport]) -> bool:
    """Whether any of them was a load."""
    return any(report.load is not None for report in reports)


def lines(reports: Sequence[SavedReport], *, unicode: bool) -> list[str]:
    """The comparison for a terminal or a pipe, and the distributions under it. Every text in it is safe."""
    cells = [["", *labels(reports)], [f"{reports[0].probe} verdict", *map(verdict, reports)]]
    cells.append(["target", *(safe(report.target, LONGEST_TARGET) for report in reports)])
    if has_load(reports):
        cells.append(["load", *map(load_text, reports)])
    for row in rows(reports):
        ratios = ["", *("" if ratio is None else f"  x{ratio:.2f}" for ratio in row.ratios)]
        cells.append([row.name, *(row.text(value) + ratio for value, ratio in zip(row.values, ratios, strict=True))])
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    told = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells]
    told += [f"limit of {limit}" for limit in limits(reports)]
    return told + _drawn(reports, unicode=unicode)


def _drawn(reports: Sequence[SavedReport], *, unicode: bool) -> list[str]:
    """The round trips of all of them, one over the other on the same axis, each up to its own peak."""
    axis = Axis.of([report.shape for report in reports])
    if axis is None:
        return ["", "no distribution to draw: these reports have too few samples, or none saved"]
    names = labels(reports)
    edge, width = ("│" if unicode else "|"), max(map(len, names))
    told = ["", "round trip, each to its own peak"]
    for name, report in zip(names, reports, strict=True):
        if not report.shape:
            told.append(f"{name.ljust(width)} {edge} no distribution in this report")
            continue
        heights = density(report.shape, axis, COLUMNS)
        drawn = bars([height / max(heights) for height in heights], ROWS, BLOCKS if unicode else ASCII)
        told += [f"{'' if row < ROWS - 1 else name:{width}} {edge}{line}".rstrip() for row, line in enumerate(drawn)]
    return [*told, f"{'':{width}}  {scale(axis, COLUMNS, 'ms')}"]


def comparison_json(reports: Sequence[SavedReport]) -> Json:
    """One object: the figures of each report by their path, and from the second on their ratios to the first's."""
    found = rows(reports)
    told: list[Json] = []
    for number, report in enumerate(reports):
        document: Json = {"file": report.name, "target": report.target, "ok": report.ok, "error": report.error}
        document["load"] = None if report.load is None else asdict(report.load)
        document["figures"] = {row.path: row.values[number] for row in found}
        if number:
            document["ratios"] = {
                row.path: None if (ratio := row.ratios[number - 1]) is None else round(ratio, 6) for row in found
            }
        told.append(document)
    return {"v": VERSION, "ok": True, "probe": reports[0].probe, "reports": told}
