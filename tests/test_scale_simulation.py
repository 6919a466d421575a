"""The simulation of pub/sub over Redis does what queues do that can be worked out, and loses no delivery unnoticed."""

from dataclasses import fields, replace
from random import Random
from statistics import mean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.scaling.cluster import Plan, Result, simulate
from benchmarks.scaling.engine import Cores
from benchmarks.scaling.generator import GeneratorCosts, Load, generate
from benchmarks.scaling.ledger import Entry
from benchmarks.scaling.model import Costs, Demand, Setting, outcome
from benchmarks.scaling.redis import ADD, Redis
from benchmarks.scaling.world import Conditions, World
from tw.core.histogram import Histogram
from tw.services.stream_relay import HOLD_BYTES

COSTS = Costs()
NOTHING = Costs(*[0.0] * len(fields(Costs)))
WARM = Conditions(cold_s=0.0, redis_cold_s=0.0)
AT_ONCE = replace(WARM, way_s=0.0, wake_s=0.0)
WIDE = Setting(nic_bytes_s=1e15)


def mean_s(latencies: Histogram) -> float:
    assert latencies.mean_s is not None
    return latencies.mean_s


def md1_s(work_s: float, busy: float) -> float:
    """How long a customer is in an M/D/1 queue on average (Pollaczek and Khinchine)."""
    return work_s * (1 + busy / (2 * (1 - busy)))


busy_shares = st.floats(0.1, 0.7)


class Publisher:
    """Adds entries at random to a Redis that nobody reads from, and looks when each is taken."""

    def __init__(self, world: World, redis: Redis) -> None:
        self.world, self.redis = world, redis
        self.took_s: list[float] = []

    def publish(self) -> None:
        now = self.world.clock.now
        self.redis.receive((ADD, self, (now, 0), Entry(self, 0, [(now, 0, 0)])))

    def taken(self, link: tuple[float, int]) -> None:
        self.took_s.append(self.world.clock.now - link[0])


@given(busy_shares, st.integers(0, 1000))
@settings(max_examples=10, deadline=None)
def test_redis_is_a_queue_that_is_served_in_order(busy: float, seed: int) -> None:
    work_s, random = 1e-3, Random(seed)
    world = World(replace(NOTHING, redis_add_s=work_s), WIDE, AT_ONCE)
    publisher = Publisher(world, Redis(world, Cores(world.clock)))
    moment = 0.0
    for _ in range(5_000):
        moment += random.expovariate(busy / work_s)
        world.clock.at(moment, publisher.publish)
    world.clock.run(10**6)
    assert len(publisher.took_s) == 5_000
    assert mean(publisher.took_s) == pytest.approx(md1_s(work_s, busy), rel=0.2)
    assert publisher.redis.busy_s / moment == pytest.approx(busy, rel=0.15)


@given(busy_shares, st.integers(0, 1000))
@settings(max_examples=5, deadline=None)
def test_a_network_card_is_one_as_well(busy: float, seed: int) -> None:
    """100 subscribers, a line in a packet of 200 bytes."""
    setting = Setting(line_bytes=110, nic_bytes_s=2e7)
    work_s = 100 * 200 / 2e7
    plan = Plan(100, 1, busy / work_s, seconds=2_500 * work_s / busy, warm_s=0.0, seed=seed)
    found = simulate(plan, NOTHING, setting, AT_ONCE)
    # Redis has such a card, which each line passes first.
    through_redis_s = 200 / 2e7
    assert mean_s(found.ledger.last) == pytest.approx(md1_s(work_s, busy) + through_redis_s, rel=0.25)
    assert found.shares["node: NIC"] == pytest.approx(busy, rel=0.15)


@given(st.floats(0.05, 5.0), st.integers(0, 1000))
@settings(max_examples=5, deadline=None)
def test_a_node_takes_in_a_turn_what_came_in_the_last_one(lines_in_turn: float, seed: int) -> None:
    """Turns of 1 ms follow each other while lines come; who comes to a busy node waits half a turn on average.

    A turn is followed by another one at once unless nothing came in it; else by a pause of 1/rate on average.
    """
    turn_s = 1e-3
    rate = lines_in_turn / turn_s
    plan = Plan(100, 1, rate, seconds=2_500 / rate, warm_s=0.0, seed=seed)
    found = simulate(plan, replace(NOTHING, send_s=turn_s / 100), WIDE, AT_ONCE)
    busy = turn_s / (turn_s + 2.718281828**-lines_in_turn / rate)
    assert found.shares["node: CPU"] == pytest.approx(busy, rel=0.15)
    assert mean_s(found.ledger.last) == pytest.approx(turn_s * (1 + busy / 2), rel=0.08)
    slowest_s = found.ledger.last.percentile(99.9)
    assert slowest_s is not None
    assert slowest_s <= 2 * turn_s * 1.002
    assert mean_s(found.ledger.each) == pytest.approx(turn_s * (1 + busy) / 2, rel=0.1)


@given(
    subscribers=st.integers(1, 5_000),
    nodes=st.integers(1, 12),
    lines_s=st.floats(1.0, 300.0),
    burst=st.integers(1, 30),
    streams=st.integers(1, 4),
    fault=st.sampled_from(["none", "outage", "death", "flood"]),
    seed=st.integers(0, 1000),
    data=st.data(),
)
@settings(max_examples=40, deadline=None)
def test_every_delivery_is_made_once_or_accounted_for(
    subscribers: int, nodes: int, lines_s: float, burst: int, streams: int, fault: str, seed: int, data: st.DataObject
) -> None:
    """`simulate` raises where the books do not balance; what must not be in them is looked at here."""
    plan = Plan(
        subscribers,
        nodes,
        lines_s,
        seconds=3.0,
        burst_lines=burst,
        streams=streams,
        follows=data.draw(st.integers(0, streams)),
        outage=(1.0, data.draw(st.floats(0.001, 2.0))) if fault == "outage" else (0.0, 0.0),
        dies_at=1.0 if fault == "death" and nodes > 1 else 0.0,
        flood=(1.0, data.draw(st.integers(1, 3_000))) if fault == "flood" else (0.0, 0),
        reconnect_s=1.0,
        seed=seed,
    )
    ledger = simulate(plan, COSTS, Setting(publishing_nodes=data.draw(st.integers(1, 12)))).ledger
    if not plan.dies_at:
        assert (ledger.lost, ledger.missed, ledger.repeated) == (0, 0, 0)
        assert ledger.delivered == ledger.expected
    if not plan.outage[1]:
        assert ledger.repeated_entries == 0
    if streams == 1:
        assert ledger.expected == ledger.published * subscribers


@given(subscribers=st.integers(1_000, 5_000), nodes=st.integers(1, 20), seed=st.integers(0, 100))
@settings(max_examples=10, deadline=None)
def test_with_little_to_do_a_line_costs_what_the_closed_form_says(subscribers: int, nodes: int, seed: int) -> None:
    """Nodes are busy for a fiftieth of the time, and no two lines meet."""
    demand = Demand(subscribers * nodes, 0.02 / (COSTS.send_s * subscribers))
    foretold = outcome(COSTS, Setting(), demand, nodes)
    plan = Plan(demand.subscribers, nodes, demand.lines_s, seconds=100 / demand.lines_s, warm_s=0.0, seed=seed)
    found = simulate(plan, COSTS, Setting(), WARM)
    lines = found.ledger.published
    assert found.cpu_line_s == pytest.approx(foretold.cpu_line_s, rel=0.02)
    assert found.ledger.sent_bytes / lines == pytest.approx(foretold.sent_line_bytes, rel=0.02)
    assert found.ledger.redis_bytes / lines == pytest.approx(foretold.redis_line_bytes, rel=0.02)


@given(subscribers=st.integers(2_000, 15_000), nodes=st.integers(1, 10), in_turn=st.floats(5.0, 30.0))
@settings(max_examples=10, deadline=None)
def test_busy_nodes_have_the_turns_of_the_closed_form(subscribers: int, nodes: int, in_turn: float) -> None:
    demand = Demand(subscribers * nodes, in_turn / (COSTS.send_s * subscribers))
    setting = Setting(nic_bytes_s=1e12)
    foretold = outcome(COSTS, setting, demand, nodes)
    plan = Plan(demand.subscribers, nodes, demand.lines_s, seconds=100 * foretold.turn_s, warm_s=0.0)
    found = simulate(plan, COSTS, setting)
    assert found.shares["node: CPU"] > 0.95
    assert found.cpu_line_s == pytest.approx(foretold.cpu_line_s, rel=0.1)


def outage(lines_s: float, seconds: float) -> Result:
    return simulate(Plan(1_000, 4, lines_s, seconds=seconds + 5, outage=(2.0, seconds)), COSTS, Setting())


def test_what_is_published_while_redis_is_away_comes_afterwards() -> None:
    found = outage(100, 3.0)
    slowest_s = found.ledger.last.percentile(100)
    assert slowest_s is not None
    # Nodes try again within 2 s.
    assert 3.0 < slowest_s < 5.2
    assert 2.0 < found.ledger.calm_again_s(2.0, 0.1) < 7.1
    assert found.most_kept_lines == 0
    assert 86 * 25 * 3 < found.most_held_bytes < HOLD_BYTES


def test_what_was_on_its_way_when_redis_went_is_sent_again_and_dropped_where_it_had_arrived() -> None:
    """0.1 s each way: of 50 lines a second five have not come when it goes, and the answers of five are not back."""
    plan = Plan(100, 3, 50, seconds=5, outage=(2.0, 1.0))
    found = simulate(plan, COSTS, Setting(), replace(WARM, way_s=0.1))
    assert 1 <= found.ledger.repeated_entries <= 15
    assert found.ledger.delivered == found.ledger.expected == found.ledger.published * 100


def test_a_node_holds_so_much_and_publishers_wait_with_the_rest() -> None:
    """20,000 lines a second for 1 s on 4 nodes are 5,000 each; of 1,000 bytes, 4,194 are 4 MiB."""
    plan = Plan(4, 4, 20_000, seconds=2.5, outage=(0.5, 1.0), burst_lines=100)
    found = simulate(plan, NOTHING, Setting(line_bytes=1_000))
    assert HOLD_BYTES < found.most_held_bytes <= HOLD_BYTES + 1_000
    # Nodes try again within 2 s.
    assert 700 < found.most_kept_lines < 11_000
    assert found.ledger.delivered == found.ledger.expected


def test_clients_of_a_dead_node_miss_what_comes_until_they_are_back() -> None:
    """100 lines a second, 1,000 clients, away for 2 s of 4 on average: 200,000 deliveries."""
    found = simulate(Plan(10_000, 10, 100, seconds=10, dies_at=3.0, reconnect_s=4.0), COSTS, Setting())
    assert found.ledger.missed == pytest.approx(200_000, rel=0.15)
    # What came to it in its last turn, of which it was lost to all.
    assert found.ledger.lost <= 10 * 10_000


def test_redis_falls_behind_for_ever_where_an_answer_has_no_room_for_a_round() -> None:
    """The closed form's share of that limit is above 1, and later lines are later and later; below, they are not."""
    setting, costs = Setting(publishing_nodes=20), replace(COSTS, redis_answer_s=260e-6)

    def late_s(lines_s: float) -> tuple[float, float]:
        """The latest of those that came early, and of those that came late."""
        found = simulate(Plan(50, 50, lines_s, seconds=1.2, warm_s=0.0), costs, setting).ledger.timeline
        early, late = ([last - came for came, last in found if 0 < came - since < 0.2] for since in (0.4, 1.0))
        return max(early), max(late)

    for lines_s, share in ((1_200, 0.49), (4_800, 1.95)):
        full = outcome(costs, setting, Demand(50, lines_s), 50).redis["Redis: entries in an answer"]
        assert full == pytest.approx(share, rel=0.01)
    early_s, later_s = late_s(1_200)
    assert later_s < 1.5 * early_s
    early_s, later_s = late_s(4_800)
    assert later_s > 1.7 * early_s


def test_the_same_seed_gives_the_same_run() -> None:
    plan = Plan(500, 3, 200, seconds=2.0, burst_lines=5, dies_at=1.0, reconnect_s=0.5)
    one, other = (simulate(plan, COSTS, Setting()) for _ in range(2))
    assert (one.events, one.ledger.timeline) == (other.events, other.ledger.timeline)
    assert simulate(replace(plan, seed=2), COSTS, Setting()).ledger.timeline != one.ledger.timeline


@pytest.mark.parametrize(
    "wrong", [{"nodes": 0}, {"lines_s": 0.0}, {"follows": 2}, {"dies_at": 1.0}, {"burst_lines": 0}, {"streams": 0}]
)
def test_a_plan_that_makes_no_sense_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"must be there|as there are|where there are"):
        replace(Plan(10, 1, 1.0), **wrong)


def test_too_much_to_simulate_is_told() -> None:
    with pytest.raises(ValueError, match="more than 100 events"):
        simulate(Plan(10, 1, 1_000.0, most_events=100), COSTS, Setting())


@pytest.mark.parametrize("nodes", [0, 1])
def test_on_one_core_a_generator_and_what_it_measures_take_turns(nodes: int) -> None:
    """One line at a time, one publisher, 99 subscribers: 100 sends, then 100 reads, and all over again."""
    costs = replace(NOTHING, publish_entry_s=70e-6, send_s=3e-6, follow_answer_s=90e-6, redis_add_s=20e-6)
    load, generating = Load(99, 1, window=1), GeneratorCosts(read_s=2e-6, line_s=1e-6, publish_s=10e-6)
    told = generate(load, nodes, costs, generating, Setting(cores=1), AT_ONCE)
    server_s = 70e-6 + 100 * 3e-6 + nodes * (90e-6 + 20e-6)
    assert told.deliveries_s == pytest.approx(99 / (server_s + 100 * 3e-6 + 10e-6), rel=0.02)
    assert told.cpu_delivery_s == pytest.approx(server_s / 99, rel=0.02)
    two = generate(load, nodes, costs, generating, Setting(cores=2), AT_ONCE)
    assert two.deliveries_s > 1.2 * told.deliveries_s


def test_a_generator_at_a_rate_tells_when_its_lines_were_read() -> None:
    costs = replace(NOTHING, send_s=1e-3)
    told = generate(
        Load(99, 1, lines_s=5, seconds=2.0), 0, costs, GeneratorCosts(0.0, 0.0, 0.0), Setting(cores=2), AT_ONCE
    )
    assert told.deliveries_s == pytest.approx(5 * 99, rel=0.12)
    middle_s = told.latency.percentile(50)
    assert middle_s is not None
    assert 0.045 < middle_s < 0.065  # it is told of in ten parts
