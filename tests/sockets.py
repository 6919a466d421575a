"""Twisted's own transports and ports over real sockets, driven by hand: no reactor runs, so nothing happens unasked."""

import select
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from twisted.internet import main, tcp, udp, unix
from twisted.internet.protocol import Protocol
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure


class HandReactor(MemoryReactorClock):
    """Binds real ports and notes who wants to read or write. `turn` lets them, where they can."""

    def listenTCP(self, port: int, factory: Any, backlog: int = 50, interface: str = "") -> Any:
        return _listening(tcp.Port(port, factory, backlog, interface, self))

    def listenUDP(self, port: int, protocol: Any, interface: str = "", maxPacketSize: int = 8192) -> Any:
        return _listening(udp.Port(port, protocol, interface, maxPacketSize, self))

    def listenUNIX(self, address: Any, factory: Any, backlog: int = 50, mode: int = 0o666, wantPID: int = 0) -> Any:
        return _listening(unix.Port(address, factory, backlog, mode, self, wantPID))

    def turn(self) -> None:
        """What one turn of a reactor does: timed calls, then reads, then writes, each on what is ready."""
        self.advance(0)
        for selectable in list(self.getReaders()):
            if selectable in self.getReaders() and _ready(selectable, select.POLLIN):
                self._after(selectable, selectable.doRead(), reading=True)
        for selectable in list(self.getWriters()):
            if selectable in self.getWriters() and _ready(selectable, select.POLLOUT):
                self._after(selectable, selectable.doWrite(), reading=False)
        self.advance(0)

    def turns(self, count: int = 10) -> None:
        for _ in range(count):
            self.turn()

    def _after(self, selectable: Any, why: Any, *, reading: bool) -> None:
        if why is None:
            return
        self.removeReader(selectable)
        if reading and why is main.CONNECTION_DONE:
            selectable.readConnectionLost(Failure(why))
        else:
            self.removeWriter(selectable)
            selectable.connectionLost(Failure(why))


def _listening(port: Any) -> Any:
    """Start the port. Where it cannot be bound, Twisted leaves its socket to the garbage collector; not so here."""
    made: list[socket.socket] = []
    create = port.createInternetSocket

    def note() -> socket.socket:
        made.append(create())
        return made[0]

    port.createInternetSocket = note
    try:
        port.startListening()
    except Exception:
        for unbound in made:
            unbound.close()
        raise
    return port


def _ready(selectable: Any, event: int) -> bool:
    poll = select.poll()
    poll.register(selectable.fileno(), event)
    return bool(poll.poll(0))


@contextmanager
def connected(
    protocol: Protocol, reactor: HandReactor, kind: type[tcp.Server] = tcp.Server
) -> Iterator[tuple[Any, socket.socket]]:
    """A real transport of Twisted's with `protocol` on it, and the socket at its far end, which does not block."""
    near, far = socket.socketpair()
    far.setblocking(False)
    near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    no_port: Any = None
    transport = kind(near, protocol, ("192.0.2.1", 5), no_port, 1, reactor)
    try:
        protocol.makeConnection(transport)
        yield transport, far
    finally:
        far.close()
        transport.connectionLost(Failure(main.CONNECTION_DONE))


@contextmanager
def connected_pair(one: Any, other: Any, reactor: HandReactor) -> Iterator[tuple[Any, Any]]:
    """Two protocols on real transports of Twisted's that are each other's far end."""
    no_port: Any = None
    ends = [tcp.Server(end, None, ("192.0.2.1", 5), no_port, 1, reactor) for end in socket.socketpair()]
    for end, protocol in zip(ends, (one, other), strict=True):
        end.protocol = protocol
        protocol.makeConnection(end)
    try:
        yield ends[0], ends[1]
    finally:
        for end in ends:
            end.connectionLost(Failure(main.CONNECTION_DONE))


def drained(far: socket.socket) -> bytes:
    """All that can be read now."""
    got = b""
    while True:
        try:
            data = far.recv(65_536)
        except BlockingIOError:
            return got
        if not data:
            return got
        got += data
