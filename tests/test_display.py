"""How results and events look, and that no stranger's text is obeyed by a terminal."""

import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import pytest

from pseudo_terminal import Terminal
from tw.display import Screen, event_text, make_display
from tw.errors import ConnectError, Interrupted
from tw.events import (
    Closed,
    Dropped,
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
from tw.options import CommonOptions
from tw.report import ProbeReport, Sample, SubscribeSummary
from tw.summary import report_rows
from tw.tables import render_report

ESC = "\x1b[2J"
REPORT = ProbeReport(probe="echo", target=f"h{ESC}", ok=False, sent=5, received=4, lost=1, errors={"timeout": 1})
GOOD = ProbeReport(probe="echo", target="tcp:[fe80::1]:7", ok=True, sent=1, received=1)
SUMMARY = SubscribeSummary(target="h:1", ok=True, lines=3, expected=3, received_bytes=9, duration_s=1.25)
COUNTS = {"connections": 1, "received_bytes": 2, "sent_bytes": 3, "refused": 4, "duration_s": 1.5}


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    made = Terminal()
    yield made
    made.close()


@pytest.fixture
def file(tmp_path: Path) -> Iterator[TextIO]:
    with open(tmp_path / "out", "w+", encoding="utf-8", newline="") as made:
        yield made


@pytest.fixture(autouse=True)
def _surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)


def _read(file: TextIO) -> bytes:
    """What has reached the file itself, as another process sees it."""
    return os.pread(file.fileno(), 65_536, 0)


def _made(out: TextIO, err: TextIO | None = None, **common: Any) -> Screen:
    return make_display(CommonOptions(**common), as_json=False, stdout=out, stderr=err or io.StringIO())


# Servers' events --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (Listening(service="echo", transport="tcp", endpoint="tcp:h:1", pid=1), "tw: echo listening on tcp:h:1"),
        (
            Listening(service="echo", transport="tcp", endpoint="tls:h:1", tls=True, pin="sha256//x", pid=1),
            "tw: echo listening on tls:h:1, pin sha256//x",
        ),
        (Opened(id=1, peer="h:5"), "h:5 opened (1)"),
        (
            Closed(id=1, peer="h:5", reason=f"x{ESC}", received_bytes=2, sent_bytes=3, duration_s=1.5),
            "h:5 closed (1): x\\x1b[2J; 2 bytes in, 3 out, 1.500 s",
        ),
        (
            Requested(number=7, method=f"G{ESC}", path=f"/{ESC}", status=200, peer="h:5"),
            "h:5 G\\x1b[2J /\\x1b[2J 200 #7",
        ),
        (Requested(number=None, method="PUT", path="/", status=405, peer="h:5"), "h:5 PUT / 405 -"),
        (Dropped(id=1, lines=2, dropped_bytes=30), "tw: connection 1 lost 2 lines (30 bytes)"),
        (Dropped(id=1, lines=1, dropped_bytes=1), "tw: connection 1 lost 1 line (1 byte)"),
        (Dropped(worker=3, id=1, lines=2, dropped_bytes=30), "tw: connection 3.1 lost 2 lines (30 bytes)"),
        (Refused(peer="h:5", reason=f"x{ESC}"), "tw: h:5 refused: x\\x1b[2J"),
        (Refused(peer="h:5", reason="full", suppressed=9), "tw: h:5 refused: full (9 more before it)"),
        (Reloaded(pin="sha256//x"), "tw: the certificate has been read again, pin sha256//x"),
        (StateWritten(problem=f"x{ESC}"), "tw: x\\x1b[2J"),
        (StateWritten(problem=None), "tw: the state can be written again"),
        (ViaChanged(problem=f"x{ESC}"), "tw: x\\x1b[2J"),
        (ViaChanged(problem=None), "tw: what is shared is there again"),
        (
            WorkerEnded(worker=2, pid=4, reason="was ended by SIGKILL", again_s=0.0),
            "tw: worker 2 (pid 4) was ended by SIGKILL; another starts now",
        ),
        (
            WorkerEnded(worker=2, pid=4, reason="was asked to end", again_s=0.4),
            "tw: worker 2 (pid 4) was asked to end; another starts in 0.4 s",
        ),
        (WorkerStarted(worker=3, pid=5), "tw: worker 3 (pid 5) serves in its place"),
        (Opened(worker=3, id=1, peer="127.0.0.1:5"), "127.0.0.1:5 opened (3.1)"),
        (Unwritten(lines=7), "tw: 7 lines dropped here, since nobody was reading"),
        (Stopping(signal="SIGINT"), "tw: stopping (SIGINT)"),
        (Stopping(signal=None), "tw: stopping (duration over)"),
        (
            ServerSummary(service="echo", **COUNTS, cut_off=0),
            "tw: echo: 1 connection, 2 bytes in, 3 out, 4 refused",
        ),
        (
            ServerSummary(service="pubsub", **COUNTS, cut_off=5, more={"dropped_lines": 6, "repeated_batches": 1}),
            "tw: pubsub: 1 connection, 2 bytes in, 3 out, 6 dropped lines, 1 repeated batch, 4 refused, 5 cut off",
        ),
        (
            ServerSummary(service="echo", **COUNTS | {"refused": 0}, cut_off=0, idle=7),
            "tw: echo: 1 connection, 2 bytes in, 3 out, 7 idle",
        ),
    ],
)
def test_an_event_is_one_safe_line_on_stderr(event: ServerEvent, text: str, file: TextIO) -> None:
    out = io.StringIO()
    _made(out, file).event(event)
    assert _read(file).decode() == text + "\n"
    assert out.getvalue() == ""


def test_quiet_keeps_only_what_the_access_log_was_asked_for_and_trouble() -> None:
    err = io.StringIO()
    display = _made(io.StringIO(), err, quiet=True)
    display.event(Stopping(signal=None))
    display.event(Opened(id=1, peer="h:5"))
    display.event(ViaChanged(problem="h: away"))
    display.event(ViaChanged(problem=None))
    assert err.getvalue() == "h:5 opened (1)\ntw: h: away\ntw: what is shared is there again\n"


def test_an_event_that_nobody_worded_is_a_bug() -> None:
    with pytest.raises(AssertionError, match="no text for"):
        event_text(ServerEvent())


# Clients' results -------------------------------------------------------------------------------------------------


def test_a_pipe_gets_the_report_as_plain_lines(file: TextIO) -> None:
    _made(file).report(REPORT)
    lines = _read(file).decode().splitlines()
    assert lines[0] == "echo h\\x1b[2J: bad: 1 lost, 1 timeout"
    assert "lost: 1" in lines


def test_a_run_that_was_stopped_before_it_sent_anything_says_so(file: TextIO) -> None:
    """A signal has no error of its own on stderr."""
    error = Interrupted("SIGINT")
    _made(file).report(ProbeReport(probe="echo", target="h", ok=False, sent=0, received=0, error=error))
    assert _read(file).decode().splitlines()[0] == "echo h: ended by SIGINT: nothing was sent yet"


def test_a_run_that_failed_before_it_sent_anything_has_no_report_beside_its_error(file: TextIO) -> None:
    error = ConnectError("refused")
    display = _made(file)
    display.report(ProbeReport(probe="echo", target="h", ok=False, sent=0, received=0, error=error))
    assert _read(file) == b""
    display.report(ProbeReport(probe="echo", target="h", ok=False, sent=1, received=0, error=error))
    display.report(ProbeReport(probe="echo", target="h", ok=False, sent=0, received=0))
    verdicts = [line for line in _read(file).decode().splitlines() if line.startswith("echo h: ")]
    assert verdicts == ["echo h: failed: connect", "echo h: bad: nothing was measured"]


def test_a_terminal_gets_the_report_as_a_table_with_the_verdict_in_red(terminal: Terminal) -> None:
    _made(terminal.stream).report(REPORT)
    text = terminal.shown()
    assert "\x1b[31mbad: 1 lost, 1 timeout" in text
    assert ESC not in text
    assert "\\x1b[2J" in text


def test_a_good_verdict_is_green_and_no_colour_is_no_escape_sequence_at_all() -> None:
    colored = render_report(report_rows(GOOD), color=True)
    assert "\x1b[32mok" in colored
    assert "\x1b[1msent" in colored, "names are bold"
    assert "\x1b" not in render_report(report_rows(GOOD), color=False)


def test_brackets_in_a_target_are_not_taken_for_markup() -> None:
    for target in ("tcp:[fe80::1]:7", "unix:/tmp/[bold]x", "unix:/tmp/[/x]"):
        report = ProbeReport(probe="echo", target=target, ok=True, sent=1, received=1)
        assert f"echo {target}  ok" in render_report(report_rows(report), color=False)


@pytest.mark.parametrize(
    ("color", "no_color", "on_terminal", "colored", "table"),
    [
        ("auto", "", True, True, True),
        ("auto", "1", True, False, True),
        ("auto", "", False, False, False),
        ("always", "", False, True, True),
        ("always", "1", True, True, True),
        ("never", "", True, False, True),
        ("never", "", False, False, False),
    ],
)
def test_colour_is_for_terminals_and_for_those_who_insist(
    color: str, no_color: str, on_terminal: bool, colored: bool, table: bool,
    monkeypatch: pytest.MonkeyPatch, terminal: Terminal, file: TextIO,
) -> None:  # fmt: skip
    monkeypatch.setenv("NO_COLOR", no_color)
    _made(terminal.stream if on_terminal else file, color=color).report(GOOD)
    text = terminal.shown() if on_terminal else _read(file).decode()
    assert ("\x1b[" in text) == colored
    assert ("echo tcp:[fe80::1]:7: ok" in text) != table


@pytest.mark.parametrize(("color", "colored"), [("auto", False), ("always", True)])
def test_a_dumb_terminal_gets_colour_where_it_is_insisted_on(
    color: str, colored: bool, monkeypatch: pytest.MonkeyPatch, terminal: Terminal
) -> None:
    monkeypatch.setenv("TERM", "dumb")
    display = _made(terminal.stream, terminal.stream, color=color)
    display.sample(Sample(number=1, rtt_s=None, outcome="ok"))
    assert ("\x1b[" in terminal.shown()) == colored
    display.report(GOOD)
    assert ("\x1b[" in terminal.shown()) == colored


@pytest.mark.parametrize(
    ("sample", "text"),
    [
        (Sample(number=1, rtt_s=0.0015, outcome="ok"), "1: ok  1.500 ms"),
        (Sample(number=2, rtt_s=None, outcome="timeout"), "2: timeout"),
        (Sample(number=3, rtt_s=0.001, outcome="status 500", detail=f"a{ESC}"), "3: status 500  1.000 ms  a\\x1b[2J"),
    ],
)
def test_a_watching_person_sees_each_sample_on_stderr(sample: Sample, text: str, terminal: Terminal) -> None:
    out = io.StringIO()
    _made(out, terminal.stream).sample(sample)
    assert terminal.shown() == text + "\n"
    assert out.getvalue() == ""


def test_a_sample_is_green_or_red_where_there_is_colour(terminal: Terminal) -> None:
    display = _made(terminal.stream, terminal.stream)
    display.sample(Sample(number=1, rtt_s=None, outcome="ok"))
    display.sample(Sample(number=2, rtt_s=None, outcome="timeout"))
    assert terminal.shown() == "\x1b[32m1: ok\x1b[0m\n\x1b[31m2: timeout\x1b[0m\n"


def test_nobody_watches_a_pipe_or_a_quiet_run(file: TextIO, terminal: Terminal) -> None:
    _made(io.StringIO(), file).sample(Sample(number=1, rtt_s=None, outcome="ok"))
    quiet = _made(io.StringIO(), terminal.stream, quiet=True)
    quiet.sample(Sample(number=1, rtt_s=None, outcome="ok"))
    quiet.event(Opened(id=1, peer="marks the end"))
    assert _read(file) == b""
    assert terminal.shown() == "marks the end opened (1)\n"


def test_lines_and_talk_reach_a_file_as_the_bytes_they_are(file: TextIO) -> None:
    display = _made(file)
    display.received_line(b"\xff\x1b[2J")
    display.talk(b"a\r\nb\xfe")
    display.talk(b"")
    assert _read(file) == b"\xff\x1b[2J\na\r\nb\xfe"


def test_lines_and_talk_reach_a_terminal_made_safe(terminal: Terminal) -> None:
    display = _made(terminal.stream)
    display.received_line(b"\xff\x1b[2J")
    display.talk(b"a\x1b[2J\xc3")
    display.talk(b"\xa4 b\n")
    display.talk(b"c\xc3")
    display.talk_over()
    display.talk_over()
    assert terminal.shown() == "\\xff\\x1b[2J\na\\x1b[2Jä b\nc\\xc3"


def test_the_end_of_a_subscription_is_told_on_stderr_unless_quiet() -> None:
    out, err = io.StringIO(), io.StringIO()
    _made(out, err).subscribed(SUMMARY)
    assert err.getvalue().count("\n") == 1
    _made(out, err, quiet=True).subscribed(SUMMARY)
    assert err.getvalue() == "tw: 3 lines in 1.2 s from h:1\n"
    assert out.getvalue() == ""
