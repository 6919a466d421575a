"""A delivery matrix in memory, and servers for it that harm what one subscriber gets."""

from collections.abc import Callable
from typing import Any

from ends import Peer
from memory import Network
from running import ClientRig, Notes
from tw.load_options import LoadOptions
from tw.matrix_options import MatrixOptions
from tw.probe_options import ProbePubSubOptions
from tw.probes.matrix import MatrixProbe
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
        super().__init__(net, notes, MatrixProbe(net, probe, notes, net.measured, lambda: 0.0))

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
