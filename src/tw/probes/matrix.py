"""`tw probe pubsub` under load: every publisher's lines at every subscriber, and what became of each."""

import time
from collections.abc import Callable
from dataclasses import replace
from math import inf
from typing import Any

from twisted.python.failure import Failure

from tw.core.matrix import Matrix
from tw.core.matrix_lines import RUN_BYTES
from tw.core.spread import deal
from tw.errors import ExitCode, TwError
from tw.net.reactor import wait_exactly
from tw.probe_options import ProbePubSubOptions
from tw.probes.books import Books
from tw.probes.load_report import load_figures
from tw.probes.matrix_crew import Crew, Publisher, Subscriber
from tw.probes.matrix_pace import ClosedPace, OpenPace, Pace
from tw.probes.matrix_part import Part
from tw.probes.matrix_report import MatrixReport
from tw.probes.opening import open_all
from tw.probes.parting import part
from tw.probes.ping import fresh_token, verdict_code
from tw.probes.pubsub import pubsub_connectors
from tw.probes.snapshots import Snapshots
from tw.probes.spent import Spending, spent_so_far
from tw.progress import Display
from tw.report import Delivery, Distribution, LoadFigures, ProbeReport
from tw.report.matrix import MatrixFigures


class MatrixProbe:
    """A client's run (`clients.ClientRun`), which is also `snapshots.Standing` and `matrix_crew.Watch`.

    The warm-up, where there is one, is a part of its own: it is over once all its lines have arrived.
    """

    def __init__(
        self,
        reactor: Any,
        options: ProbePubSubOptions,
        display: Display,
        clock: Callable[[], float] = time.perf_counter,
        spent: Spending = spent_so_far,
    ) -> None:
        assert options.load is not None
        assert options.matrix is not None
        self._reactor = reactor
        self._options = options
        self._load = options.load
        self._shape = options.matrix
        self._display = display
        self._clock = clock
        self._spent = spent
        self._run_token = fresh_token()[:RUN_BYTES]
        self._connectors = pubsub_connectors(reactor, options, clock)
        self._publishers, self._subscribers = self._dealt()
        targets = [connector.where for connector in self._connectors]
        self._crew = Crew(self._publishers, self._subscribers, targets)
        self._warmup: Part | None = None
        self._part = self._new_part(first_index=0)
        self._leaving = False

    def _dealt(self) -> tuple[list[Publisher], list[Subscriber]]:
        """Everyone, each at one of the targets."""
        shape, connectors = self._shape, self._connectors
        places = deal(shape.publishers, shape.subscribers, len(connectors))
        eager = shape.subscribers - shape.slow_subscribers
        rate = shape.read_rate_bytes_per_s
        publishers = [Publisher(self, connectors[place], index, place) for index, place in enumerate(places.publishers)]
        subscribers = [
            Subscriber(self._reactor, self, connectors[place], index, None if index < eager else rate, place)
            for index, place in enumerate(places.subscribers)
        ]
        return publishers, subscribers

    def _new_part(self, *, first_index: int) -> Part:
        shape = self._shape
        paced = self._load.rate_per_s is not None
        matrix = Matrix(
            self._run_token, shape.publishers, shape.subscribers, self._options.size_bytes,
            first_index=first_index, paced=paced,
        )  # fmt: skip
        return Part(self._reactor, self._crew, matrix, self._options.timeout_s, self._clock, self._spent)

    # The course of the run --------------------------------------------------------------------------------------------

    async def run(self) -> None:
        load = self._load
        if load.rate_per_s is not None:
            wait_exactly(self._reactor)
        counts = replace(load, count=load.count and load.count * self._shape.subscribers)  # of deliveries
        snapshots = Snapshots(self._reactor, self._display, counts, self)
        everyone = [*self._subscribers, *self._publishers]
        snapshots.start()
        try:
            await open_all(self._reactor, self._clock, everyone, load.connect_rate_per_s)
            await self._part.join()
            if load.warmup_s:
                await self._run_part(self._part, None, load.warmup_s)
                self._warmup, before = self._part, self._part
                self._part = self._new_part(first_index=self._shape.publishers)
                self._part.matrix.follow(before.matrix)
                await self._part.join()
            await self._run_part(self._part, load.count, inf if load.duration_s is None else load.duration_s)
            snapshots.stop()
            self._leaving = True
            if not self.bad():
                await part(self._reactor, *(each.connection for each in everyone if each.connection is not None))
        finally:
            self._leaving = True
            snapshots.stop()
            for each in everyone:
                each.leave(orderly=not self.bad())

    async def _run_part(self, now_part: Part, count: int | None, duration_s: float) -> None:
        load, books, matrix = self._load, now_part.books, now_part.matrix
        until_s = self._clock() + duration_s
        pace: Pace
        if load.rate_per_s is not None:
            pace = OpenPace(
                self._reactor, matrix, self._publishers, books, self._clock, now_part.wake,
                rate_per_s=load.rate_per_s, count=count, duration_s=duration_s,
            )  # fmt: skip
        else:
            pace = ClosedPace(
                matrix, self._publishers, books,
                window=self._shape.window, count=count, until_s=until_s, timeout_s=self._options.timeout_s,
            )  # fmt: skip
        await now_part.load(pace, until_s)

    # What connections say (`matrix_crew.Watch`) ----------------------------------------------------------------------

    def heard(self, index: int, data: bytes) -> None:
        self._part.heard(index, data)

    def subscriber_gone(self, index: int, reason: Failure) -> None:
        if not self._leaving:
            self._part.subscriber_gone(index, reason)

    def publisher_gone(self, index: int, reason: Failure) -> None:
        if not self._leaving:
            self._part.publisher_gone(index, reason)

    def unblocked(self, index: int) -> None:
        self._part.unblocked(index)

    # Where the run stands (`snapshots.Standing`) ----------------------------------------------------------------------

    @property
    def books(self) -> Books:
        return self._part.books

    @property
    def clock(self) -> Callable[[], float]:
        return self._clock

    @property
    def warming(self) -> bool:
        return bool(self._load.warmup_s) and self._warmup is None

    @property
    def under_way(self) -> int:
        return max(0, self.books.sent - self.books.received)

    @property
    def open_connections(self) -> int:
        return sum(each.open for each in (*self._subscribers, *self._publishers))

    def bad(self) -> int:
        matrix = self._part.matrix
        gone = sum(row.left_at_s is not None for row in matrix.rows) + sum(source.gone for source in matrix.sources)
        return matrix.bad + gone + self.books.errors.total() + self.books.unsent

    # The report -------------------------------------------------------------------------------------------------------

    def conclude(self, failed: TwError | None) -> ExitCode:
        report = self._report(failed)
        self._display.report(report)
        return verdict_code(report)

    def _report(self, failed: TwError | None) -> ProbeReport:
        run_part, books, matrix = self._part, self._part.books, self._part.matrix
        books.look()
        duration_s = books.duration_s(self._clock())
        report = MatrixReport(matrix, settled=run_part.settled)
        # The time in which the slow read the rest is none of publishing.
        load_s = duration_s if run_part.load_s is None else run_part.load_s
        figures = report.of(self._crew, load_s)
        errors = {**books.errors, **_errors_of(figures)}
        counts = [row.counts for row in figures.subscribers]
        lost, duplicated, reordered, corrupted = (
            sum(getattr(each, name) for each in counts) for name in ("lost", "duplicated", "reordered", "corrupted")
        )
        faults = lost + duplicated + reordered + corrupted + sum(errors.values()) + books.unsent
        return ProbeReport(
            probe="pubsub",
            target=self._crew.where,
            targets=tuple(self._crew.targets),
            ok=failed is None and matrix.delivered > 0 and not faults,
            sent=matrix.published,
            received=matrix.delivered,
            lost=lost,
            duplicated=duplicated,
            reordered=reordered,
            corrupted=corrupted,
            errors={kind: count for kind, count in errors.items() if count},
            rtt_ms=Distribution.of(books.latency),
            connect_ms=Distribution.of(self._connectors[0].connect_times),
            phases=self._connectors[0].phases.report(),
            duration_s=duration_s,
            sent_bytes=matrix.published * (self._options.size_bytes + 1),
            received_bytes=sum(row.received_bytes for row in matrix.rows),
            delivery=Delivery(
                published=matrix.published,
                delivered=matrix.delivered,
                expected=report.expected,
                foreign=sum(row.foreign for row in matrix.rows),
            ),
            load=self._load_figures(),
            matrix=figures,
            error=failed,
        )

    def _load_figures(self) -> LoadFigures:
        before = self._warmup
        figures = load_figures(self._load, self._part.books, None if before is None else before.books, self._part.spent)
        warmup = figures.warmup
        if before is not None and warmup is not None:
            warmup = replace(warmup, sent=before.matrix.published)
        return replace(figures, connections=len(self._subscribers) + len(self._publishers), warmup=warmup)


def _errors_of(figures: MatrixFigures) -> dict[str, int]:
    """What is wrong with the crew rather than with a line."""
    return {
        "subscriber left": sum(row.left_at_s is not None for row in figures.subscribers),
        "publisher left": sum(each.left_at_s is not None for each in figures.publishers),
        "not joined": sum(not row.joined_all for row in figures.subscribers),
        "order differs": sum(row.order_differs for row in figures.subscribers),
    }
