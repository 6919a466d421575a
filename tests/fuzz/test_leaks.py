"""Guests that come and go in every manner: no delayed call, no connection, no cursor and no object stays."""

import gc
from collections import Counter
from typing import Any

import pytest

from fuzz.guests import Guest, House
from tw.serve_options import ServeCounterOptions, ServeEchoOptions, ServePubSubOptions
from tw.services.counter import CounterService
from tw.services.echo import EchoService
from tw.services.pubsub import PubSubService

SERVICES: dict[str, Any] = {
    "echo": lambda reactor, emit: EchoService(reactor, ServeEchoOptions(port=0), emit),
    "counter": lambda reactor, emit: CounterService(reactor, ServeCounterOptions(port=0), emit),
    "pubsub": lambda reactor, emit: PubSubService(reactor, ServePubSubOptions(port=0, backlog_bytes=50_000), emit),
}

SAYINGS = [b"", b"half", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 3, b"\x16\x03\x01", b"x" * 100_000, b"x\n" * 30_000]
ENDS = [("leaves",), ("shuts",), ("breaks",), ("reads", "leaves"), ("shuts", "breaks"), ("shuts", "reads", "leaves")]

KINDS = ("EchoServer", "CounterServer", "PubSubServer", "Stream", "Cursor", "Requests", "Server", "LineSplitter")


def kinds() -> Counter[str]:
    gc.collect()
    return Counter(type(one).__name__ for one in gc.get_objects() if type(one).__name__ in KINDS)


@pytest.mark.parametrize("service", SERVICES)
def test_nothing_stays_of_who_has_gone(service: str) -> None:
    before = kinds()
    with House(SERVICES[service], lambda house: None) as house:
        own = kinds()
        for _ in range(20):
            for saying in SAYINGS:
                for ends in ENDS:
                    visit(house, saying, ends)
        house.reactor.advance(60.0)
        house.reactor.turns(5)
        listener = house.service.listener
        assert listener.total_connections == 20 * len(SAYINGS) * len(ENDS)
        assert listener.connections == {}
        assert house.reactor.getDelayedCalls() == []
        assert house.reactor.getWriters() == []
        assert house.reactor.getReaders() == listener.ports
        assert not kinds() - own
        house.close()
    del house, listener
    assert not kinds() - before  # what others have left behind may go meanwhile


def visit(house: House, saying: bytes, ends: tuple[str, ...]) -> None:
    guest: Guest = house.call()
    house.everyone.clear()
    guest.says(saying)
    house.reactor.turn()
    for end in ends:
        getattr(guest, end)()
        house.reactor.turn()
    guest.leaves()
    for _ in range(5):
        house.reactor.turn()
