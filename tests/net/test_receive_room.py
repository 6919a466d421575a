"""How much of what has come the kernel holds for one who does not read."""

import socket
from typing import Any

import pytest
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import CertificateOptions
from twisted.internet.testing import StringTransport
from twisted.protocols.tls import TLSMemoryBIOFactory

from sockets import HandReactor, connected
from tw.net.stream import Stream

pytestmark = pytest.mark.usefixtures("quiet")


@pytest.mark.parametrize("tls", [False, True])
def test_it_can_be_made_small_also_below_tls(tls: bool) -> None:
    reactor = HandReactor()
    program = Protocol()
    served: Any = program
    if tls:
        factory = TLSMemoryBIOFactory(CertificateOptions(), True, Factory.forProtocol(lambda: program), reactor)
        served = factory.buildProtocol(None)
    with connected(served, reactor) as (transport, _):
        Stream(program.transport).receive_into(8192)
        assert transport.socket.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) == 2 * 8192  # socket(7): doubled


def test_where_there_is_no_socket_nothing_happens() -> None:
    Stream(StringTransport()).receive_into(8192)
