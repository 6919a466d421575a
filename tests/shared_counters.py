"""Counters that share a Redis, all of them in memory, and clients that ask them."""

from typing import Any

from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.protocol import Factory, Protocol

from counter_memory import AT_S, Response, get, responses
from memory import Network
from redis_memory import FakeRedis
from tw.core.via import parse_via
from tw.events import ServerEvent, ServerSummary
from tw.net.redis_access import RedisAccess
from tw.secret import Secret
from tw.serve_options import ServeCounterOptions
from tw.services.shared_counter import SharedCounterService
from tw.via_options import ViaOptions

URL = "redis://127.0.0.1?key=n"
KEY = b"n"


class Client(Protocol):
    """One connection to a counter."""

    def __init__(self) -> None:
        self.got = b""
        self.lost = False

    def dataReceived(self, data: bytes) -> None:
        self.got += data

    def connectionLost(self, reason: object = None) -> None:
        self.lost = True

    def ask(self, count: int = 1) -> None:
        transport: Any = self.transport
        transport.write(get() * count)

    def read(self) -> list[Response]:
        """What came since it was last looked."""
        data, self.got = self.got, b""
        return responses(data)


class Node:
    """One counter, with a client of it; `replaces`: it is in the place of a worker that ended."""

    def __init__(self, net: Network, port: int, *, replaces: bool = False, **options: Any) -> None:
        self.net = net
        self.port = port
        self.events: list[ServerEvent] = []
        chosen = ServeCounterOptions(**{"port": port, "via": ViaOptions(url=URL), "json": True, **options})
        access = RedisAccess(parse_via(URL, "key"), Secret("p"))
        self.service = SharedCounterService(net, chosen, self.events.append, access, lambda: AT_S, anyhow=replaces)

    def start(self) -> "Node":
        assert self.net.run(self.service.start()).result
        self.client = self.connect()
        return self

    def connect(self) -> Client:
        client = Client()
        factory = Factory.forProtocol(lambda: client)
        factory.noisy = False
        TCP4ClientEndpoint(self.net, "127.0.0.1", self.port).connect(factory)
        self.net.settle()
        return client

    def ask(self, count: int = 1) -> list[Response]:
        """The answers to requests that leave at once."""
        self.client.ask(count)
        self.net.settle()
        return self.client.read()

    def numbers(self, count: int = 1) -> list[int | None]:
        return [answer.number for answer in self.ask(count)]

    @property
    def told(self) -> list[str]:
        return [event.name for event in self.events]

    def stop(self) -> ServerSummary:
        stopping = self.net.run(self.service.stop())
        self.net.pass_s(10)
        summary: ServerSummary = stopping.result
        return summary


class Rig:
    """A Redis, and as many counters as are asked for."""

    def __init__(self, **options: Any) -> None:
        self.net = Network()
        self.redis = FakeRedis(self.net)
        self.redis.password = b"p"
        self._options = options
        self._nodes: list[Node] = []

    def node(self, **options: Any) -> Node:
        node = Node(self.net, 8080 + len(self._nodes), **{**self._options, **options})
        self._nodes.append(node)
        return node

    @property
    def added(self) -> list[int]:
        """What each INCRBY added, those that only look aside."""
        return [int(words[2]) for words in self.redis.named(b"INCRBY") if words[2] != b"0"]
