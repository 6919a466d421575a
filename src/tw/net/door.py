"""A short way in: accepting TCP connections, and having their transports made.

Twisted's own way costs a connection for one request a quarter of its Python: 9 us of 38, from names for the log to the
enumerations in which `socket.accept` looks up what it is.
"""

import socket
from typing import TYPE_CHECKING, Any

from twisted.internet import tcp
from twisted.logger import Logger
from twisted.python.failure import Failure

from tw.net import accepted
from tw.net.accepted import Accepted
from tw.net.reactor import LeanReactor

if TYPE_CHECKING:
    from tw.net.gate import Gate

MOST_AT_ONCE = 64
"""Connections that are accepted in a row: those that are there already wait meanwhile, a millisecond."""


class Door:
    """Accepts for one of Twisted's ports, one by one as `gate` lets them, in place of the port's own `doRead`."""

    _log = Logger()

    def __init__(self, port: Any, gate: "Gate") -> None:
        self._port = port
        self._gate = gate
        listening: socket.socket = port.socket
        # Linux hands the option on to what is accepted: no connection costs a system call for it.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # As numbers: the socket would look each up in an enumeration, every time.
        self._kind = int(listening.family), int(listening.type), int(listening.proto)
        self._take: Any = listening._accept  # type: ignore[attr-defined]  # not in typeshed; `is_usable` looks
        self.fileno = listening.fileno
        self._most = 1  # to accept in a row

    def accept(self) -> tuple[socket.socket, Any]:
        """As `socket.accept`, and the socket does not block."""
        number, address = self._take()
        accepted = socket.socket(*self._kind, number)
        accepted.setblocking(False)
        return accepted, address

    def read(self) -> None:
        """The port is ready: somebody waits."""
        count = 0
        port = self._port
        for _ in range(self._most):
            if port.disconnecting:
                break  # who came in has ended the server: it reads no more of the port, and is not to empty its queue
            try:
                sock, address = self._gate.accept(self)
            except BlockingIOError:
                break
            except OSError as error:
                # The peer has left again, or a firewall's rule stopped it here (accept(2)): the next one may be fine.
                self._log.info("could not accept a connection: {error}", error=error)
                break
            count += 1
            try:
                self._let_in(sock, address)
            except Exception:
                self._log.failure("unhandled error while a protocol is built")
                sock.close()
        # As Twisted does it: to find that nobody else waits costs a system call and an exception.
        self._most = min(MOST_AT_ONCE, self._most + 20) if count == self._most else max(1, count)

    def _let_in(self, sock: socket.socket, address: Any) -> None:
        port = self._port
        if len(address) == 4 and address[3]:
            # The interface of a link-local peer, by name (RFC 4007, 11).
            host, _ = socket.getnameinfo(address, socket.NI_NUMERICHOST | socket.NI_NUMERICSERV)
            address = (host, *address[1:])
        protocol = port.factory.buildProtocol(port._buildAddr(address))
        if protocol is None:
            sock.close()
            return
        number = port.sessionno
        port.sessionno = number + 1
        transport = Accepted(sock, protocol, address, port, number, port.reactor)
        try:
            protocol.makeConnection(transport)
        except Exception:
            # One connection's fault costs that connection alone.
            self._log.failure("unhandled error while a connection is made")
            transport.connectionLost(Failure())


def is_usable(port: Any) -> bool:
    """Whether a door may stand in for `port`'s own accepting: plain TCP, and the private names that it leans on."""
    kind = type(port)
    return (
        isinstance(port, tcp.Port)
        and isinstance(port.reactor, LeanReactor)
        and (kind.doRead, kind.transport) == (tcp.Port.doRead, tcp.Server)
        and all(hasattr(port, name) for name in ("_buildAddr", "sessionno", "factory"))
        and hasattr(socket.socket, "_accept")
        and accepted.is_usable()
    )
