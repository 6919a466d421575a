"""TLS handshakes under way, each with a deadline: a peer that stalls, or sends a byte a second, holds nothing."""

from collections.abc import Callable
from typing import Any

from twisted.protocols.tls import TLSMemoryBIOProtocol

from tw.protocols.connection import ServerConnection


class Handshakes:
    """Calls `expired` for a connection whose handshake is not done `timeout_s` after it began.

    One delayed call for each handshake, gone at its end: an open connection has none.
    """

    def __init__(self, reactor: Any, timeout_s: float, expired: Callable[[ServerConnection], None]) -> None:
        self._reactor = reactor
        self._timeout_s = timeout_s
        self._expired = expired
        self._deadlines: dict[int, Any] = {}

    def began(self, connection: ServerConnection) -> None:
        """Does nothing for a connection without TLS. `connection.id` must be set."""
        if isinstance(connection.transport, TLSMemoryBIOProtocol):
            self._deadlines[connection.id] = self._reactor.callLater(self._timeout_s, self._expire, connection)

    def ended(self, connection: ServerConnection) -> None:
        """It is done, or the connection is gone. Safe to call again."""
        call = self._deadlines.pop(connection.id, None)
        if call is not None:
            call.cancel()

    def is_under_way(self, connection: ServerConnection) -> bool:
        return connection.id in self._deadlines

    def _expire(self, connection: ServerConnection) -> None:
        del self._deadlines[connection.id]
        self._expired(connection)
