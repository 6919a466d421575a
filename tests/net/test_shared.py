"""One port with several listening sockets."""

import errno
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from twisted.internet import tcp
from twisted.internet.protocol import Factory
from twisted.internet.testing import MemoryReactorClock

from sockets import HandReactor
from tw.errors import UsageError
from tw.net.shared import InheritedEndpoint, close_all, shared_place, shared_sockets

CONNECTIONS = 64


@pytest.fixture
def sockets() -> Iterator[list[socket.socket]]:
    made = shared_sockets("127.0.0.1", 0, 3)
    yield made
    close_all(made)


def test_all_listen_at_one_place_and_each_gets_some_of_the_connections(sockets: list[socket.socket]) -> None:
    (place,) = {each.getsockname() for each in sockets}
    with ExitStack() as stack:
        for _ in range(CONNECTIONS):
            stack.enter_context(socket.create_connection(place))
        got = [_accepted(each) for each in sockets]
    assert sum(got) == CONNECTIONS
    # A hash deals them out: that one of three gets none of 64 comes once in 10 ** 11 times.
    assert min(got) > 0


def test_a_second_server_that_shares_its_port_does_not_get_in(sockets: list[socket.socket]) -> None:
    with pytest.raises(OSError, match="in use") as raised:
        shared_sockets("127.0.0.1", sockets[0].getsockname()[1], 2)
    assert raised.value.errno == errno.EADDRINUSE


def test_a_port_that_somebody_has_alone_is_taken_and_nothing_stays_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other, pytest.raises(OSError, match="in use"):
        shared_sockets("127.0.0.1", other.getsockname()[1], 2)


def test_ipv6_has_its_own_sockets() -> None:
    made = shared_sockets("::1", 0, 2)
    assert {each.family for each in made} == {socket.AF_INET6}
    close_all(made)


def test_a_port_out_of_range_is_told() -> None:
    with pytest.raises(OverflowError):
        shared_sockets("127.0.0.1", 65_536, 2)


def _accepted(listening: socket.socket) -> int:
    count = 0
    while True:
        try:
            listening.accept()[0].close()
        except BlockingIOError:
            return count
        count += 1


# Endpoint strings -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("tcp:1234", ("", 1234, 50)),
        ("tcp:1234:interface=127.0.0.1:backlog=9", ("127.0.0.1", 1234, 9)),
        ("tcp:0:interface=\\:\\:1", ("::1", 0, 50)),
        ("tcp6:7", ("::", 7, 50)),
    ],
)
def test_a_tcp_endpoint_names_its_place(text: str, place: tuple[str, int, int]) -> None:
    assert shared_place(MemoryReactorClock(), text) == place


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ssl:1", "use tcp: with --tls-cert"),
        ("unix:/x", "unix: endpoints are not shared"),
        ("systemd:INET:0", "systemd: endpoints are not shared"),
        ("tcp:x", "not a number"),
        ("tcp:", "--listen tcp:"),
    ],
)
def test_others_are_refused_with_the_way_on(text: str, words: str) -> None:
    with pytest.raises(UsageError) as raised:
        shared_place(MemoryReactorClock(), text)
    assert words in str(raised.value)


# Inheriting -----------------------------------------------------------------------------------------------------------


def test_a_port_that_is_closed_leaves_the_socket_to_whoever_has_it_too() -> None:
    (made,) = shared_sockets("127.0.0.1", 0, 1)
    reactor: Any = HandReactor()
    reactor.adoptStreamPort = lambda fd, family, factory: _adopted(reactor, fd, family, factory)
    with made, made.dup() as inherited:
        listened: Any = InheritedEndpoint(reactor, inherited.detach()).listen(Factory())
        listened.result.stopListening()
        reactor.turns(2)
        assert reactor.getReaders() == []
        with socket.create_connection(made.getsockname()):
            assert _accepted(made) == 1


def test_a_descriptor_that_is_none_is_an_error() -> None:
    failed: Any = InheritedEndpoint(MemoryReactorClock(), 9999).listen(Factory())
    assert failed.result.check(OSError)
    failed.addErrback(lambda _: None)


def _adopted(reactor: Any, descriptor: int, family: int, factory: Any) -> Any:
    port: Any = tcp.Port
    made = port._fromListeningDescriptor(reactor, descriptor, family, factory)
    made.startListening()
    return made
