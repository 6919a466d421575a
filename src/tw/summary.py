"""Reports and events in words: the lines that a person reads, on a terminal as in a pipe."""

from typing import TypeAlias

from tw.core.text import safe
from tw.errors import Interrupted
from tw.events import (
    Closed,
    Dropped,
    FaultsAsked,
    Listening,
    Opened,
    Refused,
    Reloaded,
    Requested,
    ServerEvent,
    ServerSummary,
    StateWritten,
    Stopping,
    Unwritten,
)
from tw.report import Distribution, HarmFigures, PhaseFigures, ProbeReport

Row: TypeAlias = tuple[str, str, bool | None]
"""A name, its value, and whether that is good (None: neither)."""

FIGURES = ("min", "mean", "p50", "p90", "p95", "p99", "p999", "max")
SHORT_FIGURES = ("p50", "p99", "max")
CONNECT_PHASES = {"dns": "DNS", "connect": "TCP", "tls": "TLS"}
ANSWER_PHASES = {"first_byte": "first byte", "body": "body"}


def report_rows(report: ProbeReport) -> list[Row]:
    """The report's rows, the verdict first. Every text in them is safe for a terminal."""
    rows: list[Row] = [(f"{report.probe} {safe(report.target)}", verdict_text(report), report.ok)]
    rows.append(("sent", f"{report.sent} ({report.sent_bytes} bytes)", None))
    rows.append(("received", f"{report.received} ({report.received_bytes} bytes)", None))
    for name in ("lost", "duplicated", "reordered", "corrupted"):
        count = getattr(report, name)
        rows.append((name, str(count), None if count == 0 else False))
    rows.extend(_harm(report.harm))
    rows.extend((f"error: {safe(kind)}", str(count), False) for kind, count in report.errors.items())
    if report.delivery is not None:
        delivery = report.delivery
        rows.append(("delivered", f"{delivery.delivered} of {delivery.expected}", None))
        rows.append(("foreign", str(delivery.foreign), None))
    if report.numbers is not None and report.numbers.first is not None:
        numbers = report.numbers
        rows.append(("numbers", f"{numbers.first} to {numbers.last}", None))
        counts = f"{numbers.gaps} gaps, {numbers.duplicates} duplicates, {numbers.resets} resets"
        rows.append(("", f"{counts}, {numbers.instances} instances", None))
    rows.extend((name, text, None) for name, text in _times(report) if text)
    return rows


def _harm(harm: HarmFigures | None) -> list[Row]:
    """What there was of it, and of the first case a dump."""
    if harm is None:
        return []
    rows: list[Row] = []
    if harm.truncated:
        rows.append(("truncated", f"{harm.truncated} of the corrupted", False))
    if harm.stalled:
        rows.append(("stalled", f"{harm.stalled} of the lost: nothing came any more", False))
    if harm.retried:
        rows.append(("retried", f"{harm.retried}: a kept connection ended as it was used again", None))
    if harm.first_fault is not None:
        rows.append(("first fault", harm.first_fault.summary, False))
        rows.extend(("", line, None) for line in harm.first_fault.dump())
    return rows


def _times(report: ProbeReport) -> list[tuple[str, str]]:
    rate = "" if report.rate_per_s is None else f", {report.rate_per_s:.1f} per second"
    return [
        ("round trip", distribution_text(report.rtt_ms)),
        *_phases(report.phases, ANSWER_PHASES),
        ("connect", distribution_text(report.connect_ms)),
        *_phases(report.phases, CONNECT_PHASES),
        ("duration", f"{report.duration_s:.3f} s{rate}"),
    ]


def _phases(phases: PhaseFigures | None, names: dict[str, str]) -> list[tuple[str, str]]:
    """A line for each phase that was measured; none for one that was all there was, of which the line above tells."""
    measured = phases.measured() if phases is not None else {}
    lines = [(f"  {text}", phase_text(measured[name])) for name, text in names.items() if name in measured]
    return lines if len(lines) > 1 else []


def verdict_text(report: ProbeReport) -> str:
    """`ok`, or what is wrong, in a few words."""
    if report.ok:
        return "ok"
    if isinstance(report.error, Interrupted):
        return f"{report.error.what}: {_faults(report) or 'ok until then'}"
    if report.error is not None:
        return f"failed: {report.error.kind}"
    return "bad: " + (_faults(report) or "nothing was measured")


def _faults(report: ProbeReport) -> str:
    faults = [f"{getattr(report, name)} {name}" for name in ("lost", "duplicated", "reordered", "corrupted")]
    faults = [fault for fault in faults if not fault.startswith("0 ")]
    faults += [f"{count} {safe(kind)}" for kind, count in report.errors.items()]
    return ", ".join(faults)


def distribution_text(times: Distribution) -> str:
    """`min 0.1  mean 0.2 … ms`, or nothing where nothing was measured; one value where all are the same."""
    if times.min is None:
        return ""
    if times.min == times.max:
        return f"{times.min:.3f} ms"
    return "  ".join(f"{name} {getattr(times, name):.3f}" for name in FIGURES) + " ms"


def phase_text(times: Distribution) -> str:
    """The same in short, for a part of the whole: `p50 0.2  p99 0.5  max 0.7 ms`."""
    if times.min == times.max:
        return distribution_text(times)
    return "  ".join(f"{name} {getattr(times, name):.3f}" for name in SHORT_FIGURES) + " ms"


def report_lines(report: ProbeReport) -> list[str]:
    """The same rows as plain lines, `name: value`, for a pipe."""
    lines = []
    for name, value, _ in report_rows(report):
        lines.append(f"{name}: {value}" if name else f"  {value}")
    return lines


def _made(summary: ServerSummary) -> str:
    """The faults that a server made on demand."""
    if summary.faults is None:
        return ""
    made = ", ".join(f"{count} {name}" for name, count in summary.faults.items() if count)
    return f"; faults made: {made or 'none'} (seed {summary.seed})"


def event_text(event: ServerEvent) -> str:
    """One line on stderr for a server's event, safe for a terminal."""
    match event:
        case Listening():
            pin = f", pin {event.pin}" if event.pin else ""
            return f"tw: {event.service} listening on {event.endpoint}{pin}"
        case Opened():
            return f"{event.peer} opened ({event.id})"
        case Closed():
            counts = f"{event.received_bytes} bytes in, {event.sent_bytes} out, {event.duration_s:.3f} s"
            return f"{event.peer} closed ({event.id}): {safe(event.reason)}; {counts}"
        case Requested():
            number = "-" if event.number is None else f"#{event.number}"
            return f"{event.peer} {safe(event.method, 32)} {safe(event.path, 500)} {event.status} {number}"
        case Dropped():
            return f"tw: connection {event.id} lost {event.lines} lines ({event.dropped_bytes} bytes)"
        case Refused():
            before = f" ({event.suppressed} more before it)" if event.suppressed else ""
            return f"tw: {event.peer} refused: {safe(event.reason)}{before}"
        case Reloaded():
            return f"tw: the certificate has been read again, pin {event.pin}"
        case FaultsAsked():
            return f"tw: faults are made on demand; --seed {event.seed} makes the same ones again"
        case StateWritten():
            return "tw: the state can be written again" if event.problem is None else f"tw: {safe(event.problem)}"
        case Unwritten():
            return f"tw: {event.lines} lines were dropped here, since nobody read them"
        case Stopping():
            return f"tw: stopping ({event.signal or 'duration over'})"
        case ServerSummary():
            more = "".join(f", {count} {name.replace('_', ' ')}" for name, count in event.more.items())
            counts = f"{event.received_bytes} bytes in, {event.sent_bytes} out{more}"
            ends = ("refused", event.refused), ("idle", event.idle), ("cut off", event.cut_off)
            ended = "".join(f", {count} {name}" for name, count in ends if count)
            return f"tw: {event.service}: {event.connections} connections, {counts}{ended}{_made(event)}"
        case _:
            raise AssertionError(f"no text for {event!r}")
