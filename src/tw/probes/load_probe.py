"""What the load runs of all probes have in common: connections, the run, its end, and the report."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from tw.errors import ExitCode, TwError
from tw.load_options import LoadOptions
from tw.probe_options import ProbeOptions
from tw.probes.books import Books
from tw.probes.lane import Lane, StreamLane
from tw.probes.load import LoadRun
from tw.probes.load_report import load_figures
from tw.probes.parting import part
from tw.probes.ping import verdict_code
from tw.probes.snapshots import Snapshots
from tw.progress import Display
from tw.report import LoadFigures, ProbeReport


class LoadProbe(ABC):
    """A client's run (`clients.ClientRun`) under load. `where` names the server in errors.

    `clock` gives seconds for measuring, `cpu` the CPU seconds of this process.
    """

    def __init__(
        self,
        reactor: Any,
        options: ProbeOptions,
        display: Display,
        where: str,
        clock: Callable[[], float] = time.perf_counter,
        cpu: Callable[[], float] = time.process_time,
    ) -> None:
        assert options.load is not None
        self._reactor = reactor
        self._options = options
        self._display = display
        self._load: LoadOptions = options.load
        self._run = LoadRun(reactor, options.load, options.timeout_s, where, clock, cpu, self._begin)
        self._lanes = [self._lane() for _ in range(options.load.connections)]

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
                streams = [lane.connection for lane in self._lanes if isinstance(lane, StreamLane)]
                await part(self._reactor, *(stream for stream in streams if stream is not None))
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
            self._begin()
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
        return load_figures(self._load, run.books, run.warmup, run.cpu_s)
