"""Reports and events in words: the lines that a person reads, on a terminal as in a pipe."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tw.core.counted import counted
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
    ViaChanged,
    WorkerEnded,
    WorkerStarted,
)
from tw.summary_matrix import matrix_rows
from tw.summary_numbers import Row, numbers_rows

if TYPE_CHECKING:
    from tw.report import Distribution, HarmFigures, LoadFigures, PhaseFigures, ProbeReport
    from tw.report.matrix import MatrixFigures

FIGURES = ("min", "mean", "p50", "p90", "p95", "p99", "p999", "max")
SHORT_FIGURES = ("p50", "p99", "max")
WAIT_SHARE_TOLD = 0.1
"""Of the time; less is the same on any machine that does more than one thing."""
CONNECT_PHASES = {"dns": "DNS", "connect": "TCP", "tls": "TLS"}
ANSWER_PHASES = {"first_byte": "first byte", "body": "body"}


def report_rows(report: ProbeReport) -> list[Row]:
    """The report's rows, the verdict first. Every text in them is safe for a terminal."""
    rows: list[Row] = [(f"{report.probe} {safe(report.target)}", verdict_text(report), report.ok)]
    if report.difference is not None or report.idle_timeout is not None:
        return rows + _path_rows(report) + _assertion_rows(report)
    if report.load is not None:
        rows += _load_rows(report.load)
    rows.append(("sent", f"{report.sent} ({counted(report.sent_bytes, 'bytes')})", None))
    rows.append(("received", f"{report.received} ({counted(report.received_bytes, 'bytes')})", None))
    for name in ("lost", "duplicated", "reordered", "corrupted"):
        count = getattr(report, name)
        rows.append((name, str(count), None if count == 0 else False))
    rows.extend(_harm(report.harm))
    rows.extend((f"error: {safe(kind)}", str(count), False) for kind, count in report.errors.items())
    if report.delivery is not None:
        delivery = report.delivery
        rows.append(("delivered", f"{delivery.delivered} of {delivery.expected}", None))
        rows.append(("foreign", str(delivery.foreign), None))
    if report.matrix is not None:
        rows.extend(matrix_rows(report.matrix))
    if report.numbers is not None and report.numbers.first is not None:
        rows.extend(numbers_rows(report.numbers))
    rows.extend((name, text, None) for name, text in _times(report) if text)
    if report.load is not None:
        rows += _probe_rows(report.load, report.matrix)
    return rows + _assertion_rows(report)


def _assertion_rows(report: ProbeReport) -> list[Row]:
    return [
        (f"assert {safe(one.assertion.expr)}", f"{'ok' if one.ok else 'missed'} ({one.figure_text})", one.ok)
        for one in report.assertions
    ]


def _load_rows(load: LoadFigures) -> list[Row]:
    """How the load was made."""
    connections = counted(load.connections, "connections")
    if load.pacing == "closed":
        rows: list[Row] = [("load", f"closed loop, {connections}", None)]
    else:
        rows = [("load", f"open loop, {load.rate_asked_per_s:.10g} per second asked for, {connections}", None)]
        rows.append(("", "a round trip counts from when its message was due, its service time from the sending", None))
    if load.warmup is not None:
        warmup = load.warmup
        counts = f"{warmup.duration_s:.3f} s apart from the rest, {warmup.sent} sent, {warmup.received} received"
        words = [counts, *(f"{count} {kind}" for kind, count in warmup.errors.items()), phase_text(warmup.rtt_ms)]
        rows.append(("warm-up", ", ".join(filter(None, words)), None))
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


def _probe_rows(load: LoadFigures, matrix: MatrixFigures | None) -> list[Row]:
    """How well the probe itself kept up."""
    rows: list[Row] = []
    if load.held:
        rows.append(("held", f"{load.held} sent after they were due, since every connection waited for answers", None))
    if load.unsent:
        has_lost_publishers = matrix is not None and any(each.left_at_s is not None for each in matrix.publishers)
        why = "not sent, since a publisher had left" if has_lost_publishers else "found no room before the end"
        rows.append(("unsent", f"{load.unsent} were due, and {why}", False))
    if load.reconnected:
        rows.append(("reconnected", str(load.reconnected), None))
    if load.cpu_share is not None:
        words = f"{load.cpu_share:.0%} of a core"
        if load.cpu_wait_share is not None and load.cpu_wait_share >= WAIT_SHARE_TOLD:
            words += f", and waited for one for {load.cpu_wait_share:.0%} of the time"
        rows.append(("probe", words.replace("%", " %"), None))
    if load.limit is not None:
        rows.append(("limit", safe(load.limit), False))
    return rows


def limit_warning(report: ProbeReport) -> str | None:
    """What a person must know before he believes the figures; None where there is nothing."""
    return None if report.load is None or report.load.limit is None else safe(report.load.limit)


def _path_rows(report: ProbeReport) -> list[Row]:
    """What was asked is about the path: the counts of so few messages would only be in the way."""
    from tw.report.path_words import difference_lines, idle_text  # here, since few reports need them

    rows: list[Row] = []
    if report.difference is not None:
        for part, lines in difference_lines(report.difference):
            rows += [(name, line, None) for name, line in zip([part] + [""] * len(lines), lines, strict=False)]
    if report.idle_timeout is not None:
        rows.append(("silent connection", idle_text(report.idle_timeout), None))
    rows += [(name, text, None) for name, text in _times(report)[:-1] if text]
    return [*rows, ("duration", f"{report.duration_s:.3f} s", None)]


def _times(report: ProbeReport) -> list[tuple[str, str]]:
    rate = "" if report.rate_per_s is None else f", {report.rate_per_s:.1f} per second"
    return [
        ("round trip", distribution_text(report.rtt_ms)),
        *_paced_times(report.load, _phases(report.phases, ANSWER_PHASES)),
        ("connect", distribution_text(report.connect_ms)),
        *_phases(report.phases, CONNECT_PHASES),
        ("duration", f"{report.duration_s:.3f} s{rate}"),
    ]


def _paced_times(load: LoadFigures | None, phases: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """What the open loop tells beside the round trip: the part of it that the server took, and the probe's own.

    An answer's `phases` count from the sending, and stand below the time that they are parts of.
    """
    if load is None or load.service_ms is None or load.late_ms is None:
        return phases
    service = ("service time", distribution_text(load.service_ms))
    return [service, *phases, ("sent late by", distribution_text(load.late_ms))]


def _phases(phases: PhaseFigures | None, names: dict[str, str]) -> list[tuple[str, str]]:
    """A line for each phase that was measured; none for one that was all there was, of which the line above tells."""
    measured = phases.measured() if phases is not None else {}
    lines = [(f"  {text}", phase_text(measured[name])) for name, text in names.items() if name in measured]
    return lines if len(lines) > 1 else []


def verdict_text(report: ProbeReport) -> str:
    """`ok`, or what is wrong, in a few words."""
    if report.ok and report.difference is not None:
        from tw.report.path_words import difference_lines, difference_text

        return difference_text(difference_lines(report.difference))
    if report.ok:
        return "ok"
    if isinstance(report.error, Interrupted):
        return f"{report.error.what}: {_faults(report) or ('ok until then' if report.sent else 'nothing was sent yet')}"
    if report.error is not None:
        return f"failed: {report.error.kind}"
    return "bad: " + (_faults(report) or "nothing was measured")


def _faults(report: ProbeReport) -> str:
    from tw.report.judgement import remaining_faults

    told = [f"{count} {safe(name)}" for name, count in remaining_faults(report).items()]
    told += [f"{safe(one.assertion.expr)} missed" for one in report.assertions if not one.ok]
    return ", ".join(told)


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
            return f"{event.peer} opened ({_id_text(event)})"
        case Closed():
            counts = f"{counted(event.received_bytes, 'bytes')} in, {event.sent_bytes} out, {event.duration_s:.3f} s"
            return f"{event.peer} closed ({_id_text(event)}): {safe(event.reason)}; {counts}"
        case Requested():
            number = "-" if event.number is None else f"#{event.number}"
            return f"{event.peer} {safe(event.method, 32)} {safe(event.path, 500)} {event.status} {number}"
        case Dropped():
            lost = f"{counted(event.lines, 'lines')} ({counted(event.dropped_bytes, 'bytes')})"
            return f"tw: connection {_id_text(event)} lost {lost}"
        case Refused():
            before = f" ({event.suppressed} more before it)" if event.suppressed else ""
            return f"tw: {event.peer} refused: {safe(event.reason)}{before}"
        case Reloaded():
            return f"tw: the certificate has been read again, pin {event.pin}"
        case FaultsAsked():
            return f"tw: faults are made on demand; --seed {event.seed} makes the same ones again"
        case StateWritten():
            return "tw: the state can be written again" if event.problem is None else f"tw: {safe(event.problem)}"
        case ViaChanged():
            return "tw: what is shared is there again" if event.problem is None else f"tw: {safe(event.problem)}"
        case Unwritten():
            return f"tw: {counted(event.lines, 'lines')} dropped here, since nobody was reading"
        case WorkerEnded():
            again = f"in {event.again_s:g} s" if event.again_s else "now"
            return f"tw: worker {event.worker} (pid {event.pid}) {safe(event.reason)}; another starts {again}"
        case WorkerStarted():
            return f"tw: worker {event.worker} (pid {event.pid}) serves in its place"
        case Stopping():
            return f"tw: stopping ({event.signal or 'duration over'})"
        case ServerSummary():
            more = "".join(f", {counted(count, name.replace('_', ' '))}" for name, count in event.more.items())
            counts = f"{counted(event.received_bytes, 'bytes')} in, {event.sent_bytes} out{more}"
            ends = ("refused", event.refused), ("idle", event.idle), ("cut off", event.cut_off)
            ended = "".join(f", {count} {name}" for name, count in ends if count)
            return f"tw: {event.service}: {counted(event.connections, 'connections')}, {counts}{ended}{_made(event)}"
        case _:
            raise AssertionError(f"no text for {event!r}")


def _id_text(event: Opened | Closed | Dropped) -> str:
    return str(event.id) if event.worker is None else f"{event.worker}.{event.id}"
