"""A whole set-up of the simulation: nodes on hosts, Redises, lines that come at random, and faults.

`simulate` runs a `Plan` and tells what came of it. The same plan and seed give the same, to the last digit.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from .engine import Cores, Nic, Process
from .ledger import Ledger
from .model import Costs, Setting
from .node import ACCEPTS, JOIN, LINE, LINKED, Group, Node
from .redis import Redis
from .world import Conditions, World

STEPS = 20
"""The clients of a node that has died come to each of the others in so many steps, at least."""

AS_ASSUMED = Conditions()

WATCHED = 16
"""Of so many nodes about, each delivery's latency is counted. Of all nodes, the first and the last delivery's are."""


@dataclass(frozen=True)
class Plan:
    """What is simulated. Raises ValueError where it makes no sense."""

    subscribers: int
    nodes: int
    lines_s: float
    seconds: float = 10.0
    """So long lines come; the simulation goes on until all are delivered."""
    warm_s: float = 0.5
    burst_lines: int = 1
    """So many come at once, on one node; the bursts are a Poisson process."""
    flood: tuple[float, int] = (0.0, 0)
    """At that moment so many lines come beside the others, on all publishing nodes."""
    streams: int = 1
    """Each on a Redis of its own. A line is in one of them."""
    follows: int = 0
    """Of the streams, how many a subscriber follows; 0: all. Every node follows all."""
    outage: tuple[float, float] = (0.0, 0.0)
    """From that moment on, for so long, there is no Redis."""
    dies_at: float = 0.0
    """A node does, and its clients connect to the others."""
    reconnect_s: float = 5.0
    """Within this time, spread evenly."""
    seed: int = 1
    most_events: int = 50_000_000

    def __post_init__(self) -> None:
        if (
            min(self.nodes, self.subscribers, self.streams, self.burst_lines) < 1
            or min(self.lines_s, self.seconds) <= 0
        ):
            raise ValueError("nodes, subscribers, streams, lines and seconds must be there")
        if not 0 <= self.follows <= self.streams:
            raise ValueError("a subscriber follows so many streams as there are, at most")
        if self.dies_at and (self.nodes == 1 or self.outage[1]):
            raise ValueError("a node dies where there are others, and a Redis")


@dataclass(frozen=True)
class Result:
    """`shares` are of the time in which lines came: how busy each kind of thing was, the busiest of the kind."""

    plan: Plan
    ledger: Ledger
    shares: dict[str, float]
    turn_s: float
    """A node's, on average."""
    cpu_line_s: float
    """Of all nodes and Redises, for each line."""
    most_held_bytes: int
    """By a node: published there, and not back from Redis."""
    most_kept_lines: int
    """At the publishers of one node, who are not read from."""
    stream_entries: int
    nic_queue_bytes: float
    """The most that waited at the network card of a host with nodes."""
    events: int


@dataclass
class Cluster:
    plan: Plan
    world: World
    hosts: list[Nic] = field(default_factory=list)
    redises: list[Redis] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)

    def __post_init__(self) -> None:
        plan, clock = self.plan, self.world.clock
        self.random = Random(plan.seed)  # no secret: the same seed must give the same run
        self._audiences = [0] * plan.streams
        self.redises = [Redis(self.world, Cores(clock)) for _ in range(plan.streams)]
        for number in range(plan.nodes):
            if number % self.world.setting.cores == 0:
                self.hosts.append(Nic(self.world.setting.nic_bytes_s))
            group = self._group(plan.subscribers * (number + 1) // plan.nodes - plan.subscribers * number // plan.nodes)
            self.nodes.append(Node(self.world, Cores(clock), self.hosts[-1], self.redises, group))
            if number % -(-plan.nodes // WATCHED) == 0:
                self.nodes[-1].delivers = self.world.ledger.watches
            for shard, audience in enumerate(group.audiences):
                self._audiences[shard] += audience
        self.publishing = self.nodes[: self.world.setting.publishing_nodes]

    def _group(self, number: int) -> Group:
        """So many subscribers, of whom each stream has its part."""
        streams = self.plan.streams
        following = number * (self.plan.follows or streams)
        audiences = [following * (each + 1) // streams - following * each // streams for each in range(streams)]
        return Group(number, audiences, [0] * streams)

    def publish(self, node: Node, number: int = 1, publisher: int = 0) -> None:
        """So many lines come to a node now."""
        ledger = self.world.ledger
        for _ in range(number):
            shard = self.random.randrange(self.plan.streams) if self.plan.streams > 1 else 0
            ledger.published += 1
            ledger.expected += self._audiences[shard]
            node.receive((LINE, (self.world.clock.now, publisher, shard)))

    def arrive(self) -> None:
        """A burst comes, and the next one after a random while."""
        self.publish(self.random.choice(self.publishing), self.plan.burst_lines)
        self._next()

    def _next(self) -> None:
        when = self.world.clock.now + self.random.expovariate(self.plan.lines_s / self.plan.burst_lines)
        if when < self.plan.seconds:
            self.world.clock.at(when, self.arrive)

    def start(self) -> None:
        clock, plan = self.world.clock, self.plan
        for node in self.nodes:
            node.receive((LINKED, None))
        self._next()
        if plan.flood[1]:
            clock.at(plan.flood[0], self._flood)
        if plan.outage[1]:
            clock.at(plan.outage[0], self._outage)
        if plan.dies_at:
            clock.at(plan.dies_at, self._death)

    # Faults -----------------------------------------------------------------------------------------------------------

    def _flood(self) -> None:
        for number in range(self.plan.flood[1]):
            self.publish(self.publishing[number % len(self.publishing)])

    def _outage(self) -> None:
        back = self.world.clock.now + self.plan.outage[1]
        for redis in self.redises:
            redis.crash()
            self.world.clock.at(back, redis.restart)
        for node in self.nodes:
            node.lose_link()
            # Nodes try again after 0.1 s to 2 s, shortened at random (tw.net.redis).
            self.world.clock.at(back + self.random.uniform(0.0, 2.0), node.receive, (LINKED, None))

    def _death(self) -> None:
        node = self.nodes[-1]
        lost, group = node.die()
        self.world.ledger.lost += sum(self._audiences[shard] for _, _, shard in lost)
        self.publishing = [each for each in self.publishing if each is not node] or [self.nodes[0]]
        others = self.nodes[:-1]
        parts = max(STEPS * len(others), -(-group.number // ACCEPTS))
        for part in range(parts):
            took = _part(group, part, parts)
            if took.number or any(took.audiences):
                when = self.world.clock.now + self.random.uniform(0.0, self.plan.reconnect_s)
                self.world.clock.at(when, others[part % len(others)].receive, (JOIN, took))


def _part(group: Group, part: int, parts: int) -> Group:
    """One of so many parts of a group. All together are the group."""

    def of(number: int) -> int:
        return number * (part + 1) // parts - number * part // parts

    return Group(of(group.number), [of(each) for each in group.audiences], group.places)


def simulate(plan: Plan, costs: Costs, setting: Setting, conditions: Conditions = AS_ASSUMED) -> Result:
    """Run it. Raises ValueError where that takes too many events."""
    world = World(costs, setting, conditions, ledger=Ledger(warm_s=plan.warm_s))
    cluster = Cluster(plan, world)
    cluster.start()
    shares: dict[str, float] = {}
    world.clock.at(plan.seconds, lambda: shares.update(_shares(cluster)))
    world.clock.run(plan.most_events)
    ledger, nodes = world.ledger, cluster.nodes
    if ledger.unexplained:
        raise AssertionError(f"{ledger.unexplained:,} deliveries are neither made nor accounted for")
    busy_s = sum(each.busy_s for each in (*nodes, *cluster.redises))
    return Result(
        plan,
        ledger,
        shares,
        turn_s=sum(node.busy_s for node in nodes) / max(1, sum(node.working_turns for node in nodes)),
        cpu_line_s=busy_s / max(1, ledger.published),
        most_held_bytes=max(node.most_held_bytes for node in nodes),
        most_kept_lines=max(node.most_kept_lines for node in nodes),
        stream_entries=max(len(redis.stream) for redis in cluster.redises),
        nic_queue_bytes=max(host.most_queued_bytes for host in cluster.hosts),
        events=world.clock.events,
    )


def _shares(cluster: Cluster) -> dict[str, float]:
    seconds = cluster.world.clock.now

    def busiest(things: Sequence[Process | Nic]) -> float:
        return max(each.busy_s for each in things) / seconds

    return {
        "node: CPU": busiest(cluster.nodes),
        "node: NIC": busiest(cluster.hosts),
        "Redis: CPU": busiest(cluster.redises),
        "Redis: NIC": busiest([redis.nic for redis in cluster.redises]),
    }
