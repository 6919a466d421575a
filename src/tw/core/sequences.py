"""Stretches of numbers that one counter may have given, and chains of them."""

from collections.abc import Iterable

from tw.core.series import Series

# A leap is wider than this and than so many steps of its sequence.
REACH = 16
REACH_STEPS = 8


class Sequence(Series):
    """Numbers that one counter may have given: a stretch of its answers, or all of them.

    `fresh` counts those that had not come before at all; `steps` those that follow the one before by one, `leaps` those
    that follow over a gap that all the sequences have.
    """

    __slots__ = ("fresh", "leaps", "steps")

    def __init__(self, number: int, position: int, mark: int, *, fresh: bool) -> None:
        super().__init__(None, number, position, mark)
        self.fresh = int(fresh)
        self.steps = 0
        self.leaps = 0

    @classmethod
    def of(cls, series: Series, runs: Iterable[tuple[int, int]]) -> "Sequence":
        """A part of a series that has been orderly so far: these runs of it."""
        (first, last), *rest = runs
        part = cls(first, series.when(first), 0, fresh=True)
        part._take_run(first + 1, last, series)
        for run in rest:
            part._take_run(*run, series)
        part.touched = series.when(part.highest)
        part.asked = part.touched - 1
        part.fresh = part.answers
        return part

    def _take_run(self, first: int, last: int, series: Series) -> None:
        if first > last:
            return
        self.seen.add_run(first, last)
        self.gaps += first - self.highest - 1
        self.answers += last - first + 1
        self.highest = last
        self._maxima.note(series.when(last), last)

    def append(self, part: "Sequence") -> None:
        """Go on with this part, all of which is higher."""
        for first, last in part.runs():
            self.seen.add_run(first, last)
        self.gaps += part.first - self.highest - 1 + part.gaps
        self.highest = part.highest
        self.answers += part.answers
        self.touched = max(self.touched, part.touched)
        self.asked = max(self.asked, part.asked)
        self._maxima.note(self.touched, self.highest)

    def reaches(self, number: int, lag: int) -> bool:
        """Whether this number is no leap; `lag` answers arrived while it was under way."""
        steps = (self.highest - self.first) // max(1, self.answers - 1)
        return self.distance(number) <= max(REACH, REACH_STEPS * steps, 2 * lag)

    def distance(self, number: int) -> int:
        """How far a number is from those of the sequence; 1 for one between them."""
        return max(number - self.highest, self.first - number, 1)


class Chain:
    """Sequences that follow each other, as one counter's answers; it has the figures of a `Series`."""

    name: None = None

    def __init__(self, part: Sequence) -> None:
        self.parts = [part]
        self.first, self.highest = part.first, part.highest
        self.answers, self.gaps = part.answers, part.gaps
        self.began, self.touched, self.asked = part.began, part.touched, part.asked
        self.fresh, self.steps, self.leaps = part.fresh, part.steps, part.leaps
        self.reordered = part.reordered

    def join(self, part: Sequence, *, is_leap: bool, reordered: int) -> None:
        """Go on with this part, all of which is higher."""
        self.parts.append(part)
        between = part.first - self.highest - 1
        self.gaps += between + part.gaps
        self.steps += part.steps + (not between)
        self.leaps += part.leaps + is_leap
        self.highest = part.highest
        self.answers += part.answers
        self.fresh += part.fresh
        self.touched = max(self.touched, part.touched)
        self.asked = max(self.asked, part.asked)
        self.reordered += part.reordered + reordered

    def moved_after(self, position: int) -> int:
        """How many numbers were added to it after this position, at most."""
        return self.highest - self.floor(position)

    def floor(self, mark: int) -> int:
        """As `Series.floor`."""
        return max([self.first, *(part.floor(mark) for part in self.parts if part.began <= mark)])

    def runs(self) -> list[tuple[int, int]]:
        """As `Series.runs`."""
        return [run for part in self.parts for run in part.runs()]

    def merged(self) -> Sequence:
        """The whole of it as one sequence, for the bookkeeping to go on with. Its parts are used up."""
        whole = self.parts[0]
        for part in self.parts[1:]:
            whole.append(part)
        whole.fresh, whole.steps, whole.leaps = self.fresh, self.steps, self.leaps
        whole.reordered = self.reordered
        return whole
