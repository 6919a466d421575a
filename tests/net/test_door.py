"""The short way in: who is accepted, as what, and what happens where it cannot be gone."""

import os
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from twisted.internet import tcp
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.error import CannotListenError, ConnectionDone
from twisted.internet.protocol import Factory, Protocol
from twisted.logger import LogEvent
from twisted.python.failure import Failure

from reactor_loop import Loop
from sockets import HandReactor
from tw.net import accepted, door
from tw.net.accepted import Accepted
from tw.net.gate import UNTIL_TOLD, Gate


class Greeter(Protocol):
    """Says hello to its peer, by its address."""

    def __init__(self, address: Any) -> None:
        self.address = address

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.write(b"hello")


class House(Factory):
    """A port of the lean reactor behind a gate. `build` makes who opens; `wait_s` is what the gate is answered."""

    noisy = False

    def __init__(self, loop: Loop, interface: str = "127.0.0.1") -> None:
        self.loop = loop
        self.inside: list[Any] = []
        self.build: Callable[[Any], Protocol | None] = Greeter
        self.wait_s = 0.0
        self.gate = Gate(loop.reactor, lambda: self.wait_s, lambda: None)
        self.port: Any = loop.reactor.listenTCP(0, self, interface=interface)
        self.gate.guard(self.port)
        loop.reactor.runUntilCurrent()

    def buildProtocol(self, addr: Any) -> Protocol | None:
        made = self.build(addr)
        if made is not None:
            self.inside.append(made)
        return made

    def knock(self) -> socket.socket:
        host = self.port.getHost()
        end = socket.create_connection((host.host, host.port))
        end.settimeout(5)
        self.loop.ends.append(end)
        return end

    def close(self) -> None:
        self.gate.dismantle()
        self.port.stopReading()
        self.port.connectionLost(Failure(ConnectionDone()))

    @property
    def accepts_itself(self) -> bool:
        """Whether Twisted's own way is gone."""
        return "doRead" not in vars(self.port)


@pytest.fixture
def house(loop: Loop, quiet: None) -> Iterator[House]:
    made = House(loop)
    assert not made.accepts_itself
    yield made
    made.close()


def test_this_twisted_is_one_that_it_knows() -> None:
    assert accepted.is_usable()


def test_who_comes_in_is_known_by_address_and_sent_to_at_once(house: House) -> None:
    end = house.knock()
    house.loop.poll()
    (greeter,) = house.inside
    transport = greeter.transport
    assert type(transport) is Accepted
    host, port = end.getsockname()
    assert greeter.address == transport.getPeer() == IPv4Address("TCP", host, port)
    assert transport.getHost() == house.port.getHost()
    assert transport.logPrefix() == f"Greeter,0,{host}"
    assert repr(transport) == f"<connection 0 from {host}>"
    house.loop.poll()
    assert end.recv(10) == b"hello"


def test_its_socket_neither_blocks_nor_waits_for_acknowledgements_nor_is_inherited(house: House) -> None:
    house.knock()
    house.loop.poll()
    sock = house.inside[0].transport.getHandle()
    assert not os.get_blocking(sock.fileno())
    assert not os.get_inheritable(sock.fileno())
    assert house.inside[0].transport.getTcpNoDelay()
    assert (sock.family, sock.type) == (socket.AF_INET, socket.SOCK_STREAM)


def test_a_crowd_comes_in_within_a_few_turns(house: House) -> None:
    for _ in range(45):  # the kernel's queue has room for 50
        house.knock()
    for _ in range(4):
        house.loop.poll()
    assert len({greeter.address for greeter in house.inside}) == 45
    assert [greeter.transport.sessionno for greeter in house.inside] == list(range(45))


def test_over_ipv6_the_address_is_one_and_names_the_interface_of_a_neighbour(loop: Loop) -> None:
    try:
        house = House(loop, "::1")
    except CannotListenError:
        pytest.skip("no IPv6 here")
    end = house.knock()
    loop.poll()
    expected = IPv6Address("TCP", "::1", end.getsockname()[1])
    assert house.inside[0].address == house.inside[0].transport.getPeer() == expected

    near, far = socket.socketpair()
    loop.ends.append(far)
    near.setblocking(False)
    door.Door(house.port, house.gate)._let_in(near, ("fe80::1", 5, 0, 1))  # link-local, on the first interface
    assert house.inside[1].transport.getPeer().host == f"fe80::1%{socket.if_indextoname(1)}"
    house.close()


def test_who_must_wait_is_not_accepted(house: House) -> None:
    house.wait_s = UNTIL_TOLD
    house.knock()
    house.loop.poll()
    assert (house.inside, house.gate.shut) == ([], True)
    house.wait_s = 0.0
    house.gate.reopen()
    house.loop.poll()
    assert len(house.inside) == 1


def test_who_is_turned_away_finds_the_connection_closed(house: House) -> None:
    house.build = lambda address: None
    assert house.knock().getsockname()
    house.loop.poll()
    assert house.loop.ends[0].recv(1) == b""
    house.build = Greeter
    house.knock()
    house.loop.poll()
    assert len(house.inside) == 1


@pytest.mark.parametrize("when", ["built", "made"])
def test_a_fault_at_the_beginning_costs_one_connection_and_is_logged(
    loop: Loop, logged: list[LogEvent], when: str
) -> None:
    house = House(loop)

    class Faulty(Protocol):
        def connectionMade(self) -> None:
            raise RuntimeError("a bug of its own")

    def fail(address: Any) -> Protocol:
        house.build = Greeter
        if when == "made":
            return Faulty()
        raise RuntimeError("a bug of its own")

    house.build = fail
    first, second = house.knock(), house.knock()
    for _ in range(3):
        house.loop.poll()
    assert first.recv(1) == b""
    assert second.recv(10) == b"hello"
    (event,) = logged
    assert str(event["log_failure"].value) == "a bug of its own"
    assert len([each for each in loop.reactor.getReaders() if isinstance(each, tcp.Server)]) == 1
    house.close()


def test_a_peer_that_left_in_the_queue_keeps_nobody_else_out(house: House) -> None:
    # Linux hands such a connection over all the same; this is what other kernels and firewalls say (accept(2)).
    own = door.Door(house.port, house.gate)
    take = own._take

    def aborted() -> Any:
        own._take = take
        raise ConnectionAbortedError

    own._take = aborted
    house.port.doRead = own.read
    house.knock()
    house.loop.poll()
    assert house.inside == []
    house.loop.poll()
    assert len(house.inside) == 1


def test_a_port_that_is_closed_by_who_comes_in_takes_nobody_else(house: House) -> None:
    def last(address: Any) -> Protocol:
        # What is told of a connection may be the end of the server: nobody reads its events any more.
        house.port.stopListening()
        return Greeter(address)

    house.knock()
    house.loop.poll()  # from now on several are accepted in a row
    house.build = last
    for _ in range(3):
        house.knock()
    house.loop.poll()
    assert len(house.inside) == 2


def test_where_twisted_has_changed_its_own_way_is_gone(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    stock = tcp.Server.__init__

    def newer(self: Any, *args: Any) -> None:
        stock(self, *args)
        self.news = "which only a later version knows"

    monkeypatch.setattr(tcp.Server, "__init__", newer)
    house = House(loop)
    assert house.accepts_itself
    house.knock()
    loop.poll()
    assert [type(greeter.transport) for greeter in house.inside] == [tcp.Server]
    house.close()


def test_other_ports_and_reactors_go_their_own_way(loop: Loop, tmp_path: Any) -> None:
    factory = Factory.forProtocol(Protocol)
    factory.noisy = False
    unix: Any = loop.reactor.listenUNIX(str(tmp_path / "socket"), factory)
    stock: Any = HandReactor().listenTCP(0, factory, interface="127.0.0.1")
    assert not door.is_usable(unix)
    assert not door.is_usable(stock)
    unix.connectionLost(Failure(ConnectionDone()))
    stock.connectionLost(Failure(ConnectionDone()))
