"""Sequence numbers, in the order in which they came back, to a verdict: lost, duplicated, reordered, corrupted.

Nothing is kept for each sample: numbers that arrived are kept as runs, so memory is constant while all goes well, and
bounded when it does not.
"""

from enum import Enum
from typing import NamedTuple

from tw.core.number_set import NumberSet
from tw.core.payload import PayloadFormat, is_truncated


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

    def receive_expected(self, number: int) -> None:
        """Note that the payload of `number` came back: whole, unharmed (its caller has compared all of it), for the
        first time, and after none that was sent later. What `receive` would make of it, in a tenth of the time."""
        self._good.add(number)
        self.received += 1
        if number > self._highest:
            self._highest = number
        else:
            self.reordered += 1

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
