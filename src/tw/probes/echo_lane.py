"""The echo probe's share of a load on one connection: numbered payloads out, each expected back."""

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from tw.core.payload import PayloadFormat, PayloadStream
from tw.core.verdict import Kind, Verdict
from tw.probes.connecting import Connector
from tw.probes.lane import Lane, Load
from tw.probes.ping import GOOD, fresh_token
from tw.protocols.client import ClientConnection
from tw.report import FirstFault


class EchoLane(Lane):
    """Its payloads have a token of their own: what comes back on another connection shows as corrupted.

    What comes back just as it was expected, which is nearly everything, is compared once and taken as it is; the rest
    is taken apart and judged.
    """

    def __init__(self, load: Load, connector: Connector, room: int, size_bytes: int) -> None:
        super().__init__(load, connector, room)
        self._number = 0
        # The payload of the oldest message under way.
        self._expected: bytes | None = None
        self._ended: Deferred[None] | None = None
        self._form = PayloadFormat(fresh_token(), size_bytes)
        self._stream = PayloadStream(self._form)
        self.begin()

    def begin(self) -> None:
        """A new part of the run begins. What the one before has given up may still come, and is no concern of it."""
        self._given_up = self._number
        self.verdict = Verdict(self._form)
        self.first_fault: FirstFault | None = None

    def _next(self) -> tuple[int, bytes]:
        self._number = number = self._number + 1
        payload = self._form.payload(number)
        self.verdict.sent(number)
        if not self.under_way:
            self._expected = payload
        return number, payload

    def received(self, data: bytes) -> None:
        load = self._load
        load.books.received_bytes += len(data)
        now = load.clock()
        if data == self._expected and not self._stream.holds:
            self._take(now)
            return
        for payload in self._stream.feed(data):
            if payload == self._expected:
                self._take(now)
            else:
                self._judge(payload, now)

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
        truncated = self.verdict.truncated
        outcome = self.verdict.receive(payload)
        number = outcome.number
        if outcome.kind is Kind.CORRUPTED and self.first_fault is None:
            oldest = next(iter(self.under_way), None)
            expected = b"" if oldest is None else self._form.payload(oldest)
            cut = self.verdict.truncated > truncated
            self.first_fault = FirstFault.between(expected, payload, oldest, truncated=cut)
        if (number is None or outcome.kind is Kind.CORRUPTED) and self.under_way:
            number = next(iter(self.under_way))  # the oldest one's, most likely: a connection keeps its order
        times = self.under_way.pop(number, None) if number is not None else None
        if times is None:
            if outcome.kind in GOOD:
                self._note_late()
            return
        self._expect()
        if outcome.kind in GOOD:
            self._load.settled(self, *times, now_s)
        else:
            self._load.spoiled(self, 1)

    def _expect(self) -> None:
        self._expected = self._form.payload(next(iter(self.under_way))) if self.under_way else None

    def _note_late(self) -> None:
        """It had been given up: late, and no longer one that never came."""
        errors = self._load.books.errors
        if not errors["timeout"]:
            return  # what was taken for its answer was none of the probe's
        errors["late"] += 1
        errors["timeout"] -= 1
        if not errors["timeout"]:
            del errors["timeout"]

    def give_up(self, number: int) -> None:
        del self.under_way[number]
        self._expect()
        self._load.spoiled(self, 1, "timeout", heard=False)

    def reopen(self, after_s: float = 0.0) -> None:
        self._expected = None
        self.read_rest()
        super().reopen(after_s)

    def half_close(self) -> Deferred[None] | None:
        """Shut the sending side; gives what fires at the end of the stream, None where there is no connection."""
        if self.connection is None or not self.open:
            return None
        self.leaving = True
        self._ended = Deferred()
        self.connection.stream.half_close()
        return self._ended

    def read_rest(self) -> None:
        """The stream has ended: judge what there is of a payload that was not completed."""
        rest = self._stream.close()
        self._stream = PayloadStream(self._form)
        if rest and not self._is_of_earlier_part(rest):
            self.verdict.receive(rest)

    def _gone(self, connection: ClientConnection, reason: Failure) -> None:
        super()._gone(connection, reason)
        if self._ended is not None and not self._ended.called:
            self._ended.callback(None)
