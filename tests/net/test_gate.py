"""The gate before `accept`: what must wait is left in the kernel's queue, and no descriptor too few spins or closes."""

import os
import resource
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from twisted.internet.protocol import Factory, Protocol
from twisted.logger import LogEvent, LogLevel, globalLogPublisher

from sockets import HandReactor
from tw.net.gate import QUIET_S, RETRY_S, SPARE_DESCRIPTORS, UNTIL_TOLD, Gate

WARNING = "too many open files: further connections wait until one ends; raise the limit (ulimit -n)"


class Door:
    """A port of its own behind a gate; `wait_s` is what the gate is answered, `accepted` who came in."""

    def __init__(self) -> None:
        self.reactor = HandReactor()
        self.wait_s = 0.0
        self.took = 0
        self.accepted: list[Protocol] = []
        self.clients: list[socket.socket] = []
        self.gate = Gate(self.reactor, lambda: self.wait_s, self._note)
        self.ports: list[Any] = []
        self.port = self.listen()

    def listen(self) -> Any:
        factory = Factory.forProtocol(self._build)
        factory.noisy = False
        port = self.reactor.listenTCP(0, factory, interface="127.0.0.1")
        self.gate.guard(port)
        self.ports.append(port)
        return port

    def _note(self) -> None:
        self.took += 1

    def _build(self) -> Protocol:
        self.accepted.append(Protocol())
        return self.accepted[-1]

    def knock(self, port: Any = None) -> None:
        self.clients.append(socket.create_connection(("127.0.0.1", (port or self.port).getHost().port)))

    @property
    def reading(self) -> bool:
        return self.port in self.reactor.getReaders()

    def leave(self, place: int = 0) -> None:
        protocol = self.accepted.pop(place)
        transport: Any = protocol.transport
        transport.abortConnection()
        self.reactor.turns(3)

    def close(self) -> None:
        self.gate.dismantle()
        for client in self.clients:
            client.close()
        while self.accepted:
            self.leave()
        for port in self.ports:
            if port.connected:
                port.stopListening()
        self.reactor.turns(3)
        assert self.reactor.getDelayedCalls() == []


@pytest.fixture
def door() -> Iterator[Door]:
    made = Door()
    yield made
    made.close()


@pytest.fixture
def warned() -> Iterator[list[str]]:
    """What is logged as a warning or worse."""
    texts: list[str] = []

    def note(event: LogEvent) -> None:
        if event["log_level"] >= LogLevel.warn:
            texts.append(event["log_format"].format(**event))

    globalLogPublisher.addObserver(note)
    yield texts
    globalLogPublisher.removeObserver(note)


@contextmanager
def few_descriptors(more: int) -> Iterator[None]:
    """Only so many can be opened beyond those that are."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.dup(0)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest + more, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_who_may_come_in_does_and_is_counted(door: Door) -> None:
    for _ in range(3):
        door.knock()
    door.reactor.turns(2)
    assert (len(door.accepted), door.took, door.gate.pauses) == (3, 3, 0)
    assert door.reading


def test_not_one_more_is_accepted_than_may_come_in(door: Door) -> None:
    """Twisted's port would accept all of them in one go."""
    door.gate._ask = lambda: 0.0 if door.took < 2 else UNTIL_TOLD
    for _ in range(5):
        door.knock()
    door.reactor.turns(3)
    assert len(door.accepted) == 2
    assert not door.reading
    assert door.reactor.getDelayedCalls() == []
    door.gate._ask = lambda: 0.0 if door.took < 4 else UNTIL_TOLD
    door.gate.reopen()
    door.reactor.turns(3)
    assert (len(door.accepted), door.gate.pauses) == (4, 2)
    assert not door.reading


def test_after_the_time_that_was_asked_for_it_opens_by_itself(door: Door) -> None:
    door.wait_s = 2.5
    door.knock()
    door.reactor.turns(2)
    door.wait_s = 0.0
    door.reactor.advance(2.4)
    door.reactor.turn()
    assert door.accepted == []
    door.reactor.advance(0.1)
    door.reactor.turn()
    assert len(door.accepted) == 1


def test_all_ports_wait_together_and_open_together(door: Door) -> None:
    other = door.listen()
    door.wait_s = UNTIL_TOLD
    door.knock()
    door.reactor.turns(2)
    assert not door.reading
    assert other not in door.reactor.getReaders()
    door.wait_s = 0.0
    door.knock(other)
    door.gate.reopen()
    door.reactor.turns(2)
    assert len(door.accepted) == 2


def test_a_port_that_is_bound_meanwhile_waits_as_well(door: Door) -> None:
    door.wait_s = UNTIL_TOLD
    door.knock()
    door.reactor.turns(2)
    other = door.listen()
    door.knock(other)
    door.reactor.turns(2)
    assert other not in door.reactor.getReaders()  # that would spin
    assert (door.accepted, door.gate.pauses) == ([], 1)


def test_a_port_that_is_closed_meanwhile_is_not_read_again(door: Door) -> None:
    door.wait_s = 1.0
    door.knock()
    door.reactor.turns(2)
    door.port.stopListening()
    door.wait_s = 0.0
    door.reactor.advance(1.0)
    door.reactor.turns(3)
    assert not door.reading
    assert door.accepted == []


def test_a_gate_that_is_dismantled_leaves_no_timer(door: Door) -> None:
    door.wait_s = 1.0
    door.knock()
    door.reactor.turns(2)
    assert len(door.reactor.getDelayedCalls()) == 1
    door.gate.dismantle()
    assert door.reactor.getDelayedCalls() == []


def test_a_port_of_another_kind_is_left_as_it_is(door: Door) -> None:
    port = object()
    door.gate.guard(port)
    door.wait_s = UNTIL_TOLD
    door.knock()
    door.reactor.turns(2)
    assert door.gate.shut  # and nobody has asked that object to stop reading


def test_other_errors_of_accept_are_twisteds_to_judge(door: Door) -> None:
    class Odd:
        def accept(self) -> None:
            raise PermissionError(1, "netfilter")

    with pytest.raises(PermissionError):
        door.gate.accept(Odd())
    assert not door.gate.shut


def test_out_of_descriptors_it_waits_warns_once_and_comes_back(door: Door, warned: list[str]) -> None:
    for _ in range(4):
        door.knock()
    with few_descriptors(2):
        door.reactor.turns(3)
        assert len(door.accepted) == 2
        assert not door.reading  # that would spin
        assert warned == [WARNING]
        door.reactor.advance(RETRY_S)  # nothing has come free, and nothing is said again
        door.reactor.turns(3)
        assert len(door.accepted) == 2
        assert not door.reading
        door.leave()
        door.gate.reopen()
        door.reactor.turns(3)
        assert len(door.accepted) == 2
        assert warned == [WARNING]
    door.reactor.advance(RETRY_S)  # the limit was raised, which nobody tells
    door.reactor.turns(3)
    assert len(door.accepted) == 3
    assert door.reading


def test_an_episode_ends_when_all_was_well_for_a_while(door: Door, warned: list[str]) -> None:
    def episode() -> None:
        door.knock()
        with few_descriptors(0):
            door.reactor.turns(3)
            assert not door.reading
        door.reactor.advance(RETRY_S)
        door.reactor.turns(3)
        assert door.reading

    episode()
    episode()
    assert warned == [WARNING]
    door.reactor.advance(QUIET_S - RETRY_S)
    episode()
    assert warned == [WARNING] * 2
    assert len(door.accepted) == 3


def test_the_last_descriptors_are_left_for_files(warned: list[str]) -> None:
    with few_descriptors(SPARE_DESCRIPTORS + 20):
        door = Door()
        ours, theirs = 1, 2  # the port's, and two for each connection to ourselves
        first = 7  # with some left, since other tests' files in this process come and go
        for _ in range(first):
            door.knock()
            door.reactor.turns(2)
        spare = SPARE_DESCRIPTORS + 20 - ours - theirs * first
        before = len(door.accepted)
        assert spare > 0
        assert warned == []
        for _ in range(5):
            door.knock()
            door.reactor.turns(2)
        assert warned == [WARNING]
        held = len(door.accepted)
        assert before <= held < 12
        with open(os.devnull):
            pass
        door.reactor.advance(RETRY_S)
        door.reactor.turns(3)
        assert len(door.accepted) == held
    door.close()
