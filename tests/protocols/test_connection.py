"""What the servers' connections share: they report to their keeper, are paused by hand, half-close, and drain."""

import os
from typing import Any

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IHalfCloseableProtocol, IPushProducer
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import CertificateOptions
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure

from counter_memory import TcpTransport
from sockets import HandReactor, connected, connected_pair, drained
from tw.net.tls import self_signed_tls
from tw.protocols.connection import ServerConnection
from tw.protocols.echo import EchoServer

pytestmark = pytest.mark.usefixtures("quiet")

PEER = IPv4Address("TCP", "192.0.2.1", 5)


class Keeper:
    """Notes who opened and who closed, and why."""

    def __init__(self) -> None:
        self.told: list[tuple[str, ServerConnection, object]] = []

    def opened(self, connection: ServerConnection) -> None:
        assert connection.stream.transport is connection.transport
        self.told.append(("opened", connection, connection.peer_address))

    def secured(self, connection: ServerConnection) -> None:
        self.told.append(("secured", connection, None))

    def closed(self, connection: ServerConnection, reason: Failure) -> None:
        self.told.append(("closed", connection, reason.value))


def handing_out(protocol: Protocol) -> Factory:
    return Factory.forProtocol(lambda: protocol)


@pytest.fixture
def keeper() -> Keeper:
    return Keeper()


@pytest.fixture
def transport() -> TcpTransport:
    return TcpTransport()


@pytest.fixture
def connection(keeper: Keeper, transport: TcpTransport) -> ServerConnection:
    made = ServerConnection(keeper, PEER)
    made.makeConnection(transport)
    return made


def test_the_keeper_is_told_of_its_beginning_and_its_end(keeper: Keeper, connection: ServerConnection) -> None:
    assert keeper.told == [("opened", connection, PEER)]
    end = ConnectionLost()
    connection.connectionLost(Failure(end))
    assert keeper.told[1:] == [("closed", connection, end)]


def test_it_is_the_producer_of_its_own_transport(connection: ServerConnection, transport: TcpTransport) -> None:
    assert transport.producer is connection
    assert transport.streaming
    assert IPushProducer.providedBy(connection)
    assert IHalfCloseableProtocol.providedBy(connection)


def test_reading_stops_while_the_peer_does_not_read(connection: ServerConnection, transport: TcpTransport) -> None:
    connection.pauseProducing()
    assert not transport.is_reading
    connection.resumeProducing()
    assert transport.is_reading


def test_half_closing_finishes_what_is_written_and_then_closes(
    connection: ServerConnection, transport: TcpTransport
) -> None:
    connection.stream.write(b"the rest")
    connection.readConnectionLost()
    assert transport.disconnecting
    assert transport.producer is None  # it would keep the connection open
    assert transport.read() == b"the rest"


def test_draining_closes_after_what_is_written(connection: ServerConnection, transport: TcpTransport) -> None:
    connection.stream.write(b"the rest")
    connection.drain()
    assert transport.disconnecting
    assert transport.producer is None
    assert not transport.aborted
    assert transport.read() == b"the rest"


def test_the_end_of_the_sending_side_and_of_the_transport_mean_nothing_more(
    keeper: Keeper, connection: ServerConnection, transport: TcpTransport
) -> None:
    connection.writeConnectionLost()
    connection.stopProducing()
    assert not transport.disconnecting
    assert len(keeper.told) == 1


# Over real transports of Twisted's ------------------------------------------------------------------------------------


def test_a_peer_that_sends_and_never_reads_is_not_read_from_for_ever(keeper: Keeper) -> None:
    reactor = HandReactor()
    echo = EchoServer(keeper, None)
    with connected(echo, reactor) as (transport, far):
        sent = 0
        while transport in reactor.getReaders():
            sent += far.send(bytes(65_536))
            reactor.turn()
        waiting = len(transport.dataBuffer) - transport.offset + transport._tempDataLen
        assert 65_536 < waiting <= 2 * 65_536 + transport.bufferSize
        assert echo.received_bytes < sent + 1
        got = b""
        while transport not in reactor.getReaders():
            got += drained(far)
            reactor.turn()
        assert len(got) > 65_536


def test_all_comes_back_to_a_peer_that_closes_its_sending_side_at_once(keeper: Keeper) -> None:
    reactor = HandReactor()
    data = os.urandom(300_000)
    with connected(EchoServer(keeper, None), reactor) as (_, far):
        sent = 0
        returned = b""
        while sent < len(data):
            try:
                sent += far.send(data[sent : sent + 8192])
            except BlockingIOError:
                reactor.turn()
                returned += drained(far)
        far.shutdown(1)
        while len(keeper.told) == 1:
            reactor.turn()
            returned += drained(far)
        assert len(returned) == len(data)
        assert returned == data
    _, _, reason = keeper.told[1]
    assert isinstance(reason, ConnectionDone)


def test_a_slow_tls_reader_that_catches_up_while_draining_is_not_waited_for(keeper: Keeper) -> None:
    """The server had stopped reading from it; its answer to the close_notify must be read all the same."""
    reactor = HandReactor()
    echo, client = EchoServer(keeper, None), Protocol()
    serving = TLSMemoryBIOFactory(self_signed_tls("localhost").context, False, handing_out(echo), reactor)
    asking = TLSMemoryBIOFactory(CertificateOptions(), True, handing_out(client), reactor)
    with connected_pair(serving.buildProtocol(None), asking.buildProtocol(None), reactor) as (near, far):
        reactor.turns()  # the handshake
        to_server: Any = client.transport
        to_server.pauseProducing()
        while near in reactor.getReaders():
            to_server.write(bytes(65_536))
            reactor.turn()
        taken, sent = echo.received_bytes, echo.stream.sent_bytes
        echo.drain()
        to_server.resumeProducing()
        reactor.turns(200)
        assert (near.connected, far.connected) == (0, 0)
        assert echo.received_bytes >= taken
        assert echo.stream.sent_bytes == sent  # what came later is not echoed any more
    assert [what for what, _, _ in keeper.told] == ["opened", "secured", "closed"]
