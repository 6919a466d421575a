"""One node's reading of the stream that several servers share: each batch once, in the stream's order, losses counted.

A writer whose connection broke sends again what was not answered, with the same numbers, in order. So the first time
that each batch of a node stands in the stream, it stands behind all before it, whatever the broken connections still
bring in: a number that is not above the highest one read of that node is a repetition. A number that skips some tells
of batches that were removed from the stream before they were read, and the running count of lines, of how many lines.
"""

from collections import OrderedDict
from dataclasses import dataclass

from tw.core.relayed import START, Relayed, StreamId

MAX_NODES = 4096
"""So many nodes are remembered, the latest ones heard (a node that starts again is a new one): half a megabyte."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What an entry comes to: `lines` to be delivered, after `lost_lines` that nobody can read any more."""

    batch: Relayed
    lost_lines: int


class Follower:
    """What was read, of whom, and how far. `place` is the last entry read."""

    def __init__(self, *, max_nodes: int = MAX_NODES) -> None:
        self._max_nodes = max_nodes
        # By node: its last batch that was read, and its lines up to the end of that.
        self._nodes: OrderedDict[bytes, tuple[int, int]] = OrderedDict()
        self._started = self._began = START
        self.place = START
        self.batches = 0
        self.repeated = 0
        self.foreign = 0
        self.lost_lines = 0

    def begin(self, place: StreamId, now: StreamId = START) -> None:
        """From here on nothing may be missed. What was read before it was for the history. `now`, by the
        engine's clock, is behind every place that it has given out, and before those that it will."""
        self._started = self.place = place
        self._began = now
        self.batches = self.repeated = self.foreign = self.lost_lines = 0

    def read(self, place: StreamId, batch: Relayed | None) -> Reading | None:
        """Take the entry at this place (None: somebody else's); gives what is new, None if nothing is."""
        self.place = place
        if batch is None:
            self.foreign += 1
            return None
        known = self._nodes.get(batch.node)
        if known is not None and batch.number <= known[0]:
            self._nodes.move_to_end(batch.node)
            self.repeated += 1
            return None
        if known is None and place <= self._started and batch.node_start < self._started:
            return None  # a stream that was restored is read from its beginning: this was in it before we came
        lost = self._lost_before(batch, known)
        self._note(batch.node, batch.number, batch.total_lines)
        self.batches += 1
        self.lost_lines += lost
        return Reading(batch, lost)

    def give_up(self, node: bytes, number: int, total_lines: int) -> int:
        """This batch and all before it of that node will not come any more. Gives the lines that were lost now."""
        known = self._nodes.get(node, (0, 0))
        if number <= known[0]:
            return 0
        self._note(node, number, total_lines)
        lost = total_lines - known[1]
        self.lost_lines += lost
        return lost

    def _lost_before(self, batch: Relayed, known: tuple[int, int] | None) -> int:
        if known is None:
            # One that was there before us and of which we have read nothing: what it wrote earlier was not for us, or
            # is not known to have been.
            if batch.node_start < self._started or self._started < batch.node_start < self._began:
                return 0  # (the latter started where the stream never was: one of its name was deleted)
            known = (0, 0)
        return max(0, batch.total_lines - len(batch.lines) - known[1])

    def _note(self, node: bytes, number: int, total_lines: int) -> None:
        self._nodes[node] = (number, total_lines)
        self._nodes.move_to_end(node)
        if len(self._nodes) > self._max_nodes:
            self._nodes.popitem(last=False)
