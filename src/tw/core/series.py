"""The numbers that one counter gave, in the order in which they arrived: gaps, duplicates, and what went back."""

from bisect import bisect_right

from tw.core.number_set import NumberSet

# Steps of a counter's highest number that are remembered, each three integers: 400 KiB for one counter at most. An
# unbroken stretch of answers is one step, however long; of the older half every second one goes when there are more.
HIGHEST_STEPS = 4096


class Maxima:
    """How high a counter's numbers had got when so and so many answers were in.

    Exact for the last `HIGHEST_STEPS` / 2 steps. Of older moments it may say a lower number, never a higher one: what
    is judged by it gets the benefit of the doubt.
    """

    __slots__ = ("_begins", "_ends", "_highs")

    def __init__(self, position: int, number: int) -> None:
        # From each beginning to its end, position and number rise together by one; then the number stays.
        self._begins = [position]
        self._ends = [position]
        self._highs = [number]

    def note(self, position: int, number: int) -> None:
        """The answer at this position, later than all before, has the highest number so far."""
        begins, ends, highs = self._begins, self._ends, self._highs
        if ends[-1] == position - 1 and highs[-1] - begins[-1] == number - position:
            ends[-1] = position
            return
        begins.append(position)
        ends.append(position)
        highs.append(number)
        if len(begins) > HIGHEST_STEPS:
            for kept in (begins, ends, highs):
                del kept[1 : HIGHEST_STEPS // 2 : 2]

    def at(self, position: int) -> int | None:
        """The highest number up to this position; None if there was none yet."""
        index = bisect_right(self._begins, position) - 1
        if index < 0:
            return None
        begin = self._begins[index]
        return self._highs[index] + min(position, self._ends[index]) - begin

    def when(self, number: int) -> int:
        """The position at which this number was reached or passed; a later one of old moments, see above."""
        index = bisect_right(self._highs, number) - 1
        if index < 0:
            return self._begins[0]
        begin, end = self._begins[index], self._ends[index]
        position = begin + number - self._highs[index]
        return position if position <= end or index + 1 == len(self._begins) else self._begins[index + 1]


class Series:
    """The account of one counter's answers. `name` is what its answers call it, None where they say nothing.

    Positions count the answers of all counters together, from 1; a mark is the position of the last answer that had
    arrived when a request was sent. A counter's numbers rise with time, but requests that are under way together have
    no order, so an answer is `reordered` only if a higher number had arrived before its request was sent.

    `first` is the lowest number that came in its turn, `highest` the highest, and `gaps` counts the numbers between
    them that no answer had. `began` is the position of the first answer, `touched` of the last one, and `asked` the
    latest mark of all its answers: it was alive then.
    """

    __slots__ = (
        "_maxima", "answers", "asked", "began", "duplicates", "first", "gaps", "highest", "name", "reordered", "seen",
        "touched",
    )  # fmt: skip

    def __init__(self, name: str | None, number: int, position: int, mark: int) -> None:
        self.name = name
        self.first = self.highest = number
        self.answers = 1
        self.gaps = self.duplicates = self.reordered = 0
        self.began = self.touched = position
        self.asked = mark
        self.seen = NumberSet()
        self.seen.add(number)
        self._maxima = Maxima(position, number)

    def step(self, position: int, mark: int) -> None:
        """Its next number came: what nearly every answer is."""
        self.highest += 1
        self.answers += 1
        self.touched = position
        if mark > self.asked:
            self.asked = mark
        self.seen.extend()
        self._maxima.note(position, self.highest)

    def feed(self, number: int, position: int, mark: int) -> None:
        """Any number came."""
        self.answers += 1
        self.touched = position
        self.asked = max(self.asked, mark)
        if not self.seen.add(number):
            self.duplicates += 1
        elif number > self.highest:
            self.gaps += number - self.highest - 1
            self.highest = number
            self._maxima.note(position, number)
        elif self.is_late(number, mark):
            self.reordered += 1
            if number > self.first:
                self.gaps -= 1
        elif number > self.first:
            self.gaps -= 1
        else:
            self.gaps += self.seen.missing_between(number, self.first)
            self.first = number

    def is_late(self, number: int, mark: int) -> bool:
        """Whether a higher number had arrived when the request at this mark was sent."""
        high = self._maxima.at(mark)
        return high is not None and number < high

    def floor(self, mark: int) -> int:
        """A request that was sent at this mark had a higher number than this, if this counter answered it.

        One that was sent before the counter's first answer may have had any; below `first` nothing is known.
        """
        high = self._maxima.at(mark)
        return self.first if high is None else max(high, self.first)

    def when(self, number: int) -> int:
        """The position at which a number as high as this had been reached; it has to have been."""
        return self._maxima.when(number)

    def runs(self) -> list[tuple[int, int]]:
        """The numbers, as far as they are remembered: the first and the last of each run, ascending."""
        return self.seen.runs()
