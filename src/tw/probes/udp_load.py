"""`tw probe echo --udp` under load: many flows, each from a port of its own."""

import time
from collections.abc import Callable
from typing import Any

from tw.probe_options import ProbeEchoOptions
from tw.probes.echo_load import EchoLoadProbe
from tw.probes.spent import Spending, spent_so_far
from tw.probes.timing import pause
from tw.probes.udp_lane import UdpEchoLane
from tw.probes.udp_route import LAST_READ_S, UdpRoute
from tw.progress import Display


class UdpEchoLoad(EchoLoadProbe):
    """Over UDP: nothing is sent again, so that every lost datagram shows."""

    def __init__(
        self,
        reactor: Any,
        options: ProbeEchoOptions,
        display: Display,
        clock: Callable[[], float] = time.perf_counter,
        spent: Spending = spent_so_far,
    ) -> None:
        self._route = UdpRoute(reactor, options)
        super().__init__(reactor, options, display, self._route.where, None, clock, spent)

    def _lane(self) -> UdpEchoLane:
        return UdpEchoLane(self._run, self._route, self._room(), self._size_bytes, lambda: self.books.received > 0)

    async def run(self) -> None:
        await self._route.look_up()
        await super().run()

    async def _finish(self) -> None:
        """A duplicate of the last datagram may still come."""
        await pause(self._reactor, LAST_READ_S)
