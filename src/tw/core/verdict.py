"""Sequence numbers, in the order in which they came back, to a verdict: lost, duplicated, reordered, corrupted.

Nothing is kept for each sample: numbers that arrived are kept as runs, so memory is constant while all goes well, and
bounded when it does not.
"""

from bisect import bisect_right
from enum import Enum
from typing import NamedTuple

from tw.core.payload import PayloadFormat, is_truncated

# Gaps that are remembered. A run is two list entries and two integers, 80 bytes: 320 KiB for one set at most.
HIGHEST_RUNS = 4096
# Servers behind one address that are told apart; each costs a set of runs.
HIGHEST_INSTANCES = 64


class NumberSet:
    """Whole numbers, kept as runs.

    Of more than `HIGHEST_RUNS` runs the lowest two become one: that gap is forgotten, its numbers count as present.
    """

    __slots__ = ("_firsts", "_lasts")

    def __init__(self) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []

    def add(self, number: int) -> bool:
        """Put a number in. Returns whether it was new."""
        firsts, lasts = self._firsts, self._lasts
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


class Kind(Enum):
    """What one received payload was. Good ones are `OK` or `REORDERED`; a `FOREIGN` one is not the probe's at all."""

    OK = "ok"
    DUPLICATED = "duplicated"
    REORDERED = "reordered"
    CORRUPTED = "corrupted"
    FOREIGN = "foreign"


class Outcome(NamedTuple):
    """A received payload's kind, and its number where one could be read that was sent."""

    kind: Kind
    number: int | None


class Verdict:
    """The account of one sequence of payloads: tell it what was sent and what was received, and it says what is wrong.

    With `exclusive` every byte received should be the probe's own (an echo). Otherwise (pub/sub) payloads without its
    token are foreign, and anything may stand before the token.

    A corrupted payload is not counted as lost on top. It is set against any that is outstanding, even where a number
    can be read in it, since the number may be what was changed; so a corrupted second copy may hide one loss. Those of
    the corrupted that only lack their end are `truncated` as well.
    """

    __slots__ = (
        "_exclusive", "_first", "_form", "_good", "_highest",
        "corrupted", "duplicated", "foreign", "received", "reordered", "sent_count", "truncated",
    )  # fmt: skip

    def __init__(self, form: PayloadFormat, *, exclusive: bool = True) -> None:
        self._form = form
        self._exclusive = exclusive
        self._first = 0
        self._highest = -1
        self._good = NumberSet()
        self.sent_count = 0
        # Distinct good payloads, whenever they came.
        self.received = 0
        self.duplicated = 0
        self.reordered = 0
        self.corrupted = 0
        self.truncated = 0
        self.foreign = 0

    @property
    def lost(self) -> int:
        """Payloads that nothing came back for: during the run, those under way as well."""
        return max(0, self.sent_count - self.received - self.corrupted)

    @property
    def ok(self) -> bool:
        """Whether something was sent, and all of it came back once, in order and unharmed."""
        faults = self.lost + self.duplicated + self.reordered + self.corrupted
        return not faults and self.received == self.sent_count > 0

    def sent(self, number: int) -> None:
        """Note that a payload was sent. The first may have any number, and each later one has the next.

        Raises ValueError otherwise: that what was sent can be told without keeping it depends on it.
        """
        if self.sent_count == 0:
            self._first = number
        elif number != self._first + self.sent_count:
            raise ValueError(f"number {number} sent after {self._first + self.sent_count - 1}")
        self.sent_count += 1

    def receive(self, payload: bytes) -> Outcome:
        """Note what came back: one payload of a stream, one datagram, or one line with whatever stands before it.

        One that is older than all the last `HIGHEST_RUNS` gaps can no longer be told from a second copy.
        """
        start = 0 if self._exclusive else payload.find(self._form.mark)
        if start < 0:
            self.foreign += 1
            return Outcome(Kind.FOREIGN, None)
        number = self._form.number(payload, start)
        if number is None or not 0 <= number - self._first < self.sent_count:
            self.corrupted += 1
            self.truncated += number is None and self._form.is_cut_short(payload, start)
            return Outcome(Kind.CORRUPTED, None)
        if payload[start:] != self._form.payload(number):
            self.corrupted += 1
            self.truncated += is_truncated(self._form.payload(number), payload[start:])
            return Outcome(Kind.CORRUPTED, number)
        if not self._good.add(number):
            self.duplicated += 1
            return Outcome(Kind.DUPLICATED, number)
        self.received += 1
        if number < self._highest:
            self.reordered += 1
            return Outcome(Kind.REORDERED, number)
        self._highest = number
        return Outcome(Kind.OK, number)


class _Series:
    """The numbers of one instance of a server."""

    __slots__ = ("first", "highest", "seen")

    def __init__(self, number: int) -> None:
        self.first = number
        self.highest = number
        self.seen = NumberSet()
        self.seen.add(number)


class NumberLine:
    """The account of a counter's answers, in their order: each should be higher than the one before.

    Missing numbers (`gaps`) are no fault: others may be counting. Nor is a restart, which shows as another instance: if
    its first number is no higher, that is a reset, and if it is, it begins a reserved block, which is no gap. A number
    that comes twice or goes back with the same instance is a fault.
    """

    __slots__ = ("_series", "duplicates", "first", "gaps", "instances", "last", "reordered", "resets")

    def __init__(self) -> None:
        self._series: dict[str | None, _Series] = {}
        self.first: int | None = None
        self.last: int | None = None
        # Numbers that no answer had, between answers of one instance.
        self.gaps = 0
        self.duplicates = 0
        self.resets = 0
        self.reordered = 0
        # Of more than `HIGHEST_INSTANCES` the one seen first is forgotten, and counts anew if it returns.
        self.instances = 0

    @property
    def ok(self) -> bool:
        """Whether there was an answer, and no number came twice or went back."""
        return self.first is not None and not self.duplicates and not self.reordered

    def feed(self, number: int, instance: str | None = None) -> None:
        """Note an answer's number, and who gave it: None, if it did not say."""
        before = self.last
        self.last = number
        if self.first is None:
            self.first = number
        series = self._series.get(instance)
        if series is not None:
            self._continue(series, number)
            return
        if before is not None and number <= before:
            self.resets += 1
        if len(self._series) == HIGHEST_INSTANCES:
            del self._series[next(iter(self._series))]
        self._series[instance] = _Series(number)
        self.instances += 1

    def _continue(self, series: _Series, number: int) -> None:
        if not series.seen.add(number):
            self.duplicates += 1
        elif number > series.highest:
            self.gaps += number - series.highest - 1
            series.highest = number
        else:
            self.reordered += 1
            if number > series.first:
                self.gaps -= 1  # it was only late
