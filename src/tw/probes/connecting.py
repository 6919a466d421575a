"""How a client's run gets its connections: names, families, TLS, deadlines, and patience (`--wait-for`)."""

import errno
import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import CancelledError, ensureDeferred
from twisted.internet.endpoints import UNIXClientEndpoint
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure

from tw.core.client_rules import refuse_idle_tls_options, tls_name
from tw.core.histogram import Histogram
from tw.core.proxy import HostAddress
from tw.core.proxy_sender import Version
from tw.core.target import HostTarget, Target, UnixTarget, parse_target
from tw.core.text import safe
from tw.errors import AnswerTimeout, ConnectError, ProtocolError, TwError, UsageError
from tw.net.dial import dial, is_literal, resolve
from tw.net.endpoint import client_from_string, connect_error
from tw.net.lean_tls import tls_factory
from tw.net.send_proxy import HeaderAhead
from tw.net.tls import client_creator
from tw.net.tls_failures import tls_failure
from tw.net.tls_words import silent_handshake
from tw.options import TlsClientOptions
from tw.probe_options import ProbeOptions
from tw.probes.failures import lost_connection
from tw.probes.phases import Phases, Steps
from tw.probes.source import source_error, source_family
from tw.probes.timing import pause, within
from tw.probes.told import Told
from tw.protocols.client import ClientConnection

P = TypeVar("P", bound=ClientConnection)

RETRY_S = 0.1
"""Between two tries under `--wait-for`: a server that comes up is noticed soon, a dead one costs little."""

NEEDS_HEADER = "one that expects a PROXY header needs --send-proxy"

UNANSWERED = f"is it the right server? {NEEDS_HEADER}"
"""What to ask who was closed on without a byte: a server that wants a header says nothing to who sends none."""

UNIX_PATH_BYTES = 107
"""The longest path of a unix socket: `sun_path` has 108 bytes, and a NUL ends it (unix(7))."""


def probe_target(options: ProbeOptions, default_port: int, schemes: Mapping[str, bool]) -> Target:
    """What TARGET means to a probe; without one, the server's default, in the family asked for. Raises UsageError."""
    if options.target is None:
        return HostTarget(loopback(options), default_port, options.tls)
    return parse_target(options.target, default_port=default_port, tls=options.tls, schemes=schemes)


def loopback(options: ProbeOptions) -> str:
    """The loopback address that the probe's own connections can reach."""
    is_ipv6 = options.family == 6 or (options.bind is not None and ":" in options.bind)
    return "::1" if is_ipv6 else "127.0.0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where to connect and how: everything but the protocol."""

    target: Target
    timeout_s: float
    wait_for_s: float | None = None
    verify: TlsClientOptions = TlsClientOptions()
    family: int | None = None
    bind: str | None = None
    resolve: tuple[tuple[str, int, str], ...] = ()
    send_proxy: Version | None = None
    proxy_source: HostAddress | None = None

    @classmethod
    def of(cls, options: ProbeOptions, target: Target, resolve: tuple[tuple[str, int, str], ...] = ()) -> "Route":
        return cls(
            target=target,
            timeout_s=options.timeout_s,
            wait_for_s=options.wait_for_s,
            verify=options.verify,
            family=options.family,
            bind=options.bind,
            resolve=resolve,
            send_proxy=options.send_proxy,
            proxy_source=None if options.proxy_source is None else HostAddress(*options.proxy_source),
        )


class Connector:
    """Makes connections along a route, and measures how long each took: all of it (TLS included) and its phases.

    `clock` gives seconds for measuring; it never jumps, as the reactor's own may. What is measured is added to that of
    `beside`, where a run connects to several places. Raises at once, with UsageError or LocalError, where the route's
    certificates or names cannot be used.
    """

    def __init__(
        self, reactor: Any, route: Route, clock: Callable[[], float], *, beside: "Connector | None" = None
    ) -> None:
        self._reactor = reactor
        self._route = route
        self._clock = clock
        self.where = safe(str(route.target))
        self.connect_times: Histogram = Histogram() if beside is None else beside.connect_times
        self.phases: Phases = Phases() if beside is None else beside.phases
        # What each of the connections took that somebody still has: a new part of a run begins over some of them.
        self._steps: WeakKeyDictionary[ClientConnection, Steps] = WeakKeyDictionary()
        self._told: Told = Told() if beside is None else beside._told
        self._refuse_idle_options()
        self._creator: Any = None
        if route.target.tls:
            name = tls_name(route.target, route.verify, "add --server-name, or --pin")
            self._creator = client_creator(name, route.verify)

    def _refuse_idle_options(self) -> None:
        """Raises UsageError for options that would do nothing."""
        route = self._route
        given = {"--bind": route.bind, "-4 or -6": route.family, "--resolve": route.resolve}
        idle = [name for name, value in given.items() if value]
        if idle and not isinstance(route.target, HostTarget):
            raise UsageError(f"{idle[0]} beside a target without a host", self.where, "leave it out")
        if not route.target.tls:
            refuse_idle_tls_options(route.verify, self.where, "add --tls")

    @property
    def tls(self) -> bool:
        return self._creator is not None

    def lost(self, reason: Failure, *, answered: bool) -> TwError:
        """What the end of a connection means to a run that was not done with it (`lost_connection`)."""
        return self.advised(lost_connection(reason, self.where), answered=answered)

    def advised(self, error: TwError, *, answered: bool) -> TwError:
        """`error`, which ended a connection, with what may help where not a byte had come on it (`answered`)."""
        if isinstance(error, ProtocolError) and not answered and self._route.send_proxy is None:
            error.hint = UNANSWERED
        return error

    def _unready(self, reason: Failure) -> TwError:
        """What the end of a connection means that was not ready yet: a TLS server says why it refuses a handshake
        (RFC 8446, 6.2), one that takes the handshake for a broken PROXY header says nothing."""
        error = tls_failure(reason, self.where)
        if reason.check(ConnectionDone, ConnectionLost) and self._route.send_proxy is None:
            error.hint = f"{error.hint} {NEEDS_HEADER}"
        return error

    async def open(
        self, *, received: Callable[[bytes], None] = lambda data: None, gone: Callable[[Failure], None]
    ) -> ClientConnection:
        """A plain connection that is ready to be used: `connect`, for what needs no protocol of its own."""
        return await self.connect(lambda: ClientConnection(tls=self.tls, received=received, gone=gone))

    async def connect(self, build: Callable[[], P]) -> P:
        """A connection that is ready to be used. Raises ConnectError, TlsError, AnswerTimeout (a silent handshake)."""
        if isinstance(self._route.target, UnixTarget):
            self._check_path(self._route.target.path)
        patience = self._route.wait_for_s
        until = self._reactor.seconds() + patience if patience is not None else None
        while True:
            try:
                return await self._attempt(build(), until)
            except ConnectError as error:
                if until is None:
                    raise
                if self._reactor.seconds() + RETRY_S >= until:
                    hint = f"waited {patience:g} s; {error.hint}" if error.hint else f"waited {patience:g} s"
                    raise ConnectError(error.what, error.where, hint) from error
            await pause(self._reactor, RETRY_S)

    async def _attempt(self, protocol: P, until: float | None) -> P:
        timeout_s = self._route.timeout_s
        if until is not None:
            timeout_s = max(RETRY_S, min(timeout_s, until - self._reactor.seconds()))
        steps = Steps(self._clock())
        await self._connect_socket(protocol, steps, timeout_s)
        if _met_itself(protocol):
            protocol.ready.addErrback(lambda _: None)
            protocol.abort()
            raise ConnectError("connection refused", self.where, "is the server running there?")
        left = timeout_s - (self._clock() - steps.began_s)
        try:
            await within(self._reactor, left, protocol.ready, self._silent_handshake)
        except AnswerTimeout:
            protocol.abort()
            raise
        except CancelledError:
            raise
        except Exception as problem:
            raise self._unready(Failure(problem)) from problem
        steps.ready_s = self._clock()
        self._steps[protocol] = steps
        took_s = self._note(steps)
        self._told.tell(protocol, took_s)
        return protocol

    def _note(self, steps: Steps) -> float:
        """Record what a connection took; gives that, in seconds."""
        took_s = steps.ready_s - steps.began_s
        self.connect_times.record(took_s)
        self.phases.connected(steps, tls=self.tls)
        return took_s

    def begin(self, kept: Collection[ClientConnection]) -> Histogram:
        """A new part of a run begins, over the connections `kept`, whose times go with it. Gives those of the others,
        which the part before has used up."""
        all_times, self.connect_times = self.connect_times, Histogram()
        self.phases.begin()
        for connection in kept:
            self._note(self._steps[connection])
        return all_times.since(self.connect_times)

    async def _connect_socket(self, protocol: ClientConnection, steps: Steps, timeout_s: float) -> None:
        factory: Any = _OneShot(protocol, steps, self._clock)
        if self._creator is not None:
            factory = tls_factory(self._creator, True, factory, self._reactor)
        if self._route.send_proxy is not None:
            factory = HeaderAhead(factory, self._route.send_proxy, self._route.proxy_source)
        reaching = ensureDeferred(self._reach(factory, steps, timeout_s))
        try:
            await within(self._reactor, timeout_s, reaching, self._slow_connect)
        except (ConnectError, CancelledError):
            raise
        except Exception as problem:
            if getattr(problem, "osError", None) == errno.ECONNRESET:
                # A connection that is refused is ECONNREFUSED: this one was made, and reset before anybody looked.
                ended = Failure(ConnectionLost())
                raise (self._unready(ended) if self.tls else self.lost(ended, answered=False)) from problem
            named = source_error(problem, self._route.bind)
            raise named or connect_error(Failure(problem), self.where) from problem

    async def _reach(self, factory: Any, steps: Steps, timeout_s: float) -> None:
        target = self._route.target
        if isinstance(target, HostTarget):
            host = self._resolved(target.host, target.port)
            family = source_family(self._route.bind, self._route.family, host)
            addresses = await resolve(self._reactor, host, target.port, family)
            if not is_literal(host):
                steps.resolved_s = self._clock()
            await dial(self._reactor, addresses, factory, timeout_s, self._route.bind)
        elif isinstance(target, UnixTarget):
            await UNIXClientEndpoint(self._reactor, target.path, timeout_s).connect(factory)
        else:
            endpoint = client_from_string(self._reactor, target.description)
            if isinstance(endpoint, UNIXClientEndpoint):
                self._check_path(getattr(endpoint, "_path", ""))
            await endpoint.connect(factory)

    def _check_path(self, path: str) -> None:
        """Raises ConnectError for a path that no socket can have: Twisted would log the refusal, and answer nothing."""
        length = len(os.fsencode(path))
        if length > UNIX_PATH_BYTES:
            what = f"the socket's path has {length} bytes, and {UNIX_PATH_BYTES} is the most"
            raise ConnectError(what, self.where, "use a shorter one, or a relative one")

    def _slow_connect(self) -> ConnectError:
        return ConnectError("connecting timed out", self.where, "is a firewall in between? --timeout gives it longer")

    def _silent_handshake(self) -> AnswerTimeout:
        return silent_handshake(self.where)

    def _resolved(self, host: str, port: int) -> str:
        for name, its_port, address in self._route.resolve:
            if (name, its_port) == (host.lower(), port) or (name, its_port) == ("*", port):
                return address
        return host


def _met_itself(protocol: ClientConnection) -> bool:
    """Whether both ends are the same one: on this host, to a port that nobody listens on, the kernel may choose that
    very port for this end, and TCP then connects it to itself (RFC 9293, 3.5). Everything would come back."""
    transport = protocol.stream.transport
    ours, theirs = transport.getHost(), transport.getPeer()
    return isinstance(ours, IPv4Address | IPv6Address) and (ours.host, ours.port) == (theirs.host, theirs.port)


class _OneShot(Factory):
    """Hands out the one protocol that was made for this attempt, and notes when: the socket is connected by then."""

    noisy = False

    def __init__(self, protocol: ClientConnection, steps: Steps, clock: Callable[[], float]) -> None:
        self._protocol_made = protocol
        self._steps = steps
        self._clock = clock

    def buildProtocol(self, addr: object) -> ClientConnection:
        self._steps.connected_s = self._clock()
        return self._protocol_made
