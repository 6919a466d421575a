"""`tw probe pubsub --subscribe`: receive lines, until enough came or it has been silent for long enough."""

import time
from collections.abc import Callable
from typing import Any

from twisted.python.failure import Failure

from tw.core.lines import LineSplitter
from tw.errors import AnswerTimeout, ExitCode, TwError
from tw.probe_options import ProbePubSubOptions
from tw.probes.parting import part
from tw.probes.pubsub import MAX_LINE_BYTES, pubsub_connector, too_long
from tw.probes.timing import Bell
from tw.progress import Display
from tw.report import SubscribeSummary

HEADER_PATIENCE_S = 40.0
"""How long a server may wait for a PROXY header from who says nothing at all: this one 10 s, nginx 30 s
(proxy_protocol_timeout). One that closes later had another reason."""


class Subscribe:
    """Shows each line as it comes. With `--count` it is content with no fewer."""

    def __init__(
        self,
        reactor: Any,
        options: ProbePubSubOptions,
        display: Display,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._reactor = reactor
        self._options = options
        self._display = display
        self._clock = clock
        self._began_s = clock()
        self._bell = Bell(reactor)
        self._splitter = LineSplitter(MAX_LINE_BYTES)
        self._lines = 0
        self._received_bytes = 0
        self._failed: TwError | None = None
        self._ended_s: float | None = None
        self._connector = pubsub_connector(reactor, options, clock)

    async def run(self) -> None:
        connector = self._connector
        connection = await connector.open(received=self._received, gone=self._gone)
        self._began_s = self._clock()
        try:
            await self._listen()
            self._ended_s = self._clock()
            await part(self._reactor, connection)
        finally:
            connection.stream.close() if self._failed is None else connection.abort()

    async def _listen(self) -> None:
        """Until enough came, or nothing for `--idle`."""
        while not self._enough and self._failed is None:
            if not await self._bell.heard(self._options.idle_s):
                self._check_count()
                return
        if self._failed is not None and not self._enough:
            raise self._failed

    @property
    def _enough(self) -> bool:
        wanted = self._options.subscribe_count
        return wanted is not None and self._lines >= wanted

    def _check_count(self) -> None:
        wanted = self._options.subscribe_count
        if wanted is not None:
            came = f"{self._lines} of {wanted} lines came"
            raise AnswerTimeout(came, self._connector.where, f"then {self._options.idle_s:g} s of silence; see --idle")

    def _received(self, data: bytes) -> None:
        if self._ended_s is not None:
            return  # it is being left
        self._received_bytes += len(data)
        for line in self._splitter.feed(data):
            if self._enough:
                break
            self._lines += 1
            self._display.received_line(line)
        if self._splitter.overlong:
            self._failed = too_long(self._connector.where)
        self._bell.ring()

    def _gone(self, reason: Failure) -> None:
        if self._failed is None:
            patient = self._clock() - self._began_s > HEADER_PATIENCE_S
            self._failed = self._connector.lost(reason, answered=self._received_bytes > 0 or patient)
        self._bell.ring()

    def conclude(self, failed: TwError | None) -> ExitCode:
        wanted = self._options.subscribe_count
        summary = SubscribeSummary(
            target=self._connector.where,
            ok=failed is None and (wanted is None or self._lines >= wanted),
            lines=self._lines,
            expected=wanted,
            received_bytes=self._received_bytes,
            duration_s=(self._ended_s or self._clock()) - self._began_s,
            error=failed,
        )
        self._display.subscribed(summary)
        return ExitCode.OK
