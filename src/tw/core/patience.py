"""How long a peer may keep a connection waiting: which wait it is in, since when, and whether that was too long.

Nothing is noted while bytes move. A sweep looks at each connection now and then, and tells from two counters that are
kept anyway whether it is still the same wait. So a wait is seen at most one sweep after it began, and its end at most
one after it was over: never too early, and up to two sweeps late.
"""

from dataclasses import dataclass
from enum import IntEnum


class Wait(IntEnum):
    """What a server waits for."""

    HEADER = 0
    """The first request, or the rest of a header that has begun."""
    BODY = 1
    """The rest of a body whose header was complete."""
    IDLE = 2
    """The next request of a connection that is kept alive."""
    SENDING = 3
    """The peer to take what was sent."""
    LINGERING = 4
    """The peer to close, which was sent all."""


LINGERING_S = 4.0
"""A peer that has its last answer has closed long before. Over TLS this is the wait for its close_notify as well."""

LONGEST_SWEEP_S = 2.0
SWEEPS = 4
"""So many sweeps fit into the shortest wait that is allowed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitLimits:
    """How long each wait may be, in seconds. The names and meanings are nginx's, where it has one.

    `header_s` is for the whole header, from its first byte (the first one: from the connection on), and `body_s` for
    the whole body: a byte now and then does not prolong them. `send_s` is the time in which nothing at all was taken.
    """

    header_s: float = 10.0
    body_s: float = 60.0
    keepalive_s: float = 75.0
    send_s: float = 60.0

    def by_wait(self) -> tuple[float, ...]:
        """The limits in the order of `Wait`."""
        return self.header_s, self.body_s, self.keepalive_s, self.send_s, LINGERING_S

    @property
    def sweep_s(self) -> float:
        """How far apart the sweeps are."""
        return min(LONGEST_SWEEP_S, min(self.by_wait()) / SWEEPS)


class Patience:
    """With one connection. `mark` is a count that changes whenever the wait is over and another one has begun."""

    __slots__ = ("_mark", "_since_s", "_wait")

    def __init__(self) -> None:
        self._wait: Wait | None = None
        self._mark = 0
        self._since_s = 0.0

    def is_over(self, wait: Wait, mark: int, now_s: float, limit_s: float) -> bool:
        """Whether this wait was seen before, at least `limit_s` ago. Call it at each sweep."""
        if wait is not self._wait or mark != self._mark:
            self._wait, self._mark, self._since_s = wait, mark, now_s
            return False
        return now_s - self._since_s >= limit_s
