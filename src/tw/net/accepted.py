"""Twisted's transport of an accepted connection, made and ended in a short way.

A connection that lives for one request costs Twisted more than the request does: names for a log that nobody reads, and
four looks at five sets to forget one descriptor. What lies between its beginning and its end is Twisted's own.
"""

import socket
from typing import Any

from twisted.internet import tcp
from twisted.internet.address import IPv6Address
from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure

from tw.net.reading import FIRST_READ_BYTES


class Accepted(tcp.Server):
    """A `tcp.Server` on a `LeanReactor`. `sock` must not block, and not hold small writes back (RFC 9293, 3.7.4)."""

    # Twisted would call shutdown(2) before close(2), "just to be safe". No other process has the descriptor (PEP 446),
    # so it changes nothing, and costs a tenth of a connection for one request.
    _shouldShutdown = False

    def __init__(
        self, sock: socket.socket, protocol: Any, client: Any, server: Any, sessionno: int, reactor: Any
    ) -> None:
        # What `Server`, `Connection` and `FileDescriptor` set in turn, but for the names (`is_usable` compares them).
        self.reactor = reactor
        self._tempDataBuffer: list[bytes] = []
        self._tempDataLen = 0
        self.socket = sock
        self.fileno = sock.fileno
        self.protocol = protocol
        if len(client) != 2:
            self._addressType = IPv6Address
        self.server = server
        self.client = client
        self.sessionno = sessionno
        self.hostname = client[0]
        self.connected = 1
        # Of the class until they are needed. On the connection itself they are found in half of the time.
        self.dataBuffer = b""
        self.TLS = False
        self.read_bytes = FIRST_READ_BYTES  # for the reactor
        reactor.attend(sock.fileno(), self)

    def connectionLost(self, reason: Failure) -> None:
        """As Twisted's, shorter where the connection ends in good order."""
        if not isinstance(reason.value, ConnectionDone) or "socket" not in self.__dict__:
            super().connectionLost(reason)
            return
        self.disconnected = 1
        self.connected = 0
        producer: Any = self.producer
        if producer is not None:
            self.producer = None
            producer.stopProducing()
        sock = self.socket
        protocol: Any = self.protocol
        self.reactor.forget(sock.fileno())
        try:  # noqa: SIM105 - `suppress` costs three calls
            sock.close()
        except OSError:
            pass
        del self.protocol, self.socket, self.fileno
        protocol.connectionLost(reason)

    def logPrefix(self) -> str:
        protocol = getattr(self, "protocol", None)
        return f"{type(protocol).__name__},{self.sessionno},{self.hostname}"

    def __repr__(self) -> str:
        return f"<connection {self.sessionno} from {self.hostname}>"


class _NoReactor:
    """Takes a descriptor, and does nothing with it."""

    def addReader(self, reader: object) -> None: ...
    def attend(self, fd: int, reader: object) -> None: ...


def is_usable() -> bool:
    """Whether Twisted's own transport consists of the same attributes: with another Twisted it may need more."""
    near, far = socket.socketpair()
    with near, far:
        nobody: Any = None
        reactor: Any = _NoReactor()
        own, stock = (set(vars(kind(near, nobody, ("", 0), nobody, 0, reactor))) for kind in (Accepted, tcp.Server))
    return own == (stock - {"logstr", "repstr"}) | {"dataBuffer", "TLS", "read_bytes"}
