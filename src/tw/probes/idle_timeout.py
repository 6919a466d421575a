"""`--find-idle-timeout`: how long a path keeps a connection on which nothing moves."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import CancelledError, ensureDeferred

from tw.core.idle_search import IdleSearch
from tw.core.payload import PayloadFormat
from tw.errors import AnswerTimeout, ProtocolError, TwError
from tw.probe_options import ProbeCounterOptions, ProbeEchoOptions
from tw.probes.counter import counter_target, request_for
from tw.probes.echo import echo_target
from tw.probes.idle_exchanges import CounterConnection, EchoConnection, IdleConnection
from tw.probes.ping import fresh_token
from tw.probes.survey import Survey
from tw.probes.timing import Bell, pause, within
from tw.progress import Display
from tw.report import IdleTimeout, Sample
from tw.survey_options import SurveyOptions

LOOK_ON_S = 0.25
"""How much later than the first a path may end connections that fell silent at the same time."""


class FindIdleTimeout(Survey, ABC):
    """Tries silences in rounds, each on a fresh connection: a message, the silence, a message."""

    search: IdleSearch

    @abstractmethod
    def make(self, ended: Callable[[], None]) -> IdleConnection:
        """A connection, not open yet."""

    def look_for(self, survey: SurveyOptions) -> None:
        self.search = IdleSearch(survey.max_idle_s, survey.precision_s)
        self._round_bell = Bell(self.reactor)
        self._trials = 0

    async def run(self) -> None:
        """Raises what a connection fails with before it is silent."""
        search = self.search
        try:
            while silences := search.silences():
                await self._round(silences)
        finally:
            if search.kept_s or search.how:
                self.idle_timeout = IdleTimeout(kept_s=search.kept_s, lost_s=search.lost_s, how=search.how)

    async def _round(self, silences: list[float]) -> None:
        """Try them all at once, until the shortest that is lost is known; longer ones would be lost as well."""
        open_ones = set(silences)
        failed: list[Exception] = []

        async def attempt(silence_s: float) -> None:
            try:
                await self._try(silence_s)
            except CancelledError:
                pass  # what it would have told is known
            except Exception as error:
                failed.append(error)
            open_ones.discard(silence_s)
            self._round_bell.ring()

        trials = [ensureDeferred(attempt(silence_s)) for silence_s in silences]
        try:
            while not failed and any(map(self._matters, open_ones)):
                await self._round_bell.heard()
            if self.search.how in ("closed", "reset") and not failed:
                await self._look_on(open_ones)
        finally:
            for trial in trials:
                trial.cancel()
        if failed:
            raise failed[0]

    async def _look_on(self, open_ones: set[float]) -> None:
        """One was used again just when it ended: those that are still silent may see the end itself."""
        until = self.reactor.seconds() + LOOK_ON_S
        while open_ones and not self.search.exact and (left := until - self.reactor.seconds()) > 0:
            await self._round_bell.heard(left)

    def _matters(self, silence_s: float) -> bool:
        return not self.search.over and (self.search.lost_s is None or silence_s < self.search.lost_s)

    async def _try(self, silence_s: float) -> None:
        self._trials += 1
        number = self._trials
        bell = Bell(self.reactor)
        connection = self.make(bell.ring)
        try:
            await connection.open()
            await self._exchange(connection)
            silent_since = self.clock()
            until = self.reactor.seconds() + silence_s
            while connection.how is None and (left := until - self.reactor.seconds()) > 0:
                await bell.heard(left)
            if connection.how is not None:
                self._ended(number, connection, self.clock() - silent_since)
            else:
                await self._use_again(number, connection, silence_s, silent_since)
        finally:
            self.sent_bytes += connection.sent_bytes
            self.received_bytes += connection.received_bytes
            connection.abort()

    def _ended(self, number: int, connection: IdleConnection, silent_s: float) -> None:
        assert connection.how is not None
        self.search.ended(silent_s, connection.how)
        self._show(number, None, connection.how, f"after {silent_s:.3f} s of silence")

    async def _use_again(self, number: int, connection: IdleConnection, silence_s: float, silent_since: float) -> None:
        began = self.clock()
        try:
            await self._exchange(connection)
        except AnswerTimeout:
            self.search.lost(began - silent_since, "dropped")
            self._show(number, None, "dropped", f"after {silence_s:g} s of silence")
        except TwError:
            await pause(self.reactor, 0)  # a connection that has ended tells of its request first, then of its end
            how = connection.how or "closed"
            self.search.lost(began - silent_since, how)
            self._show(number, None, how, f"when used after {silence_s:g} s of silence")
        else:
            self.search.kept(silence_s)
            self._show(number, self.clock() - began, "ok", f"after {silence_s:g} s of silence")
            connection.close()

    async def _exchange(self, connection: IdleConnection) -> None:
        self.sent += 1
        began = self.clock()
        try:
            await within(self.reactor, self.timeout_s, connection.exchange(), self.no_answer)
        except ProtocolError as error:
            self.connector.advised(error, answered=self.received > 0 or connection.received_bytes > 0)
            raise
        self.received += 1
        self.times.record(self.clock() - began)

    def _show(self, number: int, rtt_s: float | None, outcome: str, detail: str) -> None:
        self.display.sample(Sample(number=number, rtt_s=rtt_s, outcome=outcome, detail=detail))


class EchoIdle(FindIdleTimeout):
    """`tw probe echo --find-idle-timeout`."""

    probe = "echo"

    def __init__(
        self,
        reactor: Any,
        options: ProbeEchoOptions,
        display: Display,
        survey: SurveyOptions,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        super().__init__(reactor, options, display, echo_target(options), (), clock)
        self._form = PayloadFormat(fresh_token(), options.size_bytes)
        self.look_for(survey)

    def make(self, ended: Callable[[], None]) -> IdleConnection:
        return EchoConnection(self.connector, ended, self._form)


class CounterIdle(FindIdleTimeout):
    """`tw probe counter --find-idle-timeout`."""

    probe = "counter"

    def __init__(
        self,
        reactor: Any,
        options: ProbeCounterOptions,
        display: Display,
        survey: SurveyOptions,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        target = counter_target(options)
        super().__init__(reactor, options, display, target, options.resolve, clock)
        self._request = request_for(options, target)
        self.look_for(survey)

    def make(self, ended: Callable[[], None]) -> IdleConnection:
        return CounterConnection(self.connector, ended, self._request)
