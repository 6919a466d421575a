"""One pair of the delivery matrix: what became of one publisher's lines at one subscriber."""

from tw.core.coarse import CoarseTimes
from tw.core.gaps import Gaps


class Pair:
    """Lines are numbered from 1. In order they cost an addition; the numbers that were skipped are kept as `Gaps`.

    `delivered` counts distinct good lines, whenever they came; those that came after a later one are `reordered` too.
    """

    __slots__ = (
        "_gap_limit", "_gaps", "awaited", "barrier", "corrupted", "delivered", "duplicated", "next", "outstanding",
        "reordered", "times",
    )  # fmt: skip

    def __init__(self, gap_limit: int, times: CoarseTimes) -> None:
        self.next = 1
        """The number that follows the highest one."""
        self.delivered = 0
        self.duplicated = 0
        self.reordered = 0
        self.corrupted = 0
        self.barrier = 0
        """The last of the publisher's barriers that came."""
        self.outstanding = False
        """Whether a barrier of the publisher's is expected."""
        self.awaited = False
        """Whether the publisher waits for this subscriber, in a closed loop."""
        self.times = times
        self._gap_limit = gap_limit
        self._gaps: Gaps | None = None

    def add(self, number: int) -> bool:
        """Note a good line. Returns whether it is the first copy."""
        if number >= self.next:
            if number > self.next:
                if self._gaps is None:
                    self._gaps = Gaps(self._gap_limit)
                self._gaps.skip(self.next, number - 1)
            self.next = number + 1
        elif self._gaps is not None and self._gaps.fill(number):
            self.reordered += 1
        else:
            self.duplicated += 1
            return False
        self.delivered += 1
        return True

    @property
    def joined(self) -> bool:
        """Whether the subscriber is known to get what the publisher sends."""
        return self.barrier > 0

    def lost(self, published: int) -> int:
        """How many of so many lines nothing came of. A corrupted one is not counted as lost on top."""
        return max(0, published - self.delivered - self.corrupted)

    @property
    def missing(self) -> int:
        """Lost for certain while the run goes on: a later line has come."""
        return self.lost(self.next - 1)

    def is_whole(self, published: int) -> bool:
        """Whether all came, once, in order and unharmed."""
        return self.delivered == published and not (self.duplicated or self.reordered or self.corrupted)
