"""`Stream.direct_send`: a socket's own `send`, and only while nothing could be overtaken or go out in the clear."""

import os
import socket
from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet import tcp
from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import CertificateOptions
from twisted.internet.testing import StringTransport
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from zope.interface import implementer

from sockets import HandReactor, connected, drained
from tw.net.stream import Stream
from tw.net.tls import self_signed_tls

pytestmark = pytest.mark.usefixtures("quiet")

MUCH = os.urandom(1 << 20)
"""More than any socket's buffers take at once."""


@implementer(IHalfCloseableProtocol)
class Program(Protocol):
    """Has a stream."""

    def connectionMade(self) -> None:
        self.stream = Stream(self.transport)

    def readConnectionLost(self) -> None:
        """Nothing comes of it."""

    def writeConnectionLost(self) -> None:
        """Nothing comes of it."""


@pytest.fixture
def reactor() -> HandReactor:
    return HandReactor()


@pytest.fixture
def program() -> Program:
    return Program()


def test_what_it_takes_has_left_and_is_its_users_to_count(reactor: HandReactor, program: Program) -> None:
    with connected(program, reactor) as (_, far):
        program.stream.write(b"before ")
        send = program.stream.direct_send()
        assert send is not None
        assert send(b"at once ") == 8
        assert (drained(far), program.stream.sent_bytes) == (b"before at once ", 7)
        program.stream.write(b"after")
        assert (drained(far), reactor.getWriters(), program.stream.sent_bytes) == (b"after", [], 12)


def test_what_it_does_not_take_follows_by_the_stream(reactor: HandReactor, program: Program) -> None:
    with connected(program, reactor) as (_, far):
        send = program.stream.direct_send()
        assert send is not None
        sent = send(MUCH)
        assert 0 < sent < len(MUCH)
        with pytest.raises(BlockingIOError):
            send(b"nothing of it")
        program.stream.write(MUCH[sent:])
        got = b""
        while reactor.getWriters():
            assert program.stream.direct_send() is None
            got += drained(far)
            reactor.turn()
        assert got + drained(far) == MUCH
        assert program.stream.direct_send() == send  # once all is sent


def test_there_is_none_while_anything_is_in_either_buffer(reactor: HandReactor, program: Program) -> None:
    with connected(program, reactor) as (transport, far):
        transport.write(b"in the list")
        assert (transport._tempDataLen, transport.dataBuffer) == (11, b"")
        assert program.stream.direct_send() is None
        reactor.turn()
        assert program.stream.direct_send() is not None
        transport.write(MUCH)
        reactor.turn()
        assert transport._tempDataLen == 0
        assert transport.dataBuffer
        assert program.stream.direct_send() is None
        drained(far)


@pytest.mark.parametrize("ending", ["close", "half_close", "abort"])
def test_there_is_none_once_the_end_is_asked_for(reactor: HandReactor, program: Program, ending: str) -> None:
    with connected(program, reactor):
        getattr(program.stream, ending)()
        assert program.stream.direct_send() is None
        reactor.turns()
        assert program.stream.direct_send() is None


def test_there_is_none_after_the_connection_is_lost(reactor: HandReactor, program: Program) -> None:
    with connected(program, reactor) as (transport, _):
        transport.connectionLost(Failure(ConnectionLost()))
        assert program.stream.direct_send() is None


def test_one_that_was_asked_for_before_raises_what_its_user_expects(reactor: HandReactor, program: Program) -> None:
    with connected(program, reactor) as (transport, _):
        send = program.stream.direct_send()
        assert send is not None
        transport.connectionLost(Failure(ConnectionLost()))
        reused = socket.socket()  # its number may be that of the socket before
        with reused, pytest.raises(OSError, match="Bad file descriptor"):
            send(b"to nobody")


def test_there_is_none_once_tls_has_started(
    reactor: HandReactor, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("twisted.protocols.tls._get_default_clock", lambda: reactor)
    with connected(program, reactor) as (transport, far):
        transport.startTLS(self_signed_tls("localhost").context)
        for _ in range(3):
            assert program.stream.direct_send() is None
            reactor.turn()
            drained(far)


def test_there_is_none_over_tls(reactor: HandReactor, program: Program) -> None:
    factory = TLSMemoryBIOFactory(CertificateOptions(), True, Factory.forProtocol(lambda: program), reactor)
    below: Any = factory.buildProtocol(None)
    with connected(below, reactor):
        assert program.stream.direct_send() is None


class _Renamed(tcp.Connection):
    """As a later Twisted may be, without one of the names that an eager write leans on."""

    def __init__(self, missing: str) -> None:
        self.missing = missing
        self._tempDataLen = 0
        self.socket: Any = None

    def __getattribute__(self, wanted: str) -> Any:
        if wanted == super().__getattribute__("missing"):
            raise AttributeError(wanted)
        return super().__getattribute__(wanted)


@pytest.mark.parametrize(
    "make",
    [
        StringTransport,
        *(lambda name=name: _Renamed(name) for name in ("_tempDataLen", "dataBuffer", "TLS", "connected")),
    ],
)
def test_there_is_none_for_a_transport_that_does_not_tell_what_it_holds(make: Callable[[], object]) -> None:
    assert Stream(make()).direct_send() is None
