"""The pub/sub probe: a publisher, a subscriber, and what became of every line between them."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from math import inf
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from tw.core.lines import LineSplitter
from tw.core.payload import PayloadFormat
from tw.core.target import Target, parse_target
from tw.core.verdict import Kind
from tw.errors import AnswerTimeout, ExitCode, ProtocolError, TwError
from tw.probe_options import ProbePubSubOptions
from tw.probes.connecting import Connector, Route, probe_target
from tw.probes.parting import part
from tw.probes.ping import Ping, fresh_token, verdict_code
from tw.probes.terminal import Talk
from tw.probes.timing import within
from tw.progress import Display
from tw.protocols.client import ClientConnection
from tw.report import Delivery

DEFAULT_PORT = 1025
SCHEMES = {"tcp": False, "tls": True, "pubsub": False, "pubsubs": True}

MAX_LINE_BYTES = 65 * 1024 * 1024
"""Any line that `tw serve pubsub` can be told to take (64 MiB), with its prefix. Longer ones are not held in memory."""

BARRIER_S = 0.5
"""How long a barrier is waited for before it is sent once more: where a proxy connects the publisher first, nobody was
there to get the one before."""

LAST_READ_S = 0.25
"""How long what follows the last answer is waited for."""

TALK_IDLE_S = 1.0
"""`--idle` where it was not given: what is under way comes within it."""


def pubsub_target(options: ProbePubSubOptions) -> Target:
    """What TARGET means to this probe. Raises UsageError."""
    return probe_target(options, DEFAULT_PORT, SCHEMES)


def pubsub_connector(reactor: Any, options: ProbePubSubOptions, clock: Callable[[], float]) -> Connector:
    return Connector(reactor, Route.of(options, pubsub_target(options)), clock)


def pubsub_connectors(reactor: Any, options: ProbePubSubOptions, clock: Callable[[], float]) -> list[Connector]:
    """One for each TARGET, in their order; they measure together. Raises UsageError."""
    first = pubsub_connector(reactor, options, clock)
    targets = [
        parse_target(text, default_port=DEFAULT_PORT, tls=options.tls, schemes=SCHEMES) for text in options.more_targets
    ]
    return [first, *(Connector(reactor, Route.of(options, each), clock, beside=first) for each in targets)]


def too_long(where: str) -> ProtocolError:
    return ProtocolError(f"a line of over {MAX_LINE_BYTES} bytes", where, "is it a line server?")


def talk(reactor: Any, options: ProbePubSubOptions, display: Display) -> Talk:
    """`tw probe pubsub -i`."""
    return Talk(reactor, pubsub_connector(reactor, options, time.perf_counter), options.idle_s or TALK_IDLE_S, display)


class PubSubPing:
    """`tw probe pubsub`: numbered lines from one connection to another; with two TARGETs, from the first of them to the
    second.

    A line of its own goes ahead as a barrier, again and again until the subscriber has it: then it is known to be
    subscribed, also where a proxy connects the two in its own time. Another one follows the last sample: what the
    server sent a second time comes before it. Barriers are no samples.
    """

    def __init__(
        self,
        reactor: Any,
        options: ProbePubSubOptions,
        display: Display,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        form = PayloadFormat(fresh_token(), options.size_bytes, line_feed=False)
        self._reactor = reactor
        self._options = options
        self._display = display
        self._clock = clock
        self._began_s = clock()
        self._lines = LineSplitter(MAX_LINE_BYTES)
        self._barrier = b"barrier-" + fresh_token()
        self._awaited = 1
        self._passed: Deferred[None] = Deferred()
        self._foreign = 0
        self._ping = Ping(reactor, options, form, display.sample, clock, exclusive=False)
        connectors = pubsub_connectors(reactor, options, clock)
        self._from, self._to = connectors[0], connectors[-1]
        self._targets = tuple(connector.where for connector in connectors)
        self._where = " to ".join(self._targets)

    async def run(self) -> None:
        subscriber = await self._to.open(received=self._received, gone=partial(self._gone, self._to))
        connections = [subscriber]
        try:
            # The publisher gets every line as well; it reads and drops them, or it would be a slow consumer.
            publisher = await self._from.open(gone=partial(self._gone, self._from))
            connections.append(publisher)
            await self._pass_barrier(publisher, self._options.timeout_s)
            self._began_s = self._clock()
            self._awaited, self._passed = 2, Deferred()
            await self._ping.run(lambda payload: publisher.stream.write(payload + b"\n"), self._where)
            with suppress(TwError):  # every sample is settled, whatever comes now
                await self._pass_barrier(publisher, LAST_READ_S)
            if self._ping.ok:
                await part(self._reactor, *connections)
        finally:
            self._passed.addErrback(lambda _: None)
            for connection in connections:
                connection.stream.close() if self._ping.ok else connection.abort()

    async def _pass_barrier(self, publisher: ClientConnection, seconds: float) -> None:
        again: Any = None

        def say() -> None:
            nonlocal again
            publisher.stream.write(b"%b-%d\n" % (self._barrier, self._awaited))
            again = self._reactor.callLater(BARRIER_S, say)

        def silent() -> TwError:
            hint = "" if self._from is self._to else "; are the two servers one (--via)?"
            waited = f"waited {seconds:g} s for a first line{hint}"
            return AnswerTimeout("connected, and no line came through", self._where, waited)

        say()
        try:
            await within(self._reactor, seconds, self._passed, silent)
        finally:
            again.cancel()

    def _received(self, data: bytes) -> None:
        for line in self._lines.feed(data):
            if self._barrier in line:
                if line.endswith(b"-%d" % self._awaited) and not self._passed.called:
                    self._passed.callback(None)
            elif self._ping.arrived(line).kind is Kind.FOREIGN:
                self._foreign += 1
        if self._lines.overlong:
            self._end(too_long(self._to.where))

    def _gone(self, connector: Connector, reason: Failure) -> None:
        answered = self._awaited > 1 or self._ping.heard_s > -inf
        self._end(connector.lost(reason, answered=answered))

    def _end(self, error: TwError) -> None:
        self._ping.fail(error)
        if not self._passed.called:
            self._passed.errback(Failure(error))

    def conclude(self, failed: TwError | None) -> ExitCode:
        ping = self._ping
        sent = ping.verdict.sent_count
        report = ping.report(
            "pubsub",
            self._where,
            self._from.connect_times,
            self._began_s,
            failed,
            delivery=Delivery(published=sent, delivered=ping.verdict.received, expected=sent, foreign=self._foreign),
            phases=self._from.phases.report(),
        )
        report = replace(report, targets=self._targets)
        self._display.report(report)
        return verdict_code(report)
