"""What tests of every layer share: nothing may be left behind, and nothing may fail in silence."""

import signal
from collections.abc import Iterator

import pytest
from hypothesis import settings
from twisted.internet.task import Clock
from twisted.logger import LogEvent, LogLevel, globalLogPublisher

# No deadline: a shared machine of the CI's may stop for longer than any example takes, and an fsync for longer still.
# Not derandomized, as Hypothesis does by itself where it finds a CI: each run tries other examples, and prints how to
# repeat one that failed.
settings.register_profile("tw", deadline=None, max_examples=100, derandomize=False, print_blob=True)
settings.load_profile("tw")

# Whoever started the tests in the background or under nohup had these ignored, and every process here inherits that.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def quiet() -> Iterator[None]:
    """Fails a test that lets an error reach Twisted's log alone."""
    events: list[LogEvent] = []
    globalLogPublisher.addObserver(events.append)
    yield
    globalLogPublisher.removeObserver(events.append)
    assert [event for event in events if event["log_level"] >= LogLevel.error] == []


@pytest.fixture
def logged() -> Iterator[list[LogEvent]]:
    """What reaches Twisted's log as an error while a test runs: the test looks at it."""
    events: list[LogEvent] = []

    def note(event: LogEvent) -> None:
        if event["log_level"] >= LogLevel.error:
            events.append(event)

    globalLogPublisher.addObserver(note)
    yield events
    globalLogPublisher.removeObserver(note)


@pytest.fixture
def clock() -> Iterator[Clock]:
    """A clock that nothing may be left on."""
    made = Clock()
    yield made
    assert made.getDelayedCalls() == []
