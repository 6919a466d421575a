"""What every run has that asks about the path to a server, and not about the server."""

import time
from collections.abc import Callable
from typing import Any

from tw.core.difference import PathDifference
from tw.core.histogram import Histogram
from tw.core.target import Target
from tw.errors import AnswerTimeout, ExitCode, Interrupted, TwError
from tw.probe_options import ProbeOptions
from tw.probes.connecting import Connector, Route
from tw.probes.ping import verdict_code
from tw.progress import Display
from tw.report import Distribution, IdleTimeout, ProbeReport

Resolve = tuple[tuple[str, int, str], ...]


class Survey:
    """Keeps the books of such a run. What it finds is information: the run is good once there is a finding."""

    probe = ""

    def __init__(
        self,
        reactor: Any,
        options: ProbeOptions,
        display: Display,
        target: Target,
        resolve: Resolve = (),
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.reactor = reactor
        self.display = display
        self.clock = clock
        self.timeout_s = options.timeout_s
        self.connector = Connector(reactor, Route.of(options, target, resolve), clock)
        self.times = Histogram()
        self.sent = self.received = 0
        self.sent_bytes = self.received_bytes = 0
        self.difference: PathDifference | None = None
        self.idle_timeout: IdleTimeout | None = None
        self._began_s = clock()

    @property
    def where(self) -> str:
        return self.connector.where

    def no_answer(self) -> TwError:
        waited = f"waited {self.timeout_s:g} s; --timeout gives it longer"
        return AnswerTimeout("connected, and no answer came", self.where, waited)

    def conclude(self, failed: TwError | None) -> ExitCode:
        found = self.difference is not None or self.idle_timeout is not None
        report = ProbeReport(
            probe=self.probe,
            target=self.where,
            ok=failed is None and found,
            sent=self.sent,
            received=self.received,
            # What was under way when a signal stopped the run is not lost.
            lost=0 if isinstance(failed, Interrupted) else self.sent - self.received,
            rtt_ms=Distribution.of(self.times),
            connect_ms=Distribution.of(self.connector.connect_times),
            duration_s=self.clock() - self._began_s,
            sent_bytes=self.sent_bytes,
            received_bytes=self.received_bytes,
            difference=self.difference,
            idle_timeout=self.idle_timeout,
            error=failed,
        )
        self.display.report(report)
        return verdict_code(report)
