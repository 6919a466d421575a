"""The echo probe: numbered payloads over TCP, TLS, unix or UDP."""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from tw.core.payload import PayloadFormat, PayloadStream
from tw.core.target import Target
from tw.errors import ConnectError, ExitCode, TwError
from tw.probe_options import ProbeEchoOptions
from tw.probes.connecting import Connector, Route, probe_target
from tw.probes.parting import part
from tw.probes.ping import Ping, fresh_token, verdict_code
from tw.probes.terminal import Talk
from tw.probes.timing import within
from tw.progress import Display
from tw.protocols.client import ClientConnection

DEFAULT_PORT = 1234
SCHEMES = {"tcp": False, "tls": True, "echo": False, "echos": True}

LAST_READ_S = 0.25
"""How long the end of the stream is waited for once every answer is in: what still comes then was never asked for."""


def echo_target(options: ProbeEchoOptions) -> Target:
    """What TARGET means to this probe. Raises UsageError."""
    return probe_target(options, DEFAULT_PORT, SCHEMES)


def talk(reactor: Any, options: ProbeEchoOptions, display: Display) -> Talk:
    """`tw probe echo -i`."""
    connector = Connector(reactor, Route.of(options, echo_target(options)), time.perf_counter)
    return Talk(reactor, connector, options.idle_s, display)


class EchoPing:
    """`tw probe echo` over a stream."""

    def __init__(
        self, reactor: Any, options: ProbeEchoOptions, display: Display, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._form = form = PayloadFormat(fresh_token(), options.size_bytes)
        self._reactor = reactor
        self._display = display
        self._clock = clock
        self._began_s = clock()
        self._stream = PayloadStream(form)
        self._ping = Ping(reactor, options, form, display.sample, clock)
        self._connector = Connector(reactor, Route.of(options, echo_target(options)), clock)
        self._connection: ClientConnection | None = None
        self._closed: Deferred[None] = Deferred()

    async def run(self) -> None:
        connector = self._connector
        connection = self._connection = await connector.open(received=self._received, gone=self._gone)
        self._began_s = self._clock()
        try:
            await self._ping.run(connection.stream.write, connector.where)
            await self._read_to_the_end(connection)
            if self._ping.ok:
                await part(self._reactor, connection)
        finally:
            connection.stream.close() if self._ping.ok else connection.abort()

    def _received(self, data: bytes) -> None:
        self._ping.heard_s = self._clock()
        for payload in self._stream.feed(data):
            self._ping.arrived(payload)

    def _gone(self, reason: Failure) -> None:
        self._take_rest()
        connection = self._connection
        answered = connection is not None and connection.received_bytes > 0
        self._ping.fail(self._connector.lost(reason, answered=answered))
        if not self._closed.called:
            self._closed.callback(None)

    async def _read_to_the_end(self, connection: ClientConnection) -> None:
        """Shut the sending side, where that can be, and read what is left: a duplicate of the last answer, say."""
        connection.stream.half_close()
        with suppress(ConnectError):
            await within(self._reactor, LAST_READ_S, self._closed, lambda: ConnectError("no end of the stream"))
        self._take_rest()

    def _take_rest(self) -> None:
        """Judge what there is of a payload that was not completed."""
        rest = self._stream.close()
        self._stream = PayloadStream(self._form)
        if rest:
            self._ping.arrived(rest)

    def conclude(self, failed: TwError | None) -> ExitCode:
        connector = self._connector
        report = self._ping.report(
            "echo",
            connector.where,
            connector.connect_times,
            self._began_s,
            failed,
            phases=connector.phases.report(),
        )
        self._display.report(report)
        return verdict_code(report)
