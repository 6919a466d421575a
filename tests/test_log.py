"""Twisted's log on stderr: a line an event, tracebacks for those who ask, and nothing that a terminal would obey."""

import errno
import io
import sys
import warnings

import pytest
from twisted.internet import tcp
from twisted.logger import LogBeginner, Logger, LogLevel, LogPublisher
from twisted.python import log
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


@pytest.mark.parametrize("namespace", ["twisted.internet.tcp", "twisted", "log_legacy"])
@pytest.mark.parametrize(
    ("verbosity", "shown"), [(0, ["warn", "error", "critical"]), (1, ["warn", "error", "critical"]), (2, None)]
)
def test_twisted_tells_of_itself_at_two_v_alone(namespace: str, verbosity: int, shown: list[str] | None) -> None:
    levels = list(LogLevel.iterconstants())
    stream = io.StringIO()
    logger = Logger(namespace=namespace, observer=LineObserver(verbosity, stream))
    for level in levels:
        logger.emit(level, "{name}", name=level.name)
    assert stream.getvalue().replace("tw: ", "").split() == (shown or [level.name for level in levels])


def test_who_is_called_nearly_like_twisted_is_not_twisted() -> None:
    stream = io.StringIO()
    Logger(namespace="twistedly", observer=LineObserver(1, stream)).info("told")
    assert stream.getvalue() == "tw: told\n"


# Connections that cannot be accepted ----------------------------------------------------------------------------------

TURNED_AWAY = "tw: too many open files: connections are turned away; raise the limit (ulimit -n)\n"


def _accepting(verbosity: int, *codes: int, reserve: bool) -> str:
    """What is told where Twisted's own `_accept` meets these errors, once each."""
    stream = io.StringIO()
    observer = LineObserver(verbosity, stream)

    errors = [OSError(code, "as accept raises it") for code in codes]

    class Listening:
        def accept(self) -> object:
            raise errors.pop(0) if errors else BlockingIOError(errno.EAGAIN, "nobody is left")

    reserved = tcp._FileDescriptorReservation(lambda: io.StringIO())
    if reserve:
        reserved.reserve()
    logger = Logger(namespace="twisted.internet.tcp", observer=observer)
    for _ in codes:
        assert list(tcp._accept(logger, range(1), Listening(), reserved)) == []
    return stream.getvalue()


@pytest.mark.parametrize("verbosity", [0, 1])
@pytest.mark.parametrize("reserve", [True, False])
def test_descriptors_that_have_run_out_are_told_once(verbosity: int, reserve: bool) -> None:
    assert _accepting(verbosity, errno.EMFILE, errno.EMFILE, errno.EMFILE, reserve=reserve) == TURNED_AWAY


def test_another_reason_not_to_accept_is_told_once_as_well() -> None:
    told = _accepting(0, errno.ENFILE, errno.ENFILE, errno.EMFILE, reserve=False)
    assert told == "tw: connections cannot be accepted: too many open files in system\n" + TURNED_AWAY


def test_a_client_that_left_before_its_turn_is_no_trouble() -> None:
    assert _accepting(1, errno.ECONNABORTED, reserve=False) == ""


def test_two_v_show_twisteds_own_words_too() -> None:
    text = _accepting(2, errno.EMFILE, reserve=True)
    assert text.startswith(TURNED_AWAY + "tw: EMFILE encountered")


def test_a_descriptor_that_cannot_be_kept_in_reserve_is_no_bug_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left() -> object:
        raise OSError(errno.EMFILE, "Too many open files")

    stream = io.StringIO()
    reserved = tcp._FileDescriptorReservation(none_left)
    monkeypatch.setattr(
        tcp._FileDescriptorReservation, "_log", Logger("twisted.internet.tcp", observer=LineObserver(0, stream))
    )
    reserved.reserve()
    assert stream.getvalue() == TURNED_AWAY


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


@pytest.mark.parametrize("verbosity", [0, 1])
def test_a_bug_that_twisted_tells_in_its_old_way_is_one_line_too(verbosity: int) -> None:
    stream = io.StringIO()
    publisher = LogPublisher(LineObserver(verbosity, stream))
    old = log.LogPublisher(publisher, publisher)  # what `log.err` speaks to
    try:
        raise RuntimeError("boom")
    except RuntimeError:
        old.msg(failure=Failure(), why=None, isError=1)
    assert stream.getvalue() == "tw: a bug in tw: RuntimeError: boom; run it with -vv to see where\n"
