"""The echo probe's share of a load over UDP: a socket of its own, and each payload a datagram."""

from collections.abc import Callable
from typing import Any

from tw.errors import TwError
from tw.probes.echo_judging import EchoJudging
from tw.probes.lane import REOPEN_S, Load
from tw.probes.udp_route import SEND_ERRORS, UdpRoute
from tw.protocols.echo import UdpEchoClient


class UdpEchoLane(EchoJudging):
    """One flow: a source port of its own. `answered` says whether the server has ever answered, on any of them.

    A datagram is lost if nothing came for it in time; those after it go on. Where the kernel refuses to send, or the
    server's says that nobody listens, the flow is broken, and opened again as a connection would be.
    """

    tries = 3  # one may be lost on its way

    def __init__(self, load: Load, route: UdpRoute, room: int, size_bytes: int, answered: Callable[[], bool]) -> None:
        super().__init__(load, room)
        self._set_up(size_bytes)
        self._route = route
        self._answered = answered
        self._client = UdpEchoClient(self.received, lambda: None)
        self._port: Any = None

    @property
    def open(self) -> bool:
        return self._port is not None

    async def connect(self) -> None:
        client = UdpEchoClient(self.received, lambda: self._refused(client))
        port = self._route.open(client)
        self._client, self._port = client, port

    def _write(self, wire: bytes) -> None:
        try:
            self._client.send(wire)
        except SEND_ERRORS as problem:
            self._fail(self._route.cannot_send(problem))
        else:
            self._load.books.sent_bytes += len(wire)

    def received(self, data: bytes) -> None:
        load = self._load
        load.books.received_bytes += len(data)
        if data == self._expected:
            self._take(load.clock())
        else:
            self._judge(data, load.clock())

    def _refused(self, client: UdpEchoClient) -> None:
        if client is self._client and self._port is not None:
            self._fail(self._route.unreachable(answered=self._answered()))

    def _fail(self, error: TwError) -> None:
        self._close()
        self._lose(error)
        self._expect()
        self.reopen(REOPEN_S)

    def leave(self, *, orderly: bool) -> None:
        super().leave(orderly=orderly)
        self._close()

    def _close(self) -> None:
        port, self._port = self._port, None
        if port is not None:
            port.stopListening()
