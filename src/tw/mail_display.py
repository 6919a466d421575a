"""How results of `tw imap` look: JSON, a line each in a pipe, or a terminal's tables (`tables`)."""

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, TextIO

from tw.core.text import safe
from tw.options import CommonOptions
from tw.output import Output, as_utf8, look_of, to_text

if TYPE_CHECKING:
    from tw.core.imap_types import Message
    from tw.mail_report import MailResult


class MailDisplay(Protocol):
    """Where mail goes. No method raises: `out` knows whether it could be written."""

    out: Output

    def mail(self, result: "MailResult", *, raw: bool = False) -> None: ...
    def new_mail(self, mailbox: str, message: "Message", *, raw: bool = False) -> None: ...


class MailJson:
    """One object; for what a watch brings, a line each."""

    def __init__(self, out: Output, clock: Callable[[], float] = time.time) -> None:
        self.out = out
        self._now = clock

    def mail(self, result: "MailResult", *, raw: bool = False) -> None:
        self.out.line(to_text(result.to_json()))

    def new_mail(self, mailbox: str, message: "Message", *, raw: bool = False) -> None:
        from tw.mail_report import watched_json

        self.out.line(to_text(watched_json(mailbox, message, self._now())))


class MailText:
    """A table on a terminal, a line each elsewhere, made safe; `raw`: the bytes as they came."""

    def __init__(self, out: Output, *, color: bool, table: bool) -> None:
        self.out = out
        self._color = color
        self._table = table

    def mail(self, result: "MailResult", *, raw: bool = False) -> None:
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


def make_mail_display(common: CommonOptions, *, as_json: bool, stdout: TextIO | None = None) -> MailDisplay:
    """The display for this run's flags and streams."""
    out = stdout or sys.stdout
    if as_json:
        return MailJson(Output(as_utf8(out)))
    color, table = look_of(common, out)
    return MailText(Output(out), color=color, table=table)
