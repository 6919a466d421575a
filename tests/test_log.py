"""Twisted's log on stderr: a line an event, tracebacks for those who ask, and nothing that a terminal would obey."""

import io
import sys
import warnings

import pytest
from twisted.logger import LogBeginner, Logger, LogLevel, LogPublisher
from twisted.python.failure import Failure

from tw.log import LineObserver, start_logging


def _logged(verbosity: int, level: LogLevel, text: str) -> str:
    stream = io.StringIO()
    Logger(observer=LineObserver(verbosity, stream)).emit(level, "{text}", text=text)
    return stream.getvalue()


def _failed(verbosity: int, text: str) -> str:
    stream = io.StringIO()
    try:
        raise RuntimeError(text)
    except RuntimeError:
        Logger(observer=LineObserver(verbosity, stream)).failure("while at work", Failure())
    return stream.getvalue()


@pytest.mark.parametrize(
    ("verbosity", "shown"),
    [
        (0, ["warn", "error", "critical"]),
        (1, ["info", "warn", "error", "critical"]),
        (2, ["debug", "info", "warn", "error", "critical"]),
        (3, ["debug", "info", "warn", "error", "critical"]),
    ],
)
def test_each_v_shows_one_level_more(verbosity: int, shown: list[str]) -> None:
    levels = list(LogLevel.iterconstants())
    assert [level.name for level in levels if _logged(verbosity, level, "x")] == shown


def test_an_event_is_one_line_flushed_at_once() -> None:
    class Stream(io.StringIO):
        flushed = ""

        def flush(self) -> None:
            self.flushed = self.getvalue()

    stream = Stream()
    Logger(observer=LineObserver(0, stream)).warn("{count} lines", count=3)
    assert stream.flushed == "tw: 3 lines\n"


def test_what_a_stranger_sent_is_escaped_and_stays_on_its_line() -> None:
    assert _logged(0, LogLevel.warn, "a\x1b[2J\nb\u202ec") == "tw: a\\x1b[2J\\x0ab\\u202ec\n"


def test_an_event_without_text_has_no_line() -> None:
    stream = io.StringIO()
    LineObserver(0, stream)({"log_level": LogLevel.error})
    assert stream.getvalue() == ""


def test_an_event_without_a_level_counts_as_information() -> None:
    stream = io.StringIO()
    LineObserver(0, stream)({"log_format": "quiet"})
    LineObserver(1, stream)({"log_format": "told"})
    assert stream.getvalue() == "tw: told\n"


@pytest.mark.parametrize("verbosity", [0, 1])
def test_a_bug_is_one_line_that_says_how_to_see_more(verbosity: int) -> None:
    text = _failed(verbosity, "a\x1b[2J\nb")
    assert text == "tw: a bug in tw: RuntimeError: a\\x1b[2J\\x0ab; run it with -vv to see where\n"


def test_a_bug_with_a_long_message_is_cut_short() -> None:
    assert len(_failed(0, "x" * 10_000)) < 300


def test_two_v_show_the_traceback_made_safe_line_by_line() -> None:
    text = _failed(2, "a\x1b[2Jb")
    assert text.startswith("tw: Traceback (most recent call last):\n")
    assert "raise RuntimeError(text)\n" in text
    assert text.rstrip().endswith("RuntimeError: a\\x1b[2Jb")
    assert "\x1b" not in text


def test_the_log_goes_to_the_stream_from_the_start_on_and_the_standard_streams_stay(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    publisher = LogPublisher()
    # A fresh one: the process's own can be begun only once.
    beginner = LogBeginner(publisher, io.StringIO(), sys, warnings)
    monkeypatch.setattr("tw.log.globalLogBeginner", beginner)
    log = Logger(observer=publisher)
    log.warn("before it was started")
    stream = io.StringIO()
    streams = (sys.stdout, sys.stderr)
    start_logging(1, stream)
    log.info("after")
    log.debug("too much")
    assert stream.getvalue() == "tw: after\n"
    assert (sys.stdout, sys.stderr) == streams
