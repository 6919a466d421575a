"""A network in memory, on a clock that a test moves: probes meet real servers of `tw`'s there, or scripted peers."""

import queue
from collections.abc import Callable, Coroutine
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.protocol import Factory
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure

from ends import End, Peer
from running import Running


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

        def arrive(copy: bytes) -> None:
            if self._net.ports.get(place) is other:
                other.protocol.datagramReceived(copy, ("127.0.0.1", self._address.port))

        for copy in copies:
            self._net.callLater(0, arrive, copy)


DIALLER_PORT = 61_000


def _dialler_of(address: Any) -> Any:
    """Where a connection to this address comes from."""
    if isinstance(address, UNIXAddress):
        return address
    return type(address)(address.type, address.host, DIALLER_PORT)


class Network(MemoryReactorClock):
    """A reactor. What it does not know refuses; what is in `silent` never answers."""

    def __init__(self) -> None:
        super().__init__()
        self.ports: dict[Any, Any] = {}
        self.silent: set[Any] = set()
        self.mirrors: set[Any] = set()
        """Places where whoever connects meets itself."""
        self.names: dict[str, list[str]] = {"localhost": ["127.0.0.1"]}
        self.lookups: list[Any] = []
        self.ends: list[End] = []
        self.dialled: list[tuple[Any, Any]] = []
        self.udp_errors: dict[str, Exception] = {}
        self.refusal: Exception = ConnectionRefusedError()
        self.harm: Callable[[bytes], list[bytes]] = lambda datagram: [datagram]
        self.nameResolver = self
        self.from_threads: queue.Queue[Callable[[], object]] = queue.Queue()
        self.peers: list[Peer] = []

    def measured(self) -> float:
        """The clock for measuring, which is another than the one for waiting."""
        return 1000.0 + self.seconds()

    # What a reactor offers ------------------------------------------------------------------------------------------

    def resolveHostName(self, receiver: Any, name: str, portNumber: int = 0, addressTypes: Any = None) -> None:
        self.lookups.append(receiver)
        if name in self.silent:
            return
        kinds = tuple(addressTypes or (IPv4Address, IPv6Address))
        for host in self.names.get(name, []):
            address = (IPv6Address if ":" in host else IPv4Address)("TCP", host, portNumber)
            if isinstance(address, kinds):
                receiver.addressResolved(address)
        self.callLater(0, receiver.resolutionComplete)

    def callFromThread(self, call: Callable[..., object], *args: object) -> None:
        self.from_threads.put(lambda: call(*args))

    def listenTCP(self, port: int, factory: Any, backlog: int = 50, interface: str = "") -> Any:
        port = port or 30_000 + len(self.ports)
        self.ports[port] = factory
        return Port(self, port, IPv4Address("TCP", interface, port))

    def listenUDP(self, port: int, protocol: Any, interface: str = "", maxPacketSize: int = 8192) -> Any:
        if error := self.udp_errors.get("listen"):
            raise error
        port = port or 40_000 + len(self.ports)
        bound = self.ports["udp", port] = Port(self, ("udp", port), IPv4Address("UDP", interface, port), protocol)
        protocol.makeConnection(bound)
        return bound

    def connectTCP(self, host: str, port: int, factory: Any, timeout: float = 30, bindAddress: Any = None) -> Any:
        self.dialled.append(((host, port), bindAddress))
        connector = super().connectTCP(host, port, factory, timeout, bindAddress)
        self._connect(connector, factory, port, IPv4Address("TCP", host, port))
        return connector

    def connectUNIX(self, address: str, factory: Any, timeout: float = 30, checkPID: int = 0) -> Any:
        self.dialled.append((address, None))
        connector = super().connectUNIX(address, factory, timeout, checkPID)
        self._connect(connector, factory, address, UNIXAddress(address))
        return connector

    def _connect(self, connector: Any, factory: Any, place: Any, address: Any) -> None:
        def connect() -> None:
            if connector.stoppedConnecting:
                return
            serves = self.ports.get(place)
            if serves is None:
                factory.clientConnectionFailed(connector, Failure(self.refusal))
                return
            dialler = address if place in self.mirrors else _dialler_of(address)
            near = End(factory.buildProtocol(address), address, dialler)
            far = End(serves.buildProtocol(dialler), dialler, address)
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

    def run(self, work: Coroutine[Deferred[Any], Any, Any]) -> "Running":
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
