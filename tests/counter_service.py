"""The counter's service in memory: connections are made by hand, and the clock is turned."""

import os
from typing import Any

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.error import CannotListenError, ConnectionDone
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure

from counter_memory import AT_S, TcpTransport, responses, take_turns
from tw.events import ServerEvent, ServerSummary
from tw.protocols.counter import CounterServer
from tw.serve_options import ServeCounterOptions
from tw.services.counter import CounterService


class Reactor(MemoryReactorClock):
    """Binds in memory, or not at all."""

    taken = False

    def listenTCP(self, port: int, factory: Any, backlog: int = 50, interface: str = "") -> Any:
        if self.taken:
            raise CannotListenError(interface, port, OSError(98, os.strerror(98)))
        return super().listenTCP(port, factory, backlog, interface)


class Running:
    """A service in memory. Connections are made by hand, as a port would."""

    def __init__(self, options: ServeCounterOptions) -> None:
        self.reactor = Reactor()
        self.events: list[ServerEvent] = []
        self.service = CounterService(self.reactor, options, self.events.append, lambda: AT_S)

    def start(self) -> "Running":
        (self.listening,) = result(ensureDeferred(self.service.start()))
        return self

    def connect(self) -> tuple[CounterServer, TcpTransport]:
        factory = self.reactor.tcpServers[0][1]
        protocol = factory.buildProtocol(None)
        transport = TcpTransport()
        protocol.makeConnection(transport)
        return protocol, transport

    def ask(self, data: bytes) -> list[int]:
        """The statuses of the answers to `data`, over a connection of its own."""
        protocol, transport = self.connect()
        protocol.dataReceived(data)
        take_turns(self.reactor)
        statuses = [answer.status for answer in responses(transport.read())]
        protocol.connectionLost(Failure(ConnectionDone()))
        return statuses

    def stop(self) -> ServerSummary:
        return result(ensureDeferred(self.service.stop()))


def result(deferred: Deferred[Any]) -> Any:
    results: list[Any] = []
    deferred.addBoth(results.append)
    (value,) = results
    if isinstance(value, Failure):
        value.raiseException()
    return value
