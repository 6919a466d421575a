"""The echo server: TCP, TLS, unix and, with `--udp`, the same port over UDP."""

from dataclasses import replace
from typing import Any

from tw.events import Listening, ServerSummary
from tw.protocols.echo import EchoServer, UdpEchoServer
from tw.serve_options import ServeEchoOptions
from tw.services.listener import Build, Emit, Listener


class EchoService:
    """Start, stop; the listener does the rest."""

    def __init__(self, reactor: Any, options: ServeEchoOptions, emit: Emit) -> None:
        self.listener = Listener(reactor, "echo", options, emit)
        # No question for each datagram where there are no lists to ask.
        admits = self.listener.admits_datagram if self.listener.admission.lists else None
        self._build: Build = EchoServer
        if options.describe:
            from tw.protocols.describe import DescribingEcho

            self._build = DescribingEcho
        self._udp = UdpEchoServer(admits) if options.udp else None
        if options.faults is not None:
            # Loaded only then, as everything that a command does not always need.
            from tw.protocols.faulty_echo import FaultyEchoServer, FaultyUdpEchoServer
            from tw.services.faulty import make_faults

            faults = make_faults(self.listener, options.faults)
            self._build = lambda keeper, address: FaultyEchoServer(reactor, faults, keeper, address)
            self._udp = FaultyUdpEchoServer(reactor, faults, admits) if options.udp else None

    async def start(self) -> list[Listening]:
        """Bind. Raises TwError, and leaves nothing bound then."""
        return await self.listener.bind(self._build, self._udp)

    async def stop(self) -> ServerSummary:
        """Stop accepting, drain, and tell what was done."""
        await self.listener.drain()
        return self.summary()

    def summary(self) -> ServerSummary:
        """What was done so far."""
        udp = self._udp
        if udp is None:
            return self.listener.summary({})
        streams = self.listener.summary(udp.counts())
        return replace(
            streams,
            received_bytes=streams.received_bytes + udp.received_bytes,
            sent_bytes=streams.sent_bytes + udp.sent_bytes,
        )
