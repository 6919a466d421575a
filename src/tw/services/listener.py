"""The one place that binds. It holds every connection, tells of it, and drains them all at the end."""

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Protocol, TypeAlias

from OpenSSL import SSL
from twisted.internet import error
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory
from twisted.logger import Logger
from twisted.python.failure import Failure

from tw.core.target import format_peer
from tw.core.text import safe
from tw.errors import UsageError
from tw.events import Closed, Listening, Opened, Refused, ServerEvent, ServerSummary
from tw.net.endpoint import address_text, bind_error, host_endpoint, is_tls, server_endpoint, unlock
from tw.net.keepalive import keep_alive
from tw.net.lean_tls import tls_factory
from tw.net.tls import ServerTls, openssl_reason, self_signed_tls, server_tls
from tw.protocols.connection import Keeper, ServerConnection
from tw.serve_options import ServeOptions

ABORT_S = 1.0
"""An aborted connection is gone within a turn or two. A stop does not wait for one that a bug keeps."""

UDP_PORT_TRIES = 16
"""With `--udp` and port 0 the port must be free for both; a few tries find one wherever one is left."""


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
        if self._listener.stopping:
            return None
        return self._build(self._listener, addr)


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
        self.ports: list[Any] = []
        self._paths: list[str] = []
        self.connections: dict[int, ServerConnection] = {}
        self.stopping = False
        self.total_connections = 0
        self.received_bytes = 0
        self.sent_bytes = 0
        self.refused = 0
        self.cut_off = 0
        self._started_at_s = reactor.seconds()
        self._all_closed: Deferred[None] | None = None
        self._deadline: Any = None
        self._alpn = alpn
        self._tls = self._make_tls()

    # What connections report (protocols.connection.Keeper) ----------------------------------------------------------

    def opened(self, connection: ServerConnection) -> None:
        self.total_connections += 1
        connection.id = self.total_connections
        connection.peer = address_text(connection.peer_address, connection.id)
        connection.opened_at_s = self.reactor.seconds()
        self.connections[connection.id] = connection
        if self.options.access_log:
            self.emit(Opened(id=connection.id, peer=connection.peer))

    def closed(self, connection: ServerConnection, reason: Failure) -> None:
        if self.connections.pop(connection.id, None) is None:
            return
        self.received_bytes += connection.received_bytes
        self.sent_bytes += connection.stream.sent_bytes
        if not reason.check(error.ConnectionDone, error.ConnectionLost, error.ConnectionAborted):
            # A refused certificate, a failed handshake: not an event, but whoever looks for a cause (-v) finds it.
            self._log.info("{peer}: {reason}", peer=connection.peer, reason=_close_reason(reason))
        if self.options.access_log:
            self.emit(
                Closed(
                    id=connection.id,
                    peer=connection.peer,
                    reason=connection.close_reason or _close_reason(reason),
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
        self.refused += 1
        self.emit(Refused(peer=connection.peer, reason=reason))

    # Binding --------------------------------------------------------------------------------------------------------

    def _make_tls(self) -> ServerTls | None:
        options = self.options
        if options.tls_self_signed:
            return self_signed_tls(options.host, options.tls_client_ca, self._alpn)
        if options.tls_cert is not None and options.tls_key is not None:
            return server_tls(options.tls_cert, options.tls_key, options.tls_client_ca, self._alpn)
        return None

    async def bind(self, build: Build, udp: Any = None) -> list[Listening]:
        """Bind every endpoint, or none: where one fails, those already bound are given up. Raises TwError.

        `udp` is a DatagramProtocol for the same host and port, or None.
        """
        factory: Any = _ConnectionFactory(self, build)
        endpoints = self._endpoints()
        if self._tls is not None:
            context: Any = self._tls.context
            factory = tls_factory(context, False, factory, self.reactor)
        try:
            if udp is not None:
                return await self._bind_both(factory, udp)
            return [await self._bind_one(factory, endpoint, text) for endpoint, text in endpoints]
        except BaseException:
            await self.stop_listening()
            raise

    def _endpoints(self) -> list[tuple[Any, str]]:
        options = self.options
        if not options.listen:
            place = _place(options.host, options.port)
            return [(host_endpoint(self.reactor, options.host, options.port), place)]
        for text in options.listen:
            if self._tls is not None and is_tls(text):
                hint = f"leave out {text.partition(':')[0]}: or the --tls options"
                raise UsageError("TLS asked for twice", f"--listen {safe(text)}", hint)
        return [(server_endpoint(self.reactor, text), safe(text)) for text in options.listen]

    async def _bind_one(self, factory: Any, endpoint: Any, where: str) -> Listening:
        try:
            port = await endpoint.listen(factory)
        except Exception as problem:
            _unlock_after(problem)
            raise bind_error(problem, where) from problem
        keep_alive(port)
        self.ports.append(port)
        listening = self._listening(port.getHost(), where)
        if listening.path is not None:
            self._paths.append(listening.path)
        return listening

    async def _bind_both(self, factory: Any, udp: Any) -> list[Listening]:
        tries = UDP_PORT_TRIES if self.options.port == 0 else 1
        while True:
            tries -= 1
            stream = await self._bind_one(factory, *self._endpoints()[0])
            try:
                # The address that TCP is bound to, since Twisted takes no name here. 65,535 is the largest datagram;
                # Twisted's default of 8,192 would cut longer ones.
                datagram = self.reactor.listenUDP(stream.port, udp, stream.host, 65_535)
            except error.CannotListenError as problem:
                if tries:
                    await self.stop_listening()
                    continue
                raise bind_error(problem, f"{_place(self.options.host, stream.port or 0)}/udp") from problem
            self.ports.append(datagram)
            return [stream, self._listening(datagram.getHost(), "")]

    def _listening(self, host: Any, text: str) -> Listening:
        tls = self._tls is not None or is_tls(text)
        common: dict[str, Any] = {
            "service": self.service,
            "tls": tls,
            "pin": self._tls.pin if self._tls is not None else None,
            "pid": os.getpid(),
        }
        name = getattr(host, "name", None)
        if name is not None:
            path = os.fsdecode(name)
            return Listening(transport="unix", path=path, endpoint=f"unix:{_quoted(path)}", **common)
        transport = str(getattr(host, "type", "TCP")).lower()
        kind = "udp" if transport == "udp" else "tls" if tls else "tcp"
        endpoint = f"{kind}:{_quoted(host.host)}:{host.port}"
        return Listening(transport=transport, host=host.host, port=host.port, endpoint=endpoint, **common)

    # Ending ---------------------------------------------------------------------------------------------------------

    async def stop_listening(self) -> None:
        ports, self.ports = self.ports, []
        for port in ports:
            stopped: Any = port.stopListening()
            with suppress(OSError):  # a unix socket's file may be gone, or no longer ours to remove
                if isinstance(stopped, Deferred):
                    await stopped
        while self._paths:
            unlock(self._paths.pop())

    async def drain(self) -> None:
        """Stop accepting, let every connection finish what is under way, and cut off what outlives the timeout."""
        self.stopping = True
        await self.stop_listening()
        self._end_each(lambda connection: connection.drain())
        if not self.connections:
            return
        done = self._all_closed = Deferred()
        self._deadline = self.reactor.callLater(self.options.drain_timeout_s, self._cut_off)
        await done
        if self._deadline.active():
            self._deadline.cancel()

    def _end_each(self, end: Callable[[ServerConnection], None]) -> None:
        for connection in list(self.connections.values()):
            try:
                end(connection)
            except Exception:
                # One connection's fault must not keep the others from being ended.
                self._log.failure("unhandled error while a connection is ended")

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
            refused=self.refused,
            cut_off=self.cut_off,
            duration_s=self.reactor.seconds() - self._started_at_s,
            more=more,
        )


def _place(host: str, port: int) -> str:
    """A host and port that were asked for, written as a bound one is, and safe for a terminal."""
    return safe(format_peer(host, port))


def _quoted(text: str) -> str:
    """Escape what is special in an endpoint string (Twisted's `quoteStringArgument`, and `=` for its keywords)."""
    return text.replace("\\", "\\\\").replace(":", "\\:").replace("=", "\\=")


def _unlock_after(problem: Exception) -> None:
    """Give up the lock of a unix socket that was locked and then not bound; without a lock the error is a text."""
    if not isinstance(problem, error.CannotListenError):
        return
    if isinstance(problem.port, bytes) and isinstance(problem.socketError, OSError):
        unlock(problem.port)


def _close_reason(reason: Failure) -> str:
    if reason.check(error.ConnectionDone):
        return "closed"
    if reason.check(error.ConnectionAborted):
        return "aborted"
    if reason.check(error.ConnectionLost):
        return "lost"
    if isinstance(reason.value, SSL.Error):
        return f"TLS: {openssl_reason(reason.value)}"
    return safe(str(reason.value) or type(reason.value).__name__)
