"""`tw probe echo --udp`: each payload is a datagram."""

import time
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import maybeDeferred
from twisted.internet.error import CannotListenError, MessageLengthError

from tw.core.client_rules import refuse_idle_tls_options
from tw.core.histogram import Histogram
from tw.core.payload import PayloadFormat
from tw.core.target import HostTarget
from tw.core.text import safe
from tw.errors import ConnectError, ExitCode, ProtocolError, TwError, UsageError
from tw.net.dial import resolve
from tw.net.endpoint import bind_error
from tw.probe_options import ProbeEchoOptions
from tw.probes.connecting import source_family
from tw.probes.echo import echo_target
from tw.probes.ping import Ping, fresh_token, verdict_code
from tw.probes.timing import pause, within
from tw.progress import Display
from tw.protocols.echo import UdpEchoClient

LAST_READ_S = 0.1
"""How long a duplicate of the last datagram is waited for."""

WINDOW = 32
WINDOW_BYTES = 64 * 1024
"""Under way at once. Nothing slows a sender of UDP down: what the receiver's socket has no room for (208 KiB on Linux,
some 270 small datagrams) is lost, and would be told as the network's fault."""

MAX_PACKET_BYTES = 65_535
"""Twisted reads 8,192 unless told otherwise, and cuts longer datagrams."""


class UdpEchoPing:
    """`tw probe echo --udp`. A closed port answers with ICMP, which ends the run as "connection refused" does."""

    def __init__(
        self, reactor: Any, options: ProbeEchoOptions, display: Display, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        target = echo_target(options)
        if not isinstance(target, HostTarget) or target.tls:
            raise UsageError("UDP needs a host and a port", safe(str(target)), "write HOST:PORT")
        refuse_idle_tls_options(options.verify, f"{target}/udp", "leave it out: echo over UDP has no TLS")
        if options.wait_for_s is not None:
            raise UsageError("--wait-for beside --udp", "", "UDP has no connection to wait for")
        form = PayloadFormat(fresh_token(), options.size_bytes)
        self._reactor = reactor
        self._options = options
        self._display = display
        self._clock = clock
        self._began_s = clock()
        self._target = target
        self._where = f"{target}/udp"
        self._ping = Ping(reactor, options, form, display.sample, clock, window=WINDOW, window_bytes=WINDOW_BYTES)
        self._client = UdpEchoClient(self._ping_arrived, self._refused)

    async def run(self) -> None:
        options = self._options
        family = source_family(options.bind, options.family)
        resolving = resolve(self._reactor, self._target.host, self._target.port, family)
        addresses = await within(self._reactor, options.timeout_s, resolving, self._slow_name)
        host, port = addresses[0].host, addresses[0].port
        client = self._client
        source = options.bind or ("::" if ":" in host else "")
        try:
            bound = self._reactor.listenUDP(0, client, source, MAX_PACKET_BYTES)
        except CannotListenError as problem:
            raise bind_error(problem, f"--bind {source}") from problem
        try:
            self._guarded(lambda: bound.connect(host, port))
            self._began_s = self._clock()
            await self._ping.run(self._send, self._where)
            await pause(self._reactor, LAST_READ_S)
        finally:
            await maybeDeferred(bound.stopListening)

    def _send(self, payload: bytes) -> None:
        self._guarded(lambda: self._client.send(payload))

    def _guarded(self, call: Callable[[], object]) -> None:
        """Do what the kernel may refuse (no route, a firewall's rule, too large a datagram): that ends the run."""
        try:
            call()
        except (OSError, MessageLengthError) as problem:
            why = getattr(problem, "strerror", None) or "message too long"
            self._ping.fail(ConnectError(f"cannot send: {why.lower()}", self._where, "check the address and the route"))

    def _ping_arrived(self, datagram: bytes) -> None:
        self._ping.arrived(datagram)

    def _refused(self) -> None:
        if self._ping.verdict.received:
            self._ping.fail(ProtocolError("the port became unreachable in the middle", self._where, "did it stop?"))
        else:
            self._ping.fail(ConnectError("port unreachable", self._where, "is the server running there, with --udp?"))

    def _slow_name(self) -> TwError:
        return ConnectError("resolving the name timed out", self._target.host, "check the name server")

    def conclude(self, failed: TwError | None) -> ExitCode:
        report = self._ping.report("echo", self._where, Histogram(), self._began_s, failed)
        self._display.report(report)
        return verdict_code(report)
