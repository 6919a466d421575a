"""The counter server: HTTP, over TCP, TLS and unix sockets, with its numbers in memory or in a file."""

import time
from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IAddress
from twisted.logger import Logger

from tw.core.patience import WaitLimits
from tw.errors import LocalError
from tw.events import Listening, ServerSummary, StateWritten
from tw.protocols.answers import CounterSite
from tw.protocols.connection import Keeper, ServerConnection
from tw.protocols.counter import CounterServer
from tw.serve_options import ServeCounterOptions
from tw.services.listener import Emit, Listener
from tw.services.state import NumberFile, Numbers
from tw.services.sweep import Sweep

QUIET_S = 10.0
"""Between two log lines about a state that cannot be written: each request meets the same full disk."""


class CounterService:
    """Start, stop. `clock` gives seconds since the epoch, for `Date`; every duration is the reactor's. `numbers` are
    taken in place of what the options ask for."""

    log = Logger()

    def __init__(
        self,
        reactor: Any,
        options: ServeCounterOptions,
        emit: Emit,
        clock: Callable[[], float] = time.time,
        numbers: Numbers | None = None,
    ) -> None:
        self.listener = Listener(reactor, "counter", options, emit, alpn=(b"http/1.1",))
        self._reactor = reactor
        self._options = options
        self._clock = clock
        self._given = numbers
        self._logged_at_s: float | None = None
        self._without_numbers = False
        connections: Any = self.listener.connections  # of CounterServer, which `_build` makes
        self._kind: Callable[[CounterSite, Keeper, IAddress | None], CounterServer] = CounterServer
        if options.describe:
            from tw.protocols.describe import DescribingCounter

            self._kind = DescribingCounter
        if options.faults is not None:
            from tw.protocols.faulty_counter import FaultyCounterServer
            from tw.services.faulty import make_faults

            faults = make_faults(self.listener, options.faults)
            self._kind = lambda site, keeper, address: FaultyCounterServer(site, faults, keeper, address)
        self._sweep = Sweep(reactor, _wait_limits(options), connections.values)

    async def start(self) -> list[Listening]:
        """Lock and read the state, then bind. Raises TwError; nothing is bound, locked or left behind then."""
        options = self._options
        self._numbers = self._given or make_numbers(options)
        self._site = CounterSite(
            self._reactor,
            self._numbers,
            self._clock,
            failed=self._failed,
            recovered=self._recovered,
            **self._site_options(),
        )
        try:
            return await self.listener.bind(self._build)
        except BaseException:
            self._numbers.discard()
            raise

    def _site_options(self) -> dict[str, Any]:
        options = self._options
        return {
            "requested": self.listener.emit if options.access_log else None,
            "header_limit_bytes": options.max_header_bytes,
            "body_limit_bytes": options.max_body_bytes,
        }

    def _build(self, keeper: Keeper, address: IAddress | None) -> ServerConnection:
        self._sweep.wake()
        return self._kind(self._site, keeper, address)

    def _failed(self, error: LocalError) -> None:
        now = self._reactor.seconds()
        if self._logged_at_s is None or now - self._logged_at_s >= QUIET_S:
            self._logged_at_s = now
            self.log.error("{error}; requests are answered with 503", error=error)
        if not self._without_numbers:
            self._without_numbers = True
            self._tell(str(error))

    def _recovered(self) -> None:
        self._without_numbers = False
        self._logged_at_s = None
        self.log.warn("the state can be written again")
        self._tell(None)

    def _tell(self, problem: str | None) -> None:
        # On stderr, where events in words go, the log has said it already.
        if self._options.json:
            self.listener.emit(StateWritten(problem=problem))

    async def stop(self) -> ServerSummary:
        """Stop accepting, drain, give back the numbers that nobody took, and tell what was done."""
        try:
            await self.listener.drain()
        finally:
            self._sweep.stop()
            try:
                self._numbers.close()
            except LocalError as error:
                # Nothing is repeated: the next start leaves a gap, as after a crash.
                self.log.error("{error}; the numbers will have a gap", error=error)
        return self.summary()

    def summary(self) -> ServerSummary:
        """What was done so far."""
        site = self._site
        return self.listener.summary({"requests": site.requests, "errors": site.errors, "timeouts": site.timeouts})


def make_numbers(options: ServeCounterOptions) -> Numbers:
    """The numbers that `options` ask for. Raises TwError."""
    state, start = options.state, options.start
    return NumberFile(state, start) if state is not None else Numbers(start)


def _wait_limits(options: ServeCounterOptions) -> WaitLimits:
    return WaitLimits(
        header_s=options.header_timeout_s,
        body_s=options.body_timeout_s,
        keepalive_s=options.keepalive_timeout_s,
        send_s=options.send_timeout_s,
    )
