"""The simulated counterpart of `loadgen.c`, on the cores that it shares with what it measures.

It holds all connections, publishers' too, reads what comes on each, and publishes: at a rate, or as long as no
publisher has more than so many lines under way that not every subscriber has read. What the simulation says of it is
held against what was measured.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tw.core.histogram import Histogram

from .engine import Cores, Nic, Process
from .ledger import Entry
from .model import Costs, Setting
from .node import LINE, LINKED, Group, Node
from .redis import Redis
from .world import Conditions, World

PIECES = 10
"""A node's sends reach the generator in so many parts, which it may read while the node is at the next."""

TICK = None


@dataclass(frozen=True)
class Load:
    """What the generator does; `window` 0: at a rate."""

    subscribers: int
    publishers: int
    window: int = 0
    lines_s: float = 0.0
    seconds: float = 0.5
    warm_s: float = 0.1


@dataclass(frozen=True)
class GeneratorCosts:
    """Seconds of its CPU."""

    read_s: float = 2e-6
    """For each read."""
    line_s: float = 17e-9
    """For each line in it."""
    publish_s: float = 5e-6
    """For a send of a publisher's."""


@dataclass(frozen=True)
class Told:
    """What the generator would print."""

    deliveries_s: float
    cpu_delivery_s: float
    """Of the nodes and Redis."""
    used: float
    """Cores, by everything."""
    latency: Histogram


class Generator(Process):
    def __init__(self, world: World, cores: Cores, costs: GeneratorCosts, load: Load) -> None:
        super().__init__(world.clock, cores, world.conditions.wake_s)
        self.latency = Histogram()
        self.delivered = 0.0
        self.nodes: list[Node] = []
        self._world = world
        self._costs = costs
        self._load = load
        self._under_way = [0] * load.publishers
        self._pieces: dict[Entry, int] = {}
        self._next_publisher = 0
        self._ticks = 0

    def start(self) -> None:
        self.receive(TICK)

    def sees(self, node: int, entries: list[Entry], audiences: list[int], first_s: float, last_s: float) -> None:
        self._world.ledger.delivers(entries, audiences, first_s, last_s)
        for piece in range(PIECES):
            came = first_s + (last_s - first_s) * (piece + 1) / PIECES
            self.clock.at(came, self.receive, (node, piece, audiences[0] / PIECES, entries))

    def work(self, items: Sequence[Any], spent: float) -> float:
        was_read: set[tuple[int, int]] = set()
        for item in items:
            if item is TICK:
                if self._load.lines_s:
                    spent = self._publish(self._next_publisher, 1, spent)
                    self._next_publisher = (self._next_publisher + 1) % self._load.publishers
                    self._ticks += 1
                    self._tick_again(self._ticks / self._load.lines_s)
                continue
            node, piece, readers, entries = item
            # What has come on a connection since the last turn is one read.
            if (node, piece) not in was_read:
                was_read.add((node, piece))
                spent += readers * self._costs.read_s
            spent = self._read(entries, readers, spent)
        if self._load.window:
            for publisher, under_way in enumerate(self._under_way):
                if under_way < self._load.window:
                    spent = self._publish(publisher, self._load.window - under_way, spent)
        return spent

    def _read(self, entries: list[Entry], readers: float, spent: float) -> float:
        for entry in entries:
            spent += readers * self._costs.line_s * len(entry.lines)
            moment = self.clock.now + spent
            if self._load.warm_s <= moment < self._load.seconds:
                self.delivered += readers * len(entry.lines)
                for published_s, _, _ in entry.lines if self._load.lines_s else ():
                    self.latency.record(moment - published_s, max(1, round(readers)))
            self._pieces[entry] = self._pieces.get(entry, 0) + 1
            if self._pieces[entry] == PIECES * len(self.nodes):
                del self._pieces[entry]
                for _, publisher, _ in entry.lines:
                    self._under_way[publisher] -= 1
        return spent

    def _publish(self, publisher: int, lines: int, spent: float) -> float:
        if self.clock.now >= self._load.seconds:
            return spent
        self._under_way[publisher] += lines
        node = self.nodes[publisher % len(self.nodes)]
        started = self.clock.now + spent
        spent += self._costs.publish_s
        for _ in range(lines):
            self._world.ledger.expected += self._load.subscribers + self._load.publishers
            self.clock.at(started + self._costs.publish_s, node.receive, (LINE, (started, publisher, 0)))
        return spent

    def _tick_again(self, when: float) -> None:
        if when < self._load.seconds:
            self.clock.at(max(self.clock.now, when), self.receive, TICK)


def generate(
    load: Load, nodes: int, costs: Costs, generating: GeneratorCosts, setting: Setting, conditions: Conditions
) -> Told:
    """Run it on one machine with so many cores as `setting` says. No nodes: one server alone, without Redis."""
    world = World(costs, setting, conditions)
    cores = Cores(world.clock, setting.cores)
    loopback = Nic(1e12)
    redises = [Redis(world, cores)] if nodes else []
    generator = Generator(world, cores, generating, load)
    connections = load.subscribers + load.publishers
    for number in range(max(1, nodes)):
        here = connections * (number + 1) // max(1, nodes) - connections * number // max(1, nodes)
        node = Node(world, cores, loopback, redises, Group(here, [here], [0]))
        node.delivers = lambda *what, number=number: generator.sees(number, *what)
        generator.nodes.append(node)
        node.receive((LINKED, None))
    generator.start()
    busy: list[tuple[float, float]] = []

    def look() -> None:
        busy.append((sum(each.busy_s for each in (*generator.nodes, *redises)), generator.busy_s))

    for moment in (load.warm_s, load.seconds):
        world.clock.at(moment, look)
    world.clock.run(50_000_000)
    if world.ledger.unexplained:
        raise AssertionError("the generator has lost lines")
    deliveries = generator.delivered * load.subscribers / connections
    served_s, generated_s = (after - before for before, after in zip(*busy, strict=True))
    seconds = load.seconds - load.warm_s
    return Told(
        deliveries / seconds,
        served_s / deliveries if deliveries else 0.0,
        (served_s + generated_s) / seconds,
        generator.latency,
    )
