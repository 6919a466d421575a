"""What an echo lane makes of what comes back, over a stream or as datagrams."""

from tw.core.likeness import most_alike
from tw.core.payload import PayloadFormat
from tw.core.verdict import Kind, Outcome, Verdict
from tw.probes.lane import Lane
from tw.probes.ping import GOOD, fresh_token
from tw.report import FirstFault

OVERDUE = 16
"""Messages that were given up, of which a lane remembers when they were due, should they come all the same: twice as
many as it may have under way, but so many at least. That is a stall of three timeouts. The oldest are forgotten."""


class EchoJudging(Lane):
    """Its payloads have a token of their own: what comes back on another lane shows as corrupted.

    What comes back just as it was expected, which is nearly everything, is compared once and taken as it is; the rest
    is judged. Whoever is made of this calls `_set_up` first.
    """

    def _set_up(self, size_bytes: int) -> None:
        self._number = 0
        self._overdue: dict[int, tuple[float, float]] = {}
        # The payload of the oldest message under way.
        self._expected: bytes | None = None
        self._form = PayloadFormat(fresh_token(), size_bytes)
        self.begin()

    def begin(self) -> None:
        """A new part of the run begins. What the one before has given up may still come, and is no concern of it."""
        self._given_up = self._number
        self._overdue.clear()
        self.verdict = Verdict(self._form)
        self.first_fault: FirstFault | None = None

    def _next(self) -> tuple[int, bytes]:
        self._number = number = self._number + 1
        payload = self._form.payload(number)
        self.verdict.sent(number)
        if not self.under_way:
            self._expected = payload
        return number, payload

    def _take(self, now_s: float) -> None:
        """The oldest message under way has come back unharmed."""
        number = next(iter(self.under_way))
        due_s, sent_s = self.under_way.pop(number)
        self.verdict.receive_expected(number)
        self._expect()
        self._load.settled(self, due_s, sent_s, now_s)

    def _is_of_earlier_part(self, payload: bytes) -> bool:
        number = self._form.number(payload)
        return number is not None and number <= self._given_up and self._form.payload(number).startswith(payload)

    def _judge(self, payload: bytes, now_s: float) -> None:
        if self._is_of_earlier_part(payload):
            return
        outcome = self._receive(payload)
        number = outcome.number
        if number is None or outcome.kind is Kind.CORRUPTED:
            number = self._harmed(payload, number)
        ours = self.verdict.received > 0 or most_alike(self._form, payload, number, self.under_way) is not None
        times = self.under_way.pop(number, None) if number is not None else None
        if times is None:
            if outcome.kind in GOOD:
                self._note_late(number, now_s)
            elif outcome.kind is Kind.CORRUPTED and number is not None:
                self._take_back_timeout()
            return
        self._expect()
        if outcome.kind in GOOD:
            self._load.settled(self, *times, now_s)
        else:
            self._load.spoiled(self, 1, ours=ours)

    def _receive(self, payload: bytes) -> Outcome:
        """Judge what came by itself, and keep the first that was harmed."""
        truncated = self.verdict.truncated
        outcome = self.verdict.receive(payload)
        if outcome.kind is Kind.CORRUPTED and self.first_fault is None:
            harmed = self._harmed(payload, outcome.number)
            expected = b"" if harmed is None else self._form.payload(harmed)
            cut = self.verdict.truncated > truncated
            self.first_fault = FirstFault.between(expected, payload, harmed, truncated=cut)
        return outcome

    def _harmed(self, payload: bytes, named: int | None) -> int | None:
        """Which message came back like that: one under way, or one that was given up; `named` is the number that can
        be read in it."""
        return most_alike(self._form, payload, named, self.under_way)

    def _expect(self) -> None:
        self._expected = self._form.payload(next(iter(self.under_way))) if self.under_way else None

    def _note_late(self, number: int | None, now_s: float) -> None:
        """It had been given up: late, and no longer one that never came. Its time counts as any other's does: without
        the worst ones, percentiles of a server that stalls would be too good."""
        if not self._take_back_timeout():
            return  # what was taken for its answer was none of the probe's
        self._load.books.errors["late"] += 1
        times = None if number is None else self._overdue.pop(number, None)
        if times is not None:
            self._load.settled(self, *times, now_s, late=True)

    def _take_back_timeout(self) -> bool:
        """Something came of a message that had been given up; whether there was one."""
        errors = self._load.books.errors
        if not errors["timeout"]:
            return False
        errors["timeout"] -= 1
        if not errors["timeout"]:
            del errors["timeout"]
        return True

    def give_up(self, number: int) -> None:
        begun = self._begun()
        ours = bool(begun) and most_alike(self._form, begun, None, self.under_way) is not None
        self._overdue[number] = self.under_way.pop(number)
        if len(self._overdue) > max(OVERDUE, 2 * self.room):
            del self._overdue[next(iter(self._overdue))]
        self._expect()
        self._load.spoiled(self, 1, "timeout", heard=bool(begun), ours=ours)

    def _begun(self) -> bytes:
        """What has come, since a message was given up last, of a payload that is not complete."""
        return b""
