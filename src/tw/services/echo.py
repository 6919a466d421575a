"""The echo server: TCP, TLS, unix and, with `--udp`, the same port over UDP."""

from typing import Any

from twisted.internet.interfaces import IAddress

from tw.events import Listening, ServerSummary
from tw.protocols.connection import Keeper, ServerConnection
from tw.protocols.echo import EchoServer, UdpEchoServer
from tw.protocols.faulty_echo import FaultyEchoServer, FaultyUdpEchoServer
from tw.serve_options import ServeEchoOptions
from tw.services.faulty import asked_faults, with_faults
from tw.services.listener import Emit, Listener


class EchoService:
    """Start, stop; the listener does the rest."""

    def __init__(self, reactor: Any, options: ServeEchoOptions, emit: Emit) -> None:
        self.listener = Listener(reactor, "echo", options, emit)
        self._reactor = reactor
        self._faults = asked_faults(self.listener, options.faults)
        # No question for each datagram where there are no lists to ask.
        admits = self.listener.admits_datagram if self.listener.admission.lists else None
        self._udp: UdpEchoServer | FaultyUdpEchoServer | None = None
        if options.udp:
            faults = self._faults
            self._udp = UdpEchoServer(admits) if faults is None else FaultyUdpEchoServer(reactor, faults, admits)

    async def start(self) -> list[Listening]:
        """Bind. Raises TwError, and leaves nothing bound then."""
        return await self.listener.bind(_build if self._faults is None else self._build_faulty, self._udp)

    def _build_faulty(self, keeper: Keeper, address: IAddress | None) -> ServerConnection:
        assert self._faults is not None
        return FaultyEchoServer(self._reactor, self._faults, keeper, address)

    async def stop(self) -> ServerSummary:
        """Stop accepting, drain, and tell what was done."""
        await self.listener.drain()
        udp = self._udp
        if udp is None:
            return with_faults(self.listener.summary({}), self._faults)
        self.listener.received_bytes += udp.received_bytes
        self.listener.sent_bytes += udp.sent_bytes
        more = {"datagrams": udp.datagrams, "ignored_datagrams": udp.ignored}
        if isinstance(udp, FaultyUdpEchoServer):
            more["dropped_datagrams"] = udp.dropped
        return with_faults(self.listener.summary(more), self._faults)


def _build(keeper: Keeper, address: IAddress | None) -> ServerConnection:
    return EchoServer(keeper, address)
