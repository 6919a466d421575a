"""Tells a display where a load run stands, as often as it wants to know."""

from collections.abc import Callable
from typing import Any, Protocol

from tw.core.histogram import Histogram
from tw.load_options import LoadOptions
from tw.probes.books import Books
from tw.progress import Display
from tw.report import Distribution, Snapshot

INTERVALS_FROM_S = 0.5
"""Figures of an interval by itself take some 2 ms of CPU: they are left out of what comes ten times a second."""

LOOK_LANE_S = 2e-5
"""For each connection looks are further apart: one costs 0.6 us a connection, and so 3 % of the time at most."""


class Standing(Protocol):
    """A run that can be looked at."""

    @property
    def books(self) -> Books: ...
    @property
    def clock(self) -> Callable[[], float]: ...
    @property
    def warming(self) -> bool: ...
    @property
    def under_way(self) -> int: ...
    @property
    def open_connections(self) -> int: ...
    def bad(self) -> int:
        """What would spoil the verdict, so far."""


class Snapshots:
    """Looks at `run` every `display.progress_every_s`, between `start` and `stop`; never, if that is None. Where there
    are very many connections it looks less often."""

    def __init__(self, reactor: Any, display: Display, options: LoadOptions, run: Standing) -> None:
        self._reactor = reactor
        self._display = display
        self._options = options
        self._run = run
        self._call: Any = None
        self._books: Books | None = None
        self._looked_s = 0.0
        self._received = 0
        self._latency = Histogram()

    def start(self) -> None:
        every_s = self._display.progress_every_s
        if every_s is not None:
            every_s = max(every_s, LOOK_LANE_S * self._options.connections)
            self._call = self._reactor.callLater(every_s, self._look)

    def stop(self) -> None:
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _look(self) -> None:
        self._call = None
        self.start()
        run, books = self._run, self._run.books
        now = run.clock()
        if books is not self._books:
            self._books, self._looked_s, self._received = books, books.began_s, 0
            self._latency = Histogram()
        books.look()
        snapshot = Snapshot(
            elapsed_s=books.duration_s(now),
            interval_s=now - self._looked_s,
            interval_received=books.received - self._received,
            sent=books.sent,
            received=books.received,
            bad=run.bad(),
            under_way=run.under_way,
            connections=run.open_connections,
            rtt_ms=Distribution.of(books.latency),
            interval_rtt_ms=self._since_last(books.latency),
            warming=run.warming,
            count=None if run.warming else self._options.count,
            duration_s=self._options.warmup_s if run.warming else self._options.duration_s,
        )
        self._looked_s, self._received = now, books.received
        self._display.progress(snapshot)

    def _since_last(self, latency: Histogram) -> Distribution | None:
        """Of the answers since the look before, where looks are rare enough for what it costs."""
        if (self._display.progress_every_s or 0.0) < INTERVALS_FROM_S:
            return None
        before, self._latency = self._latency, latency.copy()
        return Distribution.of(latency.since(before))
