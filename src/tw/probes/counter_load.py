"""`tw probe counter` under load: many connections, whose answers' numbers are one account."""

import time
from collections.abc import Callable
from typing import Any

from tw.errors import TwError
from tw.probe_options import ProbeCounterOptions
from tw.probes.connecting import Connector, Route
from tw.probes.counter import counter_target, request_for
from tw.probes.counter_lane import CounterLane, Tally
from tw.probes.lane import Lane
from tw.probes.load_probe import LoadProbe
from tw.probes.spent import Spending, spent_so_far
from tw.progress import Display
from tw.report import Distribution, HarmFigures, Numbers, ProbeReport


class CounterLoad(LoadProbe):
    """Requests over many connections; each has one under way at a time."""

    def __init__(
        self,
        reactor: Any,
        options: ProbeCounterOptions,
        display: Display,
        clock: Callable[[], float] = time.perf_counter,
        spent: Spending = spent_so_far,
    ) -> None:
        target = counter_target(options)
        self._tally = Tally(request_for(options, target), options.expect_status)
        self._way = Connector(reactor, Route.of(options, target, options.resolve), clock)
        super().__init__(reactor, options, display, self._way.where, self._way, clock, spent)

    def _lane(self) -> Lane:
        return CounterLane(self._run, self._way, self._tally)

    def _begin(self) -> None:
        self._tally.begin()

    async def _finish(self) -> None:
        """What comes of itself after an answer has been seen by then."""

    def bad(self) -> int:
        line = self._tally.numbers
        return line.duplicates + line.reordered + self._tally.corrupted + self.books.errors.total() + self.books.unsent

    def _report(self, failed: TwError | None) -> ProbeReport:
        books, line = self.books, self._tally.numbers
        tally = self._tally
        lost = books.sent - books.received - tally.truncated - books.unsettled
        return ProbeReport(
            probe="counter",
            target=self._way.where,
            ok=failed is None and books.received > 0 and not lost and not self.bad(),
            sent=books.sent,
            received=books.received,
            lost=lost,
            duplicated=line.duplicates,
            reordered=line.reordered,
            corrupted=tally.corrupted,
            errors=dict(books.errors),
            rtt_ms=Distribution.of(books.latency),
            connect_ms=Distribution.of(self._way.connect_times),
            phases=self._way.phases.report(),
            duration_s=books.duration_s(self.clock()),
            sent_bytes=books.sent_bytes,
            received_bytes=books.received_bytes,
            numbers=Numbers.of(line),
            load=self._figures(),
            harm=HarmFigures(truncated=tally.truncated, retried=books.retried, first_fault=tally.first_fault),
            error=failed,
        )
