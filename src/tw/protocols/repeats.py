"""Requests that came before, byte for byte: they are answered again, and not parsed."""

from tw.protocols.answers import CLOSE, CounterSite
from tw.protocols.replies import Replies
from tw.protocols.request_rules import REPEATED_LIMIT_BYTES


class Repeats(Replies):
    """Remembers what came alone in one read, for its own connection and for those that begin with the same.

    `draining` makes the next answer the last one: then nothing is taken from memory.
    """

    __slots__ = ("_repeated", "_repeated_count", "_repeated_kind", "draining")

    def __init__(self, site: CounterSite) -> None:
        super().__init__(site)
        self.draining = False
        self._repeated: bytes | None = None
        self._repeated_kind = self._repeated_count = 0

    def _remember(self, data: bytes, kind: int, count: int) -> None:
        """`data` was `count` whole requests, all with an answer of this kind, and nothing else."""
        self._repeated, self._repeated_kind, self._repeated_count = data, kind, count
        if not self.draining:
            self._site.remember(data, kind, count)

    def _recall(self, data: bytes) -> bool:
        """Answer the first that comes on a connection, if another connection has said the same, as health checks and
        clients do that open one for each request. To parse would cost a third of such a connection."""
        known = None if self.draining or len(data) > REPEATED_LIMIT_BYTES else self._site.known.get(data)
        if known is None:
            return False
        self._repeated = data
        self._repeated_kind, self._repeated_count = kind, count = known
        for _ in range(count):
            self._number(kind)
        self.over = kind & CLOSE != 0
        return True
