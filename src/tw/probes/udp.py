"""`tw probe echo --udp`: each payload is a datagram."""

import time
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import maybeDeferred

from tw.core.histogram import Histogram
from tw.core.payload import PayloadFormat
from tw.errors import ExitCode, TwError
from tw.probe_options import ProbeEchoOptions
from tw.probes.ping import Ping, fresh_token, verdict_code
from tw.probes.timing import pause
from tw.probes.udp_route import LAST_READ_S, SEND_ERRORS, UdpRoute
from tw.progress import Display
from tw.protocols.echo import UdpEchoClient

WINDOW = 32
WINDOW_BYTES = 64 * 1024
"""Under way at once. Nothing slows a sender of UDP down: what the receiver's socket has no room for (208 KiB on Linux,
some 270 small datagrams) is lost, and would be told as the network's fault."""


class UdpEchoPing:
    """`tw probe echo --udp`. A closed port answers with ICMP, which ends the run as "connection refused" does."""

    def __init__(
        self, reactor: Any, options: ProbeEchoOptions, display: Display, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._route = UdpRoute(reactor, options)
        form = PayloadFormat(fresh_token(), options.size_bytes)
        self._reactor = reactor
        self._display = display
        self._clock = clock
        self._began_s = clock()
        self._ping = Ping(reactor, options, form, display.sample, clock, window=WINDOW, window_bytes=WINDOW_BYTES)
        self._client = UdpEchoClient(self._ping_arrived, self._refused)

    async def run(self) -> None:
        await self._route.look_up()
        bound = self._route.open(self._client)
        try:
            self._began_s = self._clock()
            await self._ping.run(self._send, self._route.where)
            await pause(self._reactor, LAST_READ_S)
        finally:
            await maybeDeferred(bound.stopListening)

    def _send(self, payload: bytes) -> None:
        try:
            self._client.send(payload)
        except SEND_ERRORS as problem:
            self._ping.fail(self._route.cannot_send(problem))

    def _ping_arrived(self, datagram: bytes) -> None:
        self._ping.arrived(datagram)

    def _refused(self) -> None:
        self._ping.fail(self._route.unreachable(answered=self._ping.verdict.received > 0))

    def conclude(self, failed: TwError | None) -> ExitCode:
        report = self._ping.report("echo", self._route.where, Histogram(), self._began_s, failed)
        self._display.report(report)
        return verdict_code(report)
