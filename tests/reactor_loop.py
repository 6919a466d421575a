"""A lean reactor that a test turns by hand, with real connections on it."""

import socket
from typing import Any

from twisted.internet import tcp
from twisted.internet.error import ConnectionLost
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from tw.net.accepted import Accepted
from tw.net.reactor import LeanReactor


class Program(Protocol):
    """Notes what it gets, in the order of all of them (`story`), and does what it is told to on the way."""

    def __init__(self, name: str, story: list[str]) -> None:
        self.name = name
        self.story = story

    def dataReceived(self, data: bytes) -> None:
        self.story.append(f"{self.name} got {data.decode()}")
        self.act()

    def act(self) -> None:
        """Nothing, by default."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.story.append(f"{self.name} lost: {type(reason.value).__name__}")


class Loop:
    """A reactor that nobody has installed, its connections (transports of one `kind`), and what became of them."""

    def __init__(self, kind: type[tcp.Server] = Accepted) -> None:
        self.reactor = LeanReactor()
        self._kind = kind
        self.story: list[str] = []
        self.ends: list[socket.socket] = []

    def connect(self, kind: type[Program] = Program) -> Program:
        program = kind(str(len(self.ends)), self.story)
        self.attach(program)
        return program

    def attach(self, protocol: Protocol) -> socket.socket:
        """Connect any protocol; gives the far end."""
        near, far = socket.socketpair()
        near.setblocking(False)
        no_port: Any = None
        transport: Any = self._kind(near, protocol, ("192.0.2.1", 5), no_port, 1, self.reactor)
        protocol.makeConnection(transport)
        self.ends.append(far)
        return far

    def poll(self) -> list[str]:
        """One batch of events; what happened in it."""
        self.story.clear()
        self.reactor.doPoll(0)
        return self.story

    def close(self) -> None:
        for selectable in self.reactor.removeAll():
            selectable.connectionLost(Failure(ConnectionLost()))
        waker: Any = self.reactor.waker
        waker.connectionLost(Failure(ConnectionLost()))
        self.reactor._poller.close()
        for end in self.ends:
            end.close()
