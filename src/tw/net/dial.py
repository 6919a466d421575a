"""From a name to a connection: resolving, and trying the addresses until one takes it.

Twisted's `HostnameEndpoint` lets 0.3 s pass before each further address, even where the one before was refused at once:
`localhost` with a server on 127.0.0.1 alone would then seem to take 0.3 s to connect. Here a failure leads on at once,
and only a silent address is given time (RFC 8305, "Happy Eyeballs").
"""

import ipaddress
from collections.abc import Sequence
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint
from twisted.internet.interfaces import IResolutionReceiver
from twisted.python.failure import Failure
from zope.interface import implementer

from tw.core.client_rules import STAGGER_S, interleaved
from tw.errors import ConnectError

FAMILIES: dict[int | None, list[Any]] = {4: [IPv4Address], 6: [IPv6Address], None: [IPv4Address, IPv6Address]}


@implementer(IResolutionReceiver)
class _Receiver:
    """Collects what the resolver finds. A resolution cannot be cancelled: what comes too late is dropped."""

    def __init__(self, host: str, family: int | None) -> None:
        self._host = host
        self._family = family
        self._found: list[Any] = []
        self.done: Deferred[list[Any]] = Deferred()

    def resolutionBegan(self, resolutionInProgress: object) -> None:
        """There is nothing to keep."""

    def addressResolved(self, address: object) -> None:
        self._found.append(address)

    def resolutionComplete(self) -> None:
        if self.done.called:
            return
        if self._found:
            self.done.callback(interleaved(self._found, type))
        else:
            self.done.errback(
                Failure(
                    ConnectError(
                        "no such host",
                        self._host,
                        "check the name" + (f", and -{self._family}" if self._family else ""),
                    )
                )
            )


def resolve(reactor: Any, host: str, port: int, family: int | None) -> Deferred[list[Any]]:
    """The addresses of `host`, best first, the families in turn; of one family alone if `family` is 4 or 6.

    Fails with ConnectError where there is none. An address stands for itself, and no resolver is asked.
    """
    literal = _literal(host, port)
    if literal is not None:
        done: Deferred[list[Any]] = Deferred()
        if type(literal) in FAMILIES[family]:
            done.callback([literal])
        else:
            done.errback(Failure(ConnectError(f"not an IPv{family} address", host, "use the other family's address")))
        return done
    receiver = _Receiver(host, family)
    reactor.nameResolver.resolveHostName(receiver, host, port, addressTypes=FAMILIES[family])
    return receiver.done


def is_literal(host: str) -> bool:
    """Whether `host` is an address: nobody has to be asked for one."""
    return _literal(host, 0) is not None


def _literal(host: str, port: int) -> Any:
    try:
        version = ipaddress.ip_address(host).version
    except ValueError:
        return None
    return IPv4Address("TCP", host, port) if version == 4 else IPv6Address("TCP", host, port)


def dial(reactor: Any, addresses: Sequence[Any], factory: Any, timeout_s: float, bind: str | None) -> Deferred[Any]:
    """Connect `factory`'s protocol to the first of `addresses` that takes it; fails with the last one's failure.

    `bind` is the source address. Cancelling gives up every attempt.
    """
    return _Race(reactor, addresses, factory, timeout_s, bind).result


class _Race:
    """Attempts under way, one of which may win."""

    def __init__(
        self, reactor: Any, addresses: Sequence[Any], factory: Any, timeout_s: float, bind: str | None
    ) -> None:
        self._reactor = reactor
        self._left = list(addresses)
        self._factory = factory
        self._timeout_s = timeout_s
        self._bind = (bind, 0) if bind is not None else None
        self._attempts: list[Deferred[Any]] = []
        self._timer: Any = None
        self.result: Deferred[Any] = Deferred(lambda _: self._give_up())
        self._next()

    def _next(self) -> None:
        self._stop_timer()
        address = self._left.pop(0)
        kind: Any = TCP4ClientEndpoint if isinstance(address, IPv4Address) else TCP6ClientEndpoint
        endpoint = kind(self._reactor, address.host, address.port, self._timeout_s, self._bind)
        if self._left:
            self._timer = self._reactor.callLater(STAGGER_S, self._next)
        attempt: Deferred[Any] = endpoint.connect(self._factory)
        self._attempts.append(attempt)
        attempt.addCallbacks(self._won, self._failed, callbackArgs=(attempt,), errbackArgs=(attempt,))

    def _won(self, protocol: Any, attempt: Deferred[Any]) -> None:
        self._attempts.remove(attempt)
        self._give_up()
        self.result.callback(protocol)

    def _failed(self, failure: Failure, attempt: Deferred[Any]) -> None:
        if attempt not in self._attempts:
            return  # given up
        self._attempts.remove(attempt)
        if self._left:
            self._next()
        elif not self._attempts:
            self.result.errback(failure)

    def _give_up(self) -> None:
        self._stop_timer()
        self._left.clear()
        attempts, self._attempts = self._attempts, []
        for attempt in attempts:
            attempt.cancel()

    def _stop_timer(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None
