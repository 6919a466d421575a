"""Behind a PROXY header a connection is as any other: the header's source is its peer, and nothing is in its way."""

import socket
from typing import Any

import pytest
from twisted.internet import tcp, unix
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress

from proxied import PROXY, V1, V2, Door, Program, gone
from reactor_loop import Loop
from sockets import drained
from tw.core.proxy import HostAddress, UnixAddress, v1_header, v2_header
from tw.net.proxy import HEADER_TIMEOUT_S

pytestmark = pytest.mark.usefixtures("quiet")

PEER = IPv4Address("TCP", "192.0.2.1", 4711)

headers = pytest.mark.parametrize("header", [V1, V2], ids=["v1", "v2"])


# The header's source is the peer --------------------------------------------------------------------------------------


@headers
def test_a_header_makes_its_source_the_peer(header: bytes) -> None:
    door = Door()
    with door.visit() as far:
        far.send(header)
        door.reactor.turn()
        assert door.program.address == PEER
        assert door.program.story == ["made"]
        assert door.settled


@pytest.mark.parametrize(
    ("header", "peer"),
    [
        (v1_header(None, None), PROXY),
        (v2_header(None, None), PROXY),
        (v1_header(HostAddress("::1", 7), HostAddress("::1", 8)), IPv6Address("TCP", "::1", 7)),
        (v2_header(HostAddress("::1", 7), HostAddress("::1", 8)), IPv6Address("TCP", "::1", 7)),
        (v2_header(UnixAddress(b"/run/x"), UnixAddress(b"/run/y")), UNIXAddress(b"/run/x")),
        (v2_header(UnixAddress(b""), UnixAddress(b"/run/y")), UNIXAddress(None)),
    ],
)
def test_what_a_header_leaves_open_is_the_connections_own(header: bytes, peer: object) -> None:
    door = Door()
    with door.visit() as far:
        far.send(header)
        door.reactor.turn()
        assert door.program.address == peer


@headers
def test_a_header_may_come_a_byte_at_a_time(header: bytes) -> None:
    door = Door()
    with door.visit() as far:
        for at in range(len(header)):
            assert door.programs.made == []
            far.send(header[at : at + 1])
            door.reactor.turn()
        assert door.program.story == ["made"]
        assert door.program.got == b""


@headers
def test_every_split_of_a_header_and_what_follows_loses_nothing(header: bytes) -> None:
    stream = header + V1 + b"and more"
    for at in range(1, len(stream)):
        door = Door()
        with door.visit() as far:
            for part in (stream[:at], stream[at:]):
                far.send(part)
                door.reactor.turn()
            assert door.program.got == drained(far) == V1 + b"and more", at


# Afterwards nothing stands in the way ---------------------------------------------------------------------------------


@headers
def test_the_transport_belongs_to_the_program_alone(header: bytes) -> None:
    door = Door()
    with door.visit() as far:
        far.send(header)
        door.reactor.turn()
        transport: Any = door.program.transport
        assert type(transport) is tcp.Server  # which the lean reactor reads from by itself
        assert transport.protocol is door.program
        assert door.program.stream.direct_send() is not None  # and which may be written to at once


@headers
def test_a_half_close_reaches_the_program(header: bytes) -> None:
    door = Door()
    with door.visit() as far:
        far.send(header + b"last words")
        far.shutdown(socket.SHUT_WR)
        door.reactor.turns(4)
        assert drained(far) == b"last words"
        assert door.program.story == ["made", "shut", "ConnectionDone"]


def test_the_lean_reactor_finds_the_program(loop: Loop) -> None:
    door = Door(loop.reactor)
    far = loop.attach(door.factory.buildProtocol(PROXY))  # type: ignore[arg-type]
    for part in (V2[:20], V2[20:] + b"one", b" two"):
        far.send(part)
        loop.poll()
    assert door.program.got == far.recv(100) == b"one two"
    far.shutdown(socket.SHUT_WR)
    loop.poll()
    assert door.program.story == ["made", "shut", "ConnectionDone"]
    assert not door.factory.pending


@headers
def test_a_unix_socket_works_the_same(header: bytes) -> None:
    door = Door()
    with door.visit(UNIXAddress(None), unix.Server) as far:
        for part in (header[:9], header[9:] + b"hello"):
            far.send(part)
            door.reactor.turn()
        far.shutdown(socket.SHUT_WR)
        door.reactor.turns(4)
        assert drained(far) == b"hello"
        assert door.program.address == PEER
        assert door.program.story == ["made", "shut", "ConnectionDone"]


def test_a_program_that_closes_as_it_is_made_hears_nothing_more() -> None:
    class Hasty(Program):
        def connectionMade(self) -> None:
            super().connectionMade()
            self.stream.close()

    door = Door()
    door.programs.kind = Hasty
    with door.visit() as far:
        far.send(V1 + b"too late")
        door.reactor.turns(4)
        assert gone(far)
        assert door.program.got == b""


def test_a_source_that_is_not_wanted_is_closed() -> None:
    door = Door()
    door.programs.turns_away = True
    with door.visit() as far:
        far.send(V1 + b"hello")
        door.reactor.turns()
        assert gone(far)
        assert door.refusals == []  # who does not want it tells
        assert door.settled


@headers
def test_a_program_may_stay_silent_for_longer(header: bytes) -> None:
    door = Door()
    with door.visit() as far:
        far.send(header)
        door.reactor.turn()
        door.reactor.advance(2 * HEADER_TIMEOUT_S)
        door.reactor.turn()
        far.send(b"hello")
        door.reactor.turn()
        assert door.program.got == b"hello"
