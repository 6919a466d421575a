"""Echo: every byte and every datagram goes back once, and nothing is sent where it would do harm."""

import errno
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.internet.testing import FakeDatagramTransport

from counter_memory import Keeper, TcpTransport
from sockets import HandReactor
from tw.protocols.echo import LOWEST_SOURCE_PORT, EchoServer, UdpEchoClient, UdpEchoServer

pytestmark = pytest.mark.usefixtures("quiet")


def made() -> tuple[EchoServer, TcpTransport]:
    echo, transport = EchoServer(Keeper(), None), TcpTransport()
    echo.makeConnection(transport)
    return echo, transport


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.binary(max_size=50)))
def test_every_byte_goes_back_in_order_and_is_counted_in_both_directions(pieces: list[bytes]) -> None:
    echo, transport = made()
    for piece in pieces:
        echo.dataReceived(piece)
    data = b"".join(pieces)
    assert transport.read() == data
    assert (echo.received_bytes, echo.stream.sent_bytes) == (len(data), len(data))


def test_a_peer_that_does_not_read_is_not_read_from_until_it_does() -> None:
    echo, transport = made()
    transport.reads = False
    while transport.is_reading:
        echo.dataReceived(bytes(10_000))
    assert transport.largest_bytes == 70_000  # the first above Twisted's 65,536
    assert len(transport.read()) == 70_000
    assert transport.is_reading


def test_what_comes_after_the_close_is_read_and_not_echoed() -> None:
    """Over TLS, until the peer has closed as well."""
    echo, transport = made()
    echo.dataReceived(b"before")
    echo.drain()
    echo.dataReceived(b"after")
    assert transport.read() == b"before"
    assert (echo.received_bytes, echo.stream.sent_bytes) == (11, 6)


# UDP ------------------------------------------------------------------------------------------------------------------


def udp_server(transport: Any) -> UdpEchoServer:
    server = UdpEchoServer()
    server.makeConnection(transport)
    return server


def test_a_datagram_goes_back_to_where_it_came_from() -> None:
    transport = FakeDatagramTransport()
    server = udp_server(transport)
    server.datagramReceived(b"one", ("192.0.2.1", LOWEST_SOURCE_PORT))
    server.datagramReceived(b"", ("2001:db8::1", 65_535))
    assert transport.written == [(b"one", ("192.0.2.1", 1024)), (b"", ("2001:db8::1", 65_535))]
    assert (server.datagrams, server.received_bytes, server.sent_bytes, server.ignored) == (2, 3, 3, 0)


@pytest.mark.parametrize("port", [0, 7, 19, LOWEST_SOURCE_PORT - 1])
def test_a_service_that_would_answer_is_not_answered(port: int) -> None:
    transport = FakeDatagramTransport()
    server = udp_server(transport)
    server.datagramReceived(b"loop", ("192.0.2.1", port))
    assert transport.written == []
    assert (server.datagrams, server.received_bytes, server.sent_bytes, server.ignored) == (1, 4, 0, 1)


class FullTransport(FakeDatagramTransport):
    """Takes nothing."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number

    def write(self, packet: bytes, addr: object = None) -> None:
        raise OSError(self.number, "no")


@pytest.mark.parametrize("number", [errno.EAGAIN, errno.ENOBUFS, errno.EPERM, errno.ENETUNREACH])
def test_a_datagram_that_cannot_be_sent_is_lost_and_the_server_goes_on(number: int) -> None:
    server = udp_server(FullTransport(number))
    server.datagramReceived(b"lost", ("192.0.2.1", 5000))
    server.datagramReceived(b"lost", ("192.0.2.1", 5000))
    assert (server.datagrams, server.received_bytes, server.sent_bytes, server.ignored) == (2, 8, 0, 0)


def test_a_client_over_a_real_socket_gets_its_datagram_back() -> None:
    reactor = HandReactor()
    got: list[bytes] = []
    refused: list[str] = []
    server = UdpEchoServer()
    port = reactor.listenUDP(0, server, "127.0.0.1", 65_535)
    client = UdpEchoClient(got.append, lambda: refused.append("refused"))
    own = reactor.listenUDP(0, client, "127.0.0.1", 65_535)
    own.connect("127.0.0.1", port.getHost().port)
    client.send(b"there and back")
    client.send(bytes(60_000))
    reactor.turns()
    assert got == [b"there and back", bytes(60_000)]
    assert server.sent_bytes == server.received_bytes == 60_014
    port.stopListening()
    reactor.turns()
    assert refused == []
    client.send(b"to nobody")
    reactor.turns()
    assert refused == ["refused"]  # an ICMP "port unreachable"
    own.stopListening()
    reactor.turns()
    assert refused == ["refused", "refused"]


def test_a_clients_full_send_buffer_loses_a_datagram_and_other_errors_do_not_pass() -> None:
    client = UdpEchoClient(lambda data: None, lambda: None)
    client.makeConnection(FullTransport(errno.EAGAIN))
    client.send(b"lost")
    client = UdpEchoClient(lambda data: None, lambda: None)
    client.makeConnection(FullTransport(errno.EPERM))
    with pytest.raises(PermissionError):
        client.send(b"refused")
