"""The model of pub/sub over Redis does what its assumptions say, where that can be told without it."""

from dataclasses import fields, replace

import pytest

from benchmarks.scaling.model import Costs, Demand, Setting, outcome
from benchmarks.scaling.sizing import by_topic, copied, farthest, fewest_nodes, sharded, sized

COSTS, SETTING = Costs(), Setting()
NOTHING = Costs(*[0.0] * len(fields(Costs)))


def test_sends_alone_fill_a_turn() -> None:
    """10 us for each of 5,000 subscribers are the 50 ms of a turn; what is full at 70 % holds 3,499 of them."""
    costs = replace(NOTHING, send_s=10e-6)
    assert outcome(costs, SETTING, Demand(5_000, 1), 1).node["node: sends"] == pytest.approx(1)
    assert fewest_nodes(costs, SETTING, Demand(3_499, 1)) == 1
    assert fewest_nodes(costs, SETTING, Demand(3_501, 1)) == 2


def test_bytes_are_a_share_of_the_cpu_whatever_a_turn_takes() -> None:
    """100 lines of 100 bytes a second to 1,000, at 10 ns a byte: 100 ms a second."""
    setting = replace(SETTING, line_bytes=100)
    costs = replace(NOTHING, deliver_byte_s=10e-9)
    assert outcome(costs, setting, Demand(1_000, 100), 1).node["node: bytes"] == pytest.approx(0.1)


def test_a_busy_node_sends_more_lines_at_once() -> None:
    """1,000 sends of 10 us are 10 ms, in which 10 of 1,000 lines a second come; each needs the CPU time of a tenth."""
    found = outcome(replace(NOTHING, send_s=10e-6), SETTING, Demand(1_000, 1_000), 1)
    assert (found.turn_s, found.cpu_line_s) == (pytest.approx(0.01), pytest.approx(0.001))
    seldom = outcome(replace(NOTHING, send_s=10e-6), SETTING, Demand(1_000, 10), 1)
    assert seldom.cpu_line_s == pytest.approx(0.01)


def test_too_much_for_any_turn_is_told_as_too_long() -> None:
    found = outcome(replace(NOTHING, deliver_byte_s=1e-6), SETTING, Demand(1_000, 1_000), 1)
    assert found.turn_s > SETTING.turn_limit_s
    assert found.node_worst[1] > 1


def test_redis_sends_each_line_to_each_node() -> None:
    """10 lines a second of 100 bytes, in a packet with 90, to 8 nodes; four copies have a quarter of it each."""
    setting = replace(SETTING, line_bytes=100, nic_bytes_s=190 * 80)
    assert outcome(NOTHING, setting, Demand(8, 10), 8).redis["Redis: NIC"] == pytest.approx(1)
    # The copies are sent it as well.
    assert outcome(NOTHING, setting, Demand(8, 10), 8, 1, 4).redis["Redis: NIC"] == pytest.approx(0.25 + 1 / 8)


def test_streams_divide_bytes_and_do_not_divide_asking() -> None:
    demand = Demand(10**6, 10_000)
    costs = replace(COSTS, redis_byte_s=0, redis_add_s=0)
    one, eight = (outcome(costs, SETTING, demand, 1_000, streams) for streams in (1, 8))
    assert eight.redis["Redis: NIC"] < one.redis["Redis: NIC"] / 4
    assert eight.redis["Redis: CPU"] == pytest.approx(one.redis["Redis: CPU"])


def test_following_costs_each_answer_and_each_further_entry() -> None:
    """1,000 lines a second are 50 in a turn; of 4 nodes that publish, these are 4 entries, in one answer."""
    setting = replace(SETTING, publishing_nodes=4)
    costs = replace(NOTHING, follow_answer_s=2e-3, follow_entry_s=1e-3)
    assert outcome(costs, setting, Demand(100, 1_000), 10).node["node: following"] == pytest.approx(5 / 50)
    assert outcome(costs, setting, Demand(100, 1_000), 10, 4).node["node: following"] == pytest.approx(8 / 50)


@pytest.mark.parametrize("lines_s", [1, 100, 10_000])
def test_as_few_nodes_as_hold(lines_s: int) -> None:
    demand = Demand(100_000, lines_s)
    found = sized(COSTS, SETTING, demand)
    assert found.node_worst[1] <= SETTING.full < outcome(COSTS, SETTING, demand, found.nodes - 1).node_worst[1]


def test_ways_beyond_one_redis() -> None:
    demand = Demand(10**6, 10_000)
    assert sized(COSTS, SETTING, demand).redis_worst[1] > SETTING.full
    assert sharded(COSTS, SETTING, demand).redis_worst[1] < sized(COSTS, SETTING, demand).redis_worst[1]
    copies = copied(COSTS, SETTING, demand)
    assert copies.redis_worst[1] <= SETTING.full
    assert outcome(COSTS, SETTING, demand, copies.nodes, 1, copies.copies - 1).redis_worst[1] > SETTING.full


def test_an_answer_must_have_room_for_what_comes_while_everyone_is_answered() -> None:
    """500 nodes at 20 us are 10 ms, in which 32 of 3,200 lines a second come: as many as are asked for at once."""
    setting, costs = replace(SETTING, publishing_nodes=50), replace(NOTHING, redis_answer_s=20e-6)
    full = outcome(costs, setting, Demand(500, 3_200), 500)
    assert full.redis["Redis: entries in an answer"] == pytest.approx(1)
    for less in (
        outcome(costs, setting, Demand(500, 3_200), 500, 2),
        outcome(costs, setting, Demand(500, 3_200), 500, 1, 2),
    ):
        assert less.redis["Redis: entries in an answer"] == pytest.approx(1 / 2)


def test_busy_publishing_nodes_put_many_lines_in_an_entry() -> None:
    """Of 10 nodes with turns of 10 ms come 10 entries in that time, however many lines there are."""
    setting, costs = replace(SETTING, publishing_nodes=10), replace(NOTHING, send_s=1e-3, redis_answer_s=1e-3)
    full = outcome(costs, setting, Demand(100, 100_000), 10)
    assert full.redis["Redis: entries in an answer"] == pytest.approx(10 / 32)


def test_who_follows_some_streams_is_sent_their_lines_alone() -> None:
    """One of 4 streams, a line a turn: a quarter of the sends. With lines in all of them, some get nothing still."""
    costs, setting = replace(NOTHING, send_s=10e-6), replace(SETTING, line_bytes=100)
    few = outcome(costs, setting, Demand(1_000, 1, share=1 / 4), 1, 4)
    assert few.turn_s == pytest.approx(2.5e-3)
    assert few.sent_line_bytes == pytest.approx(250 * 190)
    assert outcome(costs, setting, Demand(1_000, 1), 1, 4).turn_s == pytest.approx(10e-3)
    many = outcome(costs, setting, Demand(1_000, 10**4, share=1 / 4), 4, 4)
    assert many.turn_s == pytest.approx(2.5e-3 * (1 - 0.75**4))


@pytest.mark.parametrize(("follows", "subscribers"), [(1, 1_250), (3, 3_750)])
def test_a_topic_has_its_part(follows: int, subscribers: int) -> None:
    one = by_topic(COSTS, SETTING, Demand(10_000, 800), 8, follows)
    assert one == sized(COSTS, SETTING, Demand(subscribers, 100))


def test_nobody_follows_more_topics_than_there_are() -> None:
    with pytest.raises(ValueError, match="as there are"):
        by_topic(COSTS, SETTING, Demand(10_000, 800), 8, 9)


def test_what_one_redis_carries_is_the_most_of_it() -> None:
    most = farthest(COSTS, SETTING, 10_000, 10**7)
    assert most.redis_worst[1] <= SETTING.full
    assert sized(COSTS, SETTING, Demand(most.subscribers * 21 // 20, 10_000)).redis_worst[1] > SETTING.full


def test_no_more_is_sought_than_is_asked_for() -> None:
    assert farthest(COSTS, SETTING, 10_000, 100).subscribers == 100


@pytest.mark.parametrize("demand", [Demand(0, 1), Demand(1, 0)])
def test_nothing_to_do_is_refused(demand: Demand) -> None:
    with pytest.raises(ValueError, match="must be there"):
        outcome(COSTS, SETTING, demand, 1)
