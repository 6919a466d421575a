"""Load runs in memory, on a clock that a test moves, and servers that take their time."""

from collections import defaultdict
from math import inf
from typing import Any

from counter_script import answer
from ends import Peer
from memory import Network
from running import ClientRig, Notes
from tw.load_options import LoadOptions
from tw.probe_options import ProbeCounterOptions, ProbeEchoOptions
from tw.probes.counter_load import CounterLoad
from tw.probes.echo_load import EchoLoad
from tw.probes.spent import Spent
from tw.report import LoadFigures, ProbeReport

ECHO_PORT = 1234
COUNTER_PORT = 8080


class LoadRig(ClientRig):
    """A run that has begun. Options of `LoadOptions` go there, others to the probe's own."""

    client_class: Any
    options_class: Any

    def __init__(self, net: Network, notes: Notes, **options: Any) -> None:
        own = {name: value for name, value in options.items() if name not in LoadOptions.__slots__}
        load = {name: value for name, value in options.items() if name in LoadOptions.__slots__}
        chosen = self.options_class(load=LoadOptions(**load), **own)
        # The process takes a fifth of its time.
        client = self.client_class(net, chosen, notes, net.measured, lambda: Spent(net.measured() / 5))
        super().__init__(net, notes, client)

    @property
    def report(self) -> ProbeReport:
        (report,) = self.notes.reports
        return report

    @property
    def figures(self) -> LoadFigures:
        assert self.report.load is not None
        return self.report.load


class EchoRig(LoadRig):
    client_class = EchoLoad
    options_class = ProbeEchoOptions


class CounterRig(LoadRig):
    client_class = CounterLoad
    options_class = ProbeCounterOptions


class SlowEcho:
    """Echoes after `delay_s`; nothing between `stall_s` and `resume_s` of the network's clock."""

    def __init__(
        self, net: Network, delay_s: float = 0.01, *, stalls: tuple[float, float] | None = None, port: int = ECHO_PORT
    ) -> None:
        self._net = net
        self._delay_s = delay_s
        self._stalls = stalls
        self.heard: dict[Peer, list[float]] = defaultdict(list)
        net.scripted(port, self._hears, self._meets)

    def _meets(self, peer: Peer) -> None:
        self.heard[peer] = []

    def _hears(self, peer: Peer, data: bytes) -> None:
        now = self._net.seconds()
        self.heard[peer].append(now)
        at = now + self._delay_s
        if self._stalls is not None and self._stalls[0] <= now < self._stalls[1]:
            at = self._stalls[1]
        if at == inf:
            return
        self._net.callLater(at - now, self.answer, peer, data)

    def answer(self, peer: Peer, data: bytes) -> None:
        peer.say(data)


def closing_down(net: Network) -> None:
    """Let what a probe waits for at its end pass."""
    net.pass_s(1.0)


class Counting:
    """Answers after `delay_s`, and closes a connection on which nothing was asked for `idle_s`."""

    def __init__(
        self, net: Network, delay_s: float = 0.01, *, idle_s: float | None = None, field: str = "X: y"
    ) -> None:
        self._net = net
        self._delay_s = delay_s
        self._idle_s = idle_s
        self._field = field
        self._asked: dict[Peer, int] = {}
        self.number = 0
        self.connections = 0
        net.scripted(COUNTER_PORT, self._hears, self._meets)

    def _meets(self, peer: Peer) -> None:
        self.connections += 1
        self._asked[peer] = 0
        self._watch(peer)

    def _hears(self, peer: Peer, data: bytes) -> None:
        self.number += 1
        self._asked[peer] += 1
        self._net.callLater(self._delay_s, peer.say, answer(self.number, "X-Instance: i", self._field))
        self._watch(peer)

    def _watch(self, peer: Peer) -> None:
        if self._idle_s is not None:
            self._net.callLater(self._idle_s, self._look, peer, self._asked[peer])

    def _look(self, peer: Peer, asked: int) -> None:
        if self._asked[peer] == asked:
            peer.leave()
