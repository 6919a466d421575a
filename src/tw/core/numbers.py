"""A counter as an oracle: what the numbers of its answers say by themselves."""

from tw.core.series import Series

# Servers behind one address that are told apart; each costs a set of runs and a list of steps, 720 KiB at most.
HIGHEST_INSTANCES = 64


class NumberLine:
    """The account of a counter's answers, in the order of their arrival.

    With every request `mark` is asked for when it is sent, and given back with its answer's number: `feed`, or `lose`
    where no answer came. Without a mark an answer counts as one to a request that was sent when all answers before it
    had arrived, as one after the other.

    Missing numbers (`gaps`) are no fault: others may be counting. Nor is a restart, which shows as another instance: if
    its first number is no higher, that is a reset, and if it is, it begins a reserved block, which is no gap. A number
    that comes twice, or that goes back with the same instance, is a fault.
    """

    __slots__ = ("_latest", "_position", "_series", "first", "instances", "last", "resets")

    def __init__(self) -> None:
        self._position = 0
        self._series: dict[str | None, Series] = {}
        self._latest: Series | None = None
        self.first: int | None = None
        self.last: int | None = None
        self.resets = 0
        # Of more than `HIGHEST_INSTANCES` the one silent for longest is forgotten, and counts anew if it returns.
        self.instances = 0

    @property
    def ok(self) -> bool:
        """Whether there was an answer, and no number came twice or went back."""
        return self.first is not None and not self.duplicates and not self.reordered

    @property
    def gaps(self) -> int:
        """Numbers that no answer had, between answers of one instance."""
        return sum(series.gaps for series in self._series.values())

    @property
    def duplicates(self) -> int:
        return sum(series.duplicates for series in self._series.values())

    @property
    def reordered(self) -> int:
        return sum(series.reordered for series in self._series.values())

    def mark(self) -> int:
        """A request is sent now: what to give back with its answer."""
        return self._position

    def feed(self, number: int, instance: str | None = None, mark: int | None = None) -> None:
        """Note an answer's number, who gave it (None, if it did not say), and when it was asked for."""
        position = self._position = self._position + 1
        series = self._latest
        if series is not None and number == series.highest + 1 and instance == series.name:
            self.last = number
            series.step(position)
            return
        self._feed(number, instance, position, position - 1 if mark is None else mark)

    def _feed(self, number: int, instance: str | None, position: int, mark: int) -> None:
        before, self.last = self.last, number
        if before is None:
            self.first = number
        series = self._series.get(instance)
        if series is not None:
            series.feed(number, position, mark)
        else:
            if before is not None and number <= before:
                self.resets += 1
            if len(self._series) == HIGHEST_INSTANCES:
                del self._series[next(iter(self._series))]
            series = self._series[instance] = Series(instance, number, position)
            self.instances += 1
        self._latest = series

    def lose(self, mark: int) -> None:
        """A request that was sent at this mark got no answer."""
