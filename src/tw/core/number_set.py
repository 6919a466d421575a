"""Whole numbers, kept as runs: a constant for what is complete, bounded for what is not."""

from bisect import bisect_left, bisect_right

# Gaps that are remembered. A run is two list entries and two integers, 80 bytes: 320 KiB for one set at most.
HIGHEST_RUNS = 4096


class NumberSet:
    """Whole numbers, kept as runs.

    Of more than `HIGHEST_RUNS` runs the lowest two become one: that gap is forgotten, its numbers count as present.
    """

    __slots__ = ("_firsts", "_lasts")

    def __init__(self) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []

    def __contains__(self, number: int) -> bool:
        index = bisect_right(self._firsts, number)
        return index > 0 and number <= self._lasts[index - 1]

    def add(self, number: int) -> bool:
        """Put a number in. Returns whether it was new."""
        firsts, lasts = self._firsts, self._lasts
        if lasts and number == lasts[-1] + 1:  # nearly always
            lasts[-1] = number
            return True
        index = bisect_right(firsts, number)  # of the run behind it
        if index and number <= lasts[index - 1]:
            return False
        after_run = index > 0 and lasts[index - 1] == number - 1
        before_run = index < len(firsts) and firsts[index] == number + 1
        if after_run and before_run:
            lasts[index - 1] = lasts.pop(index)
            del firsts[index]
        elif after_run:
            lasts[index - 1] = number
        elif before_run:
            firsts[index] = number
        else:
            firsts.insert(index, number)
            lasts.insert(index, number)
            if len(firsts) > HIGHEST_RUNS:
                del firsts[1], lasts[0]
        return True

    def extend(self) -> None:
        """Put the number after the highest one in, the cheap way. There must be one."""
        self._lasts[-1] += 1

    def add_run(self, first: int, last: int) -> None:
        """Put all numbers from `first` to `last` in. They have to be above the highest one."""
        if self._lasts and self._lasts[-1] == first - 1:
            self._lasts[-1] = last
            return
        self._firsts.append(first)
        self._lasts.append(last)
        if len(self._firsts) > HIGHEST_RUNS:
            del self._firsts[1], self._lasts[0]

    def runs(self) -> list[tuple[int, int]]:
        """The first and the last number of each run, ascending."""
        return list(zip(self._firsts, self._lasts, strict=True))

    def missing_between(self, low: int, high: int) -> int:
        """How many of the numbers above `low` and below `high` are not in the set."""
        firsts, lasts = self._firsts, self._lasts
        missing = high - low - 1
        for index in range(bisect_left(lasts, low + 1), bisect_left(firsts, high)):
            missing -= min(lasts[index], high - 1) - max(firsts[index], low + 1) + 1
        return missing
