"""A network in memory, on a clock that a test moves: probes meet real servers of `tw`'s there, or scripted peers."""

import queue
from collections.abc import Callable, Coroutine
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost, ConnectionRefusedError
from twisted.internet.interfaces import IHalfCloseableProtocol, ITransport
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from zope.interface import implementer

from running import Running

PAUSE_BYTES = 65_536


@implementer(ITransport)
class End:
    """One end of a stream, as Twisted's TCP transport behaves: what is written leaves when the network next moves."""

    def __init__(self, protocol: Any, address: object) -> None:
        self.protocol = protocol
        self.address = address
        self.peer: End
        self.out = bytearray()
        self.connected = True
        self.disconnecting = False
        self.shut = self.told = self.aborted = False
        self.reading = True
        self.stuck = False
        """Whether nothing that is written here gets through."""
        self.heeds_end = True
        """Whether it takes the peer's end for its own."""
        self.producer: Any = None
        self._paused = False

    def write(self, data: bytes) -> None:
        if not self.connected or self.shut:
            return
        self.out += data
        if self.producer is not None and len(self.out) > PAUSE_BYTES:
            self._paused = True
            self.producer.pauseProducing()

    def writeSequence(self, data: list[bytes]) -> None:
        self.write(b"".join(data))

    def loseConnection(self) -> None:
        self.disconnecting = True

    def loseWriteConnection(self) -> None:
        self.shut = True

    def abortConnection(self) -> None:
        self.aborted = self.disconnecting = True

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        assert streaming
        assert self.producer is None
        self.producer = producer

    def unregisterProducer(self) -> None:
        self.producer = None

    def pauseProducing(self) -> None:
        self.reading = False

    def resumeProducing(self) -> None:
        self.reading = True

    def getPeer(self) -> object:
        return self.address

    getHost = getPeer

    def move(self) -> bool:
        """Let go of what waits here, first bytes, then the end; whether there was any."""
        if not self.connected:
            return False
        if self.aborted:
            self.told = True
            self.end(ConnectionAborted())
            self.peer.end(ConnectionLost())
            return True
        if self.stuck:
            return False
        if self.out:
            return self._move_bytes()
        closing = self.disconnecting and self.producer is None
        if not (closing or self.shut) or (self.told and not closing):
            return False
        if not self.told:
            self.told = True
            self.peer.read_end()
        if closing:
            self.end(ConnectionDone())
        return True

    def _move_bytes(self) -> bool:
        if not self.peer.reading and self.peer.connected:
            return False
        data = bytes(self.out)
        self.out.clear()
        if not self.peer.connected:
            self.end(ConnectionLost())  # it answers with a reset
            return True
        self.peer.protocol.dataReceived(data)
        if self._paused and self.producer is not None and not self.out:
            self._paused = False
            self.producer.resumeProducing()
        return True

    def read_end(self) -> None:
        """The peer sends no more."""
        if not self.connected or not self.heeds_end:
            return
        if IHalfCloseableProtocol.providedBy(self.protocol):
            self.protocol.readConnectionLost()
        else:
            self.end(ConnectionDone())

    def end(self, reason: Exception) -> None:
        """The connection is over at this end, and the other one will notice."""
        if not self.connected:
            return
        self.connected = False
        if self.producer is not None:
            self.producer.stopProducing()
        self.protocol.connectionLost(Failure(reason))
        if not self.told:
            self.told = True
            self.peer.read_end()


class Peer(Protocol):
    """A scripted server: `hears` is called with it, and what came; `meets` with it alone, at first."""

    def __init__(self, hears: Callable[["Peer", bytes], object], meets: Callable[["Peer"], object]) -> None:
        self.hears = hears
        self.meets = meets
        self.got = b""
        self.lost: Failure | None = None

    def connectionMade(self) -> None:
        self.meets(self)

    def dataReceived(self, data: bytes) -> None:
        self.got += data
        self.hears(self, data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost = reason

    def say(self, data: bytes) -> None:
        end: Any = self.transport
        end.write(data)

    def stay(self) -> None:
        """Keep the connection open after the client has shut its side."""
        end: Any = self.transport
        end.heeds_end = False

    def stop(self) -> None:
        """Read no further."""
        end: Any = self.transport
        end.pauseProducing()

    def go_on(self) -> None:
        end: Any = self.transport
        end.resumeProducing()

    def leave(self) -> None:
        end: Any = self.transport
        end.loseConnection()

    def cut(self) -> None:
        end: Any = self.transport
        end.abortConnection()


class Port:
    """A bound port of either kind."""

    def __init__(self, net: "Network", place: Any, address: Any, protocol: Any = None) -> None:
        self._net = net
        self._place = place
        self._address = address
        self.protocol = protocol
        self.remote: tuple[str, int] | None = None

    def getHost(self) -> Any:
        return self._address

    def stopListening(self) -> Deferred[None]:
        self._net.ports.pop(self._place, None)
        stopped: Deferred[None] = Deferred()
        self._net.callLater(0, stopped.callback, None)
        return stopped

    def connect(self, host: str, port: int) -> None:
        self.remote = (host, port)
        if error := self._net.udp_errors.get("connect"):
            raise error

    def write(self, datagram: bytes, addr: tuple[str, int] | None = None) -> None:
        if error := self._net.udp_errors.get("write"):
            raise error
        place = ("udp", (addr or self.remote or ("", 0))[1])
        other = self._net.ports.get(place)
        if other is None:
            self._net.callLater(0, self.protocol.connectionRefused)
            return
        copies = [datagram] if self.remote is None else self._net.harm(datagram)
        for copy in copies:
            self._net.callLater(0, other.protocol.datagramReceived, copy, ("127.0.0.1", self._address.port))


class Network(MemoryReactorClock):
    """A reactor. What it does not know refuses; what is in `silent` never answers."""

    def __init__(self) -> None:
        super().__init__()
        self.ports: dict[Any, Any] = {}
        self.silent: set[Any] = set()
        self.names: dict[str, list[str]] = {"localhost": ["127.0.0.1"]}
        self.lookups: list[Any] = []
        self.ends: list[End] = []
        self.dialled: list[tuple[Any, Any]] = []
        self.udp_errors: dict[str, Exception] = {}
        self.harm: Callable[[bytes], list[bytes]] = lambda datagram: [datagram]
        self.nameResolver = self
        self.from_threads: queue.Queue[Callable[[], object]] = queue.Queue()
        self.peers: list[Peer] = []

    def measured(self) -> float:
        """The clock for measuring, which is another than the one for waiting."""
        return 1000.0 + self.seconds()

    # What a reactor offers ------------------------------------------------------------------------------------------

    def resolveHostName(self, receiver: Any, name: str, port: int = 0, addressTypes: Any = None) -> None:  # type: ignore[override]
        self.lookups.append(receiver)
        if name in self.silent:
            return
        kinds = tuple(addressTypes or (IPv4Address, IPv6Address))
        for host in self.names.get(name, []):
            address = (IPv6Address if ":" in host else IPv4Address)("TCP", host, port)
            if isinstance(address, kinds):
                receiver.addressResolved(address)
        self.callLater(0, receiver.resolutionComplete)

    def callFromThread(self, call: Callable[..., object], *args: object) -> None:
        self.from_threads.put(lambda: call(*args))

    def listenTCP(self, port: int, factory: Any, backlog: int = 50, interface: str = "") -> Any:
        self.ports[port] = factory
        return Port(self, port, IPv4Address("TCP", interface, port))

    def listenUDP(self, port: int, protocol: Any, interface: str = "", maxPacketSize: int = 8192) -> Any:
        if error := self.udp_errors.get("listen"):
            raise error
        port = port or 40_000 + len(self.ports)
        bound = self.ports["udp", port] = Port(self, ("udp", port), IPv4Address("UDP", interface, port), protocol)
        protocol.makeConnection(bound)
        return bound

    def connectTCP(self, host: str, port: int, factory: Any, timeout: float = 30, bindAddress: Any = None) -> Any:  # type: ignore[override]
        self.dialled.append(((host, port), bindAddress))
        connector = super().connectTCP(host, port, factory, timeout, bindAddress)  # type: ignore[arg-type]
        self._connect(connector, factory, port, IPv4Address("TCP", host, port))
        return connector

    def connectUNIX(self, address: str, factory: Any, timeout: float = 30, checkPID: int = 0) -> Any:  # type: ignore[override]
        self.dialled.append((address, None))
        connector = super().connectUNIX(address, factory, timeout, checkPID)  # type: ignore[arg-type]
        self._connect(connector, factory, address, UNIXAddress(address))
        return connector

    def _connect(self, connector: Any, factory: Any, place: Any, address: Any) -> None:
        def connect() -> None:
            if connector.stoppedConnecting:
                return
            serves = self.ports.get(place)
            if serves is None:
                factory.clientConnectionFailed(connector, Failure(ConnectionRefusedError()))
                return
            near, far = End(factory.buildProtocol(address), address), End(serves.buildProtocol(address), address)
            near.peer, far.peer = far, near
            self.ends += [near, far]
            far.protocol.makeConnection(far)
            near.protocol.makeConnection(near)

        if place not in self.silent:
            self.callLater(0, connect)

    # What a test does -----------------------------------------------------------------------------------------------

    def scripted(
        self,
        place: Any,
        hears: Callable[[Peer, bytes], object] = lambda peer, data: None,
        meets: Callable[[Peer], object] = lambda peer: None,
        wrapped: Callable[[Any], Any] = lambda factory: factory,
    ) -> None:
        """Have a scripted peer serve at a port or path."""

        def build() -> Peer:
            self.peers.append(Peer(hears, meets))
            return self.peers[-1]

        factory = Factory.forProtocol(build)
        factory.noisy = False
        self.ports[place] = wrapped(factory)

    def run(self, work: Coroutine[Deferred[Any], Any, Any]) -> "Running":  # type: ignore[override]
        """Start a coroutine, and let the network settle."""
        running = Running(ensureDeferred(work))
        self.settle()
        return running

    def hear_thread(self) -> None:
        """Wait for what a thread asks to be called, and do it."""
        self.from_threads.get(timeout=30)()
        self.settle()

    def settle(self) -> None:
        """Move bytes until nothing moves any more; no time passes."""
        moved = True
        while moved:
            due = [call for call in self.getDelayedCalls() if call.getTime() <= self.seconds()]
            self.advance(0)
            moves = [end.move() for end in list(self.ends)]
            moved = any(moves) or bool(due)

    def pass_s(self, seconds: float) -> None:
        """Let time pass, from one timed call to the next."""
        self.settle()
        until = self.seconds() + seconds
        while True:
            due = [call.getTime() for call in self.getDelayedCalls() if call.getTime() <= until]
            self.advance(max(0.0, (min(due) if due else until) - self.seconds()))
            self.settle()
            if not due:
                return
