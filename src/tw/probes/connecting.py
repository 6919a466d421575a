"""How a client's run gets its connections: names, families, TLS, deadlines, and patience (`--wait-for`)."""

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, UNIXClientEndpoint
from twisted.internet.interfaces import IHostnameResolver, IReactorPluggableNameResolver
from twisted.internet.protocol import Factory
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from zope.interface import implementer

from tw.core.histogram import Histogram
from tw.core.target import HostTarget, Target, UnixTarget
from tw.errors import AnswerTimeout, ConnectError, UsageError
from tw.net.endpoint import client_from_string, connect_error
from tw.net.tls import client_creator, tls_failure
from tw.options import ProbeOptions, TlsClientOptions
from tw.probes.timing import pause, within
from tw.protocols.client import ClientConnection

P = TypeVar("P", bound=ClientConnection)

RETRY_S = 0.1
"""Between two tries under `--wait-for`: a server that comes up is noticed soon, a dead one costs little."""


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
        )


class Connector:
    """Makes connections along a route, and measures how long each took (TLS included).

    `clock` gives seconds for measuring; it never jumps, as the reactor's own may. Raises at once, with UsageError or
    LocalError, where the route's certificates or names cannot be used.
    """

    def __init__(self, reactor: Any, route: Route, clock: Callable[[], float]) -> None:
        self._reactor = reactor
        self._route = route
        self._clock = clock
        self.where = str(route.target)
        self.connect_times = Histogram()
        self._creator = client_creator(self._tls_name(), route.verify) if route.target.tls else None

    @property
    def tls(self) -> bool:
        return self._creator is not None

    def _tls_name(self) -> str:
        target = self._route.target
        if self._route.verify.server_name:
            return self._route.verify.server_name
        if isinstance(target, HostTarget):
            return target.host
        if self._route.verify.pin or self._route.verify.insecure:
            return "localhost"
        raise UsageError("TLS needs a name to verify", str(target), "add --server-name, or --pin")

    async def connect(self, build: Callable[[], P]) -> P:
        """A connection that is ready to be used. Raises ConnectError, TlsError, AnswerTimeout (a silent handshake)."""
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
        began = self._clock()
        await self._connect_socket(protocol, timeout_s)
        left = timeout_s - (self._clock() - began)
        try:
            await within(self._reactor, left, protocol.ready, self._silent_handshake)
        except AnswerTimeout:
            protocol.stream.abort()
            raise
        except Exception as problem:
            raise tls_failure(Failure(problem), self.where) from problem
        self.connect_times.record(self._clock() - began)
        return protocol

    async def _connect_socket(self, protocol: ClientConnection, timeout_s: float) -> None:
        factory: Any = _OneShot(protocol)
        if self._creator is not None:
            factory = TLSMemoryBIOFactory(self._creator, True, factory, self._reactor)
        connecting = self._endpoint(timeout_s).connect(factory)
        try:
            await within(self._reactor, timeout_s, connecting, self._slow_connect)
        except ConnectError:
            raise
        except Exception as problem:
            raise connect_error(Failure(problem), self.where) from problem

    def _slow_connect(self) -> ConnectError:
        return ConnectError("connecting timed out", self.where, "is a firewall in between? --timeout gives it longer")

    def _silent_handshake(self) -> AnswerTimeout:
        return AnswerTimeout("no answer to the TLS handshake", self.where, "does it speak TLS on this port?")

    def _endpoint(self, timeout_s: float) -> Any:
        target = self._route.target
        if isinstance(target, UnixTarget):
            return UNIXClientEndpoint(self._reactor, target.path, timeout_s)
        if not isinstance(target, HostTarget):
            return client_from_string(self._reactor, target.description)
        host = self._resolved(target.host, target.port)
        reactor = family_reactor(self._reactor, self._family())
        bind = (self._route.bind, 0) if self._route.bind else None
        return HostnameEndpoint(reactor, host, target.port, timeout_s, bind)

    def _family(self) -> int | None:
        """4 or 6 where only one will do: asked for, or the source address's."""
        if self._route.bind is None:
            return self._route.family
        try:
            version = ipaddress.ip_address(self._route.bind).version
        except ValueError:
            raise UsageError("not an IP address", f"--bind {self._route.bind}", "name a local address") from None
        if self._route.family not in (None, version):
            raise UsageError("the source address is of the other family", f"--bind {self._route.bind}")
        return version

    def _resolved(self, host: str, port: int) -> str:
        for name, its_port, address in self._route.resolve:
            if (name, its_port) == (host.lower(), port) or (name, its_port) == ("*", port):
                return address
        return host


class _OneShot(Factory):
    """Hands out the one protocol that was made for this attempt."""

    noisy = False

    def __init__(self, protocol: ClientConnection) -> None:
        self._protocol_made = protocol

    def buildProtocol(self, addr: object) -> ClientConnection:
        return self._protocol_made


def family_reactor(reactor: Any, family: int | None) -> Any:
    """The reactor as `HostnameEndpoint` takes it, resolving to one address family if `family` is 4 or 6."""
    return reactor if family is None else _FamilyReactor(reactor, family)


@implementer(IReactorPluggableNameResolver)
class _FamilyReactor:
    """A reactor whose names resolve to one family; everything else is the reactor's own."""

    def __init__(self, reactor: Any, family: int) -> None:
        self._reactor = reactor
        self.nameResolver = _FamilyResolver(reactor.nameResolver, IPv4Address if family == 4 else IPv6Address)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)


@implementer(IHostnameResolver)
class _FamilyResolver:
    def __init__(self, resolver: Any, kind: type) -> None:
        self._resolver = resolver
        self._kind = kind

    def resolveHostName(self, resolutionReceiver: Any, hostName: str, portNumber: int = 0, *_: Any, **__: Any) -> Any:
        return self._resolver.resolveHostName(resolutionReceiver, hostName, portNumber, addressTypes=[self._kind])


def resolve_address(reactor: Any, host: str, port: int, family: int | None) -> Deferred[tuple[str, int]]:
    """The first address of `host`, for UDP, which has no endpoint. Fails with ConnectError where there is none."""
    found: Deferred[tuple[str, int]] = Deferred()

    @implementer_of_receiver
    class Receiver:
        def resolutionBegan(self, resolutionInProgress: Any) -> None: ...

        def addressResolved(self, address: Any) -> None:
            if not found.called:
                found.callback((address.host, address.port))

        def resolutionComplete(self) -> None:
            if not found.called:
                found.errback(Failure(ConnectError("no such host", host, "check the name")))

    wanted = family_reactor(reactor, family)
    cast(Any, wanted).nameResolver.resolveHostName(Receiver(), host, port)
    return found


def implementer_of_receiver(kind: type) -> type:
    """`IResolutionReceiver` on a class; apart, so that mypy need not know zope's decorators."""
    from twisted.internet.interfaces import IResolutionReceiver

    implemented: type = implementer(IResolutionReceiver)(kind)
    return implemented
