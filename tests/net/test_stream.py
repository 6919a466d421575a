"""`Stream`: what is written arrives once and in order, however Twisted buffers, and an eager send never overtakes."""

import os
import socket
import struct
from typing import Any

import pytest
from twisted.internet import tcp
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.ssl import CertificateOptions
from twisted.internet.testing import StringTransport
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from zope.interface import implementer

from sockets import HandReactor, connected, drained
from tw.net.stream import PAUSE_BYTES, Stream, can_half_close, eager_socket
from tw.net.tls import self_signed_tls

pytestmark = pytest.mark.usefixtures("quiet")

MUCH = os.urandom(1 << 20)
"""More than any socket's buffers take at once."""


@implementer(IHalfCloseableProtocol)
class Program(Protocol):
    """Writes when it is told to, and notes what happens to it."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.lost: list[BaseException | None] = []

    def connectionMade(self) -> None:
        self.stream = Stream(self.transport)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost.append(reason.value)

    def pauseProducing(self) -> None:
        self.calls.append("pause")

    def resumeProducing(self) -> None:
        self.calls.append("resume")

    def stopProducing(self) -> None:
        self.calls.append("stop")

    def readConnectionLost(self) -> None:
        self.calls.append("read lost")

    def writeConnectionLost(self) -> None:
        self.calls.append("write lost")


@pytest.fixture
def reactor() -> HandReactor:
    return HandReactor()


@pytest.fixture
def program() -> Program:
    return Program()


def test_a_small_write_has_left_before_any_reactor_turns(reactor: HandReactor, program: Program) -> None:
    with connected(program, reactor) as (_, far):
        program.stream.write(b"at once")
        assert far.recv(100) == b"at once"
        assert reactor.getWriters() == []
        assert program.stream.sent_bytes == 7


def test_what_the_socket_does_not_take_follows_in_order(reactor: HandReactor, program: Program) -> None:
    with connected(program, reactor) as (_, far):
        program.stream.write(MUCH)
        got = drained(far)
        assert 0 < len(got) < len(MUCH)
        program.stream.write(b"later")  # the far end has room by now, but this must not overtake
        reactor.turn()
        got += drained(far)
        program.stream.write(b"still later")  # nor this, now that all waits in one piece
        while reactor.getWriters():
            reactor.turn()
            got += drained(far)
        assert got == MUCH + b"laterstill later"
        program.stream.write(b"at once again")
        assert drained(far) == b"at once again"
        assert program.stream.sent_bytes == len(MUCH) + 16 + 13


def test_what_is_in_the_list_buffer_alone_is_not_overtaken(reactor: HandReactor, program: Program) -> None:
    with connected(program, reactor) as (transport, far):
        transport.write(b"first ")  # Twisted keeps it until the next turn
        program.stream.write(b"second")
        assert drained(far) == b""
        reactor.turn()
        assert drained(far) == b"first second"


def test_an_empty_write_does_nothing(reactor: HandReactor, program: Program) -> None:
    with connected(program, reactor) as (_, far):
        program.stream.write(b"")
        assert (drained(far), reactor.getWriters(), program.stream.sent_bytes) == (b"", [], 0)


@pytest.mark.parametrize("ending", ["close", "half_close"])
def test_nothing_is_sent_eagerly_once_the_end_is_asked_for(reactor: HandReactor, program: Program, ending: str) -> None:
    with connected(program, reactor) as (_, far):
        getattr(program.stream, ending)()
        program.stream.write(b"late")
        assert drained(far) == b""


def test_a_write_after_the_connection_is_lost_goes_nowhere(reactor: HandReactor, program: Program) -> None:
    with connected(program, reactor) as (transport, far):
        transport.connectionLost(Failure(ConnectionLost()))
        program.stream.write(b"late")
        assert drained(far) == b""


def test_once_tls_has_started_not_a_plain_byte_leaves(
    reactor: HandReactor, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("twisted.protocols.tls._get_default_clock", lambda: reactor)
    with connected(program, reactor) as (transport, far):
        transport.startTLS(self_signed_tls("localhost").context)
        program.stream.write(b"secret")
        reactor.turn()
        assert b"secret" not in drained(far)
        assert not program.stream.half_close()


def test_a_send_that_fails_is_left_to_the_transport(reactor: HandReactor, program: Program) -> None:
    with connected(program, reactor) as (_, far):
        far.close()
        program.stream.write(b"to nobody")
        assert program.lost == []  # not inside the caller's loop
        reactor.turn()
        (reason,) = program.lost
        assert isinstance(reason, ConnectionLost)


@pytest.mark.parametrize("name", ["_tempDataLen", "dataBuffer", "TLS"])
def test_without_twisteds_private_names_it_writes_as_everyone_does(name: str) -> None:
    class Renamed(tcp.Connection):
        def __init__(self) -> None:
            self._tempDataLen = 0
            self.socket: Any = None
            self.written: list[bytes] = []

        def __getattribute__(self, wanted: str) -> Any:
            if wanted == name:
                raise AttributeError(wanted)
            return super().__getattribute__(wanted)

        def write(self, data: bytes) -> None:
            self.written.append(data)

    transport = Renamed()
    assert eager_socket(transport) is None
    stream = Stream(transport)
    stream.write(b"all of it")
    assert transport.written == [b"all of it"]
    assert stream.sent_bytes == 9


def test_other_transports_are_simply_written_to() -> None:
    transport = StringTransport()
    stream = Stream(transport)
    stream.write(b"one")
    stream.write(b"two")
    assert (transport.value(), stream.sent_bytes) == (b"onetwo", 6)


def test_a_producer_is_paused_above_the_limit_and_resumed_when_all_is_sent(
    reactor: HandReactor, program: Program
) -> None:
    with connected(program, reactor) as (transport, far):
        program.stream.produce_with(program)
        while len(transport.dataBuffer) + transport._tempDataLen <= PAUSE_BYTES:
            assert program.calls == []
            program.stream.write(bytes(1000))
        assert program.calls == ["pause"]
        got = 0
        while program.calls == ["pause"]:
            got += len(drained(far))
            reactor.turn()
        assert program.calls == ["pause", "resume"]
        assert got + len(drained(far)) == program.stream.sent_bytes


def test_closing_forgets_the_producer_and_sends_what_is_buffered(reactor: HandReactor, program: Program) -> None:
    with connected(program, reactor) as (_, far):
        program.stream.produce_with(program)
        program.stream.write(MUCH)
        program.stream.close()
        got = b""
        while not program.lost:
            got += drained(far)
            reactor.turn()
        assert got + drained(far) == MUCH
        (reason,) = program.lost
        assert isinstance(reason, ConnectionDone)
        assert program.stream.closing
        program.stream.stop_producing()  # once more is harmless
        assert program.calls == ["pause"]  # never resumed after it was forgotten


def test_aborting_loses_what_is_buffered(reactor: HandReactor, program: Program) -> None:
    with connected(program, reactor) as (_, far):
        program.stream.write(MUCH)
        program.stream.abort()
        reactor.turns()
        assert len(drained(far)) < len(MUCH)
        assert len(program.lost) == 1
        assert program.stream.closing


def test_reading_stops_and_goes_on_as_it_is_told(reactor: HandReactor, program: Program) -> None:
    with connected(program, reactor) as (transport, _):
        program.stream.pause_reading()
        assert transport not in reactor.getReaders()
        program.stream.resume_reading()
        assert transport in reactor.getReaders()


def test_half_closing_shuts_the_sending_side_after_what_is_buffered(reactor: HandReactor, program: Program) -> None:
    with connected(program, reactor) as (_, far):
        program.stream.produce_with(program)
        program.stream.write(MUCH)
        assert program.stream.half_close()
        got = b""
        while "write lost" not in program.calls:
            got += drained(far)
            reactor.turn()
        assert got + drained(far) == MUCH
        assert far.recv(1) == b""
        assert program.lost == []
        assert not program.stream.closing


def tls_program(reactor: HandReactor, program: Program) -> Any:
    factory = TLSMemoryBIOFactory(CertificateOptions(), True, Factory.forProtocol(lambda: program), reactor)
    return factory.buildProtocol(None)


def test_over_tls_nobody_can_half_close(reactor: HandReactor, program: Program) -> None:
    with connected(tls_program(reactor, program), reactor):
        assert not can_half_close(program.transport)
        assert not program.stream.half_close()


def test_a_transport_without_two_sides_cannot_half_close() -> None:
    assert not Stream(StringTransport()).half_close()


def test_closing_tls_reads_again_since_the_peers_answer_ends_it(reactor: HandReactor, program: Program) -> None:
    with connected(tls_program(reactor, program), reactor) as (transport, _):
        program.stream.pause_reading()
        program.stream.write(b"keeps the handshake from being given up")
        program.stream.close()
        assert transport in reactor.getReaders()


def test_a_peer_that_is_there_has_not_hung_up(reactor: HandReactor, program: Program) -> None:
    with connected(program, reactor) as (transport, far):
        assert not program.stream.hung_up()
        far.shutdown(socket.SHUT_WR)
        assert not program.stream.hung_up()  # it may still read
        far.close()
        assert program.stream.hung_up()
        transport.connectionLost(Failure(ConnectionLost()))
        assert not program.stream.hung_up()  # nothing to ask any more


def test_a_transport_without_a_socket_cannot_tell() -> None:
    stream = Stream(StringTransport())
    stream.keep_alive(30)
    assert not stream.hung_up()


def test_a_reset_counts_as_hung_up_and_keep_alive_asks_for_it(reactor: HandReactor, program: Program) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        far = socket.create_connection(server.getsockname())
        near, peer = server.accept()
        no_port: Any = None
        transport = tcp.Server(near, program, peer, no_port, 1, reactor)
        program.makeConnection(transport)
        program.stream.keep_alive(17)
        assert near.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert near.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 17
        far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        far.close()
        assert program.stream.hung_up()
        transport.connectionLost(Failure(ConnectionLost()))
