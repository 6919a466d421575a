"""The PROXY protocol on a listener: the header is read first, below TLS, and then nothing of this stands in the way.

`HeaderFirst` wraps the outermost factory. Once the header is there, the protocol that the wrapped factory builds takes
the transport over: Twisted asks `transport.protocol` anew for each read, each half-close and each end.
"""

from collections.abc import Callable
from typing import Any, TypeAlias
from typing import Protocol as TypingProtocol

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from tw.core.networks import Networks
from tw.core.proxy import Header, HeaderReader, HostAddress, ProxyHeaderError

HEADER_TIMEOUT_S = 10.0
"""How long a header may take from the moment a connection is accepted. A proxy sends it with its first packet; nginx
waits 30 s, Envoy 15 s, HAProxy as long as for a client's own bytes."""

NOT_TRUSTED = "not trusted to send a PROXY header"

Refuse: TypeAlias = Callable[[IAddress | None, str], None]
"""Told of a peer that is turned away, and why."""


class Admits(TypingProtocol):
    """Who keeps the limits of a server. A `host` is the text of an IP address; None counts for nobody in particular."""

    def turned_away(self, host: str | None) -> str | None:
        """Why this address may not talk to us at all, or None."""

    def refusal(self, host: str | None) -> str | None:
        """Why there is no room for another connection, or None."""

    def entered(self, host: str | None) -> None: ...
    def left(self, host: str | None) -> None: ...


class _AdmitsAll:
    def turned_away(self, host: str | None) -> str | None:
        return None

    refusal = turned_away

    def entered(self, host: str | None) -> None:
        """Nobody counts."""

    left = entered


class HeaderFirst(Factory):
    """Builds what `factory` builds, once a PROXY header told the address to build it for.

    Peers outside `trusted` are turned away unheard, and those that `admission` does not want; unix sockets have no
    stranger at their other end. `pending` holds the connections whose header is still to come. They take room as all
    others do, but not that of the proxy's host, which is not where they are from.
    """

    noisy = False

    def __init__(
        self, reactor: Any, factory: Any, trusted: Networks, refuse: Refuse, admission: Admits | None = None
    ) -> None:
        self.reactor = reactor
        self.factory = factory
        self.trusted = trusted
        self.refuse = refuse
        self.admission = admission or _AdmitsAll()
        self.pending: set[PendingHeader] = set()
        self.keeps_headers = False
        """Whether each transport keeps its header as `proxy_header`, for one who tells of it (`net.sight`)."""
        self._closed = False

    def buildProtocol(self, addr: IAddress | None) -> "PendingHeader | None":
        if self._closed:
            return None
        reason = self._refusal(getattr(addr, "host", None))
        if reason is not None:
            self.refuse(addr, reason)
            return None
        return PendingHeader(self, addr)

    def _refusal(self, host: str | None) -> str | None:
        if host is not None and host not in self.trusted:
            return NOT_TRUSTED
        return self.admission.turned_away(host) or self.admission.refusal(None)

    def close(self) -> None:
        """Part from everyone whose header has not come: the server stops, and none of them was promised anything."""
        self._closed = True
        for connection in list(self.pending):
            connection.give_up(None)


class PendingHeader(Protocol):
    """One connection until its header is there. It never writes."""

    def __init__(self, owner: HeaderFirst, address: IAddress | None) -> None:
        self._owner = owner
        self._address = address
        self._reader = HeaderReader()
        self._deadline: Any = None
        self.opened_at_s = 0.0

    def connectionMade(self) -> None:
        self.opened_at_s = self._owner.reactor.seconds()
        self._owner.pending.add(self)
        self._owner.admission.entered(None)
        self._deadline = self._owner.reactor.callLater(
            HEADER_TIMEOUT_S, self.give_up, f"no PROXY header within {HEADER_TIMEOUT_S:g} s"
        )

    def dataReceived(self, data: bytes) -> None:
        try:
            header = self._reader.feed(data)
        except ProxyHeaderError as problem:
            self.give_up(f"no PROXY header: {problem}")
            return
        if header is not None:
            self._hand_over(header)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        # Who connects and leaves without a word has only looked whether the port is open, as health checks do.
        if self._settle() and self._reader.started:
            ended = "ended" if reason.check(ConnectionDone) else "was lost"
            self._owner.refuse(self._address, f"the connection {ended} inside the PROXY header")

    def give_up(self, why: str | None) -> None:
        """End the connection, and tell `why` unless that is None."""
        transport: Any = self.transport
        if self._settle():
            if why is not None:
                self._owner.refuse(self._address, why)
            transport.abortConnection()

    def _settle(self) -> bool:
        """Stop waiting; whether it still did."""
        if self not in self._owner.pending:
            return False
        self._owner.pending.remove(self)
        self._owner.admission.left(None)
        if self._deadline.active():
            self._deadline.cancel()
        return True

    def _hand_over(self, header: Header) -> None:
        self._settle()
        transport: Any = self.transport
        program = self._owner.factory.buildProtocol(_peer(header, self._address))
        if program is None:
            transport.abortConnection()
            return
        if self._owner.keeps_headers:
            # On the transport, since between it and the protocol that tells of it there may be TLS.
            transport.proxy_header = header
        transport.protocol = program
        program.makeConnection(transport)
        rest = self._reader.rest(header)
        if rest and not transport.disconnecting:
            program.dataReceived(rest)


def _peer(header: Header, address: IAddress | None) -> Any:
    """Who the connection is from: the header's source, or its own peer where the header leaves it at that."""
    source = header.source
    if source is None:
        return address
    if isinstance(source, HostAddress):
        kind = IPv6Address if ":" in source.host else IPv4Address
        return kind("TCP", source.host, source.port)
    return UNIXAddress(source.path or None)
