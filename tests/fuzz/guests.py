"""A service with guests on real sockets and Twisted's own transports, who do what a fuzzer says; no reactor runs."""

import socket
from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import strategies as st
from twisted.internet import tcp
from twisted.internet.address import IPv4Address
from twisted.internet.defer import ensureDeferred
from twisted.internet.error import ConnectionLost
from twisted.python.failure import Failure

from fuzz.inputs import Repeated
from running import Running
from served import Served
from sockets import HandReactor
from tw.events import ServerEvent, ServerSummary

SOCKET_BYTES = 4096
"""Of a socket's own buffers: small, so that a guest who does not read is felt at once."""

GUESTS = 3

TURNS = 4
"""After whatever a guest does: enough for the server to read all that a guest's socket can hold."""

Op = tuple[Any, ...]


def ops(data: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Op]]:
    """What guests do. Bytes are sent and read in between as the sockets take and give them."""
    who = st.integers(0, GUESTS - 1)
    says = st.tuples(st.just("says"), who, data, st.lists(st.integers(1, 3000), max_size=3))
    others = st.one_of(
        st.tuples(st.just("reads"), who, st.sampled_from([1, 100, 10_000, 1 << 20])),
        st.tuples(st.just("time"), st.sampled_from([0.0, 0.5, 3.0, 40.0])),
        st.tuples(st.sampled_from(["shuts", "breaks", "leaves", "returns"]), who),
    )
    return st.lists(says | says | others, max_size=25)


class Guest:
    """A client of a service. What it `said` the socket has taken; `got` is what it has read."""

    def __init__(self, factory: Any, reactor: HandReactor, port: int) -> None:
        near, self.far = socket.socketpair()
        self.far.setblocking(False)
        near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SOCKET_BYTES)
        self.port = port
        self.said = b""
        self.got = b""
        self.shut = self.broken = self.gone = self.ended = False
        below = factory.buildProtocol(IPv4Address("TCP", "192.0.2.1", port))
        no_port: Any = None
        self.transport = tcp.Server(near, below, ("192.0.2.1", port), no_port, 1, reactor)
        below.makeConnection(self.transport)
        self.server: Any = getattr(below, "wrappedProtocol", below)

    def says(self, data: bytes) -> int:
        """Send what the socket takes of it now."""
        if self.shut or self.gone:
            return 0
        try:
            sent = self.far.send(data)
        except (BlockingIOError, BrokenPipeError, ConnectionResetError):
            return 0
        self.said += data[:sent]
        return sent

    def reads(self, most_bytes: int = 1 << 24) -> bytes:
        """What can be read now."""
        start = len(self.got)
        while not self.gone and most_bytes > 0:
            try:
                data = self.far.recv(min(most_bytes, 65_536))
            except (BlockingIOError, ConnectionResetError):
                break
            if not data:
                self.ended = True
                break
            self.got += data
            most_bytes -= len(data)
        return self.got[start:]

    def shuts(self) -> None:
        if not (self.shut or self.gone):
            self.shut = True
            self.far.shutdown(socket.SHUT_WR)

    def breaks(self) -> None:
        """The server's kernel says that the connection was reset."""
        self.broken = True
        if self.transport.connected:
            self.transport.connectionLost(Failure(ConnectionLost()))

    def leaves(self) -> None:
        """Close, whatever is unread."""
        if not self.gone:
            self.gone = True
            self.far.close()

    @property
    def faithful(self) -> bool:
        """Whether it is still there to read all that it is sent."""
        return not (self.broken or self.gone)

    @property
    def buffered_bytes(self) -> int:
        """What the server's transport holds for it."""
        if not self.transport.connected:
            return 0
        return len(self.transport.dataBuffer) - self.transport.offset + self.transport._tempDataLen


class House(Served):
    """A running service. `guests` have the places that ops name; `everyone` has been there. `check` is called often."""

    def __init__(
        self, make: Callable[[Any, Callable[[ServerEvent], None]], Any], check: Callable[["House"], None]
    ) -> None:
        super().__init__(make, HandReactor())
        self.start()
        self.everyone: list[Guest] = []
        self.check = check
        self.guests: list[Guest] = []

    def call(self) -> Guest:
        factory = self.service.listener.ports[0].factory
        self.everyone.append(Guest(factory, self.reactor, len(self.everyone) + 1))
        return self.everyone[-1]

    def play(self, ops: Sequence[Op]) -> None:
        """Have the guests do all this, with a turn of the reactor after each."""
        self.guests = [self.call() for _ in range(GUESTS)]
        for name, *rest in ops:
            if name == "time":
                self.reactor.advance(rest[0])
            elif name == "returns":
                self.guests[rest[0]].shuts()
                self.guests[rest[0]] = self.call()
            elif name == "says":
                self._say(self.guests[rest[0]], *rest[1:])
            else:
                getattr(self.guests[rest[0]], name)(*rest[1:])
            for _ in range(TURNS):
                self.turn()

    def _say(self, guest: Guest, saying: bytes | Repeated, sizes: Sequence[int]) -> None:
        data = saying if isinstance(saying, bytes) else saying.whole
        turn = 0
        while data:
            size = sizes[turn % len(sizes)] if sizes and turn < 20 else len(data)
            sent = guest.says(data[:size])
            if not sent:
                return
            data = data[sent:]
            turn += 1
            self.turn()

    def turn(self) -> None:
        self.reactor.turn()
        self.check(self)

    def talk(self, guest: Guest, data: bytes, expected: bytes) -> None:
        """A guest with manners says all of this, and reads until it has what it expects, and no more."""
        start = len(guest.got)
        for _ in range(500):
            data = data[guest.says(data) :] if data else data
            self.turn()
            guest.reads()
            if not data and len(guest.got) - start >= len(expected):
                break
        assert guest.got[start:] == expected

    def __enter__(self) -> "House":
        return self

    def __exit__(self, *_: object) -> None:
        """Leave no socket behind where a check has failed."""
        for guest in self.everyone:
            guest.leaves()
            guest.breaks()
        for port in self.service.listener.ports:
            port.stopListening()
        self.reactor.turn()

    def close(self) -> ServerSummary:
        """Stop while everyone who is there reads; gives the summary. Nothing may be left behind."""
        stopping = Running(ensureDeferred(self.service.stop()))
        for _ in range(40):
            self._all_read()
            if stopping.over:
                break
            self.reactor.advance(1.0)
        summary: ServerSummary = stopping.result
        assert self.service.listener.connections == {}
        assert self.reactor.getDelayedCalls() == []
        assert self.reactor.getReaders() == self.reactor.getWriters() == []
        for guest in self.everyone:
            guest.reads()
            guest.leaves()
        return summary

    def settle_all(self) -> None:
        """Turn until nobody who is there gets anything more."""
        self._all_read()

    def _all_read(self) -> None:
        quiet = 0
        while quiet < 3:
            self.turn()
            got = [guest.reads() for guest in self.everyone]
            quiet = 0 if any(got) else quiet + 1
