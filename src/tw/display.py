"""How results and events look: JSON, plain lines, or a terminal's tables (`tables`).

stdout carries results alone, flushed by line; everything else goes to stderr. Text of a peer's passes `core.text.safe`
on its way to a person; JSON escapes it by itself.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, TextIO

from tw.core.counted import counted
from tw.core.text import SafeStream, safe, safe_bytes
from tw.errors import Interrupted
from tw.events import Closed, Opened, Requested, ServerEvent, Unwritten, ViaChanged
from tw.options import CommonOptions
from tw.output import Output, as_utf8, look_of, shows_blocks, to_text
from tw.patient import Later, PatientOutput
from tw.progress import Display
from tw.schema import Json, iso_utc
from tw.summary import event_text, limit_warning, report_lines, report_rows

if TYPE_CHECKING:
    # The reports of probes are 9 classes and more to make, which a server has no use for.
    from tw.report import ProbeReport, Sample, Snapshot, SubscribeSummary
    from tw.view import LiveView

STREAM_EVERY_S = 1.0
"""From one line of `--json-stream` to the next."""

ASKED_FOR = (Opened, Closed, Requested)
"""Events that there are with `--access-log` alone."""

TROUBLE = (ViaChanged,)
"""Events that a person has to know of, and that they are over: on stderr, as errors are, with `--json` and `-q` too."""


class Screen(Display, Protocol):
    """A display with the streams that it writes to."""

    out: Output

    now: Callable[[], float]
    """Seconds since the epoch, as events are stamped."""

    def finish(self) -> None:
        """Nothing more will be shown."""


class JsonDisplay:
    """JSON on stdout: one object for a client, a line each for a server and for `--subscribe`.

    `err` gets in words what is trouble as well: a server's `TROUBLE`.
    """

    def __init__(self, out: Output, clock: Callable[[], float] = time.time, err: Output | None = None) -> None:
        self.out = out
        self._err = err
        self.now = clock
        self.progress_every_s: float | None = None

    def finish(self) -> None:
        self.out.finish()
        if self._err is not None:
            self._err.finish()

    def event(self, event: ServerEvent) -> None:
        self._write(event.to_json(self.now()))
        if self._err is not None and isinstance(event, TROUBLE):
            self._err.line(event_text(event))

    def sample(self, sample: Sample) -> None:
        """Samples are in the report."""

    def progress(self, snapshot: Snapshot) -> None:
        """As is where a load run stood."""

    def report(self, report: ProbeReport) -> None:
        self._write(report.to_json())

    def received_line(self, line: bytes) -> None:
        from tw.report import LineReceived

        self._write(LineReceived.parse(line).to_json())

    def subscribed(self, summary: SubscribeSummary) -> None:
        self._write(summary.to_json())

    def talk(self, data: bytes) -> None:
        raise AssertionError("talk mode beside --json is a usage error")

    def talk_over(self) -> None:
        """Nothing was said."""

    def _write(self, document: Json) -> None:
        self.out.line(to_text(document))


class JsonStreamDisplay(JsonDisplay):
    """`--json-stream`: a line for each sample or for each second of a load, then the report. Nobody who reads slowly
    holds up the run; what he is too slow for is dropped, and counted in an `unwritten` line. The report always comes.
    """

    def __init__(self, out: PatientOutput, clock: Callable[[], float] = time.time) -> None:
        super().__init__(out, clock)
        self.progress_every_s = STREAM_EVERY_S
        self._last_line = out.last_line

    def sample(self, sample: Sample) -> None:
        self._write(sample.to_json(self.now()))

    def progress(self, snapshot: Snapshot) -> None:
        self._write(snapshot.to_json(self.now()))

    def report(self, report: ProbeReport) -> None:
        document = report.to_json()
        head = {"v": document["v"], "event": "report", "at": iso_utc(self.now())}
        self._last_line(to_text(head | document))


class TextDisplay:
    """Lines for people. `watched`: a person sees the samples as they come (stderr is a terminal, and not `--quiet`).
    `view` draws a load run for him."""

    def __init__(
        self,
        out: Output,
        err: Output,
        *,
        quiet: bool,
        watched: bool,
        color: bool,
        table: bool,
        view: LiveView | None = None,
    ) -> None:
        self.out = out
        self.now = time.time
        self.progress_every_s: float | None = None if view is None else view.every_s
        self._view = view
        self._err = err
        self._quiet = quiet
        self._watched = watched
        self._color = color
        self._table = table
        self._talk = SafeStream()

    def finish(self) -> None:
        if self._view is not None:
            self._view.clear()
        self._err.finish()

    # Servers --------------------------------------------------------------------------------------------------------

    def event(self, event: ServerEvent) -> None:
        if not self._quiet or isinstance(event, (*ASKED_FOR, *TROUBLE)):
            self._err.line(event_text(event))

    # Clients --------------------------------------------------------------------------------------------------------

    def sample(self, sample: Sample) -> None:
        if not self._watched:
            return
        rtt = "" if sample.rtt_s is None else f"  {sample.rtt_s * 1000:.3f} ms"
        detail = f"  {safe(sample.detail, 200)}" if sample.detail else ""
        text = f"{sample.number}: {sample.outcome}{rtt}{detail}"
        self._err.line(self._painted(text, sample.ok) if self._color else text)

    def progress(self, snapshot: Snapshot) -> None:
        if self._view is not None:
            self._view.show(snapshot)

    def report(self, report: ProbeReport) -> None:
        if self._view is not None:
            self._view.clear()
        if report.error is not None and not report.sent and not isinstance(report.error, Interrupted):
            return  # nothing was measured, and the error says why
        if not self._quiet and not self.out.stream.isatty():
            self._warn(report)  # on a terminal, the table says it already
        if not self._table:
            for line in report_lines(report):
                self.out.line(line)
            return
        from tw.tables import render_report

        text = render_report(report_rows(report), color=self._color)
        self.out.text(text + "".join(f"{line}\n" for line in self._pictures(report)))

    def _warn(self, report: ProbeReport) -> None:
        """Tell on stderr what makes a report worth less than it looks: scripts keep stdout, and people read stderr."""
        text = limit_warning(report)
        if text is not None and not (self._view is not None and self._view.is_stuck):
            self._err.line(f"tw: {text}")

    def _pictures(self, report: ProbeReport) -> list[str]:
        """The round trips of a load run as bars, below a blank line."""
        times = report.rtt_ms.histogram
        if report.load is None or times is None:
            return []
        from tw.charts import bar_lines
        from tw.core.bars import bars

        rows = bars(times.buckets(), times.min_s, times.max_s)
        columns = shutil.get_terminal_size().columns
        return ["", *bar_lines(rows, columns, unicode=shows_blocks(self.out.stream))] if rows else []

    def received_line(self, line: bytes) -> None:
        """One line of `--subscribe`: as it came into a pipe or a file, made safe on a terminal."""
        if self.out.stream.isatty():
            self.out.line(safe_bytes(line))
        else:
            self.out.raw(line + b"\n")

    def subscribed(self, summary: SubscribeSummary) -> None:
        if not self._quiet and not self.out.broken:
            self._err.line(f"tw: {counted(summary.lines, 'lines')} in {summary.duration_s:.1f} s from {summary.target}")

    def talk(self, data: bytes) -> None:
        """What the server says in talk mode: bytes as they are into a pipe or a file, made safe on a terminal."""
        if self.out.stream.isatty():
            self.out.text(self._talk.feed(data))
        else:
            self.out.raw(data)

    def talk_over(self) -> None:
        """The conversation has ended: show what was held back of an unfinished character or line end."""
        rest = self._talk.finish()
        if rest:
            self.out.text(rest)

    @staticmethod
    def _painted(text: str, good: bool) -> str:
        return f"\x1b[{32 if good else 31}m{text}\x1b[0m"


def make_display(
    common: CommonOptions,
    *,
    as_json: bool,
    stream: Later | None = None,
    stdout: TextIO | None = None,
    stderr: TextIO | None = None,
) -> Screen:
    """The display for this run's flags and streams. `stream`: the reactor's `callLater`, for `--json-stream`."""
    out = stdout or sys.stdout
    err = stderr or sys.stderr
    if stream is not None:
        return JsonStreamDisplay(PatientOutput(as_utf8(out), stream, _unwritten))
    if as_json:
        return JsonDisplay(Output(as_utf8(out)))
    from tw.view import make_view

    color, table = look_of(common, out)
    return TextDisplay(
        Output(out),
        Output(err),
        quiet=common.quiet,
        watched=err.isatty() and not common.quiet,
        color=color,
        table=table,
        view=make_view(common, err),
    )


def _unwritten(lines: int) -> str:
    return to_text(Unwritten(lines=lines).to_json(time.time()))


def make_server_display(common: CommonOptions, *, as_json: bool, later: Later) -> Screen:
    """The display of a server: whoever does not read its events does not hold it up. `later` is the reactor's."""
    err = PatientOutput(sys.stderr, later, lambda lines: event_text(Unwritten(lines=lines)))
    if as_json:
        out = as_utf8(sys.stdout)
        return JsonDisplay(PatientOutput(out, later, _unwritten), err=err)
    return TextDisplay(Output(sys.stdout), err, quiet=common.quiet, watched=False, color=False, table=False)
