"""What becomes of each line in the simulation: how late it is, and that no delivery is lost or made twice unnoticed."""

from dataclasses import dataclass, field

from tw.core.histogram import Histogram

POINTS = 8
"""The subscribers of a node are sent to one after the other: so many of them stand for all, evenly spread."""

PARTS = [5 * point % POINTS for point in range(POINTS)]
"""As many lines of an entry, of which each is paired with one of those subscribers, without any order."""

Line = tuple[float, int, int]
"""When it was published, by whom, and in which stream it goes."""


class Entry:
    """The lines of one node's turn in one stream."""

    __slots__ = ("first_s", "is_in_stream", "last_s", "lines", "missing", "node", "shard")

    def __init__(self, node: object, shard: int, lines: list[Line]) -> None:
        self.node = node
        self.shard = shard
        self.lines = lines
        self.is_in_stream = False
        self.missing = 0
        """So many nodes have not delivered it."""
        self.first_s = float("inf")
        self.last_s = 0.0


@dataclass
class Ledger:
    """Counts of deliveries: those that lines call for, and what became of them."""

    warm_s: float = 0.0
    """What was published before is counted, but its latency is not."""
    published: int = 0
    expected: int = 0
    """Deliveries: for each line, all who were subscribed to its stream, connected or not."""
    delivered: int = 0
    repeated: int = 0
    """Of those, to clients that have had the line from another node, which was ahead of their new one."""
    missed: int = 0
    """To clients that were away, or came to a node that was ahead of their old one."""
    lost: int = 0
    """Of lines that were on a node when it died, and not in the stream."""
    repeated_entries: int = 0
    """Were in the stream twice, since an answer was lost, and dropped."""
    sent_bytes: float = 0.0
    """To clients, with all headers."""
    redis_bytes: float = 0.0
    """From all Redises to nodes, with all headers."""
    first: Histogram = field(default_factory=Histogram)
    """From publishing to the first subscriber of all."""
    each: Histogram = field(default_factory=Histogram)
    """To every subscriber, of those nodes that are watched."""
    last: Histogram = field(default_factory=Histogram)
    """To the last one of all."""
    timeline: list[tuple[float, float]] = field(default_factory=list)
    """For each entry, when its first line was published, and when its last subscriber had it."""

    def delivers(self, entries: list[Entry], audiences: list[int], first_s: float, last_s: float) -> None:
        """A node sends entries to so many subscribers of each stream, from the moment `first_s` to `last_s`."""
        for entry in entries:
            self.delivered += len(entry.lines) * audiences[entry.shard]
            if first_s < entry.first_s:
                entry.first_s = first_s
            if last_s > entry.last_s:
                entry.last_s = last_s
            self.one_less(entry)

    def watches(self, entries: list[Entry], audiences: list[int], first_s: float, last_s: float) -> None:
        """As `delivers`, and every delivery's latency is counted."""
        step = (last_s - first_s) / POINTS
        for entry in entries:
            lines = entry.lines
            deliveries = max(1, len(lines) * audiences[entry.shard] // POINTS)
            for point, part in enumerate(PARTS if audiences[entry.shard] else ()):
                published_s = lines[(2 * part + 1) * len(lines) // (2 * POINTS)][0]
                if published_s >= self.warm_s:
                    self.each.record(first_s + (point + 0.5) * step - published_s, deliveries)
        self.delivers(entries, audiences, first_s, last_s)

    def one_less(self, entry: Entry) -> None:
        """A node has delivered it, or never will."""
        entry.missing -= 1
        if entry.missing or not entry.last_s:
            return
        self.timeline.append((entry.lines[0][0], entry.last_s))
        for published_s, _, _ in entry.lines:
            if published_s >= self.warm_s:
                self.first.record(entry.first_s - published_s)
                self.last.record(entry.last_s - published_s)

    @property
    def unexplained(self) -> int:
        """Deliveries that are neither made nor accounted for. 0, or the simulation is wrong."""
        return self.expected - (self.delivered - self.repeated + self.missed + self.lost)

    def usual_s(self, until_s: float) -> float:
        """The latest of what had come to everybody by then."""
        return max((last_s - came_s for came_s, last_s in self.timeline if last_s < until_s), default=0.0)

    def calm_again_s(self, since_s: float, limit_s: float) -> float:
        """From which moment on every line that was published after `since_s` was with everybody within `limit_s`."""
        late = (published_s for published_s, last_s in self.timeline if last_s - published_s > limit_s)
        return max((moment for moment in late if moment >= since_s), default=since_s)
