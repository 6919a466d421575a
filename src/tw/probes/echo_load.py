"""`tw probe echo` under load: many connections, each with its own payloads and verdict."""

import time
from abc import abstractmethod
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from twisted.internet.defer import Deferred, gatherResults

from tw.core.histogram import Histogram
from tw.errors import ConnectError, TwError
from tw.probe_options import ProbeEchoOptions
from tw.probes.connecting import Connector, Route
from tw.probes.echo import LAST_READ_S, echo_target
from tw.probes.echo_judging import EchoJudging
from tw.probes.echo_lane import EchoLane
from tw.probes.load_probe import LoadProbe
from tw.probes.ping import WINDOW, WINDOW_BYTES
from tw.probes.spent import Spending, spent_so_far
from tw.probes.timing import within
from tw.progress import Display
from tw.report import Distribution, HarmFigures, ProbeReport


class EchoLoadProbe(LoadProbe):
    """The verdict is the sum of the lanes'. In the open loop a lane has several messages under way."""

    _lanes: Sequence[EchoJudging]

    def __init__(
        self,
        reactor: Any,
        options: ProbeEchoOptions,
        display: Display,
        where: str,
        connector: Connector | None,
        clock: Callable[[], float],
        spent: Spending,
    ) -> None:
        self._size_bytes = options.size_bytes
        self._where = where
        super().__init__(reactor, options, display, where, connector, clock, spent)

    @abstractmethod
    def _lane(self) -> EchoJudging:
        """A lane's share of the load."""

    def _room(self) -> int:
        """How many messages a lane may have under way."""
        if self._load.rate_per_s is None:
            return 1
        return max(1, min(WINDOW, WINDOW_BYTES // self._load.connections // self._size_bytes))

    def _begin(self) -> None:
        for lane in self._lanes:
            lane.begin()

    def bad(self) -> int:
        faults = sum(v.duplicated + v.reordered + v.corrupted for v in (lane.verdict for lane in self._lanes))
        return faults + self.books.errors.total() + self.books.unsent

    def _report(self, failed: TwError | None) -> ProbeReport:
        books, connector = self.books, self._connector
        books.look()  # the last of them may have come late, when the run itself was over
        verdicts = [lane.verdict for lane in self._lanes]
        received = sum(verdict.received for verdict in verdicts)
        lost = max(0, sum(verdict.lost for verdict in verdicts) - books.unsettled)
        return ProbeReport(
            probe="echo",
            target=self._where,
            ok=failed is None and received > 0 and not lost and not self.bad(),
            sent=books.sent,
            received=received,
            lost=lost,
            duplicated=sum(verdict.duplicated for verdict in verdicts),
            reordered=sum(verdict.reordered for verdict in verdicts),
            corrupted=sum(verdict.corrupted for verdict in verdicts),
            errors=dict(books.errors),
            rtt_ms=Distribution.of(books.latency),
            connect_ms=Distribution.of(Histogram() if connector is None else connector.connect_times),
            phases=None if connector is None else connector.phases.report(),
            duration_s=books.duration_s(self.clock()),
            sent_bytes=books.sent_bytes,
            received_bytes=books.received_bytes,
            load=self._figures(),
            harm=HarmFigures(
                truncated=sum(verdict.truncated for verdict in verdicts),
                first_fault=next((lane.first_fault for lane in self._lanes if lane.first_fault is not None), None),
            ),
            error=failed,
        )


class EchoLoad(EchoLoadProbe):
    """Over streams."""

    _lanes: Sequence[EchoLane]

    def __init__(
        self,
        reactor: Any,
        options: ProbeEchoOptions,
        display: Display,
        clock: Callable[[], float] = time.perf_counter,
        spent: Spending = spent_so_far,
    ) -> None:
        self._way = Connector(reactor, Route.of(options, echo_target(options)), clock)
        super().__init__(reactor, options, display, self._way.where, self._way, clock, spent)

    def _lane(self) -> EchoLane:
        return EchoLane(self._run, self._way, self._room(), self._size_bytes)

    async def _finish(self) -> None:
        """Shut the sending sides, where that can be, and read what is left: a duplicate of the last answer, say."""
        ends = [end for lane in self._lanes if (end := lane.half_close()) is not None]
        if ends:
            all_over: Deferred[Any] = gatherResults(ends, consumeErrors=True)
            with suppress(ConnectError):
                await within(self._reactor, LAST_READ_S, all_over, lambda: ConnectError("no end of the stream"))
        for lane in self._lanes:
            lane.read_rest()
