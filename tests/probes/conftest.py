"""What every test of a probe gets: a network that is empty at its end, and an ear for errors that nobody saw."""

import gc
import sys
from collections.abc import Iterator

import pytest
from twisted.logger import LogEvent, LogLevel, globalLogPublisher

from memory import Network
from running import Notes, Stdin


@pytest.fixture(scope="session", autouse=True)
def _frozen() -> Iterator[None]:
    """What is there before the tests is not looked at again: collecting after each of them costs little then."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(autouse=True)
def _nothing_in_silence() -> Iterator[None]:
    """Fails a test that leaves a failed Deferred behind, or an error in Twisted's log."""
    errors: list[LogEvent] = []

    def note(event: LogEvent) -> None:
        if event["log_level"] >= LogLevel.error:
            errors.append(event)

    globalLogPublisher.addObserver(note)
    yield
    gc.collect()  # an unhandled failure is logged once its Deferred goes
    globalLogPublisher.removeObserver(note)
    assert [str(event.get("log_failure") or event) for event in errors] == []


@pytest.fixture
def net() -> Iterator[Network]:
    made = Network()
    yield made
    made.settle()
    assert made.getDelayedCalls() == []


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stdin]:
    made = Stdin()
    monkeypatch.setattr(sys, "stdin", made)
    yield made
    made.close()
