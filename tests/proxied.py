"""A door that asks for a PROXY header, on a reactor that a test turns by hand, and the programs behind it."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from twisted.internet import main, tcp
from twisted.internet.address import IPv4Address
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from sockets import HandReactor
from tw.core.networks import LOOPBACK, Networks
from tw.core.proxy import HostAddress, v1_header, v2_header
from tw.net.proxy import HeaderFirst
from tw.net.stream import Stream

PROXY = IPv4Address("TCP", "127.0.0.1", 5)
CLIENT = HostAddress("192.0.2.1", 4711)
HERE = HostAddress("192.0.2.9", 80)
V1, V2 = v1_header(CLIENT, HERE), v2_header(CLIENT, HERE, checksum=True)


@implementer(IHalfCloseableProtocol)
class Program(Protocol):
    """Echoes through a `Stream`, and notes what happens to it."""

    def __init__(self, address: object) -> None:
        self.address = address
        self.story: list[str] = []
        self.got = b""

    def connectionMade(self) -> None:
        self.stream = Stream(self.transport)
        self.story.append("made")

    def dataReceived(self, data: bytes) -> None:
        self.got += data
        self.stream.write(data)

    def readConnectionLost(self) -> None:
        self.story.append("shut")
        self.stream.close()

    def writeConnectionLost(self) -> None:
        raise AssertionError("nobody half-closes here")

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.story.append(type(reason.value).__name__)


class Programs:
    """A factory; `turns_away` has it refuse."""

    def __init__(self) -> None:
        self.made: list[Program] = []
        self.turns_away = False
        self.kind = Program

    def buildProtocol(self, addr: object) -> Program | None:
        if self.turns_away:
            return None
        self.made.append(self.kind(addr))
        return self.made[-1]


class Room:
    """Keeps a limit of connections, and one address out."""

    def __init__(self, most: int, denied: str = "") -> None:
        self.most = most
        self.denied = denied
        self.hosts: list[str | None] = []

    def turned_away(self, host: str | None) -> str | None:
        return "denied" if host == self.denied else None

    def refusal(self, host: str | None) -> str | None:
        return "full" if len(self.hosts) >= self.most else None

    def entered(self, host: str | None) -> None:
        self.hosts.append(host)

    def left(self, host: str | None) -> None:
        self.hosts.remove(host)


class Door:
    """`HeaderFirst` in front of programs, on a reactor that is turned by hand."""

    def __init__(self, reactor: Any = None, trust: tuple[str, ...] = LOOPBACK, room: Room | None = None) -> None:
        self.reactor = reactor or HandReactor()
        self.programs = Programs()
        self.refusals: list[tuple[object, str]] = []
        self.factory = HeaderFirst(
            self.reactor,
            self.programs,
            Networks.parse(trust),
            lambda address, why: self.refusals.append((address, why)),
            room,
        )

    @property
    def program(self) -> Program:
        (made,) = self.programs.made
        return made

    @property
    def settled(self) -> bool:
        """Whether nothing is waited for any more."""
        return not self.factory.pending and self.reactor.getDelayedCalls() == []

    @contextmanager
    def visit(self, address: Any = PROXY, kind: type[tcp.Server] = tcp.Server) -> Iterator[socket.socket]:
        """Connect over a real transport of Twisted's; gives the far end."""
        near, far = socket.socketpair()
        far.setblocking(False)
        protocol: Any = self.factory.buildProtocol(address)
        assert protocol is not None
        no_port: Any = None
        transport = kind(near, protocol, ("127.0.0.1", 5), no_port, 1, self.reactor)
        try:
            protocol.makeConnection(transport)
            yield far
        finally:
            far.close()
            transport.connectionLost(Failure(main.CONNECTION_DONE))


def gone(far: socket.socket) -> bool:
    """Whether the other side has closed."""
    try:
        return far.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True
