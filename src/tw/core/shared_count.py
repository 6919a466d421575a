"""Numbers of a count that others share: which a block holds, what of it is at hand, and when to fetch the next one."""

from collections import deque

MARGIN = 1_000_000
"""A count that went back is set on by so much more than what is known of it: others may have had numbers that this
server has not heard of. A second's worth, and more than any number of servers was seen to hand out in one."""


class SharedCount:
    """What one server knows of the count. `highest` is the last number that it has seen of it."""

    __slots__ = ("highest",)

    def __init__(self, highest: int) -> None:
        self.highest = highest

    def block(self, end: int, size: int) -> range | None:
        """The numbers of a block of `size` that ends with `end`; None where the count has gone back.

        It only ever grows. Where it does not, the one who keeps it has forgotten something, as Redis may that was
        restored from an older copy, and these numbers may have been handed out before.
        """
        first = end - size + 1
        if first <= self.highest:
            return None
        self.highest = end
        return range(first, end + 1)

    def seen(self, value: int) -> bool:
        """It stands there. False where that is further back than it was."""
        is_further = value >= self.highest
        self.highest = max(self.highest, value)
        return is_further

    def missing(self, value: int) -> int:
        """What to add where it stands at `value`, and has gone back, so that nothing is handed out again."""
        return max(0, self.highest - value) + MARGIN


class Lease:
    """Blocks of `size` numbers, fetched when half of one is left, so that in the common case nobody waits."""

    __slots__ = ("_blocks", "_fetching", "_next", "_size", "left")

    def __init__(self, size: int) -> None:
        self._size = size
        self._blocks: deque[range] = deque()
        self._next = 0
        self._fetching = False
        self.left = 0
        """How many numbers are at hand."""

    @property
    def is_low(self) -> bool:
        """Whether it is time for the next block."""
        return self.left <= self._size // 2

    def take(self) -> int:
        """The next number; there must be one."""
        block = self._blocks[0]
        number = block[self._next]
        self._next += 1
        self.left -= 1
        if self._next == len(block):
            self._blocks.popleft()
            self._next = 0
        return number

    def begin(self, waiting: int) -> bool:
        """Whether a block is to be fetched now, with so many requests waiting. Whoever is told so calls `add` or
        `miss` once it is known."""
        if self._fetching or not (self.is_low or waiting):
            return False
        self._fetching = True
        return True

    def add(self, block: range) -> None:
        self._fetching = False
        self._blocks.append(block)
        self.left += len(block)

    def miss(self) -> None:
        """The block did not come."""
        self._fetching = False
