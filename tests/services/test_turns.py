"""Many publishers at once on a reactor of `tw`'s: a turn ends before those who read all the time fall behind."""

import socket
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from twisted.internet.defer import ensureDeferred

from reactor_loop import Loop
from running import Running
from tw.events import Dropped, ServerEvent
from tw.serve_options import ServePubSubOptions
from tw.services.pubsub import TURN_BYTES, PubSubService

pytestmark = pytest.mark.usefixtures("quiet")

PUBLISHERS = 64
BACKLOG_BYTES = 4 * TURN_BYTES
LINE = b"x" * 999 + b"\n"


@pytest.fixture
def loop() -> Iterator[Loop]:
    made = Loop()
    yield made
    made.close()


class _Bench:
    """A service on a lean reactor, with real connections."""

    def __init__(self, loop: Loop, **options: Any) -> None:
        chosen = ServePubSubOptions(**{"port": 0, "prefix": False, "backlog_bytes": BACKLOG_BYTES, **options})
        self.loop = loop
        self.events: list[ServerEvent] = []
        self.service = PubSubService(loop.reactor, chosen, self.events.append)
        running = Running(ensureDeferred(self.service.start()))
        while not running.over:
            self.turn()
        self.port = running.result[0].port

    def turn(self) -> None:
        self.loop.reactor.runUntilCurrent()
        self.loop.reactor.doPoll(0)

    def connect(self) -> socket.socket:
        client = socket.create_connection(("127.0.0.1", self.port))
        client.setblocking(False)
        self.loop.ends.append(client)
        return client

    def opened(self, count: int) -> None:
        while len(self.service.listener.connections) < count:
            self.turn()

    @property
    def held_bytes(self) -> int:
        held: int = self.service._fanout.held_bytes
        return held


def received(client: socket.socket) -> bytes:
    got = b""
    while True:
        try:
            data = client.recv(1 << 20)
        except BlockingIOError:
            return got
        if not data:
            return got
        got += data


@pytest.mark.parametrize("slow", ["disconnect", "drop", "block"])
def test_who_reads_all_the_time_gets_all_however_many_publish_at_once(loop: Loop, slow: str) -> None:
    """They push twelve backlogs between two turns; the subscriber reads after each turn."""
    bench = _Bench(loop, slow=slow, echo=False)
    healthy = bench.connect()
    bench.opened(1)
    publishers = [bench.connect() for _ in range(PUBLISHERS)]
    bench.opened(1 + PUBLISHERS)
    wanted = sum(publisher.send(LINE * 200) for publisher in publishers)
    assert wanted == PUBLISHERS * 200 * len(LINE) > 12 * BACKLOG_BYTES
    got = b""
    largest = turns = 0
    while len(got) < wanted:
        bench.turn()
        turns += 1
        largest = max(largest, bench.held_bytes)
        got += received(healthy)
        for publisher in publishers:
            received(publisher)
        assert turns < 10_000
    assert got == LINE * (wanted // len(LINE))
    assert not [event for event in bench.events if isinstance(event, Dropped)]
    assert largest <= BACKLOG_BYTES + 2 * TURN_BYTES
    bench.service._slow.stop()


def test_nobody_is_passed_over_for_long_when_turns_end_early(loop: Loop) -> None:
    """The kernel names those who are ready in the same order each time, and all are ready, always."""
    bench = _Bench(loop)
    publishers = [bench.connect() for _ in range(12)]
    bench.opened(12)
    for _ in range(12):
        for publisher in publishers:
            received(publisher)
            with suppress(BlockingIOError):
                publisher.send(LINE * 250)
        bench.turn()
    assert all(connection.received_bytes for connection in bench.service.listener.connections.values())
    bench.service._slow.stop()
