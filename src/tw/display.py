"""How results and events look: JSON, plain lines, or a terminal's. The only module that imports rich.

stdout carries results alone, flushed by line; everything else goes to stderr. Text of a peer's passes `core.text.safe`
on its way to a person; JSON escapes it by itself.
"""

import errno
import io
import json
import os
import sys
import time
from collections.abc import Callable
from typing import Protocol, TextIO

from tw.core.text import SafeStream, safe, safe_bytes
from tw.errors import LocalError, TwError
from tw.events import Closed, Dropped, Listening, Opened, Refused, Requested, ServerEvent, ServerSummary, Stopping
from tw.options import CommonOptions
from tw.report import Json, LineReceived, MailReport, ProbeReport, Sample, SubscribeSummary
from tw.summary import report_lines, report_rows


class Output:
    """One of the standard streams. A reader that went away ends the run quietly; a full disk is an error.

    Once a write has failed, the rest is dropped, `failure` says why, and `on_failure` has been called.
    """

    def __init__(self, stream: TextIO, on_failure: Callable[[], None] = lambda: None) -> None:
        self.stream = stream
        self.on_failure = on_failure
        self.broken = False
        self.failure: TwError | None = None

    def line(self, text: str) -> None:
        self.text(text + "\n")

    def text(self, text: str) -> None:
        self._guard(lambda: self.stream.write(text))

    def raw(self, data: bytes) -> None:
        self._guard(lambda: self.stream.buffer.write(data) and self.stream.buffer.flush())

    def _guard(self, write: Callable[[], object]) -> None:
        if self.broken:
            return
        try:
            write()
            self.stream.flush()
        except OSError as error:
            self.broken = True
            silence(self.stream)
            if error.errno != errno.EPIPE:
                self.failure = LocalError(f"cannot write the output: {os.strerror(error.errno or 0)}", "stdout")
            self.on_failure()


def silence(stream: TextIO) -> None:
    """Point a broken stream's descriptor at nothing, so that the interpreter's last flush does not fail again."""
    try:
        descriptor = stream.fileno()
    except (OSError, ValueError):
        return
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, descriptor)
    os.close(null)


class Display(Protocol):
    """What a run shows. Every method may be called at any time; none raises."""

    out: Output

    now: Callable[[], float]
    """Seconds since the epoch, as events are stamped."""

    def event(self, event: ServerEvent) -> None: ...
    def sample(self, sample: Sample) -> None: ...
    def report(self, report: ProbeReport) -> None: ...
    def received_line(self, line: bytes) -> None: ...
    def subscribed(self, summary: SubscribeSummary) -> None: ...
    def mail(self, report: MailReport) -> None: ...
    def talk(self, data: bytes) -> None: ...
    def talk_over(self) -> None: ...


class JsonDisplay:
    """JSON on stdout: one object for a client, a line each for a server and for `--subscribe`."""

    def __init__(self, out: Output, clock: Callable[[], float] = time.time) -> None:
        self.out = out
        self.now = clock

    def event(self, event: ServerEvent) -> None:
        self._write(event.to_json(self.now()))

    def sample(self, sample: Sample) -> None:
        """Samples are in the report."""

    def report(self, report: ProbeReport) -> None:
        self._write(report.to_json())

    def received_line(self, line: bytes) -> None:
        self._write(LineReceived.parse(line).to_json())

    def subscribed(self, summary: SubscribeSummary) -> None:
        self._write(summary.to_json())

    def mail(self, report: MailReport) -> None:
        self._write(report.to_json())

    def talk(self, data: bytes) -> None:
        raise AssertionError("talk mode beside --json is a usage error")

    def talk_over(self) -> None:
        """Nothing was said."""

    def _write(self, document: Json) -> None:
        self.out.line(to_text(document))


def to_text(document: Json) -> str:
    """One line of JSON in UTF-8. Escaped is also what JSON would let stand and `safe` does not: C1 controls, which a
    terminal executes, and lone surrogates (undecodable bytes of a path)."""
    text = json.dumps(document, ensure_ascii=False, allow_nan=False)
    if text.isascii() and "\x7f" not in text:
        return text
    return "".join(char if safe(char) == char else _json_escape(char) for char in text)


def _json_escape(char: str) -> str:
    escape = json.dumps(char)[1:-1]
    return escape if escape != char else f"\\u{ord(char):04x}"


def as_utf8(stream: TextIO) -> TextIO:
    """The stream, set to write UTF-8 whatever the locale is: JSON is UTF-8."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(encoding="utf-8")
    return stream


class TextDisplay:
    """Lines for people. `watched`: a person sees the samples as they come (stderr is a terminal, and not `--quiet`)."""

    def __init__(self, out: Output, err: Output, *, quiet: bool, watched: bool, color: bool, table: bool) -> None:
        self.out = out
        self.now = time.time
        self._err = err
        self._quiet = quiet
        self._watched = watched
        self._color = color
        self._table = table
        self._talk = SafeStream()

    # Servers --------------------------------------------------------------------------------------------------------

    def event(self, event: ServerEvent) -> None:
        if not self._quiet or isinstance(event, Opened | Closed | Requested):
            self._err.line(event_text(event))

    # Clients --------------------------------------------------------------------------------------------------------

    def sample(self, sample: Sample) -> None:
        if not self._watched:
            return
        rtt = "" if sample.rtt_s is None else f"  {sample.rtt_s * 1000:.3f} ms"
        detail = f"  {safe(sample.detail, 200)}" if sample.detail else ""
        text = f"{sample.number}: {sample.outcome}{rtt}{detail}"
        self._err.line(self._painted(text, sample.ok) if self._color else text)

    def report(self, report: ProbeReport) -> None:
        if report.error is not None and not report.sent:
            return  # nothing was measured, and the error says why
        if self._table:
            self.out.text(render_report(report, color=self._color))
            return
        for line in report_lines(report):
            self.out.line(line)

    def received_line(self, line: bytes) -> None:
        """One line of `--subscribe`: as it came into a pipe or a file, made safe on a terminal."""
        if self.out.stream.isatty():
            self.out.line(safe_bytes(line))
        else:
            self.out.raw(line + b"\n")

    def subscribed(self, summary: SubscribeSummary) -> None:
        if not self._quiet and not self.out.broken:
            self._err.line(f"tw: {summary.lines} lines in {summary.duration_s:.1f} s from {summary.target}")

    def mail(self, report: MailReport) -> None:
        self.out.line(safe(report.subject))

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
            return f"tw: {event.peer} refused: {safe(event.reason)}"
        case Stopping():
            return f"tw: stopping ({event.signal or 'duration over'})"
        case ServerSummary():
            more = "".join(f", {count} {name.replace('_', ' ')}" for name, count in event.more.items())
            counts = f"{event.received_bytes} bytes in, {event.sent_bytes} out{more}"
            cut_off = f", {event.cut_off} cut off" if event.cut_off else ""
            return f"tw: {event.service}: {event.connections} connections, {counts}{cut_off}"
        case _:
            raise AssertionError(f"no text for {event!r}")


def render_report(report: ProbeReport, *, color: bool) -> str:
    """The report as a terminal's table."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(force_terminal=color, no_color=not color, highlight=False, color_system="auto" if color else None)
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False, title_justify="left")
    table.add_column(style="bold" if color else "")
    table.add_column()
    for name, value, good in report_rows(report):
        style = "" if good is None else "green" if good else "red"
        # Text, since rich reads markup in a str: `[fe80::1]` would be a style, and gone.
        table.add_row(Text(name), Text(value, style=style))
    with console.capture() as capture:
        console.print(table)
    return capture.get()


def make_display(
    common: CommonOptions,
    *,
    as_json: bool,
    stdout: TextIO | None = None,
    stderr: TextIO | None = None,
) -> Display:
    """The display for this run's flags and streams."""
    out = stdout or sys.stdout
    err = stderr or sys.stderr
    if as_json:
        return JsonDisplay(Output(as_utf8(out)))
    terminal = out.isatty()
    color = common.color == "always" or (common.color == "auto" and terminal and not os.environ.get("NO_COLOR"))
    return TextDisplay(
        Output(out),
        Output(err),
        quiet=common.quiet,
        watched=err.isatty() and not common.quiet,
        color=color,
        table=terminal or common.color == "always",
    )
