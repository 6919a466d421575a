"""The counter probe: one request after the other, and what the numbers say that come back."""

import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import CancelledError

from tw.core.histogram import Histogram
from tw.core.numbers import NumberLine
from tw.core.target import URL_PORTS, HostTarget, Target
from tw.errors import AnswerTimeout, ExitCode, ProtocolError, TwError
from tw.probe_options import ProbeCounterOptions
from tw.probes.connecting import Connector, Route, probe_target
from tw.probes.counter_harm import corruption, is_corrupted, may_get_better, truncation
from tw.probes.failures import kind_of
from tw.probes.parting import part
from tw.probes.ping import verdict_code
from tw.probes.timing import pause, within
from tw.progress import Display
from tw.protocols.http_client import CounterClient
from tw.protocols.http_exchange import Answer, CutShort
from tw.protocols.http_request import HttpRequest
from tw.report import Distribution, FirstFault, HarmFigures, Numbers, ProbeReport, Sample

DEFAULT_PORT = 8080
SCHEMES = {"http": False, "https": True}
IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
"""RFC 9110, 9.2.2: these may be sent again where the connection closed under them."""


def counter_target(options: ProbeCounterOptions) -> Target:
    """What TARGET means to this probe. Raises UsageError."""
    return probe_target(options, DEFAULT_PORT, SCHEMES)


def request_for(options: ProbeCounterOptions, target: Target) -> HttpRequest:
    """The request that every sample sends. Raises UsageError for what would break its form."""
    path = target.path if isinstance(target, HostTarget) else None
    return HttpRequest(
        host=_host_field(target),
        path=options.path or path or "/",
        method=options.method,
        headers=options.headers,
        keepalive=options.keepalive,
    )


def _host_field(target: Target) -> str:
    """RFC 9110, 7.2: the port is left out where it is the scheme's own."""
    if not isinstance(target, HostTarget):
        return "localhost"
    host = f"[{target.host}]" if ":" in target.host else target.host
    return host if target.port == URL_PORTS["https" if target.tls else "http"] else f"{host}:{target.port}"


class CounterPing:
    """`tw probe counter`. The numbers are the server's own count: they tell a lost answer from a request never seen."""

    def __init__(
        self,
        reactor: Any,
        options: ProbeCounterOptions,
        display: Display,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        target = counter_target(options)
        self._reactor = reactor
        self._options = options
        self._display = display
        self._clock = clock
        self._began_s = clock()
        self._ended_s: float | None = None
        self._request = request_for(options, target)
        self._connector = Connector(reactor, Route.of(options, target, options.resolve), clock)
        self._client: CounterClient | None = None
        self._times = Histogram()
        self._errors: Counter[str] = Counter()
        self._numbers = NumberLine()
        self._sent = self._received = self._corrupted = 0
        self._sent_bytes = self._received_bytes = 0
        self._truncated = self._retried = 0
        self._first_fault: FirstFault | None = None
        self._unsettled = 0
        """Whether a sample was under way when the run was cut short: it is neither received nor lost."""

    async def run(self) -> None:
        """Send every sample. Raises the first failure where there has been no answer before it, nor after.

        What cannot get better, anything but silence, a reset or half an answer, ends a run without one at once.
        """
        first_error: TwError | None = None
        self._began_s = self._clock()
        last = self._options.count
        try:
            for number in range(1, last + 1):
                due_s = self._reactor.seconds() + self._options.interval_s
                try:
                    await self._sample(number)
                except TwError as error:
                    first_error = first_error or error
                    is_final = not self._received and not may_get_better(error)
                    if not is_final or error is not first_error:
                        self._note(number, error)
                    if is_final:
                        break
                if number < last:
                    await pause(self._reactor, due_s - self._reactor.seconds())
            self._ended_s = self._clock()
            if self._client is not None:
                await part(self._reactor, self._client)
        finally:
            self._leave()
        if self._received == 0 and first_error is not None:
            raise first_error

    async def _sample(self, number: int) -> None:
        client, reused = await self._connection()
        self._sent += 1
        began = self._clock()
        try:
            answer = await self._ask(client, reused)
        except CancelledError:
            self._unsettled = 1
            raise
        rtt_s = self._clock() - began
        self._received += 1
        self._times.record(rtt_s)
        self._display.sample(self._judge(number, answer, rtt_s))

    async def _connection(self) -> tuple[CounterClient, bool]:
        """The connection to use, and whether it has been used before."""
        if self._client is not None and self._client.usable and self._options.keepalive:
            return self._client, True
        self._leave()
        connector = self._connector
        self._client = await connector.connect(
            lambda: CounterClient(tls=connector.tls, where=connector.where, clock=self._clock)
        )
        return self._client, False

    async def _ask(self, client: CounterClient, reused: bool) -> Answer:
        self._sent_bytes += len(self._request.wire)
        before = client.received_bytes
        mark = self._numbers.mark()
        try:
            asked_s = self._clock()
            answer = await within(self._reactor, self._options.timeout_s, client.request(self._request), self._late)
            self._connector.phases.answered(client.first_byte_s - asked_s, client.whole_s - client.first_byte_s)
            return answer
        except TwError as error:
            self._numbers.lose(mark)
            # A kept connection that its server closes just as it is used again is nobody's fault; nothing was answered.
            if (
                not isinstance(error, ProtocolError)
                or not reused
                or client.received_bytes > before
                or self._request.method not in IDEMPOTENT
            ):
                self._connector.advised(error, answered=self._received > 0 or client.received_bytes > 0)
                raise
        finally:
            self._received_bytes += client.received_bytes - before
        self._retried += 1
        fresh, _ = await self._connection()
        return await self._ask(fresh, False)

    def _late(self) -> TwError:
        waited = f"waited {self._options.timeout_s:g} s; --timeout gives it longer"
        return AnswerTimeout("connected, and no answer came", self._connector.where, waited)

    def _note(self, number: int, error: TwError) -> None:
        """A sample failed. Where no connection was to be had, nothing was sent, and nothing can be lost."""
        kind = kind_of(error)
        if isinstance(error, CutShort):
            kind = "truncated"
            self._truncated += 1
            self._first_fault = self._first_fault or truncation(error)
        else:
            self._errors[kind] += 1
        self._display.sample(Sample(number=number, rtt_s=None, outcome=kind, detail=error.what))

    def _judge(self, number: int, answer: Answer, rtt_s: float) -> Sample:
        outcome, detail = "ok", ""
        if answer.number is not None:
            detail = f"#{answer.number}"
            self._numbers.feed(answer.number, answer.instance, is_stored=answer.header("age") is not None)
        else:
            self._numbers.lose(self._numbers.mark())  # something answered, and the counter may have been asked
        if is_corrupted(answer, answer.number, answer.body_number):
            fault = corruption(answer)
            self._corrupted += 1
            self._first_fault = self._first_fault or fault
            outcome, detail = "corrupted", f"#{answer.number} in its header, #{answer.body_number} in its body"
            if answer.body_number is None:
                detail = f"#{answer.number} in its header, and its body {fault.detail}"
        if answer.status != self._options.expect_status:
            outcome = f"status {answer.status}"
            self._errors[outcome] += 1
        return Sample(number=number, rtt_s=rtt_s, outcome=outcome, detail=detail)

    def _leave(self) -> None:
        if self._client is not None and not self._client.is_lost:
            self._client.close()

    def conclude(self, failed: TwError | None) -> ExitCode:
        line = self._numbers
        lost = self._sent - self._received - self._truncated - self._unsettled
        corrupted = self._corrupted + self._truncated
        faults = lost + line.duplicates + line.reordered + corrupted
        report = ProbeReport(
            probe="counter",
            target=self._connector.where,
            ok=failed is None and not faults and not self._errors and self._received > 0,
            sent=self._sent,
            received=self._received,
            lost=lost,
            duplicated=line.duplicates,
            reordered=line.reordered,
            corrupted=corrupted,
            errors=dict(self._errors),
            rtt_ms=Distribution.of(self._times),
            connect_ms=Distribution.of(self._connector.connect_times),
            phases=self._connector.phases.report(),
            duration_s=(self._ended_s or self._clock()) - self._began_s,
            sent_bytes=self._sent_bytes,
            received_bytes=self._received_bytes,
            numbers=Numbers.of(line),
            harm=HarmFigures(truncated=self._truncated, retried=self._retried, first_fault=self._first_fault),
            error=failed,
        )
        self._display.report(report)
        return verdict_code(report)
