"""A client's connection: when it may be used, what it gets, and that its end reaches whoever waits, once."""

from typing import Any

import pytest
from twisted.internet.defer import CancelledError
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.protocol import Factory
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from twisted.test import iosim

from counter_memory import TcpTransport
from handshakes import Side
from tw.net.tls import ServerTls, client_creator, self_signed_tls
from tw.net.tls_failures import PinMismatch
from tw.options import TlsClientOptions
from tw.protocols.client import ClientConnection

pytestmark = pytest.mark.usefixtures("quiet")


class Watched:
    """A connection, and everything that it tells."""

    def __init__(self, *, tls: bool = False) -> None:
        self.ready: list[object] = []
        self.received: list[bytes] = []
        self.gone: list[BaseException | None] = []
        self.connection = ClientConnection(
            tls=tls, received=self.received.append, gone=lambda reason: self.gone.append(reason.value)
        )
        self.connection.ready.addCallbacks(self.ready.append, lambda reason: self.ready.append(reason.value))


def test_without_tls_it_may_be_used_as_soon_as_it_is_made() -> None:
    watched = Watched()
    assert watched.ready == []
    watched.connection.makeConnection(StringTransport())
    assert watched.ready == [None]
    assert watched.connection.is_ready
    assert watched.gone == []


def test_what_arrives_is_counted_and_handed_on() -> None:
    watched = Watched()
    watched.connection.makeConnection(StringTransport())
    watched.connection.dataReceived(b"one")
    watched.connection.dataReceived(b"three")
    assert watched.received == [b"one", b"three"]
    assert watched.connection.received_bytes == 8


def test_its_end_is_told_once_with_the_reason() -> None:
    watched = Watched()
    watched.connection.makeConnection(StringTransport())
    end = ConnectionLost()
    watched.connection.connectionLost(Failure(end))
    assert watched.gone == [end]
    assert watched.ready == [None]
    assert watched.connection.is_lost


def test_whoever_does_not_care_need_not_listen() -> None:
    connection = ClientConnection()
    connection.makeConnection(StringTransport())
    connection.dataReceived(b"x")
    connection.connectionLost(Failure(ConnectionDone()))
    assert (connection.received_bytes, connection.is_lost) == (1, True)


def test_over_tls_its_end_before_the_handshake_fails_who_waits() -> None:
    watched = Watched(tls=True)
    watched.connection.makeConnection(StringTransport())
    assert watched.ready == []
    end = ConnectionDone()
    watched.connection.connectionLost(Failure(end))
    assert (watched.ready, watched.gone) == ([end], [])


def test_giving_up_the_wait_aborts_the_connection() -> None:
    watched = Watched(tls=True)
    transport = TcpTransport()
    watched.connection.makeConnection(transport)
    watched.connection.ready.cancel()
    assert transport.aborted
    watched.connection.connectionLost(Failure(ConnectionDone()))
    (failure,) = watched.ready
    assert isinstance(failure, CancelledError)
    assert watched.gone == []


def test_giving_up_before_there_is_a_connection_is_no_fault() -> None:
    watched = Watched(tls=True)
    watched.connection.ready.cancel()
    assert isinstance(watched.ready[0], CancelledError)


# Over real TLS --------------------------------------------------------------------------------------------------------


def shaken(server: ServerTls, options: TlsClientOptions) -> tuple[Watched, Side, iosim.IOPump]:
    clock: Any = MemoryReactorClock()
    watched, other = Watched(tls=True), Side(b"")
    client = TLSMemoryBIOFactory(
        client_creator("localhost", options), True, Factory.forProtocol(lambda: watched.connection), clock
    ).buildProtocol(None)
    serving = TLSMemoryBIOFactory(server.context, False, Factory.forProtocol(lambda: other), clock).buildProtocol(None)
    transports = iosim.makeFakeServer(serving), iosim.makeFakeClient(client)
    pump = iosim.connect(serving, transports[0], client, transports[1], greet=False, clock=clock)
    assert watched.ready == []  # the connection is made, and must not be used yet
    pump.flush()
    return watched, other, pump


def test_over_tls_it_may_be_used_once_it_is_verified() -> None:
    server = self_signed_tls("localhost")
    watched, other, pump = shaken(server, TlsClientOptions(pin=server.pin))
    assert watched.ready == [None]
    watched.connection.stream.write(b"hello")
    pump.flush()
    assert other.got == b"hello"
    watched.connection.stream.close()
    pump.flush()
    assert len(watched.gone) == 1
    assert other.lost is not None


def test_a_failed_verification_is_never_taken_for_ready() -> None:
    watched, other, _ = shaken(self_signed_tls("localhost"), TlsClientOptions(pin="sha256//" + "A" * 43 + "="))
    (failure,) = watched.ready
    assert isinstance(failure, PinMismatch)
    assert not watched.connection.is_ready
    assert (watched.gone, other.got) == ([], b"")
