"""Clients of several pub/sub servers that are one: what each has sent, and what each has got."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field

from e2e.harness import TIMEOUT_S, Server, serving, until
from e2e.redis import Redis


class Client:
    """Reads all that comes, in a thread of its own, from its start on."""

    def __init__(self, server: Server) -> None:
        self._socket = socket.create_connection(("127.0.0.1", server.port), TIMEOUT_S)
        self._socket.settimeout(None)
        self.peer = "{}:{}".format(*self._socket.getsockname())
        self.got = bytearray()
        self.is_over = False
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        with suppress(OSError):
            while data := self._socket.recv(65_536):
                self.got += data
        self.is_over = True

    def say(self, data: bytes) -> None:
        self._socket.sendall(data)

    def say_no_more(self) -> None:
        self._socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(TIMEOUT_S)
        self._socket.close()

    @property
    def lines(self) -> list[bytes]:
        """The whole lines so far, without their sources."""
        return [line.partition(b"> ")[2] or line for line in bytes(self.got).split(b"\n")[:-1]]


@dataclass
class Publisher:
    """Numbered lines from one client, in a thread of its own, until it is told to stop."""

    client: Client
    name: str
    pause_s: float = 0.002
    sent: int = 0
    _over: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._thread = threading.Thread(target=self._publish, daemon=True)
        self._thread.start()

    def _publish(self) -> None:
        with suppress(OSError):  # its server may be killed
            while not self._over.wait(self.pause_s):
                self.client.say(f"{self.name}.{self.sent}\n".encode())
                self.sent += 1

    def ask_to_stop(self) -> None:
        self._over.set()

    def stop(self) -> None:
        self.ask_to_stop()
        self._thread.join(TIMEOUT_S)
        assert not self._thread.is_alive()

    @property
    def all(self) -> list[bytes]:
        return [f"{self.name}.{number}".encode() for number in range(self.sent)]

    def among(self, lines: list[bytes]) -> list[bytes]:
        """Those of the lines that are its own."""
        return [line for line in lines if line.startswith(f"{self.name}.".encode())]


class Nodes:
    """Servers that are one, with a subscriber and a publisher on each."""

    def __init__(self, servers: list[Server], pause_s: float) -> None:
        self.servers = servers
        self.subscribers = [Client(server) for server in servers]
        for server in servers:
            server.wait_until_connected(1)
        self.publishers = [Publisher(Client(server), f"p{number}", pause_s) for number, server in enumerate(servers)]
        self.clients = [*self.subscribers, *(publisher.client for publisher in self.publishers)]

    def until_published(self, more: int) -> None:
        """Until each publisher has sent so many lines more."""
        goals = [publisher.sent + more for publisher in self.publishers]
        until(lambda: all(each.sent >= goal for each, goal in zip(self.publishers, goals, strict=True)))

    def settle(self) -> None:
        """No more is published, and all has arrived everywhere."""
        for publisher in self.publishers:
            publisher.stop()
        self._until_all_have(lambda lines: all(each.sent == len(each.among(lines)) for each in self.publishers))
        last = bytes(self.subscribers[0].got).splitlines(keepends=True)[-1]
        until(lambda: all(publisher.client.got.endswith(last) for publisher in self.publishers))

    def _until_all_have(self, enough: Callable[[list[bytes]], bool]) -> None:
        until(lambda: all(enough(subscriber.lines) for subscriber in self.subscribers))

    def check(self) -> None:
        """Each line once, in one order everywhere, also for the publishers, who came later."""
        first = bytes(self.subscribers[0].got)
        for subscriber in self.subscribers:
            assert bytes(subscriber.got) == first
        for publisher in self.publishers:
            assert publisher.among(self.subscribers[0].lines) == publisher.all
            assert first.endswith(bytes(publisher.client.got))
            assert not publisher.client.is_over


@contextmanager
def nodes(redis: Redis, count: int, *options: str, pause_s: float = 0.002) -> Iterator[Nodes]:
    """So many servers over one stream, with clients, publishing; all that is left is stopped in the end."""
    with ExitStack() as stack:
        servers = [stack.enter_context(serving("pubsub", "--via", redis.via(), *options)) for _ in range(count)]
        found = Nodes(servers, pause_s)
        try:
            yield found
        finally:
            for publisher in found.publishers:
                publisher.ask_to_stop()
            for client in found.clients:
                client.close()
