"""When the publishers of a delivery matrix send: as fast as the lines arrive, or at fixed times."""

from collections.abc import Callable, Sequence
from math import inf
from typing import Any, Protocol

from tw.core.matrix import Matrix
from tw.core.matrix_lines import Source
from tw.core.pacing import Schedule, due_within
from tw.probes.books import Books
from tw.probes.matrix_crew import Publisher

WRITE_BYTES = 65_536
"""What is written at once where much is overdue: between two writes a publisher that is blocked is noticed."""


class Pace(Protocol):
    """Drives the publishers from `begin` until it is `over`."""

    def begin(self, now_s: float) -> None: ...
    def heard(self, now_s: float) -> None:
        """Something has arrived, or somebody has left: `Matrix.ready` may name publishers."""

    def unblocked(self, source: Source) -> None: ...
    def sweep(self, now_s: float) -> None:
        """Time has passed."""

    def over(self, now_s: float) -> bool: ...
    def waits(self) -> bool:
        """Whether it can go on only when something arrives."""

    def finish(self) -> None:
        """The end has come: send what was due before it."""

    def stop(self) -> None:
        """Send no more."""


def shares(count: int | None, publishers: int) -> list[float]:
    """How many lines of so many each publisher sends; infinite without a count."""
    if count is None:
        return [inf] * publishers
    return [count // publishers + (index < count % publishers) for index in range(publishers)]


class ClosedPace:
    """Each publisher has `window` lines under way: it sends more once everyone who is waited for has half of them."""

    def __init__(
        self, matrix: Matrix, publishers: Sequence[Publisher], books: Books, *, window: int, count: int | None,
        until_s: float, timeout_s: float,
    ) -> None:  # fmt: skip
        self._matrix = matrix
        self._publishers = publishers
        self._books = books
        self._window = window
        self._half = max(1, window // 2)
        self._shares = shares(count, len(publishers))
        self._until_s = until_s
        self._timeout_s = timeout_s
        self._sent_s = [0.0] * len(publishers)
        # Whether a publisher has sent its share.
        self._some_done = False
        self._stopped = False

    def begin(self, now_s: float) -> None:
        for source in self._matrix.sources:
            self._send(source, self._window, now_s)

    def heard(self, now_s: float) -> None:
        ready, self._matrix.ready = self._matrix.ready, []
        for source in ready:
            if not source.laggards:
                self._send(source, self._half, now_s)

    def unblocked(self, source: Source) -> None:
        """The window alone bounds what is written."""

    def sweep(self, now_s: float) -> None:
        """What has not arrived everywhere in time is not waited for."""
        for source in self._matrix.sources:
            if source.laggards and not source.gone and now_s - self._sent_s[source.index] >= self._timeout_s:
                self._books.errors["timeout"] += 1
                self._send(source, self._half, now_s)

    def over(self, now_s: float) -> bool:
        if now_s >= self._until_s:
            return True
        if not self._some_done:  # asked after each line: all publishers are looked at in the end alone
            return False
        pairs = zip(self._matrix.sources, self._shares, strict=True)
        return all(source.gone or source.published >= share for source, share in pairs)

    def waits(self) -> bool:
        return True

    def finish(self) -> None:
        """Nothing is ever due here."""

    def stop(self) -> None:
        self._stopped = True

    def _send(self, source: Source, most: int, now_s: float) -> None:
        """Send up to so many lines; and as many again, where everyone has half of the window by then already."""
        source.laggards = 0
        while True:
            count = int(min(most, self._shares[source.index] - source.published))
            if count <= 0 or source.gone or self._stopped or now_s >= self._until_s:
                return
            self._sent_s[source.index] = now_s
            line = source.next_line
            self._publishers[source.index].write(b"".join([line(now_s, now_s) for _ in range(count)]))
            self._some_done |= source.published == self._shares[source.index]
            if not self._matrix.aim(source, source.published - self._window + self._half) or source.laggards:
                return
            most = self._half


class OpenPace:
    """Lines are due at fixed times, publisher after publisher, whatever becomes of those before.

    What is due while a publisher is blocked is sent when it no longer is: its latency counts from when it was due.
    """

    def __init__(
        self, reactor: Any, matrix: Matrix, publishers: Sequence[Publisher], books: Books, clock: Callable[[], float],
        ended: Callable[[], None], *, rate_per_s: float, count: int | None, duration_s: float,
    ) -> None:  # fmt: skip
        self._reactor = reactor
        self._matrix = matrix
        self._publishers = publishers
        self._books = books
        self._clock = clock
        self._ended = ended
        self._rate_per_s = rate_per_s
        self.quota = min(inf if count is None else count, due_within(rate_per_s, duration_s))
        self._duration_s = duration_s
        self._schedule = Schedule(0.0, rate_per_s)
        self._until_s = inf
        # So many lines of the schedule have been due.
        self._seen = 0
        self._stopped = False
        self._tick: Any = None
        self._write_lines = max(1, WRITE_BYTES // matrix.sources[0].form.size_bytes)

    def begin(self, now_s: float) -> None:
        self._schedule = Schedule(now_s, self._rate_per_s)
        self._until_s = now_s + self._duration_s
        self._send_due()

    def heard(self, now_s: float) -> None:
        """Nobody is waited for."""

    def unblocked(self, source: Source) -> None:
        if not self._stopped:
            self._catch_up(source, self._seen, self._clock(), held=True)

    def sweep(self, now_s: float) -> None:
        """The schedule alone counts."""

    def over(self, now_s: float) -> bool:
        if now_s >= self._until_s:
            return True
        if self._seen < self.quota:
            return False
        return all(source.gone or self._next(source) >= self.quota for source in self._matrix.sources)

    def waits(self) -> bool:
        return self._seen >= self.quota

    def finish(self) -> None:
        if self._seen < self.quota:
            self._stop_tick()
            self._send_due()
        if self.quota < inf:
            self._books.unsent = int(self.quota) - self._matrix.published

    def stop(self) -> None:
        self._stop_tick()
        self._stopped = True

    def _stop_tick(self) -> None:
        if self._tick is not None:
            self._tick.cancel()
            self._tick = None

    def _next(self, source: Source) -> int:
        """The place of a publisher's next line in the whole schedule."""
        return source.published * len(self._publishers) + source.index

    def _send_due(self) -> None:
        self._tick = None
        now_s = self._clock()
        # What was due before the end is sent, also where this is a little after it.
        due = int(min(self._schedule.due_by(now_s), self.quota))
        seen, self._seen = self._seen, max(due, self._seen)
        width = len(self._publishers)
        for place in range(seen, min(due, seen + width)):
            self._catch_up(self._matrix.sources[place % width], due, now_s, held=False)
        if due < self.quota and now_s < self._until_s:
            self._tick = self._reactor.callLater(max(0.0, self._schedule.due_s(due) - self._clock()), self._send_due)
        else:
            self._ended()

    def _catch_up(self, source: Source, due: int, now_s: float, *, held: bool) -> None:
        """Send what is due of a publisher, as far as it is not blocked."""
        publisher, books, width = self._publishers[source.index], self._books, len(self._publishers)
        if source.gone:
            return
        while not publisher.blocked and (place := self._next(source)) < due:
            places = range(place, due, width)[: self._write_lines]
            dues = [self._schedule.due_s(place) for place in places]
            if held:
                books.held += len(dues)
            else:
                for due_s in dues:
                    books.departed(now_s - due_s)
            publisher.write(b"".join([source.next_line(due_s, now_s) for due_s in dues]))
