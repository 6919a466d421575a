"""Echo (RFC 862): every byte that arrives goes back; the client side counts what returns."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any, cast

from twisted.internet.protocol import DatagramProtocol

from tw.protocols.connection import ServerConnection

LOWEST_SOURCE_PORT = 1024
"""Datagrams from ports below are ignored: they are services of their own (echo, chargen, dns), and two servers that
answer each other never stop."""


class EchoServer(ServerConnection):
    """Sends back what it gets. Reading stops while more than `stream.PAUSE_BYTES` wait to be sent."""

    def dataReceived(self, data: bytes) -> None:
        self.received_bytes += len(data)
        if not self.stream.closing:  # over TLS it is read until the peer has closed as well
            self.stream.write(data)


class UdpEchoServer(DatagramProtocol):
    """Sends each datagram back to where it came from. Counts bytes and datagrams, since UDP has no connections.

    `admits` says of a host and port whether it is answered; None: everyone is.
    """

    def __init__(self, admits: Callable[[str, int], bool] | None = None) -> None:
        self._admits = admits
        self.received_bytes = 0
        self.sent_bytes = 0
        self.datagrams = 0
        self.ignored = 0

    def counts(self) -> dict[str, int]:
        """What the summary tells beside the bytes."""
        return {"datagrams": self.datagrams, "ignored_datagrams": self.ignored}

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        self.received_bytes += len(datagram)
        self.datagrams += 1
        if addr[1] < LOWEST_SOURCE_PORT:
            self.ignored += 1
            return
        if self._admits is not None and not self._admits(*addr):
            return
        try:
            cast(Any, self.transport).write(datagram, addr)
        except OSError:
            # A full send buffer or an unreachable sender: UDP promises nothing, and the server goes on.
            return
        self.sent_bytes += len(datagram)


class UdpEchoClient(DatagramProtocol):
    """A connected UDP socket: `received` gets each datagram, `refused` is called for an ICMP error and at the end."""

    def __init__(self, received: Callable[[bytes], None], refused: Callable[[], None]) -> None:
        self.received = received
        self.refused = refused

    def datagramReceived(self, datagram: bytes, addr: object) -> None:
        self.received(datagram)

    def connectionRefused(self) -> None:
        self.refused()

    def stopProtocol(self) -> None:
        # epoll tells an ICMP error as EPOLLERR alone, and Twisted takes that for the end of the socket.
        self.refused()

    def send(self, payload: bytes) -> None:
        """Send one datagram. A full send buffer loses it, as the network may."""
        with suppress(BlockingIOError):
            cast(Any, self.transport).write(payload)
