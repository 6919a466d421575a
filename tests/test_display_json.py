"""Results and events as JSON: one line each, UTF-8, and safe on a terminal all the same."""

import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mail_found import first_subject
from tw.core.text import safe
from tw.display import JsonDisplay
from tw.events import Opened, ViaChanged
from tw.mail_display import MailJson, make_mail_display
from tw.options import CommonOptions
from tw.output import Output, to_text
from tw.report import LineReceived, ProbeReport, Sample, SubscribeSummary

REPORT = ProbeReport(probe="echo", target="h", ok=False, sent=5, received=4, lost=1, errors={"timeout": 1})
SUMMARY = SubscribeSummary(target="h:1", ok=True, lines=3, expected=3, received_bytes=9, duration_s=1.25)
MAIL = first_subject("Grüße\x1b[2J")


def test_each_result_is_one_line_of_json_that_is_out_at_once(tmp_path: Path) -> None:
    with open(tmp_path / "out", "w", encoding="utf-8") as file:
        display = JsonDisplay(Output(file), clock=lambda: 0.0)
        display.event(Opened(id=1, peer="h:5"))
        display.report(REPORT)
        display.received_line(b"<h:5> x")
        display.subscribed(SUMMARY)
        MailJson(Output(file)).mail(MAIL)
        documents = [json.loads(line) for line in (tmp_path / "out").read_text("utf-8").splitlines()]
    assert documents == [
        Opened(id=1, peer="h:5").to_json(0.0),
        REPORT.to_json(),
        LineReceived.parse(b"<h:5> x").to_json(),
        SUMMARY.to_json(),
        MAIL.to_json(),
    ]


def test_trouble_of_a_server_is_told_in_words_as_well() -> None:
    out, err = io.StringIO(), io.StringIO()
    display = JsonDisplay(Output(out), clock=lambda: 0.0, err=Output(err))
    display.event(Opened(id=1, peer="h:5"))
    display.event(ViaChanged(problem="h: away\x1b[2J"))
    display.event(ViaChanged(problem=None))
    assert [json.loads(line)["event"] for line in out.getvalue().splitlines()] == ["open", "via", "via"]
    assert err.getvalue() == "tw: h: away\\x1b[2J\ntw: what is shared is there again\n"


def test_samples_are_no_objects_of_their_own_and_talk_has_no_json() -> None:
    stream = io.StringIO()
    display = JsonDisplay(Output(stream))
    display.sample(Sample(number=1, rtt_s=0.1, outcome="ok"))
    assert stream.getvalue() == ""
    with pytest.raises(AssertionError, match="usage error"):
        display.talk(b"x")


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("Grüße 你好 🙂", '"Grüße 你好 🙂"'),
        ("\x1b[2J", r'"\u001b[2J"'),
        ("\x9b2J", r'"\u009b2J"'),
        ("\x7f", r'"\u007f"'),
        ("\u202e", r'"\u202e"'),
        ("\U000e0041", r'"\udb40\udc41"'),
        ("\udcff", r'"\udcff"'),
        ('"\\\n', r'"\"\\\n"'),
    ],
)
def test_json_is_readable_and_holds_nothing_that_a_terminal_would_obey(text: str, form: str) -> None:
    assert to_text({"x": text}) == f'{{"x": {form}}}'


@given(st.text())
def test_every_text_comes_back_out_of_json_and_is_safe_inside(text: str) -> None:
    line = to_text({"x": text})
    assert json.loads(line) == {"x": text}
    assert safe(line) == line


def test_json_is_utf_8_whatever_the_locale_is() -> None:
    data = io.BytesIO()
    with io.TextIOWrapper(data, encoding="latin-1") as stream:
        make_mail_display(CommonOptions(), as_json=True, stdout=stream).mail(MAIL)
        assert json.loads(data.getvalue().decode("utf-8"))["subject"] == "Grüße\x1b[2J"
