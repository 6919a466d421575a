"""The counter server whose numbers are unique over all servers that share a Redis or Valkey (`--via`)."""

import time
from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IAddress

from tw.events import Listening, ServerSummary, ViaChanged
from tw.net.redis_access import RedisAccess
from tw.protocols.connection import Keeper, ServerConnection
from tw.protocols.late import LateCounter, LateSite
from tw.serve_options import ServeCounterOptions
from tw.services.counter import CounterService
from tw.services.listener import Emit
from tw.services.shared_numbers import SharedNumbers


class SharedCounterService(CounterService):
    """Start, stop. The count is the key that `access` names.

    In the place of a worker that ended it starts whatever Redis does (`anyhow`).
    """

    def __init__(
        self,
        reactor: Any,
        options: ServeCounterOptions,
        emit: Emit,
        access: RedisAccess,
        clock: Callable[[], float] = time.time,
        *,
        anyhow: bool = False,
    ) -> None:
        super().__init__(reactor, options, emit, clock)
        self._anyhow = anyhow
        self._shared = SharedNumbers(
            reactor,
            access,
            lease=options.lease,
            failed=self._tell_via,
            recovered=lambda: self._tell_via(None),
        )

    async def start(self) -> list[Listening]:
        """Connect to Redis and look at the key, then bind. Raises TwError; nothing is left behind then."""
        numbers = self._shared
        site = self._late_site = LateSite(self._reactor, numbers, self._clock, **self._site_options())
        self._site = numbers.site = site
        if self._anyhow:
            await numbers.start_anyhow()
        else:
            await numbers.start(self._options.start)
        try:
            return await self.listener.bind(self._build)
        except BaseException:
            await numbers.stop()
            raise

    def _build(self, keeper: Keeper, address: IAddress | None) -> ServerConnection:
        self._sweep.wake()
        return LateCounter(self._late_site, keeper, address)

    def _tell_via(self, problem: str | None) -> None:
        self.listener.emit(ViaChanged(problem=problem))

    async def stop(self) -> ServerSummary:
        """Stop accepting, drain, let go of Redis, and tell what was done."""
        try:
            await self.listener.drain()
        finally:
            self._sweep.stop()
            await self._shared.stop()
        return self.summary()
