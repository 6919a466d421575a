"""The pub/sub service with clients on real sockets: its transports are Twisted's, and a test drives the reactor."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from twisted.internet import main, tcp
from twisted.internet.address import IPv4Address
from twisted.internet.defer import ensureDeferred
from twisted.internet.error import ConnectionLost
from twisted.python.failure import Failure

from running import Running
from served import Served
from sockets import HandReactor
from tw.events import Closed, Dropped, ServerEvent, ServerSummary
from tw.protocols.pubsub import PubSubServer
from tw.serve_options import ServePubSubOptions
from tw.services.pubsub import PubSubService


def loopback() -> tuple[socket.socket, socket.socket]:
    """A pair of sockets that are connected over TCP."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        far = socket.create_connection(listener.getsockname())
        return listener.accept()[0], far


class Caller:
    """A client on `pair`, of which the server's end comes first. That buffers a little less than `room_bytes`."""

    def __init__(
        self, factory: Any, reactor: HandReactor, port: int, room_bytes: int, pair: tuple[socket.socket, socket.socket]
    ) -> None:
        near, self.far = pair
        self.far.setblocking(False)
        near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, room_bytes // 2)  # Linux doubles it
        below = factory.buildProtocol(IPv4Address("TCP", "192.0.2.1", port))
        no_port: Any = None
        self.transport = tcp.Server(near, below, ("192.0.2.1", port), no_port, 1, reactor)
        below.makeConnection(self.transport)
        self.server: PubSubServer = getattr(below, "wrappedProtocol", below)
        self.got = b""
        self.ended = False

    @property
    def abreast(self) -> bool:
        return self.server.abreast

    @property
    def waiting_bytes(self) -> int:
        """What its transport holds because the socket did not take it."""
        if not self.transport.connected:
            return 0
        return len(self.transport.dataBuffer) - self.transport.offset + self.transport._tempDataLen

    def says(self, data: bytes) -> None:
        """As an event in the middle of a turn."""
        self.server.dataReceived(data)

    def reads(self, most_bytes: int = 1 << 30) -> bytes:
        """What it can read now; `got` is all that it has read."""
        start = len(self.got)
        while most_bytes and self.far.fileno() >= 0:
            try:
                data = self.far.recv(min(most_bytes, 65_536))
            except BlockingIOError:
                break
            except ConnectionResetError:
                data = b""  # it was cut off while it had more to say
            if not data:
                self.ended = True
                break
            self.got += data
            most_bytes -= len(data)
        return self.got[start:]

    def shuts(self) -> None:
        """Shut its sending side, which is told at once, in the middle of a turn."""
        self.far.shutdown(socket.SHUT_WR)
        self.transport.stopReading()
        self.transport.readConnectionLost(Failure(main.CONNECTION_DONE))

    def breaks(self, reason: Exception | None = None) -> None:
        """Lose its connection at the server's end, in the middle of a turn; what the socket took can still be read."""
        self.transport.connectionLost(Failure(reason or ConnectionLost()))

    def close(self) -> None:
        self.far.close()
        self.transport.connectionLost(Failure(ConnectionLost()))


class Serving(Served):
    """A pub/sub service that callers are connected to."""

    def __init__(self, options: ServePubSubOptions) -> None:
        super().__init__(lambda reactor, emit: PubSubService(reactor, options, self._emit), HandReactor())
        self.callers: list[Caller] = []
        self.closed: dict[int, Closed] = {}
        self.dropped: dict[int, Dropped] = {}

    def _emit(self, event: ServerEvent) -> None:
        self.events.append(event)
        if isinstance(event, Closed):
            self.closed[event.id] = event
        elif isinstance(event, Dropped):
            self.dropped[event.id] = event

    def call(self, room_bytes: int = 8192, pair: tuple[socket.socket, socket.socket] | None = None) -> Caller:
        """A client that has just connected. Its port is its number, from 1 on."""
        factory = self.service.listener.ports[0].factory
        port = len(self.callers) + 1
        self.callers.append(Caller(factory, self.reactor, port, room_bytes, pair or socket.socketpair()))
        return self.callers[-1]

    def calls(self, count: int, room_bytes: int = 8192) -> list[Caller]:
        """Several, who are abreast."""
        callers = [self.call(room_bytes) for _ in range(count)]
        self.order(b"first\n")
        for caller in callers:
            assert caller.reads() == b"first\n"
            assert caller.abreast
            caller.got = b""
        return callers

    def order(self, data: bytes) -> None:
        """Publish lines in the name of nobody, and end the turn."""
        *lines, end = data.split(b"\n")
        assert end == b""
        self.service._fanout.publish(None, b"", lines)
        self.service._share()

    def ends_turn(self) -> None:
        """Lines go out; nothing is read or written by Twisted's transports."""
        self.reactor.advance(0)

    @property
    def connected(self) -> int:
        return len(self.service.listener.connections)

    @property
    def cursors(self) -> int:
        """How many cursors there are beside the one of those who are abreast."""
        return len(self.service._fanout._cursors) - 1

    @property
    def held_bytes(self) -> int:
        held: int = self.service._fanout.held_bytes
        return held

    @property
    def sent(self) -> list[int]:
        """How many bytes were sent to each that is gone, in the order of coming."""
        return [event.sent_bytes for _, event in sorted(self.closed.items())]

    def all_read(self) -> None:
        """Everyone reads until nothing comes any more."""
        read = [b"something"]
        while any(read):
            self.reactor.turn()
            read = [caller.reads() for caller in self.callers]

    def stop(self) -> ServerSummary:
        """Stop it while everyone reads, and give its summary. Nothing may be left behind, in the log least of all."""
        stopping = Running(ensureDeferred(self.service.stop()))
        for _ in range(5):
            self.all_read()
        summary: ServerSummary = stopping.result
        assert self.reactor.getDelayedCalls() == []
        assert self.reactor.getReaders() == self.reactor.getWriters() == []
        assert self.cursors == 0
        assert summary.sent_bytes == sum(closed.sent_bytes for closed in self.closed.values())
        return summary

    def close(self) -> None:
        for caller in self.callers:
            caller.close()
        for port in self.service.listener.ports:
            port.stopListening()
        self.reactor.turns()


@contextmanager
def serving(**options: Any) -> Iterator[Serving]:
    """A service that is started, and gone afterwards. Lines are without prefixes, unless asked for."""
    chosen = ServePubSubOptions(**{"port": 0, "prefix": False, "access_log": True, **options})
    served = Serving(chosen)
    served.start()
    try:
        yield served
    finally:
        served.close()
