"""Whom a server turns away or throws out: all are counted, and told at a rate that floods nobody's terminal or log."""

from collections import Counter
from collections.abc import Callable

from tw.core.bucket import TokenBucket
from tw.events import Refused

EVENTS_PER_S = 10
"""Events for one reason, each second. Turning a stranger away costs us more the more is written about it."""

MAX_REASONS = 64
"""Reasons that are told apart. They are our own words, and fewer; this bounds what a careless one would cost."""

OTHER_REASONS = "other reasons"


class Refusals:
    """Counts refusals by reason, and emits an event for at most `EVENTS_PER_S` of each. `clock` gives seconds."""

    def __init__(self, emit: Callable[[Refused], None], clock: Callable[[], float]) -> None:
        self._emit = emit
        self._clock = clock
        self._buckets: dict[str, TokenBucket] = {}
        self._suppressed: Counter[str] = Counter()
        self.by_reason: Counter[str] = Counter()

    @property
    def total(self) -> int:
        return sum(self.by_reason.values())

    def refuse(self, peer: str, reason: str) -> None:
        """Count one, and tell of it unless too many were told of lately; the next event says how many were not."""
        kind = reason if reason in self.by_reason or len(self.by_reason) < MAX_REASONS else OTHER_REASONS
        self.by_reason[kind] += 1
        now_s = self._clock()
        bucket = self._buckets.get(kind)
        if bucket is None:
            bucket = self._buckets[kind] = TokenBucket(EVENTS_PER_S, EVENTS_PER_S, now_s)
        if bucket.take(now_s):
            self._emit(Refused(peer=peer, reason=reason, suppressed=self._suppressed.pop(kind, 0)))
        else:
            self._suppressed[kind] += 1
