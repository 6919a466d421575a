"""A load run: many connections, in a closed or an open loop, with a warm-up, deadlines, and books for each part.

Closed loop: each connection sends as soon as its answer is in. Open loop: messages are due at fixed times, whatever
becomes of those before, and latency counts from then: a stall is seen by every message that it delayed, and not just by
the few under way ("coordinated omission", Gil Tene).
"""

from collections import deque
from collections.abc import Callable, Sequence
from math import inf
from typing import Any

from tw.core.pacing import Schedule, due_within
from tw.errors import AnswerTimeout, TwError
from tw.load_options import LoadOptions
from tw.net.reactor import wait_exactly
from tw.probes.books import Books
from tw.probes.failures import nothing_ours
from tw.probes.lane import Lane
from tw.probes.opening import open_all
from tw.probes.spent import Spending, Spent
from tw.probes.timing import Bell

SWEEP_S = 0.1
"""How often deadlines are looked at: a timeout is noticed so much late at most, and a timer for each message saved."""

SWEEP_LANE_S = 2e-5
"""For each connection the looks are further apart, so that they cost a hundredth of the time."""

STALLS = 3
"""Without `--duration`, a server that has gone silent for so many timeouts ends the run."""


class LoadRun:
    """Opens the lanes, and drives them through the warm-up and the run. `where` names the server in errors.

    `clock` gives seconds for measuring, and for pacing; it never jumps.
    """

    def __init__(
        self,
        reactor: Any,
        options: LoadOptions,
        timeout_s: float,
        where: str,
        clock: Callable[[], float],
        spent: Spending,
        begin: Callable[[], None],
    ) -> None:
        self.reactor = reactor
        self.clock = clock
        self.under_way = 0
        self.spent = Spent()
        """Of the process, during the run itself."""
        self._spent = spent
        self._begin = begin
        self.lanes: Sequence[Lane] = ()
        self.warmup: Books | None = None
        self.books = Books(clock())
        self._options = options
        self._timeout_s = timeout_s
        self._where = where
        self._bell = Bell(reactor)
        self._failed: TwError | None = None
        self._ever_heard = False
        # Whether something came that cannot have been what was sent: another protocol's answers, say.
        self._ever_strange = False
        self._first_break: TwError | None = None
        self._breaks = 0
        self._running = False
        self._heard_s = 0.0
        self._given_up_s = 0.0
        self._quota: float = 0
        self._until_s = 0.0
        self._schedule: Schedule | None = None
        # Lanes that can take a message; each is in here once at most (`Lane.queued`).
        self._ready: deque[Lane] = deque()
        # Whether no lane can; and how many messages of this part were due by the end of the last time that none could.
        self._holding = False
        self._held = 0
        self._tick: Any = None

    # The course of a run ---------------------------------------------------------------------------------------------

    async def run(self, lanes: Sequence[Lane]) -> None:
        """Drive `lanes` through the whole run. Raises the first failure where there has never been an answer."""
        self.lanes = lanes
        if self._options.rate_per_s is not None:
            wait_exactly(self.reactor)
        await open_all(self.reactor, self.clock, lanes, self._options.connect_rate_per_s)
        if self._options.warmup_s:
            self.warmup = self.books
            await self._part(inf, self._options.warmup_s)
            self.books = Books(self.clock())
            self._begin()
        duration_s = self._options.duration_s
        await self._part(self._options.count or inf, inf if duration_s is None else duration_s)

    def give_up_warming(self) -> None:
        """The warm-up is as far as it went: the run itself has measured nothing."""
        self.books = Books(self.clock())
        self.books.close(self.clock())
        self.spent = Spent()

    async def _part(self, quota: float, duration_s: float) -> None:
        """Load until `quota` messages were sent or `duration_s` is over, and until the last answer is in."""
        books, rate = self.books, self._options.rate_per_s
        now = books.began_s = self._heard_s = self._given_up_s = self.clock()
        self._until_s = now + duration_s
        self._schedule = Schedule(now, rate) if rate else None
        self._quota = min(quota, due_within(rate, duration_s) if rate else inf)
        self._holding, self._held = False, 0
        self._running = True
        before, over = self._spent(), False
        try:
            self._set_off(now)
            await self._until_over()
            over = True
            if self._schedule is not None:
                # A silent server ends a run early: what was not due by then has missed nothing.
                books.unsent = int(min(self._schedule.due_by(self.clock()), self._quota)) - books.sent
        finally:
            # What broke off, or was given up, has lost what was under way; what was stopped has not.
            books.unsettled = 0 if over or self._failed is not None else self.under_way
            self._running = False
            self.spent = self._spent().since(before)
            self._stop_tick()
            books.close(self.clock())
        if not self._ever_heard and self._first_break is not None:
            raise self._first_break
        if self._ever_strange and not self._ever_heard:
            raise nothing_ours(self._where)
        if not self._ever_heard:
            waited = f"waited {self._timeout_s:g} s for each; --timeout gives them longer"
            raise AnswerTimeout("connected, and not one answer came", self._where, waited)

    def _set_off(self, now: float) -> None:
        for lane in self.lanes:
            if not lane.open:
                lane.reopen()  # it ended while others were opened, or with the warm-up's last answer
            self._room(lane, now)
        if self._schedule is not None:
            self._send_due(now)

    async def _until_over(self) -> None:
        period_s = max(SWEEP_S, SWEEP_LANE_S * len(self.lanes))
        period_s = min(period_s, self._timeout_s / 4)
        now = self.clock()
        sweep_s = now + period_s
        while True:
            wake_s = min(sweep_s, self._until_s) if now < self._until_s else sweep_s
            await self._bell.heard(max(0.0, wake_s - now))
            if self._failed is not None:
                raise self._failed
            now = self.clock()
            if self._tick is not None and now >= self._until_s:
                self._send_due(now)  # an answer may be read ahead of a tick that was due before the end
            if now >= sweep_s:
                sweep_s = now + period_s
                for lane in self.lanes:
                    lane.drop_overdue(now - self._timeout_s)
            if self._is_over(now):
                return

    def _is_over(self, now: float) -> bool:
        if not self.under_way and not self._has_more(now):
            return True
        if not self._ever_heard:
            # The first of each lane has been waited for; more of them would not make it an answering server.
            return now - self._heard_s >= self._timeout_s and self.books.errors["timeout"] >= self.lanes[0].tries
        if self._until_s == inf and self._silent_s(now) >= STALLS * self._timeout_s:
            self.books.errors["silent"] += 1
            return True
        return False

    def _silent_s(self, now: float) -> float:
        """How long something should have come and did not: between two messages of a slow schedule nothing should."""
        since_s = self._heard_s
        if not self.under_way and self._schedule is not None:
            since_s = max(since_s, self._schedule.due_s(self.books.sent))
        return now - since_s

    def _has_more(self, now: float) -> bool:
        return self.books.sent < self._quota and now < self._until_s

    # What lanes say --------------------------------------------------------------------------------------------------

    def goes_on(self) -> bool:
        return self._running and self._has_more(self.clock())

    def settled(self, lane: Lane, due_s: float, sent_s: float, now_s: float, *, late: bool = False) -> None:
        self._ever_heard = True
        self._heard_s = now_s
        self.under_way -= not late
        paced = self._schedule is not None
        self.books.answered(due_s, sent_s, now_s, paced=paced)
        self._room(lane, now_s)

    def spoiled(
        self, lane: Lane, count: int, kind: str | None = None, *, heard: bool = True, ours: bool = True
    ) -> None:
        self.under_way -= count
        if kind is not None:
            self.books.errors[kind] += count
        now = self.clock()
        if heard:
            self._ever_heard |= ours
            self._ever_strange |= not ours
            self._heard_s = now
        elif count:
            self._given_up_s = now
        self._room(lane, now)

    def opened(self, lane: Lane) -> None:
        self._room(lane, self.clock())

    def broken(self, error: TwError) -> None:
        if self._ever_heard or self._failed is not None:
            return
        self._first_break = self._first_break or error
        self._breaks += 1
        # One connection may be unlucky; where as many broke as there are, and nothing ever came, it is the server.
        if self._breaks >= len(self.lanes):
            self._failed = self._first_break
            self._bell.ring()

    def _room(self, lane: Lane, now: float) -> None:
        """Something became of what was under way on a lane: it may take another message."""
        if self._running and lane.open and len(lane.under_way) < lane.room:
            if self._schedule is None:
                if self._has_more(now):
                    self._send(lane, now, now)
                    return
            elif not lane.queued:
                lane.queued = True
                self._ready.append(lane)
                if self._holding and now < self._until_s:
                    self._send_due(now)
        if not self.under_way and not self._has_more(now):
            self._bell.ring()

    # Sending ---------------------------------------------------------------------------------------------------------

    def _send(self, lane: Lane, due_s: float, now: float) -> None:
        if not self.under_way and self._schedule is not None and due_s > max(self._heard_s, self._given_up_s):
            # Since the last message there was nothing to answer. Who sends because he gave one up still hears nothing.
            self._heard_s = now
        self.under_way += 1
        self.books.sent += 1
        lane.send(due_s, now)

    def _send_due(self, now: float) -> None:
        """Open loop: send all that is due, as far as there is room for it, and come again when the next one is."""
        schedule, books = self._schedule, self.books
        assert schedule is not None
        self._stop_tick()
        # What was due before the end is sent, also where this is a little after it.
        due = int(min(schedule.due_by(now), self._quota))
        if self._holding:
            self._holding, self._held = False, due
        while books.sent < due:
            lane = self._next_lane()
            if lane is None:
                self._holding = True
                return  # `_room` comes again
            due_s = schedule.due_s(books.sent)
            if books.sent < self._held:
                books.held += 1  # it had to wait for answers, which is not the probe's own lateness
            else:
                books.departed(now - due_s)
            self._send(lane, due_s, now)
        if self._has_more(now):
            self._tick = self.reactor.callLater(max(0.0, schedule.due_s(books.sent) - self.clock()), self._ticked)

    def _ticked(self) -> None:
        self._tick = None
        self._send_due(self.clock())

    def _next_lane(self) -> Lane | None:
        """The lane whose turn it is of those that can take a message, one after the other."""
        ready = self._ready
        while ready:
            lane = ready.popleft()
            lane.queued = False
            if lane.open and len(lane.under_way) < lane.room:
                if len(lane.under_way) + 1 < lane.room:
                    lane.queued = True
                    ready.append(lane)
                return lane
        return None

    def _stop_tick(self) -> None:
        if self._tick is not None:
            self._tick.cancel()
            self._tick = None
