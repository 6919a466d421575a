"""How mail looks: a table on a terminal, lines elsewhere, bytes where they were asked for, and JSON."""

import io
import json
from pathlib import Path
from typing import Any, TextIO

import pytest

from mail_found import message, subjects
from tw.core.imap_types import Mailbox, Messages
from tw.mail_display import MailDisplay, MailJson, MailText, make_mail_display
from tw.mail_report import FirstSubject, Mailboxes, Subjects
from tw.options import CommonOptions
from tw.output import Output

ESC = "\x1b[2J"


def shown(result: Any, *, table: bool = False, color: bool = False, raw: bool = False) -> str:
    out = io.StringIO()
    display = MailText(Output(out), color=color, table=table)
    display.mail(result, raw=raw)
    return out.getvalue()


def test_elsewhere_than_on_a_terminal_each_message_is_a_safe_line() -> None:
    assert shown(subjects("one", f"Grüße{ESC}", "")) == "one\nGrüße\\x1b[2J\n\n"


def test_on_a_terminal_there_is_a_table() -> None:
    text = shown(subjects("one", f"x{ESC}"), table=True)
    first, *rest = text.splitlines()
    assert first.split() == ["UID", "Arrived", "From", "Subject"]
    assert [line.split()[0] for line in rest] == ["1", "2"]
    assert "x\\x1b[2J" in text
    assert "\x1b" not in text
    assert "\x1b[1m" in shown(subjects("one"), table=True, color=True)


def test_a_result_without_rows_is_lines_on_a_terminal_too() -> None:
    found = FirstSubject(Messages(mailbox="INBOX", exists=1, messages=(message("one"),)))
    assert shown(found, table=True) == "one\n"
    assert shown(Mailboxes(()), table=True) == ""


def test_names_of_mailboxes_are_safe_and_on_one_line() -> None:
    found = Mailboxes((Mailbox(name=f"a\nb{ESC}", delimiter="\x9b", attributes=("\\X\x1b",)),))
    assert shown(found) == "a\\x0ab\\x1b[2J\n"
    assert "\x1b" not in shown(found, table=True)
    assert "\x9b" not in shown(found, table=True)


@pytest.fixture
def file(tmp_path: Path) -> Any:
    with open(tmp_path / "out", "w+", encoding="utf-8", newline="") as made:
        yield made


def _made(out: TextIO) -> MailDisplay:
    return make_mail_display(CommonOptions(), as_json=False, stdout=out)


RAW = b"Subject: =?utf-8?Q?a?=\r\n\x1b[2J \xff\r\n b\r\nFrom: x\r\n"


def test_raw_is_the_bytes_as_they_came(file: TextIO) -> None:
    one = message("x")
    raw = type(one)(uid=1, internal_date=None, header=RAW)
    display = _made(file)
    display.mail(Subjects(Messages(mailbox="INBOX", exists=2, messages=(raw, one))), raw=True)
    display.new_mail("INBOX", raw, raw=True)
    file.flush()
    data = Path(file.name).read_bytes()
    assert data == b"=?utf-8?Q?a?=\nx\n=?utf-8?Q?a?=\n"
    folded = type(one)(uid=1, internal_date=None, header=b"Subject: \xff\x1b[2J\r\n \tb\r\n")
    display.new_mail("INBOX", folded, raw=True)
    assert Path(file.name).read_bytes() == data + b"\xff\x1b[2J\r\n \tb\n"


def test_a_new_message_is_out_at_once_and_safe(file: TextIO) -> None:
    display = _made(file)
    display.new_mail("INBOX", message(f"Grüße{ESC}"))
    assert Path(file.name).read_text(encoding="utf-8") == "Grüße\\x1b[2J\n"
    display.new_mail("INBOX", message(""))
    assert Path(file.name).read_text(encoding="utf-8").endswith("\n\n")


def test_as_json_a_new_message_is_a_line_with_its_time() -> None:
    out = io.StringIO()
    display = MailJson(Output(out), clock=lambda: 0.0)
    display.mail(subjects(f"one{ESC}"))
    display.new_mail("INBOX", message("two", 7))
    first, second = out.getvalue().splitlines()
    assert json.loads(first)["messages"][0]["subject"] == f"one{ESC}"
    assert "\x1b" not in first
    document = json.loads(second)
    assert (document["event"], document["subject"], document["uid"]) == ("message", "two", 7)
    assert document["at"].startswith("1970-01-01T00:00:00")
