"""A counter as an oracle: what the numbers of its answers say by themselves."""

from bisect import bisect_left
from itertools import pairwise
from typing import TypeAlias

from tw.core.sequences import Chain
from tw.core.series import Series
from tw.core.unnamed import Judgement, Unnamed

# Servers behind one address that are told apart; each costs a set of runs and a list of steps, 720 KiB at most.
HIGHEST_INSTANCES = 64
# Marks of lost requests that are remembered, each a number and a count. Of more than these, neighbours become one.
HIGHEST_LOST = 4096

Counter: TypeAlias = Series | Chain


class NumberLine:
    """The account of a counter's answers, in the order of their arrival.

    With every request `mark` is asked for when it is sent, and given back with its answer's number: `feed`, or `lose`
    where no answer came. Without a mark an answer counts as one to a request that was sent when all answers before it
    had arrived, as one after the other.

    Missing numbers (`gaps`) are no fault: others may be counting. Nor is a restart, which shows as another instance: if
    its first number is no higher, that is a reset, and if it is, it begins a reserved block, which is no gap. A number
    that comes twice, or that goes back with the same instance, is a fault. Where answers do not name their instance,
    their numbers alone tell who is who, see `tw.core.unnamed`.
    """

    __slots__ = (
        "_gone_duplicates", "_gone_gaps", "_gone_reordered", "_judged", "_judged_at", "_latest", "_lost", "_named",
        "_named_count", "_position", "_unnamed", "first", "last",
    )  # fmt: skip

    def __init__(self) -> None:
        self._position = 0
        self._latest: Series | None = None
        # Of more than `HIGHEST_INSTANCES` the one silent for longest is forgotten, and counts anew if it returns.
        self._named: dict[str, Series] = {}
        self._named_count = 0
        self._gone_gaps = self._gone_duplicates = self._gone_reordered = 0
        self._unnamed: Unnamed | None = None
        self._judged: Judgement | None = None
        self._judged_at = 0
        self._lost: dict[int, int] = {}
        # Of the first and the last answer.
        self.first: int | None = None
        self.last: int | None = None

    @property
    def answers(self) -> int:
        """How many numbers there have been."""
        return self._position

    def mark(self) -> int:
        """A request is sent now: what to give back with its answer."""
        return self._position

    def feed(
        self, number: int, instance: str | None = None, mark: int | None = None, *, is_stored: bool = False
    ) -> None:
        """Note an answer's number, who gave it (None, if it did not say), and when it was asked for.

        `is_stored` says that by its own word it comes from a cache (an `Age` field: RFC 9111, 5.1). That settles it
        for one without an instance whose number had come before.
        """
        position = self._position = self._position + 1
        series = self._latest
        if series is not None and number == series.highest + 1 and instance == series.name:
            self.last = number
            series.step(position, position - 1 if mark is None else mark)
            return
        if self.first is None:
            self.first = number
        self.last = number
        mark = position - 1 if mark is None else mark
        if instance is None:
            self._feed_unnamed(number, position, mark, is_stored=is_stored)
        else:
            self._feed_named(number, instance, position, mark)

    def _feed_named(self, number: int, instance: str, position: int, mark: int) -> None:
        series = self._named.get(instance)
        if series is not None:
            series.feed(number, position, mark)
        else:
            if len(self._named) == HIGHEST_INSTANCES:
                self._forget()
            series = self._named[instance] = Series(instance, number, position, mark)
            self._named_count += 1
        self._latest = series

    def _forget(self) -> None:
        gone = self._named.pop(min(self._named, key=lambda name: self._named[name].touched))
        self._gone_gaps += gone.gaps
        self._gone_duplicates += gone.duplicates
        self._gone_reordered += gone.reordered

    def _feed_unnamed(self, number: int, position: int, mark: int, *, is_stored: bool) -> None:
        unnamed = self._unnamed
        if unnamed is None:
            unnamed = self._unnamed = Unnamed(number, position, mark)
        else:
            unnamed.feed(number, position, mark, is_stored=is_stored)
        self._latest = unnamed.whole if unnamed.is_one else None

    def lose(self, mark: int) -> None:
        """A request that was sent at this mark got no answer, or one without a number: a proxy's "bad gateway".

        Each copy of a request that was sent again may have been counted, and is lost by itself.
        """
        lost = self._lost
        lost[mark] = lost.get(mark, 0) + 1
        if len(lost) > HIGHEST_LOST:
            # As if they had been sent earlier: they may then seem to explain more gaps than they can, never fewer.
            marks = sorted(lost)
            for kept, gone in zip(marks[::2], marks[1::2], strict=False):
                lost[kept] += lost.pop(gone)

    # What it comes to -------------------------------------------------------------------------------------------------

    @property
    def ok(self) -> bool:
        """Whether there was an answer, and no number came twice or went back."""
        return self.first is not None and not self.duplicates and not self.reordered

    @property
    def instances(self) -> int:
        """How many counters answered: those that named themselves, and those that must be among the others at least."""
        judgement = self._judgement
        return self._named_count + judgement.gone + len(judgement.counters)

    @property
    def gaps(self) -> int:
        """Numbers that no answer had, between answers of one instance."""
        gone = self._gone_gaps + self._judgement.gone_gaps
        return gone + sum(counter.gaps for counter in self.counters())

    @property
    def duplicates(self) -> int:
        """Answers whose number the same instance had given before."""
        named = sum(series.duplicates for series in self._named.values())
        return self._gone_duplicates + named + self._judgement.duplicates

    @property
    def reordered(self) -> int:
        """Answers with a lower number than one that had arrived, from the same instance, before they were asked for."""
        named = sum(series.reordered for series in self._named.values())
        return self._gone_reordered + named + self._judgement.reordered

    @property
    def doubtful(self) -> int:
        """Answers without an instance whose number had come before: copies, or another counter's, by the pattern."""
        return self._unnamed.doubtful if self._unnamed is not None else 0

    @property
    def resets(self) -> int:
        """Instances that began no higher than one that had fallen silent by then: its restart, or its stand-in."""
        counters = sorted(self.counters(), key=lambda counter: counter.began)
        resets = 0
        replaced: set[int] = set()
        for at, counter in enumerate(counters):
            for earlier in range(at - 1, -1, -1):
                other = counters[earlier]
                if earlier not in replaced and other.asked < counter.began and other.highest >= counter.first:
                    replaced.add(earlier)
                    resets += 1
                    break
        return resets

    @property
    def unanswered(self) -> int:
        """How many lost requests the gaps can stand for: so many have been counted at most, and their answers lost.

        A lost request may have taken a number that is higher than all that its instance had given, to answers that
        had arrived, when it was sent; or none at all. So this is an upper bound, which is reached where nobody else
        counts; and `gaps` less this is how many numbers went to others, at least (or to requests that something between
        sent twice). Lost requests beyond it have left no trace: they never arrived, or were counted after the last
        answer, or before the first.
        """
        if not self._lost:
            return 0
        above = [_Above(counter) for counter in self.counters()]
        explained = 0
        # The later a request was sent, the fewer gaps it can stand for, and those an earlier one can as well: so the
        # latest have the first choice, and it does not matter which gap they take.
        for mark, count in sorted(self._lost.items(), reverse=True):
            explained = max(explained, min(explained + count, sum(gaps.count(mark) for gaps in above)))
        return explained

    def counters(self) -> list[Counter]:
        """The accounts of the instances, no more than `HIGHEST_INSTANCES` and those without a name."""
        return [*self._named.values(), *self._judgement.counters]

    @property
    def _judgement(self) -> Judgement:
        if self._unnamed is None:
            return Judgement([])
        if self._judged is None or self._judged_at != self._position:
            self._judged, self._judged_at = self._unnamed.judge(), self._position
        return self._judged


class _Above:
    """How many of a counter's gaps are above a number."""

    def __init__(self, counter: Counter) -> None:
        self._counter = counter
        runs = counter.runs()
        self._ends = [last for _, last in runs]
        self._after = [0] * len(runs)  # the numbers missing after each run
        for at, (run, following) in reversed(list(enumerate(pairwise(runs)))):
            self._after[at] = self._after[at + 1] + following[0] - run[1] - 1
        self._forgotten = counter.gaps - self._after[0]

    def count(self, mark: int) -> int:
        """Those that a request sent at this mark may have got. What is forgotten is the lowest."""
        at = bisect_left(self._ends, self._counter.floor(mark))
        return self._after[at] + (0 if at else self._forgotten)
