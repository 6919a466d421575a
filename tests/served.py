"""A service on ports of its own, whose clients are in memory: what each was sent, and everything that was told."""

from collections.abc import Callable
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import ensureDeferred
from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.python.failure import Failure

from counter_memory import TcpTransport
from running import Running
from sockets import HandReactor
from tw.events import Listening, ServerEvent, ServerSummary


class Visitor:
    """A client of a service. `settle` ends its connection as a transport would, once all is sent or it is aborted."""

    def __init__(self, factory: Any, address: object, *, tls: bool = False) -> None:
        self.transport = TcpTransport()
        if tls:
            self.transport.TLS = True
        self.protocol = factory.buildProtocol(address)
        self.protocol.makeConnection(self.transport)
        self.there = True

    def says(self, data: bytes) -> None:
        self.protocol.dataReceived(data)

    def reads(self) -> bytes:
        return self.transport.read()

    def shuts(self) -> None:
        self.protocol.readConnectionLost()

    def leaves(self, reason: Exception | None = None) -> None:
        self.there = False
        self.protocol.connectionLost(Failure(reason or ConnectionDone()))

    def settle(self) -> None:
        if self.there and self.transport.aborted:
            self.leaves(ConnectionAborted())
        elif self.there and self.transport.disconnecting and not self.transport.value():
            self.leaves()


class Served:
    """A service that runs on a reactor by hand."""

    def __init__(self, make: Callable[[Any, Callable[[ServerEvent], None]], Any], reactor: HandReactor) -> None:
        self.reactor = reactor
        self.events: list[ServerEvent] = []
        self.service = make(reactor, self.events.append)
        self.visitors: list[Visitor] = []
        self.listening: list[Listening] = []

    def start(self) -> "Served":
        self.listening = self.attempt().result
        return self

    def attempt(self) -> Running:
        """Start it, whatever comes of that."""
        running = Running(ensureDeferred(self.service.start()))
        self.reactor.turns(40)
        return running

    def visit(self, port: int = 5, *, tls: bool = False) -> Visitor:
        factory = self.service.listener.ports[0].factory
        visitor = Visitor(factory, IPv4Address("TCP", "192.0.2.1", port), tls=tls)
        self.visitors.append(visitor)
        return visitor

    def stopping(self) -> Running:
        running = Running(ensureDeferred(self.service.stop()))
        self.settle()
        return running

    def stop(self) -> ServerSummary:
        """Stop it while everyone reads, and give its summary. Nothing may be left behind."""
        stopping = self.stopping()
        for visitor in self.visitors:
            visitor.reads()
        self.settle()
        summary: ServerSummary = stopping.result
        assert self.reactor.getDelayedCalls() == []
        assert self.reactor.getReaders() == []
        return summary

    def settle(self) -> None:
        """One turn of the reactor, and what the network makes of it."""
        self.reactor.turn()
        for visitor in self.visitors:
            visitor.settle()
        self.reactor.turn()
