"""What the load runs of all probes have in common: connections, the run, its end, and the report."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

from tw.core.histogram import Histogram
from tw.errors import ExitCode, TwError
from tw.load_options import LoadOptions
from tw.probe_options import ProbeOptions
from tw.probes.books import Books
from tw.probes.connecting import Connector
from tw.probes.lane import Lane, StreamLane
from tw.probes.load import LoadRun
from tw.probes.load_report import load_figures
from tw.probes.parting import part
from tw.probes.ping import verdict_code
from tw.probes.snapshots import Snapshots
from tw.probes.spent import Spending, spent_so_far
from tw.progress import Display
from tw.protocols.client import ClientConnection
from tw.report import LoadFigures, ProbeReport


class LoadProbe(ABC):
    """A client's run (`clients.ClientRun`) under load. `where` names the server in errors; `connector` makes the
    connections, if there are any.

    `clock` gives seconds for measuring, `spent` what this process has spent of its own.
    """

    def __init__(
        self,
        reactor: Any,
        options: ProbeOptions,
        display: Display,
        where: str,
        connector: Connector | None,
        clock: Callable[[], float] = time.perf_counter,
        spent: Spending = spent_so_far,
    ) -> None:
        assert options.load is not None
        self._reactor = reactor
        self._options = options
        self._display = display
        self._connector = connector
        self._load: LoadOptions = options.load
        # What connections took that did not outlive the warm-up.
        self._used_up = Histogram()
        self._run = LoadRun(reactor, options.load, options.timeout_s, where, clock, spent, self._begin_anew)
        self._lanes: Sequence[Lane] = [self._lane() for _ in range(options.load.connections)]

    def _begin_anew(self) -> None:
        """The warm-up is over."""
        if self._connector is not None:
            self._used_up = self._connector.begin([stream for stream in self._streams() if not stream.is_lost])
        self._begin()

    def _streams(self) -> list[ClientConnection]:
        """The lanes' connections, where they have any."""
        lanes = (lane for lane in self._lanes if isinstance(lane, StreamLane))
        return [lane.connection for lane in lanes if lane.connection is not None]

    @abstractmethod
    def _lane(self) -> Lane:
        """A connection's share of the load."""

    @abstractmethod
    def _begin(self) -> None:
        """The warm-up is over: what comes now counts."""

    @abstractmethod
    def _report(self, failed: TwError | None) -> ProbeReport:
        """What is known now."""

    @abstractmethod
    def bad(self) -> int:
        """What would spoil the verdict, so far."""

    async def run(self) -> None:
        snapshots = Snapshots(self._reactor, self._display, self._load, self)
        snapshots.start()
        orderly = False
        try:
            await self._run.run(self._lanes)
            await self._finish()
            orderly = not self.bad()
            if orderly:
                await part(self._reactor, *self._streams())
        finally:
            snapshots.stop()
            for lane in self._lanes:
                lane.leave(orderly=orderly)

    @abstractmethod
    async def _finish(self) -> None:
        """Read what may still come once every answer is in."""

    def conclude(self, failed: TwError | None) -> ExitCode:
        if self.warming:
            self._run.give_up_warming()
            self._begin_anew()
        report = self._report(failed)
        self._display.report(report)
        return verdict_code(report)

    # Where the run stands (`snapshots.Standing`) ----------------------------------------------------------------------

    @property
    def books(self) -> Books:
        return self._run.books

    @property
    def clock(self) -> Callable[[], float]:
        return self._run.clock

    @property
    def warming(self) -> bool:
        return self._run.books is self._run.warmup

    @property
    def under_way(self) -> int:
        return self._run.under_way

    @property
    def open_connections(self) -> int:
        return sum(lane.open for lane in self._lanes)

    def _figures(self) -> LoadFigures:
        run = self._run
        return load_figures(self._load, run.books, run.warmup, run.spent, self._used_up)
