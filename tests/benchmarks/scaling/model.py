"""How far pub/sub servers that are one over Redis go: a model, in pure functions, of what `scale.py` prints.

`nodes` servers of one core each hold the subscribers in equal parts. Every line reaches every subscriber. A node works
in turns: what arrives while it is at one turn is the next one's, so the busier it is, the more lines leave in one send.
A turn costs a send for each subscriber, and for each line its bytes; it must not be longer than `turn_limit_s`, since
the last subscriber is served that much after the first. That, and not a CPU that is busy, is when a node is full: with
more work its turns would grow until they are too late. Redis is full in the same manner: where all nodes ask again
before it has come round, each answer has more entries in it, and it must come round within `turn_limit_s`. And no more
may come meanwhile than `READ_ENTRIES`, which is as many as a node asks for: it would never get all (the simulation
found that one).

Two ways beyond one Redis, neither of which `tw` takes by itself. Streams: a line is in one of them, each on a Redis of
its own, and every node follows all. That divides the bytes, not how often each Redis is asked; the one order is gone.
Copies (replicas): a node follows one of them. That divides the bytes and the asking, and keeps the order; each copy
takes in all that is written.
"""

from dataclasses import dataclass
from math import ceil

READ_ENTRIES = 32
TURN_BYTES = 256 * 1024
"""So much a node reads from a stream in one turn (tw.services.stream_reader, tw.services.pubsub)."""


@dataclass(frozen=True)
class Costs:
    """What was measured; seconds of CPU, of a node where nothing else is said. `scale.py` says from where each is."""

    publish_entry_s: float = 100e-6
    """Reading what was published in a turn, writing it as an entry, reading Redis's answer."""
    publish_line_s: float = 0.5e-6
    """For each line of it."""
    follow_answer_s: float = 150e-6
    """Asking a stream for what there is, and reading an answer with one entry."""
    follow_entry_s: float = 12e-6
    """For each further entry in it."""
    send_s: float = 1.95e-6
    """One send to one subscriber, whatever is in it."""
    deliver_byte_s: float = 0.25e-9
    """For each byte of it."""
    subscriber_bytes: float = 2.8 * 1024
    accept_s: float = 150e-6
    """For a connection that comes."""
    redis_add_s: float = 12e-6
    """Redis's, for an entry that is added."""
    redis_answer_s: float = 13e-6
    """Redis's, for an answer to one node."""
    redis_byte_s: float = 0.2e-9
    """Redis's, for each byte of an answer."""
    entry_bytes: float = 150
    """What an entry has on its way to a node, beside its lines."""


@dataclass(frozen=True)
class Setting:
    """What is assumed. Machines are alike, Redis has one of its own."""

    line_bytes: int = 86
    """Prefix and line feed included."""
    turn_limit_s: float = 0.05
    full: float = 0.7
    """So much of a limit is used at most."""
    cores: int = 4
    """Nodes on a machine, one core each."""
    nic_bytes_s: float = 10e9 / 8
    memory_bytes: float = 16 * 2**30
    publishing_nodes: int = 16
    """So many nodes take the publishers, so that the entries of a turn are no more than one reading takes."""
    socket_bytes: int = 4096
    """The kernel's, for an idle connection."""
    client_rtt_s: float = 0.05
    """What was sent stays in the kernel so long."""
    packet_bytes: int = 90
    """Ethernet (with preamble and gap), IP, TCP with timestamps."""
    segment_bytes: int = 1448
    redis_connections: int = 60_000
    """`maxclients`, raised. A node has two."""


@dataclass(frozen=True)
class Demand:
    subscribers: int
    lines_s: float
    share: float = 1.0
    """Of the streams, what a subscriber follows; so it gets this share of the lines. Nodes follow all of them."""


@dataclass(frozen=True)
class Outcome:
    """One set-up under one demand. `node` and `redis` are shares of each limit, 1 for all of it."""

    subscribers: int
    nodes: int
    streams: int
    copies: int
    node: dict[str, float]
    redis: dict[str, float]
    turn_s: float
    cpu_line_s: float
    sent_line_bytes: float
    redis_line_bytes: float

    @property
    def node_worst(self) -> tuple[str, float]:
        return worst(self.node)

    @property
    def redis_worst(self) -> tuple[str, float]:
        return worst(self.redis)


def worst(shares: dict[str, float]) -> tuple[str, float]:
    return max(shares.items(), key=lambda item: item[1])


@dataclass(frozen=True)
class _Turn:
    """What is in one turn of a node that lasts `turn_s`. (A node that is not busy has a turn for each line.)"""

    lines: float
    entries: float
    streams: float
    """Those that have an entry, each of which is an answer."""
    own_entries: float


def _turn(setting: Setting, demand: Demand, nodes: int, streams: int, turn_s: float) -> _Turn:
    lines = max(1.0, demand.lines_s * turn_s)
    # Of the lines of a turn, each publishing node makes one entry, in one of the streams.
    entries = min(lines, float(min(nodes, max(setting.publishing_nodes, streams))))
    return _Turn(lines, entries, min(entries, float(streams)), entries / nodes)


def _reached(setting: Setting, demand: Demand, nodes: int, turn: _Turn) -> tuple[float, float]:
    """How many of a node's subscribers a turn sends to, and how many bytes of lines in all."""
    subscribers = ceil(demand.subscribers / nodes)
    reached = subscribers * (1 - (1 - demand.share) ** turn.streams)
    return reached, turn.lines * setting.line_bytes * demand.share * subscribers


def _to_clients(setting: Setting, demand: Demand, nodes: int, turn: _Turn) -> float:
    """Bytes that a node sends to its subscribers for each line, with all headers."""
    reached, size = _reached(setting, demand, nodes, turn)
    return reached * on_wire(setting, size / reached) / turn.lines


def _work_s(costs: Costs, setting: Setting, demand: Demand, nodes: int, turn: _Turn) -> dict[str, float]:
    """The CPU time of a turn, by what it goes into. The nodes' publishing is spread over all of them."""
    reached, sent_bytes = _reached(setting, demand, nodes, turn)
    following = costs.follow_answer_s * turn.streams + costs.follow_entry_s * (turn.entries - turn.streams)
    following += costs.publish_entry_s * turn.own_entries + costs.publish_line_s * turn.lines / nodes
    return {
        "node: sends": costs.send_s * reached,
        "node: bytes": costs.deliver_byte_s * sent_bytes,
        "node: following": following,
    }


def outcome(costs: Costs, setting: Setting, demand: Demand, nodes: int, streams: int = 1, copies: int = 1) -> Outcome:
    """What `nodes` servers, `streams` streams and `copies` of each do under `demand`.

    Raises ValueError for less than one of anything.
    """
    if min(nodes, streams, copies, demand.subscribers) < 1 or min(demand.lines_s, demand.share) <= 0:
        raise ValueError("nodes, streams, copies, subscribers and lines must be there")
    turn_s, turn = _shortest_turn(costs, setting, demand, nodes, streams)
    redis, redis_cpu_s, redis_bytes = _redis(costs, setting, demand, nodes, streams, copies)
    return Outcome(
        demand.subscribers,
        nodes,
        streams,
        copies,
        _node(costs, setting, demand, nodes, streams),
        redis,
        turn_s,
        cpu_line_s=nodes * turn_s / turn.lines + redis_cpu_s / demand.lines_s,
        sent_line_bytes=nodes * _to_clients(setting, demand, nodes, turn),
        redis_line_bytes=redis_bytes / demand.lines_s,
    )


def _shortest_turn(costs: Costs, setting: Setting, demand: Demand, nodes: int, streams: int) -> tuple[float, _Turn]:
    """The turn that is as long as its own work, in seconds: found from below. Where there is none, it is too long."""
    turn_s = 0.0
    while True:
        turn = _turn(setting, demand, nodes, streams, turn_s)
        longer = sum(_work_s(costs, setting, demand, nodes, turn).values())
        if longer - turn_s < 1e-7 or longer > 100 * setting.turn_limit_s:
            return longer, turn
        turn_s = longer


def _node(costs: Costs, setting: Setting, demand: Demand, nodes: int, streams: int) -> dict[str, float]:
    subscribers = ceil(demand.subscribers / nodes)
    _, turn = _shortest_turn(costs, setting, demand, nodes, streams)
    at_limit = _turn(setting, demand, nodes, streams, setting.turn_limit_s)
    work = _work_s(costs, setting, demand, nodes, at_limit)
    size = turn.lines * setting.line_bytes
    sent_bytes_s = demand.lines_s * _to_clients(setting, demand, nodes, turn)
    kept = costs.subscriber_bytes + setting.socket_bytes
    kept += (
        2 * demand.lines_s * demand.share * setting.line_bytes * setting.client_rtt_s
    )  # buffers have about twice what is in them
    return {
        # One limit, as its three parts are one turn; it is named for the largest.
        worst(work)[0]: sum(work.values()) / setting.turn_limit_s,
        "node: NIC": sent_bytes_s * setting.cores / setting.nic_bytes_s,
        "node: memory": kept * subscribers * setting.cores / setting.memory_bytes,
        "node: reading": max(turn.entries / streams / READ_ENTRIES, size / TURN_BYTES),
    }


def _redis(
    costs: Costs, setting: Setting, demand: Demand, nodes: int, streams: int, copies: int
) -> tuple[dict[str, float], float, float]:
    """The shares of the limits of each Redis, and what all together need in a second: CPU time, bytes to nodes."""
    turn = _turn(setting, demand, nodes, streams, setting.turn_limit_s)
    turns_s = demand.lines_s / turn.lines
    entries_s = turns_s * turn.entries / streams
    answers_s = turns_s * turn.streams / streams * nodes / copies
    answer = (turn.lines * setting.line_bytes + costs.entry_bytes * turn.entries) / turn.streams
    cpu = entries_s * costs.redis_add_s + answers_s * (costs.redis_answer_s + costs.redis_byte_s * answer)
    # What a copy is sent is an answer more.
    sent_bytes_s = (answers_s + (entries_s if copies > 1 else 0)) * on_wire(setting, answer)
    # While it answers every node once, entries come, of which the next answer must have room for all.
    own_turn_s, own_turn = _shortest_turn(costs, setting, demand, nodes, streams)
    round_s = nodes / copies * costs.redis_answer_s
    arriving = min(demand.lines_s * round_s, own_turn.entries * max(1.0, round_s / max(own_turn_s, 1e-9))) / streams
    shares = {
        "Redis: entries in an answer": arriving / READ_ENTRIES,
        "Redis: CPU": cpu,
        "Redis: NIC": sent_bytes_s / setting.nic_bytes_s,
        "Redis: connections": 2 * nodes / copies / setting.redis_connections,
    }
    return shares, cpu * streams * copies, sent_bytes_s * streams * copies


def on_wire(setting: Setting, size: float) -> float:
    return size + setting.packet_bytes * ceil(size / setting.segment_bytes)
