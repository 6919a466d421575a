"""Connections on which nothing moves are closed after a while, at the cost of a look at each now and then."""

from collections.abc import Callable, Iterable
from typing import Any

from tw.protocols.connection import ServerConnection

LOOKS = 8
"""Looks in one timeout. A connection is closed after the timeout, at the latest two looks, a quarter of it, later: one
until it is noticed that nothing moves any more, and one where the timeout is no multiple of them."""

LONGEST_LOOK_S = 15.0
"""Of a timeout of hours too: it is over half a minute late at most."""

REASON = "idle"


class IdleWatch:
    """Closes what neither received nor sent a byte for `timeout_s`.

    Nothing is done for a message: each look compares the byte counts of every connection with those of the last one.
    """

    def __init__(self, reactor: Any, timeout_s: float, connections: Callable[[], Iterable[ServerConnection]]) -> None:
        self._reactor = reactor
        self._timeout_s = timeout_s
        self._look_s = min(timeout_s / LOOKS, LONGEST_LOOK_S)
        self._connections = connections
        self._seen: dict[int, tuple[int, float]] = {}  # id: bytes that had moved, and since when it is so many
        self._later: Any = None
        self.closed = 0

    def start(self) -> None:
        """There is a connection to look at. Safe to call again."""
        if self._later is None:
            self._later = self._reactor.callLater(self._look_s, self._look)

    def stop(self) -> None:
        if self._later is not None:
            self._later.cancel()
            self._later = None

    def _look(self) -> None:
        self._later = None
        now_s = self._reactor.seconds()
        before, self._seen = self._seen, {}
        for connection in list(self._connections()):
            moved = connection.moved_bytes
            bytes_then, since_s = before.get(connection.id, (0, connection.opened_at_s))
            if moved != bytes_then or connection.held:
                since_s = now_s
            self._seen[connection.id] = (moved, since_s)
            if now_s - since_s >= self._timeout_s:
                self._close(connection)
        if self._seen:
            self.start()

    def _close(self, connection: ServerConnection) -> None:
        """As a stop of the server would; and who is still there at the next look is cut off."""
        told = connection.close_reason == REASON
        if not told:
            self.closed += 1
        if told or connection.stream.closing:
            connection.stream.abort()
        else:
            connection.drain()
            connection.close_reason = REASON
