"""One part of a delivery matrix's run, the warm-up or the measured one: join, load, and wait for what is under way."""

from collections.abc import Callable
from math import inf
from typing import Any, NoReturn

from twisted.python.failure import Failure

from tw.core.matrix import Matrix, Row
from tw.core.text import safe_bytes
from tw.errors import AnswerTimeout, ProtocolError, TwError
from tw.probes.books import BATCH, Books
from tw.probes.failures import how_it_ended, lost_connection
from tw.probes.load import STALLS, SWEEP_S
from tw.probes.matrix_crew import FAREWELLS, Crew
from tw.probes.matrix_pace import Pace
from tw.probes.pubsub import BARRIER_S, too_long
from tw.probes.spent import Spending, Spent
from tw.probes.timing import Bell, pause

JOINED, DONE, SURE = 1, 2, 3
"""The barriers: before the first line, and after the last one; and once more where a publisher is gone, whose own does
not come: what any subscriber had got of it when all had passed `DONE`, each has when it passes this."""

AFTERMATH_S = 0.1
"""After the last one on a side is gone: the other connections of a server that was killed end within it."""


class MatrixBooks(Books):
    """A part's books. The matrix has the counts, which are of deliveries: of each line as many are sent as there are
    subscribers."""

    __slots__ = ("_matrix",)

    def __init__(self, began_s: float, matrix: Matrix) -> None:
        super().__init__(began_s)
        self._matrix = matrix

    def look(self) -> None:
        matrix = self._matrix
        for times, histogram in ((matrix.latencies, self.latency), (matrix.services, self.service)):
            histogram.record_many(time for time, count in times if count == 1)
            for time, count in times:
                if count > 1:
                    histogram.record(time, count)
            times.clear()
        self.received, self.sent = matrix.delivered, matrix.published * len(matrix.rows)
        super().look()

    def close(self, now_s: float) -> None:
        self.look()
        super().close(now_s)


class Part:
    """`clock` gives seconds for measuring, `spent` what this process has spent of its own."""

    def __init__(
        self,
        reactor: Any,
        crew: Crew,
        matrix: Matrix,
        timeout_s: float,
        clock: Callable[[], float],
        spent: Spending,
    ) -> None:
        self.matrix = matrix
        self.books = MatrixBooks(clock(), matrix)
        self.spent = Spent()
        self.settled = False
        """Whether all that was published is delivered, or lost."""
        self.load_s: float | None = None
        """How long it was published for; None while it is."""
        self._crew = crew
        self._timeout_s = timeout_s
        self._clock = clock
        self._spent = spent
        self._reactor = reactor
        self._bell = Bell(reactor)
        self._pace: Pace | None = None
        self._failed: TwError | None = None
        self._passing = False
        self._heard_s = 0.0

    # The course of it ------------------------------------------------------------------------------------------------

    async def join(self) -> None:
        """Wait until every subscriber gets what every publisher sends. Raises AnswerTimeout where nothing comes through
        at all; who is left out is told by the matrix."""
        await self._pass_barrier(JOINED)
        if not any(pair.joined for row in self.matrix.rows for pair in row.pairs):
            waited = f"waited {self._timeout_s:g} s for a first line"
            raise AnswerTimeout("connected, and no line came through", self._crew.where, waited)
        rows = list(zip(self.matrix.rows, self._crew.subscribers, strict=True))
        # A slow one would have everybody wait for it; where there is no other, there is no way round it.
        eager = [row for row, subscriber in rows if not subscriber.slow]
        self.matrix.await_rows(eager or self.matrix.rows)

    async def load(self, pace: Pace, until_s: float) -> None:
        """Have `pace` publish until it is over, and wait for what is under way."""
        books, before = self.books, self._spent()
        books.began_s = self._heard_s = self._clock()
        self._pace, self._passing = pace, False
        try:
            for subscriber in self._crew.subscribers:
                subscriber.begin()
            pace.begin(books.began_s)
            await self._until_over(pace, until_s)
            # Also where nothing came at the end of it: figures per second are of the whole load.
            loaded_s = min(self._clock(), until_s)
            self.load_s = loaded_s - books.began_s
            self._heard_s = max(self._heard_s, loaded_s)
            pace.finish()
            pace.stop()
            for subscriber in self._crew.subscribers:
                subscriber.let_go()
            await self._pass_barrier(DONE)
            if any(source.gone for source in self.matrix.sources):
                await self._pass_barrier(SURE)
            self.settled = True
            books.ended_s = self._heard_s
        finally:
            pace.stop()
            self._pace = None
            self.spent = self._spent().since(before)
            books.close(self._clock())

    async def _until_over(self, pace: Pace, until_s: float) -> None:
        period_s = min(SWEEP_S, self._timeout_s / 4)
        now = self._clock()
        while not pace.over(now):
            await self._bell.heard(max(0.0, min(period_s, until_s - now)))
            if self._failed is not None:
                await self._give_up(self._failed)
            now = self._clock()
            if self._rests():
                self._heard_s = now
                continue
            pace.sweep(now)
            if until_s == inf and pace.waits() and now - self._heard_s >= STALLS * self._timeout_s:
                self.books.errors["silent"] += 1
                return

    def _rests(self) -> bool:
        """Whether it is our doing that nothing comes: all subscribers are slow ones, and one is so just now."""
        crew = self._crew.subscribers
        return all(each.slow for each in crew) and any(each.resting for each in crew)

    async def _pass_barrier(self, barrier: int) -> None:
        """Send a barrier until it is everywhere, or nothing has come for `--timeout`."""
        matrix = self.matrix
        matrix.expect(barrier)
        self._passing = True
        quiet_s, before = self._clock(), (-1, -1)
        while matrix.outstanding:
            now, standing = self._clock(), (matrix.outstanding, matrix.delivered)
            if standing != before:
                quiet_s, before = now, standing
            elif now - quiet_s >= self._timeout_s:
                return
            for publisher, source in zip(self._crew.publishers, matrix.sources, strict=True):
                if not publisher.blocked and matrix.has_outstanding(source):
                    publisher.write(source.barrier(barrier))
            await self._bell.heard(min(BARRIER_S, self._timeout_s))
            if self._failed is not None:
                await self._give_up(self._failed)

    async def _give_up(self, error: TwError) -> NoReturn:
        """Nobody is left on one side."""
        if self._pace is not None:
            self._pace.stop()
        await pause(self._reactor, AFTERMATH_S)
        raise error

    # What happens ----------------------------------------------------------------------------------------------------

    def wake(self) -> None:
        """Look at how things stand."""
        self._bell.ring()

    def heard(self, index: int, data: bytes) -> None:
        """A subscriber has received something."""
        now, matrix = self._clock(), self.matrix
        row, before = matrix.rows[index], matrix.delivered
        matrix.receive(row, data, now)
        if matrix.delivered != before:
            self._heard_s = now
        if len(matrix.latencies) >= BATCH:
            self.books.look()
        if row.splitter.overlong and row.left_at_s is None:
            self._crew.subscribers[index].abort()
            self._leave(row, "a line that is too long: is it a line server?", now)
            self._check_crew(too_long(self._crew.subscribers[index].where))
        self._go_on(now)

    def subscriber_gone(self, index: int, reason: Failure) -> None:
        """A subscriber's connection has ended. The run goes on with the others."""
        now, row = self._clock(), self.matrix.rows[index]
        farewell = safe_bytes(row.last_notice) if row.last_notice.startswith(FAREWELLS) else ""
        self._leave(row, _why(farewell, reason), now)
        self._check_crew(_parted(farewell, reason, self._crew.subscribers[index].where))
        self._go_on(now)

    def publisher_gone(self, index: int, reason: Failure) -> None:
        """Likewise. What became of its last lines is for `Matrix.owed` to say."""
        now, publisher = self._clock(), self._crew.publishers[index]
        farewell = safe_bytes(publisher.farewell)
        self.matrix.lose(self.matrix.sources[index], self._since_beginning(now), _why(farewell, reason))
        self._check_crew(_parted(farewell, reason, publisher.where))
        self._go_on(now)

    def unblocked(self, index: int) -> None:
        if self._pace is not None:
            self._pace.unblocked(self.matrix.sources[index])

    def _leave(self, row: Row, reason: str, now_s: float) -> None:
        self.matrix.leave(row, self._since_beginning(now_s), reason)

    def _since_beginning(self, now_s: float) -> float:
        return max(0.0, now_s - self.books.began_s)

    def _check_crew(self, error: TwError) -> None:
        """Where nobody is left to publish, or to get it, the run is over."""
        matrix = self.matrix
        gone = all(row.left_at_s is not None for row in matrix.rows) or all(source.gone for source in matrix.sources)
        if gone and self._failed is None:
            self._failed = error
            self._bell.ring()

    def _go_on(self, now_s: float) -> None:
        if self._passing:
            if not self.matrix.outstanding:
                self._bell.ring()
        elif self._pace is not None and self.matrix.ready:
            self._pace.heard(now_s)
            if self._pace.over(now_s):
                self._bell.ring()


def _why(farewell: str, reason: Failure) -> str:
    """Why a connection ended: in the server's own words, where it had any."""
    return farewell or f"the peer {how_it_ended(reason)}"


def _parted(farewell: str, reason: Failure, where: str) -> TwError:
    """The same as an error, where nobody is left by it."""
    if not farewell:
        return lost_connection(reason, where)
    action = "use a smaller --size" if "too long" in farewell else "ask for less with --rate"
    return ProtocolError(f"the server said {farewell!r}", where, action)
