"""SIGTERM under load: what is under way is finished, everyone is flushed, and what could not be is counted."""

import re
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from e2e.badpeers import WHOLE, connect, fill
from e2e.harness import TIMEOUT_S, serving, until

DRAIN_S = 40
"""Generous: a stop under load ends far sooner, with nobody cut off, and a busy machine must not fail a test."""


@contextmanager
def doing(work: Callable[[], None]) -> Iterator[None]:
    """Work on in a thread of its own, until a connection ends."""

    def run() -> None:
        with suppress(OSError):
            work()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        thread.join(TIMEOUT_S)
        assert not thread.is_alive()


LINES = 100_000
"""Of 100 bytes, and their prefixes: more than the kernel holds for who does not read."""


class Reader:
    """Reads in a thread all that comes up to the end, or to a reset."""

    def __init__(self, client: socket.socket) -> None:
        self.got = bytearray()
        self.ended = False
        self._client = client
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        with suppress(OSError):
            while data := self._client.recv(65_536):
                self.got += data
            self.ended = True

    def finish(self) -> bytes:
        self._thread.join(TIMEOUT_S)
        assert not self._thread.is_alive()
        return bytes(self.got)


@pytest.mark.parametrize("reactor", ["auto", "stock"])
def test_echo_sends_back_all_that_it_has_read(reactor: str) -> None:
    with serving("echo", "--reactor", reactor, "--drain-timeout", f"{DRAIN_S}s") as server:
        clients = [connect(server.port) for _ in range(5)]
        readers = [Reader(client) for client in clients]

        def send(client: socket.socket) -> Callable[[], None]:
            def forever() -> None:
                while True:
                    client.sendall(bytes(10_000))

            return forever

        with doing(send(clients[0])), doing(send(clients[1])), doing(send(clients[2])):
            until(lambda: all(len(reader.got) > 1_000_000 for reader in readers[:3]))
            summary = server.stop()
        received = [len(reader.finish()) for reader in readers]
        assert summary["cut_off"] == 0
        assert summary["sent_bytes"] == summary["received_bytes"]
        assert (
            sum(received) <= summary["sent_bytes"]
        )  # who still sends is reset, and may lose what is on its way to him
        assert received[3:] == [0, 0]
        assert readers[3].ended
        for client in clients:
            client.close()


@pytest.mark.parametrize("reactor", ["auto", "stock"])
def test_the_counter_answers_what_it_has_begun_and_loses_no_number(reactor: str) -> None:
    request = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    patient = ("--drain-timeout", f"{DRAIN_S}s", "--header-timeout", "10m")  # whoever is under way takes its time
    with serving("counter", "--reactor", reactor, *patient) as server:
        under_way = connect(server.port)
        under_way.sendall(request[:20])
        busy = [connect(server.port) for _ in range(4)]

        def ask(client: socket.socket) -> Callable[[], None]:
            def forever() -> None:
                while True:
                    client.sendall(request * 10)

            return forever

        readers = [Reader(client) for client in busy]
        with doing(ask(busy[0])), doing(ask(busy[1])), doing(ask(busy[2])), doing(ask(busy[3])):
            until(lambda: all(len(reader.got) > 100_000 for reader in readers))
            server.process.send_signal(signal.SIGTERM)
            server.wait_for("stopping")
            under_way.sendall(request[20:])
            last = Reader(under_way).finish()
            summary = server.wait_for("summary")
            assert server.process.wait(TIMEOUT_S) == 0
        assert b"\r\n\r\nI am request #" in last
        assert b"Connection: close" in last
        numbers = [int(n) for reader in readers for n in re.findall(rb"I am request #([0-9]+)\n", reader.finish())]
        numbers += [int(n) for n in re.findall(rb"I am request #([0-9]+)\n", last)]
        assert len(set(numbers)) == len(numbers)
        assert max(numbers) <= summary["requests"]
        assert summary["cut_off"] == 0
        for client in (under_way, *busy):
            client.close()


@pytest.mark.parametrize("reactor", ["auto", "stock"])
def test_pubsub_flushes_every_subscriber(reactor: str) -> None:
    """Those who read get every line that was ordered, though they are far behind when the signal comes."""
    options = ("--no-prefix", "--backlog", "1G", "--drain-timeout", f"{DRAIN_S}s")
    with serving("pubsub", "--reactor", reactor, *options) as server:
        late = [connect(server.port) for _ in range(5)]
        publisher = connect(server.port)
        told = Reader(publisher)
        lines = b"".join(b"%08d %s\n" % (number, b"x" * 91) for number in range(50_000))
        publisher.sendall(lines)
        until(lambda: len(told.got) == len(lines))  # all of it is ordered, and `late` have read nothing
        server.process.send_signal(signal.SIGTERM)
        server.wait_for("stopping")
        readers = [Reader(client) for client in late]
        got = [reader.finish() for reader in readers]
        summary = server.wait_for("summary")
        assert server.process.wait(TIMEOUT_S) == 0
        assert [one == lines for one in got] == [True] * len(late)
        assert all(reader.ended for reader in readers)
        assert (summary["cut_off"], summary["lines"], summary["dropped_lines"]) == (0, 50_000, 0)
        for client in (publisher, *late):
            client.close()


@pytest.mark.parametrize("service", ["echo", "counter", "pubsub"])
def test_who_cannot_be_flushed_is_counted_and_not_waited_for_any_longer(service: str) -> None:
    asks = {"echo": bytes(65_536), "counter": b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 500, "pubsub": b"x" * 99 + b"\n"}
    # No limit but the drain's own comes to its end meanwhile.
    more = {"echo": (), "counter": ("--send-timeout", "10m"), "pubsub": ("--backlog", "64M")}[service]
    with serving(service, "--drain-timeout", "500ms", *more) as server:
        deaf = [connect(server.port, small=True) for _ in range(7)]
        reads = connect(server.port)
        reader = Reader(reads)
        if service == "pubsub":
            reads.sendall(asks[service] * LINES)
            until(lambda: reader.got.count(b"\n") == LINES)
        else:
            for client in deaf:
                client.setblocking(False)
            reads.sendall(WHOLE[service])
            until(lambda: bool(reader.got))  # all that connected before it have been accepted by now
            fill(server, deaf, asks[service])
        summary = server.stop()
        assert summary["cut_off"] == 7
        reader.finish()
        assert reader.ended
        for client in (*deaf, reads):
            client.close()
