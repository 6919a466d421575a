"""The counter server whose numbers are unique over all servers that share a Redis or Valkey (`--via`)."""

import time
from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IAddress

from tw.core.via import parse_via
from tw.events import Listening, ServerSummary, ViaChanged
from tw.protocols.connection import Keeper, ServerConnection
from tw.protocols.late import LateCounter, LateSite
from tw.secret import Secret
from tw.serve_options import ServeCounterOptions
from tw.services.counter import CounterService
from tw.services.listener import Emit
from tw.services.shared_numbers import SharedNumbers


class SharedCounterService(CounterService):
    """Start, stop. `options.via` is set; `secret` is its password, None where there is none."""

    def __init__(
        self,
        reactor: Any,
        options: ServeCounterOptions,
        emit: Emit,
        secret: Secret | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(reactor, options, emit, clock)
        via = options.via
        assert via is not None
        self._shared = SharedNumbers(
            reactor,
            parse_via(via.url, "key"),
            secret,
            via.ca_file,
            lease=options.lease,
            failed=self._lost_count,
            recovered=self._found_count,
        )

    async def start(self) -> list[Listening]:
        """Connect to Redis and look at the key, then bind. Raises TwError; nothing is left behind then."""
        numbers = self._shared
        await numbers.start(self._options.start)
        site = self._late_site = LateSite(self._reactor, numbers, self._clock, **self._site_options())
        self._site = numbers.site = site
        try:
            return await self.listener.bind(self._build)
        except BaseException:
            await numbers.stop()
            raise

    def _build(self, keeper: Keeper, address: IAddress | None) -> ServerConnection:
        self._sweep.wake()
        return LateCounter(self._late_site, keeper, address)

    def _lost_count(self, why: str) -> None:
        self.log.error("{why}; requests are answered with 503", why=why)
        if self._options.json:
            self.listener.emit(ViaChanged(problem=why))

    def _found_count(self) -> None:
        self.log.warn("the shared count is there again")
        if self._options.json:
            self.listener.emit(ViaChanged(problem=None))

    async def stop(self) -> ServerSummary:
        """Stop accepting, drain, let go of Redis, and tell what was done."""
        try:
            await self.listener.drain()
        finally:
            self._sweep.stop()
            await self._shared.stop()
        return self.summary()
