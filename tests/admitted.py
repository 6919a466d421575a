"""Who asks a server to be let in."""

import socket
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress

from served import Served, Visitor
from sockets import HandReactor
from tw.events import Refused, ServerSummary
from tw.serve_options import ServeEchoOptions
from tw.services.echo import EchoService


class Guests:
    """An echo service, and who comes to it."""

    def __init__(self, **options: Any) -> None:
        chosen = ServeEchoOptions(port=0, **options)
        self.served = Served(lambda reactor, emit: EchoService(reactor, chosen, emit), HandReactor()).start()
        self.factory = self.served.service.listener.ports[0].factory
        self.clients: list[socket.socket] = []

    def comes(self, host: str | None, port: int = 5) -> Visitor | None:
        """A guest from there, if it is let in. `host` None is a unix socket's."""
        address: Any = UNIXAddress(None)
        if host is not None:
            address = (IPv6Address if ":" in host else IPv4Address)("TCP", host, port)
        if self.factory.buildProtocol(address) is None:
            return None
        visitor = Visitor(self.factory, address)
        self.served.visitors.append(visitor)
        return visitor

    def lets_in(self, host: str | None) -> bool:
        return self.comes(host) is not None

    @property
    def refused(self) -> list[Any]:
        return [event for event in self.served.events if isinstance(event, Refused)]

    @property
    def open(self) -> int:
        return len(self.served.service.listener.connections)

    # Over real sockets, which the gate holds back ---------------------------------------------------------------------

    def knocks(self) -> socket.socket:
        client = socket.create_connection(("127.0.0.1", self.served.listening[0].port or 0))
        client.setblocking(False)
        self.clients.append(client)
        self.turns()
        return client

    def turns(self) -> None:
        self.served.reactor.turns(4)

    def stop(self) -> ServerSummary:
        while self.clients:
            self.clients.pop().close()
        self.turns()
        return self.served.stop()
