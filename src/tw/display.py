"""How results and events look: JSON, plain lines, or a terminal's tables (`tables`).

stdout carries results alone, flushed by line; everything else goes to stderr. Text of a peer's passes `core.text.safe`
on its way to a person; JSON escapes it by itself.
"""

import errno
import io
import json
import os
import select
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, TextIO

from tw.core.text import SafeStream, safe, safe_bytes
from tw.errors import LocalError, TwError
from tw.events import Closed, Opened, Requested, ServerEvent
from tw.options import CommonOptions
from tw.progress import Display
from tw.report import Json, LineReceived, ProbeReport, Sample, SubscribeSummary
from tw.summary import event_text, report_lines, report_rows

if TYPE_CHECKING:
    from tw.core.imap_types import Message
    from tw.mail_report import MailResult


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
        stream = self.stream
        if hasattr(stream, "buffer"):
            self._guard(lambda: write_all(stream, text.encode(stream.encoding, stream.errors or "strict")))
        else:
            self._guard(lambda: stream.write(text))

    def raw(self, data: bytes) -> None:
        self._guard(lambda: write_all(self.stream, data))

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


def write_all(stream: TextIO, data: bytes) -> None:
    """Write bytes to a stream with a buffer, all of them, after what it already holds. Raises OSError.

    They go below the buffer: where a descriptor does not block (its flag is shared with whoever else has it), a buffer
    raises with part of the bytes taken, and under PYTHONUNBUFFERED there is none, and a write may take less than all.
    """
    stream.flush()
    sink = getattr(stream.buffer, "raw", stream.buffer)
    rest = memoryview(data)
    while rest:
        try:
            # As a file in the way of `io.RawIOBase`: None where it would block.
            written = sink.write(rest) or 0
        except BlockingIOError:
            written = 0
        if not written:
            _wait_for_room(stream)
        rest = rest[written:]


def _wait_for_room(stream: TextIO) -> None:
    room = select.poll()  # not select.select, which takes no descriptor above 1023
    room.register(stream.fileno(), select.POLLOUT)
    room.poll()


def silence(stream: TextIO) -> None:
    """Point a broken stream's descriptor at nothing, so that the interpreter's last flush does not fail again."""
    try:
        descriptor = stream.fileno()
    except (OSError, ValueError):
        return
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, descriptor)
    os.close(null)


class Screen(Display, Protocol):
    """A display with the streams that it writes to."""

    out: Output

    now: Callable[[], float]
    """Seconds since the epoch, as events are stamped."""

    def mail(self, result: "MailResult", *, raw: bool = False) -> None: ...
    def new_mail(self, mailbox: str, message: "Message", *, raw: bool = False) -> None: ...


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

    def mail(self, result: "MailResult", *, raw: bool = False) -> None:
        self._write(result.to_json())

    def new_mail(self, mailbox: str, message: "Message", *, raw: bool = False) -> None:
        from tw.mail_report import watched_json

        self._write(watched_json(mailbox, message, self.now()))

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
            from tw.tables import render_report

            self.out.text(render_report(report_rows(report), color=self._color))
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

    # Mail -----------------------------------------------------------------------------------------------------------

    def mail(self, result: "MailResult", *, raw: bool = False) -> None:
        """A table on a terminal, a line each elsewhere; `raw`: the bytes as they came."""
        rows = result.rows()
        if raw:
            for line in result.raw():
                self.out.raw(line + b"\n")
        elif rows and self._table:
            from tw.tables import render_rows

            self.out.text(render_rows(result.header, rows, color=self._color))
        else:
            for text in result.lines():
                self.out.line(safe(text))

    def new_mail(self, mailbox: str, message: "Message", *, raw: bool = False) -> None:
        if raw:
            self.out.raw(message.raw_subject + b"\n")
        else:
            self.out.line(safe(message.subject))

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
    stdout: TextIO | None = None,
    stderr: TextIO | None = None,
) -> Screen:
    """The display for this run's flags and streams."""
    out = stdout or sys.stdout
    err = stderr or sys.stderr
    if as_json:
        return JsonDisplay(Output(as_utf8(out)))
    terminal = out.isatty()
    plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    color = common.color == "always" or (common.color == "auto" and terminal and not plain)
    return TextDisplay(
        Output(out),
        Output(err),
        quiet=common.quiet,
        watched=err.isatty() and not common.quiet,
        color=color,
        table=terminal or common.color == "always",
    )
