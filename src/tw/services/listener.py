"""The one place that binds. It holds every connection, tells of it, and drains them all at the end."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from twisted.internet import error
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory
from twisted.logger import Logger
from twisted.python.failure import Failure

from tw.core.networks import LOOPBACK, Networks
from tw.core.target import format_peer
from tw.events import Closed, Listening, Opened, ServerEvent, ServerSummary
from tw.net.endpoint import address_text, host_of
from tw.net.server_tls import server_tls_factory
from tw.protocols.connection import Keeper, ServerConnection
from tw.serve_options import ServeOptions
from tw.services.admission import Admission
from tw.services.certificates import certificates
from tw.services.endings import close_reason
from tw.services.handshakes import Handshakes
from tw.services.idle import IdleWatch
from tw.services.newcomers import hear_newcomers
from tw.services.ports import Ports
from tw.services.refusals import Refusals

if TYPE_CHECKING:
    from tw.core.faults import Faults
    from tw.net.proxy import HeaderFirst

FIRST_SHARE = 0.8
"""Of the time for a stop, what may be spent before connections are ended: they need some for what they are owed."""

ABORT_S = 1.0
"""An aborted connection is gone within a turn or two. A stop does not wait for one that a bug keeps."""


class Emit(Protocol):
    """Where events go: the display, or nowhere."""

    def __call__(self, event: ServerEvent, /) -> None: ...


Build: TypeAlias = Callable[[Keeper, IAddress | None], ServerConnection]


class _ConnectionFactory(Factory):
    noisy = False

    def __init__(self, listener: "Listener", build: Build) -> None:
        self._listener = listener
        self._build = build

    def buildProtocol(self, addr: IAddress | None) -> ServerConnection | None:
        listener = self._listener
        if listener.stopping:
            return None
        reason = listener.admission.refusal(host_of(addr))
        if reason is not None:
            listener.turn_away(addr, reason)
            return None
        return self._build(listener, addr)


class Listener:
    """Binds what `options` ask for and keeps the connections. `emit` takes the events, `alpn` is for TLS."""

    _log = Logger()

    def __init__(
        self, reactor: Any, service: str, options: ServeOptions, emit: Emit, alpn: tuple[bytes, ...] = ()
    ) -> None:
        self.reactor = reactor
        self.service = service
        self.options = options
        self.emit = emit
        self.announced: list[ServerEvent] = []
        """What is told once all is bound, after the `listening` events."""
        self.faults: Faults | None = None
        """What is done wrong on purpose, for the summary; None: nothing."""
        self.connections: dict[int, ServerConnection] = {}
        self.stopping = False
        self.total_connections = 0
        self.received_bytes = 0
        self.sent_bytes = 0
        self.cut_off = 0
        self.admission = Admission(reactor, options)
        self._ports = Ports(reactor, service, options, self.admission.gate)
        self.refusals = Refusals(emit, reactor.seconds)
        self._idle: IdleWatch | None = None
        if options.idle_timeout_s is not None:
            self._idle = IdleWatch(reactor, options.idle_timeout_s, self.connections.values)
        self._started_at_s = reactor.seconds()
        self._all_closed: Deferred[None] | None = None
        self._deadline: Any = None
        self._headers: HeaderFirst | None = None
        self.handshakes = Handshakes(reactor, options.handshake_timeout_s, self._stalled)
        self.alpn = alpn
        self.tls = certificates(options, alpn)

    # What connections report (protocols.connection.Keeper) ----------------------------------------------------------

    def opened(self, connection: ServerConnection) -> None:
        self.total_connections += 1
        connection.id = self.total_connections
        connection.opened_at_s = self.reactor.seconds()
        self.connections[connection.id] = connection
        self.admission.entered(host_of(connection.peer_address))
        if self._idle is not None:
            self._idle.start()
        self.handshakes.began(connection)
        if self.options.access_log:
            self.emit(Opened(id=connection.id, peer=connection.peer))

    def secured(self, connection: ServerConnection) -> None:
        self.handshakes.ended(connection)

    def closed(self, connection: ServerConnection, reason: Failure) -> None:
        if self.connections.pop(connection.id, None) is None:
            return
        self.admission.left(host_of(connection.peer_address))
        self.handshakes.ended(connection)
        self.received_bytes += connection.received_bytes
        self.sent_bytes += connection.stream.sent_bytes
        if not isinstance(reason.value, error.ConnectionDone | error.ConnectionLost | error.ConnectionAborted):
            # A refused certificate, a failed handshake: not an event, but whoever looks for a cause (-v) finds it.
            self._log.info("{peer}: {reason}", peer=connection.peer, reason=close_reason(reason))
        if self.options.access_log:
            self.emit(
                Closed(
                    id=connection.id,
                    peer=connection.peer,
                    reason=connection.close_reason or close_reason(reason),
                    received_bytes=connection.received_bytes,
                    sent_bytes=connection.stream.sent_bytes,
                    duration_s=self.reactor.seconds() - connection.opened_at_s,
                )
            )
        if self._all_closed is not None and not self.connections:
            done, self._all_closed = self._all_closed, None
            done.callback(None)

    def refuse(self, connection: ServerConnection, reason: str) -> None:
        """Count and tell that `connection` was turned away or thrown out."""
        self.refusals.refuse(connection.peer, reason)

    def turn_away(self, address: IAddress | None, reason: str) -> None:
        """Count and tell that a peer was refused before it became a connection."""
        self.refusals.refuse(address_text(address), reason)

    def admits_datagram(self, host: str, port: int) -> bool:
        """Whether a peer without a connection is answered. One that is not is told of as refused."""
        reason = self.admission.turned_away(host)
        if reason is not None:
            self.refusals.refuse(format_peer(host, port), reason)
        return reason is None

    def _stalled(self, connection: ServerConnection) -> None:
        connection.close_reason = "the TLS handshake took too long"
        self.refuse(connection, connection.close_reason)
        connection.stream.abort()

    # Binding --------------------------------------------------------------------------------------------------------

    async def bind(self, build: Build, udp: Any = None) -> list[Listening]:
        """Bind every endpoint, or none: where one fails, those already bound are given up. Raises TwError.

        `udp` is a DatagramProtocol for the same host and port, or None.
        """
        factory: Any = _ConnectionFactory(self, build)
        if self.tls is not None:
            factory = server_tls_factory(self.tls, factory, self.reactor)
        if self.options.proxy_protocol:
            from tw.net.proxy import HeaderFirst

            trusted = Networks.parse(self.options.proxy_trust or LOOPBACK)
            factory = self._headers = HeaderFirst(self.reactor, factory, trusted, self.turn_away, self.admission)
            self._headers.keeps_headers = self.options.describe
        return await self._ports.bind(factory, self.tls.pin if self.tls is not None else None, udp)

    def inherit(self, descriptors: Sequence[int]) -> None:
        """Have `bind` take these listening sockets of the parent process's in place of what the options ask for."""
        self._ports.inherited = descriptors

    @property
    def ports(self) -> list[Any]:
        """What is bound."""
        return self._ports.bound

    # Ending ---------------------------------------------------------------------------------------------------------

    async def drain(self, first: Callable[[float], Awaitable[object]] | None = None) -> None:
        """Stop accepting, let every connection finish what is under way, and cut off what outlives the timeout.

        `first` is waited for before any connection is ended. It is told how many seconds it may take.
        """
        self.stopping = not self._ports.are_passed
        await self._ports.close()
        if self._ports.are_passed:
            await hear_newcomers(self.reactor, self._is_awaited, self.options.drain_timeout_s)
            self.stopping = True
        if self._headers is not None:
            self._headers.close()
        left_s = self.options.drain_timeout_s
        if first is not None:
            until_s = self.reactor.seconds() + left_s
            await first(left_s * FIRST_SHARE)
            left_s = max(0.0, until_s - self.reactor.seconds())
        self._end_each(self._drain_one)
        if self._idle is not None:
            self._idle.stop()
        if not self.connections:
            return
        done = self._all_closed = Deferred()
        self._deadline = self.reactor.callLater(left_s, self._cut_off)
        await done
        if self._deadline.active():
            self._deadline.cancel()

    def _drain_one(self, connection: ServerConnection) -> None:
        if self.handshakes.is_under_way(connection):
            connection.stream.abort()  # it would wait for a client that may never go on
        else:
            connection.drain()

    def _end_each(self, end: Callable[[ServerConnection], None]) -> None:
        for connection in list(self.connections.values()):
            try:
                end(connection)
            except Exception:
                # One connection's fault must not keep the others from being ended.
                self._log.failure("unhandled error while a connection is ended")

    def _is_awaited(self, since_s: float) -> bool:
        """Whether somebody who came after then has not said anything yet, a PROXY header included."""
        pending = self._headers.pending if self._headers is not None else ()
        newcomers = (each for each in self.connections.values() if not each.received_bytes)
        return any(each.opened_at_s > since_s for each in (*newcomers, *pending))

    def _cut_off(self) -> None:
        self._deadline = self.reactor.callLater(ABORT_S, self._give_up)
        self._end_each(self._cut_one_off)

    def _cut_one_off(self, connection: ServerConnection) -> None:
        self.cut_off += 1
        connection.close_reason = "drain timeout"
        connection.stream.abort()

    def _give_up(self) -> None:
        """What is still here only seems to be: its end raised, and was never told."""
        self.connections.clear()
        if self._all_closed is not None:
            done, self._all_closed = self._all_closed, None
            done.callback(None)

    def summary(self, more: Mapping[str, int]) -> ServerSummary:
        return ServerSummary(
            service=self.service,
            connections=self.total_connections,
            received_bytes=self.received_bytes,
            sent_bytes=self.sent_bytes,
            refused=self.refusals.total,
            refusals=dict(self.refusals.by_reason),
            idle=self._idle.closed if self._idle is not None else 0,
            accept_pauses=self.admission.gate.pauses,
            cut_off=self.cut_off,
            duration_s=self.reactor.seconds() - self._started_at_s,
            more=more,
            faults=dict(self.faults.made) if self.faults is not None else None,
            seed=self.faults.seed if self.faults is not None else None,
        )
