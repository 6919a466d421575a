"""Calls at the end of a reactor turn: once, after its events, and always before the reactor waits."""

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.task import Clock
from twisted.logger import LogEvent

from reactor_loop import Loop, Program
from tw.net.reactor import at_turn_end, end_turn_early


class _Poller:
    """Tells the story of each wait, how long it might last, and waits for nothing."""

    def __init__(self, poller: Any, story: list[str]) -> None:
        self._poller = poller
        self._story = story

    def poll(self, timeout: float, most: int) -> Any:
        self._story.append(f"waits {timeout}")
        return self._poller.poll(0, most)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._poller, name)


@pytest.fixture
def noted(loop: Loop) -> Callable[[str], Callable[[], None]]:
    """A call that is noted in the loop's story, as are the waits of its reactor."""
    loop.reactor._poller = _Poller(loop.reactor._poller, loop.story)
    return lambda name: lambda: loop.story.append(name)


def turn(loop: Loop) -> list[str]:
    """What one turn of the reactor's main loop is: delayed calls, then events. Gives what happened in it."""
    loop.story.clear()
    loop.reactor.runUntilCurrent()
    loop.reactor.doPoll(loop.reactor.timeout())
    return loop.story


@pytest.mark.usefixtures("quiet")
def test_it_is_made_once_after_all_events_of_the_turn(loop: Loop, noted: Callable[[str], Callable[[], None]]) -> None:
    class Asker(Program):
        def act(self) -> None:
            at_turn_end(loop.reactor, noted(f"end of {self.name}"))

    for _ in range(3):
        loop.connect(Asker)
        loop.ends[-1].send(b"x")
    story = turn(loop)
    assert sorted(story[:4]) == ["0 got x", "1 got x", "2 got x", "waits -1"]
    assert story[4:] == [f"end of {event[0]}" for event in story[1:4]]  # in the order of asking
    assert loop.reactor.getDelayedCalls() == []
    assert turn(loop) == ["waits -1"]


@pytest.mark.usefixtures("quiet")
def test_one_that_a_delayed_call_asks_for_is_made_before_the_reactor_waits(
    loop: Loop, noted: Callable[[str], Callable[[], None]]
) -> None:
    loop.connect()
    loop.ends[0].send(b"x")
    loop.reactor.callLater(0, at_turn_end, loop.reactor, noted("end"))
    assert turn(loop) == ["end", "waits 0", "0 got x"]
    assert turn(loop) == ["waits -1"]


@pytest.mark.usefixtures("quiet")
def test_a_delayed_call_that_it_asks_for_is_not_waited_past(
    loop: Loop, noted: Callable[[str], Callable[[], None]]
) -> None:
    """How long the reactor may wait was found out before: it cannot know of a call that came since."""
    soon = noted("soon")
    loop.reactor.callLater(0, at_turn_end, loop.reactor, lambda: loop.reactor.callLater(0, soon))
    assert turn(loop) == ["waits 0"]
    assert turn(loop) == ["soon", "waits -1"]


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("delayed", [False, True])
def test_one_that_another_asks_for_is_made_without_a_wait_in_between(
    delayed: bool, loop: Loop, noted: Callable[[str], Callable[[], None]]
) -> None:
    class Asker(Program):
        def act(self) -> None:
            ask()

    def ask() -> None:
        loop.story.append("asks")
        at_turn_end(loop.reactor, first)

    def first() -> None:
        loop.story.append("first")
        at_turn_end(loop.reactor, noted("second"))

    if delayed:
        loop.reactor.callLater(0, ask)
    else:
        loop.connect(Asker)
        loop.ends[0].send(b"x")
    story = [*turn(loop), *turn(loop), *turn(loop)]
    between = story[story.index("asks") : story.index("second")]
    assert [event for event in between if event not in ("asks", "first", "waits 0")] == []
    assert (story.count("first"), story.count("second")) == (1, 1)
    assert turn(loop) == ["waits -1"]


def test_a_fault_in_one_is_logged_and_the_others_are_still_made(
    loop: Loop, noted: Callable[[str], Callable[[], None]], logged: list[LogEvent]
) -> None:
    def fault() -> None:
        raise RuntimeError("a bug of its own")

    for call in (noted("before"), fault, noted("after")):
        at_turn_end(loop.reactor, call)
    assert turn(loop) == ["before", "after", "waits 0"]
    (event,) = logged
    assert str(event["log_failure"].value) == "a bug of its own"
    assert turn(loop) == ["waits -1"]


def test_with_another_reactor_it_is_a_delayed_call() -> None:
    clock, story = Clock(), []
    at_turn_end(clock, lambda: story.append("end"))
    assert story == []
    clock.advance(0)
    assert story == ["end"]
    assert clock.getDelayedCalls() == []


# Turns that end early


@pytest.mark.usefixtures("quiet")
def test_what_an_early_end_cuts_off_comes_first_in_the_next_turn_and_in_its_order(loop: Loop) -> None:
    class Ender(Program):
        def act(self) -> None:
            assert end_turn_early(loop.reactor)

    for _ in range(4):
        loop.connect(Ender)
    got = []
    for _ in range(8):
        for end in loop.ends:
            end.send(b"x")
        got += [event[0] for event in loop.poll()]
    first = got[:4]
    assert sorted(first) == ["0", "1", "2", "3"]
    assert got[4:] == first


@pytest.mark.usefixtures("quiet")
def test_an_early_end_costs_no_event(loop: Loop) -> None:
    class Ender(Program):
        def act(self) -> None:
            if self.name == "1":
                end_turn_early(loop.reactor)

    for _ in range(4):
        loop.connect(Ender)
    for end in loop.ends:
        end.send(b"x")
    assert sorted([*loop.poll(), *loop.poll()]) == [f"{name} got x" for name in range(4)]
    assert loop.poll() == []


@pytest.mark.usefixtures("quiet")
def test_an_early_end_outside_of_the_dispatch_does_nothing(
    loop: Loop, noted: Callable[[str], Callable[[], None]]
) -> None:
    loop.connect()
    at_turn_end(loop.reactor, lambda: end_turn_early(loop.reactor))
    loop.ends[0].send(b"x")
    assert turn(loop) == ["waits 0", "0 got x"]
    loop.reactor.callLater(0, end_turn_early, loop.reactor)
    loop.ends[0].send(b"y")
    assert turn(loop) == ["waits -1", "0 got y"]


def test_another_reactor_cannot_end_its_turns_early() -> None:
    assert not end_turn_early(Clock())
