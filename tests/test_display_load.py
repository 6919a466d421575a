"""A load run as it is shown: live on a terminal, a line a second as a JSON stream, nothing in between in a pipe."""

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from twisted.internet.task import Clock

from screens import Terminal
from small_pipe import Pipe
from snapshots import TIMES, snapshot
from tw.core.histogram import Histogram
from tw.display import Screen, make_display
from tw.errors import AnswerTimeout, Interrupted
from tw.options import CommonOptions
from tw.report import Distribution, LoadFigures, ProbeReport, Sample
from tw.view import FRAME_S

LIMIT = "the probe used 97% of a core"
AT = "1970-01-01T00:00:00.000Z"


def times() -> Distribution:
    histogram = Histogram()
    histogram.record(0.0002, 90)
    histogram.record(0.0004, 10)
    return Distribution.of(histogram)


def load(**more: Any) -> LoadFigures:
    return LoadFigures(**{"pacing": "closed", "connections": 50, **more})


def report(**more: Any) -> ProbeReport:
    fields: dict[str, Any] = {"probe": "echo", "target": "h:1", "ok": True, "sent": 100, "received": 100}
    return ProbeReport(**{**fields, "rtt_ms": times(), "load": load(), **more})


@pytest.fixture(autouse=True)
def _surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    made = Terminal(columns=120, rows=40)
    yield made
    made.close()


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe(Clock())
    yield made
    made.close()


def text(out: Any, err: Any, **common: Any) -> Screen:
    return make_display(CommonOptions(**common), as_json=False, stdout=out, stderr=err)


# Text -----------------------------------------------------------------------------------------------------------------


def test_on_a_terminal_the_view_makes_room_for_the_summary_with_its_bars(terminal: Terminal) -> None:
    display = text(terminal.stream, terminal.stream)
    assert display.progress_every_s == FRAME_S
    display.progress(snapshot())
    assert len(terminal.lines()) == 4
    display.report(report())
    lines = terminal.lines()
    assert lines[0].split() == ["echo", "h:1", "ok"]
    bars = [line for line in lines if line.endswith(("90", "10"))]
    assert len(bars) == 2
    assert "█" in bars[0]
    assert not any("/s" in line for line in lines)


def test_a_run_that_failed_before_it_sent_anything_leaves_the_terminal_clean(terminal: Terminal) -> None:
    display = text(terminal.stream, terminal.stream)
    display.progress(snapshot())
    display.report(report(sent=0, error=AnswerTimeout("x")))
    assert terminal.lines() == [""]


def test_a_second_signal_finds_a_way_to_leave_the_terminal_clean(terminal: Terminal) -> None:
    display = text(terminal.stream, terminal.stream)
    display.progress(snapshot())
    display.finish()
    assert terminal.lines() == [""]


def test_in_a_pipe_there_is_the_summary_and_nothing_else() -> None:
    out, err = io.StringIO(), io.StringIO()
    display = text(out, err)
    assert display.progress_every_s is None
    display.progress(snapshot())
    assert out.getvalue() == err.getvalue() == ""
    display.report(report())
    assert out.getvalue().startswith("echo h:1: ok\nload: closed loop, 50 connections\n")
    assert "█" not in out.getvalue()
    assert err.getvalue() == ""


def test_the_view_is_on_stderr_also_where_stdout_is_a_pipe(terminal: Terminal) -> None:
    out = io.StringIO()
    display = text(out, terminal.stream)
    display.progress(snapshot())
    assert len(terminal.lines()) == 4
    display.report(report())
    assert terminal.lines() == [""]
    assert out.getvalue().startswith("echo h:1: ok\n")


def test_a_limit_is_a_warning_where_a_script_keeps_the_summary(terminal: Terminal) -> None:
    limited = report(load=load(limit=LIMIT))
    out, err, quiet = io.StringIO(), io.StringIO(), io.StringIO()
    text(out, err).report(limited)
    assert err.getvalue() == f"tw: {LIMIT}\n"
    assert f"limit: {LIMIT}\n" in out.getvalue()
    text(io.StringIO(), quiet, quiet=True).report(limited)
    assert quiet.getvalue() == ""
    text(terminal.stream, terminal.stream).report(limited)
    assert sum(LIMIT in line for line in terminal.lines()) == 1


def test_a_terminal_that_takes_nothing_is_not_warned(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Were it waited for, this would hang."""
    monkeypatch.setattr("tw.view.PARTING_S", 0.05)
    out = io.StringIO()
    display = text(out, terminal.stream)
    for _ in range(2000):
        display.progress(snapshot())
    display.report(report(load=load(limit=LIMIT)))
    assert f"limit: {LIMIT}\n" in out.getvalue()
    terminal.drain()


def test_json_says_the_limit_itself() -> None:
    out, err = io.StringIO(), io.StringIO()
    make_display(CommonOptions(), as_json=True, stdout=out, stderr=err).report(report(load=load(limit=LIMIT)))
    assert err.getvalue() == ""
    assert json.loads(out.getvalue())["limit"] == LIMIT


# The JSON stream ------------------------------------------------------------------------------------------------------


def documents(data: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in data.splitlines()]


def stream(pipe: Pipe) -> Screen:
    display = make_display(
        CommonOptions(),
        as_json=True,
        stream=pipe.clock.callLater,
        stdout=pipe.stream,  # type: ignore[arg-type] # a text stream, which a TextIO is, though not by name
    )
    display.now = lambda: 0.0
    return display


def test_each_second_is_an_object_and_the_report_is_the_last(pipe: Pipe) -> None:
    display = stream(pipe)
    assert display.progress_every_s == 1.0
    display.progress(snapshot())
    (progress,) = documents(pipe.read())
    display.report(report())
    (last,) = documents(pipe.read())
    assert progress == {
        "v": 1,
        "event": "progress",
        "at": AT,
        "elapsed_s": 4.0,
        "warming": False,
        "rate_per_s": 12340.0,
        "sent": 50_050,
        "received": 50_000,
        "bad": 0,
        "under_way": 50,
        "connections": 50,
        "rtt_ms": TIMES.to_json(),
        "interval_rtt_ms": None,
    }
    assert last == {"event": "report", "at": AT, **report().to_json()}
    assert list(last)[:3] == ["v", "event", "at"]


def test_in_ping_mode_each_sample_is_an_object(pipe: Pipe) -> None:
    display = stream(pipe)
    display.sample(Sample(number=1, rtt_s=0.001234, outcome="ok"))
    display.sample(Sample(number=2, rtt_s=None, outcome="timeout", detail="x"))
    head = {"v": 1, "event": "sample", "at": AT}
    assert documents(pipe.read()) == [
        {**head, "number": 1, "outcome": "ok", "rtt_ms": 1.234, "detail": ""},
        {**head, "number": 2, "outcome": "timeout", "rtt_ms": None, "detail": "x"},
    ]


def test_who_reads_nothing_holds_up_nothing_and_gets_the_report_in_the_end(pipe: Pipe) -> None:
    """More lines than a pipe and what is kept hold: were they waited for, the test would hang."""
    display = stream(pipe)
    for _ in range(5_000):
        display.progress(snapshot())
    with pipe.read_to_its_end() as read:
        display.report(report())
    *lines, unwritten, last = documents(b"".join(read))
    assert {line["event"] for line in lines} == {"progress"}
    assert (unwritten["event"], unwritten["lines"]) == ("unwritten", 5_000 - len(lines))
    assert last["event"] == "report"


def test_a_failure_is_in_the_last_line(pipe: Pipe) -> None:
    display = stream(pipe)
    display.progress(snapshot())
    with pipe.read_to_its_end() as read:
        display.report(report(ok=False, error=Interrupted("SIGINT")))
    _, last = documents(b"".join(read))
    assert (last["event"], last["ok"], last["error"]["exit"]) == ("report", False, 130)
