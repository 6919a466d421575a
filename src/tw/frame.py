"""One frame of the live view: what a load run comes to so far, in lines that fit into the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from tw.charts import ms_text, progress_bar, sparkline
from tw.core.counted import noun
from tw.core.rates import Rates

if TYPE_CHECKING:
    from tw.report import Snapshot

Style: TypeAlias = Literal["", "bold", "dim", "red", "green", "yellow"]
Part: TypeAlias = tuple[str, Style]
Line: TypeAlias = list[Part]

LONGEST_SPARKLINE = 60
LONGEST_BAR = 30
LEAST_BAR = 5
GAP = "  "


@dataclass(frozen=True, slots=True)
class Room:
    """The size of the terminal in characters, and whether it has block characters."""

    columns: int
    rows: int
    unicode: bool


def frame(snapshot: Snapshot, rates: Rates, room: Room) -> list[Line]:
    """The lines of one frame, none wider than the terminal, and fewer of them than it has rows."""
    width = max(1, room.columns - 1)  # a full last column puts the cursor in a state that terminals disagree about
    lines = [
        _rate(rates, width, unicode=room.unicode),
        _counts(snapshot, width),
        _times(snapshot, width),
        _progress(snapshot, rates, width, unicode=room.unicode),
    ]
    return [_cropped(line, width) for line in lines[: max(1, room.rows - 1)]]


def _rate(rates: Rates, width: int, *, unicode: bool) -> Line:
    rate = rates.recent_per_s or 0.0
    text = f"{rate:,.0f}/s" if rate >= 100 else f"{rate:.1f}/s"
    left = min(LONGEST_SPARKLINE, width - max(len(text), 10) - len(GAP))
    line: Line = [(text.ljust(10), "bold")]
    if left > 0:
        line += [(GAP, ""), (sparkline(rates.per_s(), left, unicode=unicode), "green")]
    return line


def _counts(snapshot: Snapshot, width: int) -> Line:
    errors: Part = (f"{snapshot.bad:,} {noun(snapshot.bad, 'errors')}", "red" if snapshot.bad else "")
    more: list[Line] = [
        [errors],
        [(f"{snapshot.received:,} {noun(snapshot.received, 'answers')}", "")],
        [(f"{snapshot.under_way:,} under way", "")],
        [(f"{snapshot.connections:,} {noun(snapshot.connections, 'connections')}", "")],
    ]
    return _filled(more, width)


def _times(snapshot: Snapshot, width: int) -> Line:
    times = snapshot.rtt_ms
    if times.p50 is None or times.p99 is None or times.max is None:
        return [("no answer yet", "dim")]
    p50, p99, highest = (ms_text(ms / 1000) for ms in (times.p50, times.p99, times.max))
    for text in (f"p50 {p50}{GAP}p99 {p99}{GAP}max {highest} ms", f"p50 {p50}{GAP}p99 {p99} ms"):
        if len(text) <= width:
            return [(text, "")]
    return [(f"p99 {p99} ms", "")]


def _progress(snapshot: Snapshot, rates: Rates, width: int, *, unicode: bool) -> Line:
    if not snapshot.sent:  # its time counts from the first message on
        return [(f"connecting, {span_text(snapshot.elapsed_s)}", "yellow")]
    share, left_s = how_far(snapshot, rates.recent_per_s)
    if share is None:
        return [(span_text(snapshot.elapsed_s), "")]
    parts: list[Line] = (
        [[("warming up", "yellow")]] if snapshot.warming else [[(f"{share:.0%}".replace("%", " %"), "")]]
    )
    if left_s is not None:
        parts.append([(f"{span_text(left_s)} left", "")])
    words = _filled(parts, width)
    bar_width = min(LONGEST_BAR, width - sum(len(text) for text, _ in words) - len(GAP))
    if bar_width < LEAST_BAR:
        return words
    done, to_do = progress_bar(share, bar_width, unicode=unicode)
    return [(done, "green"), (to_do, "dim"), (GAP, ""), *words]


def how_far(snapshot: Snapshot, rate_per_s: float | None) -> tuple[float | None, float | None]:
    """What part of the run is over, and how many seconds are left; whichever of its two ends comes first counts.

    None where nothing is known: without an end, or without a rate.
    """
    shares, lefts = [], []
    if snapshot.duration_s:
        shares.append(snapshot.elapsed_s / snapshot.duration_s)
        lefts.append(max(0.0, snapshot.duration_s - snapshot.elapsed_s))
    if snapshot.count:
        settled = max(0, snapshot.sent - snapshot.under_way)
        shares.append(settled / snapshot.count)
        if rate_per_s:
            lefts.append(max(0, snapshot.count - settled) / rate_per_s)
    return min(max(shares), 1.0) if shares else None, min(lefts) if lefts else None


def span_text(seconds: float) -> str:
    """A time that a person waits: `4.2 s`, `42 s`, `3 min 5 s`, `2 h 10 min`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def _filled(parts: Sequence[Line], width: int) -> Line:
    """The first part, and of the others as many as fit."""
    line = list(parts[0])
    left = width - sum(len(text) for text, _ in line)
    for part in parts[1:]:
        left -= len(GAP) + sum(len(text) for text, _ in part)
        if left < 0:
            break
        line += [(GAP, ""), *part]
    return line


def _cropped(line: Line, width: int) -> Line:
    kept: Line = []
    for text, style in line:
        kept.append((text[:width], style))
        width -= len(text)
        if width <= 0:
            break
    return kept
