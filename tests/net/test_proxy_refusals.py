"""Without a PROXY header, or without leave to send one, nobody gets past the door; nobody waits at it for ever."""

import socket
from typing import Any

import pytest
from twisted.internet import main
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.python.failure import Failure

from proxied import PROXY, V1, V2, Door, Room, gone
from tw.net.proxy import HEADER_TIMEOUT_S, NOT_TRUSTED

pytestmark = pytest.mark.usefixtures("quiet")


@pytest.mark.parametrize(
    "address",
    [
        IPv4Address("TCP", "192.0.2.1", 5),
        IPv6Address("TCP", "2001:db8::1", 5),
        IPv6Address("TCP", "::ffff:192.0.2.1", 5),
    ],
)
def test_a_peer_that_is_not_trusted_is_not_heard(address: Any) -> None:
    door = Door()
    assert door.factory.buildProtocol(address) is None
    assert door.refusals == [(address, NOT_TRUSTED)]
    assert door.settled


@pytest.mark.parametrize(
    "address", [IPv6Address("TCP", "::ffff:127.0.0.9", 5), IPv6Address("TCP", "::1", 5), UNIXAddress(b"")]
)
def test_loopback_and_unix_peers_are_trusted(address: Any) -> None:
    assert Door().factory.buildProtocol(address) is not None


def test_other_networks_take_loopbacks_place() -> None:
    door = Door(trust=("192.0.2.0/24",))
    assert door.factory.buildProtocol(IPv4Address("TCP", "192.0.2.200", 5)) is not None
    assert door.factory.buildProtocol(PROXY) is None


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        (b"GET / HTTP/1.1\r\n", "no PROXY header: it begins with something else"),
        (b"PROXY TCP4 1.1.1.1 2.2.2.2 1 65536\r\nrest", "no PROXY header: a port is not a number of 0 to 65535"),
        (V2[:12] + b"\x11", "no PROXY header: an unknown version in a version 2 header"),
    ],
)
def test_what_is_no_header_ends_the_connection_at_once(sent: bytes, why: str) -> None:
    door = Door()
    with door.visit() as far:
        far.send(sent)
        door.reactor.turns()
        assert gone(far)
        assert door.refusals == [(PROXY, why)]
        assert door.settled
        assert door.programs.made == []


@pytest.mark.parametrize("sent", [b"", V1[:-1], V2[:-1]])
def test_a_header_that_does_not_come_in_time_ends_the_connection(sent: bytes) -> None:
    door = Door()
    with door.visit() as far:
        door.reactor.turn()
        door.reactor.advance(HEADER_TIMEOUT_S / 2)
        if sent:
            far.send(sent)
        door.reactor.turn()
        door.reactor.advance(HEADER_TIMEOUT_S / 2 - 0.1)
        door.reactor.turn()
        assert door.refusals == []
        door.reactor.advance(0.1)
        door.reactor.turn()
        assert gone(far)
        assert door.refusals == [(PROXY, "no PROXY header within 10 s")]
        assert door.settled


@pytest.mark.parametrize("sent", [V1[:1], V1[:-1], V2[:-1]])
def test_an_end_inside_the_header_is_told(sent: bytes) -> None:
    door = Door()
    with door.visit() as far:
        far.send(sent)
        far.shutdown(socket.SHUT_WR)
        door.reactor.turns()
        assert door.refusals == [(PROXY, "the connection ended inside the PROXY header")]
        assert door.settled


def test_a_reset_inside_the_header_is_told() -> None:
    door = Door()
    protocol: Any = door.factory.buildProtocol(PROXY)
    protocol.makeConnection(object())
    protocol.dataReceived(V1[:5])
    protocol.connectionLost(Failure(main.CONNECTION_LOST))
    assert door.refusals == [(PROXY, "the connection was lost inside the PROXY header")]
    assert door.settled


def test_who_only_looks_whether_the_port_is_open_is_no_news() -> None:
    door = Door()
    with door.visit() as far:
        far.shutdown(socket.SHUT_WR)
        door.reactor.turns()
        assert door.refusals == []
        assert door.settled


# Room -----------------------------------------------------------------------------------------------------------------


def test_a_connection_takes_room_while_its_header_is_to_come() -> None:
    room = Room(most=2)
    door = Door(room=room)
    with door.visit() as first, door.visit():
        assert room.hosts == [None, None]
        assert door.factory.buildProtocol(PROXY) is None
        assert door.refusals == [(PROXY, "full")]
        first.send(V1)
        door.reactor.turn()
        assert room.hosts == [None]  # the program behind takes its own
        with door.visit() as third:
            third.send(b"no header")
            door.reactor.turns()
            assert room.hosts == [None]
    assert room.hosts == []


def test_a_peer_that_is_denied_has_no_say_even_if_it_is_trusted() -> None:
    door = Door(room=Room(most=2, denied="127.0.0.1"))
    assert door.factory.buildProtocol(PROXY) is None
    assert door.refusals == [(PROXY, "denied")]


# The end --------------------------------------------------------------------------------------------------------------


def test_a_stop_closes_those_whose_header_has_not_come_and_no_others() -> None:
    door = Door()
    with door.visit() as far, door.visit() as silent, door.visit() as halfway:
        far.send(V1)
        halfway.send(V1[:10])
        door.reactor.turn()
        assert len(door.factory.pending) == 2
        door.factory.close()
        assert door.factory.buildProtocol(PROXY) is None
        halfway.send(V1[10:])
        door.reactor.turns()
        assert gone(silent)
        assert gone(halfway)
        assert not gone(far)
        assert door.refusals == []
        assert door.settled
