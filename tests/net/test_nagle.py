"""Nagle's algorithm is off for every connection over TCP, inside TLS too."""

import socket
from typing import Any

import pytest
from twisted.internet import tcp
from twisted.internet.protocol import Factory, Protocol
from twisted.protocols.tls import TLSMemoryBIOFactory

from sockets import HandReactor
from tw.net.stream import Stream
from tw.net.tls import self_signed_tls

pytestmark = pytest.mark.usefixtures("quiet")


class Program(Protocol):
    """Writes through a stream."""

    def connectionMade(self) -> None:
        self.stream = Stream(self.transport)


@pytest.mark.parametrize("tls", [False, True])
def test_small_writes_over_tcp_are_not_held_back_for_an_acknowledgement(tls: bool) -> None:
    program = Program()
    protocol: Any = program
    if tls:
        context: Any = self_signed_tls("127.0.0.1").context
        protocol = TLSMemoryBIOFactory(context, False, Factory.forProtocol(lambda: program)).buildProtocol(None)
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()):
        accepted, address = listener.accept()
        transport = tcp.Server(accepted, protocol, address, None, 1, HandReactor())
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 0
        protocol.makeConnection(transport)
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
        accepted.close()
