"""Numbers that have not come yet, of a sequence that should come in order."""

from bisect import bisect_right


class Gaps:
    """The numbers that were skipped, kept as runs: nothing at all while a sequence comes in order.

    Of more than `limit` runs the oldest is forgotten: what still comes of it is then taken for a second copy.
    """

    __slots__ = ("_firsts", "_lasts", "_limit")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._firsts: list[int] = []
        self._lasts: list[int] = []

    def skip(self, first: int, last: int) -> None:
        """Note that `first` to `last` were skipped. They must be higher than all that is noted already."""
        if len(self._firsts) == self._limit:
            del self._firsts[0], self._lasts[0]
        self._firsts.append(first)
        self._lasts.append(last)

    def fill(self, number: int) -> bool:
        """Note that one of them came after all. Returns whether it was missing."""
        firsts, lasts = self._firsts, self._lasts
        index = bisect_right(firsts, number) - 1
        if index < 0 or number > lasts[index]:
            return False
        first, last = firsts[index], lasts[index]
        if first == last:
            del firsts[index], lasts[index]
        elif number == first:
            firsts[index] = number + 1
        elif number == last:
            lasts[index] = number - 1
        else:
            self._split(index, number)
        return True

    def _split(self, index: int, number: int) -> None:
        self._firsts.insert(index + 1, number + 1)
        self._lasts.insert(index, number - 1)
        if len(self._firsts) > self._limit:
            del self._firsts[0], self._lasts[0]
