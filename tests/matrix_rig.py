"""A delivery matrix in memory, and servers for it that harm what one subscriber gets."""

from collections.abc import Callable
from functools import partial
from typing import Any

from ends import Peer
from memory import Network
from running import ClientRig, Notes
from tw.load_options import LoadOptions
from tw.matrix_options import MatrixOptions
from tw.probe_options import ProbePubSubOptions
from tw.probes.matrix import MatrixProbe
from tw.probes.spent import Spent
from tw.report.matrix import MatrixFigures, PairFigures

Harm = Callable[[bytes], list[bytes]]


class MatrixRig(ClientRig):
    """`load` are the load's options, the other ones the probe's own."""

    def __init__(
        self, net: Network, notes: Notes, publishers: int = 1, subscribers: int = 1, *, window: int = 1,
        read_rate: int | None = None, load: dict[str, Any], **options: Any,
    ) -> None:  # fmt: skip
        shape = MatrixOptions(
            publishers=publishers, subscribers=subscribers, window=window,
            read_rate_bytes_per_s=read_rate, slow_subscribers=0 if read_rate is None else 1,
        )  # fmt: skip
        probe = ProbePubSubOptions(load=LoadOptions(**load), matrix=shape, **options)
        super().__init__(net, notes, MatrixProbe(net, probe, notes, net.measured, Spent))

    @property
    def matrix(self) -> MatrixFigures:
        found = self.report.matrix
        assert found is not None
        return found

    def faults(self) -> dict[tuple[int, int], tuple[int, int, int, int]]:
        """Lost, duplicated, reordered and corrupted, of the pairs (publisher, subscriber) that are not as they should
        be."""
        return {(pair.publisher, pair.subscriber): _faults(pair) for pair in self.matrix.pairs if not pair.ok}


def _faults(pair: PairFigures) -> tuple[int, int, int, int]:
    counts = pair.counts
    return counts.lost, counts.duplicated, counts.reordered, counts.corrupted


def fan_out(net: Network, harms: dict[int, Harm], *, echo: bool = True) -> Callable[[Peer, bytes], None]:
    """A server that sends each line to everyone; what the peers with these places get passes a harm."""

    def hears(peer: Peer, data: bytes) -> None:
        for line in data.splitlines(keepends=True):
            for place, each in enumerate(net.peers):
                if echo or each is not peer:
                    for part in harms.get(place, lambda line: [line])(line):
                        each.say(part)

    return hears


def numbered(number: int, harm: Harm) -> Harm:
    """Harm the lines with this number alone."""
    return lambda line: harm(line) if b"-%010d" % number in line else [line]


class Nodes:
    """Servers in memory that are one: a line to any of them is ordered, and passed on by all. Each can die.

    `late_s` is how long a node takes to pass a line on, `harms` what befalls the lines that it passes on.
    """

    def __init__(
        self, net: Network, *ports: int, late_s: dict[int, float] | None = None, harms: dict[int, Harm] | None = None
    ) -> None:
        self._net = net
        self._late_s = late_s or {}
        self._harms = harms or {}
        self.peers: dict[int, list[Peer]] = {port: [] for port in ports}
        self.deaf: set[int] = set()
        """Those that take lines and pass them on to nobody."""
        for port in ports:
            self.open(port)

    def open(self, port: int) -> None:
        self.peers[port] = []
        self._net.scripted(port, partial(self._hears, port), self.peers[port].append)

    def kill(self, port: int) -> None:
        """As `kill -9` does."""
        for peer in self.peers.pop(port):
            peer.cut()
        del self._net.ports[port]

    def _hears(self, port: int, _peer: Peer, data: bytes) -> None:
        if port not in self.deaf:
            self.order(data)

    def order(self, data: bytes) -> None:
        """Put these lines in, whoever they come from."""
        for line in data.splitlines(keepends=True):
            for port in self.peers:
                self._net.callLater(self._late_s.get(port, 0.0), self._pass_on, port, line)

    def _pass_on(self, port: int, line: bytes) -> None:
        for part in self._harms.get(port, lambda line: [line])(line):
            for peer in self.peers.get(port, []):
                peer.say(part)
