"""Counters that share a Redis and fetch blocks of numbers ahead of need."""

from shared_counters import Rig
from tw.net.redis import ANSWER_S, MOST_PAUSE_S


def test_a_lease_is_fetched_ahead_of_need() -> None:
    rig = Rig(lease=10)
    node = rig.node().start()
    assert rig.added == [10]
    assert node.numbers(4) == [1, 2, 3, 4]
    assert rig.added == [10]
    assert node.numbers(2) == [5, 6]
    assert rig.added == [10, 10]
    assert node.numbers(10) == list(range(7, 17))


def test_leases_of_two_servers_are_apart() -> None:
    rig = Rig(lease=10)
    one, two = rig.node().start(), rig.node().start()
    assert [one.numbers(), two.numbers(2), one.numbers()] == [[1], [11, 12], [2]]


def test_more_than_a_lease_may_be_asked_for_at_once() -> None:
    rig = Rig(lease=2)
    node = rig.node().start()
    numbers = node.numbers(50)
    assert numbers == list(range(1, 51))
    assert len(rig.added) < 10, "who waits is fetched for"


def test_a_lease_is_used_up_while_redis_is_away_and_then_there_is_no_number() -> None:
    rig = Rig(lease=3)
    node = rig.node().start()
    rig.redis.down()
    rig.net.settle()
    assert node.numbers(5) == [1, 2, 3, None, None]
    rig.redis.up()
    rig.net.pass_s(MOST_PAUSE_S)
    assert node.numbers(2) == [4, 5]


def test_who_waits_for_a_lease_that_does_not_come_is_told_in_time() -> None:
    rig = Rig(lease=2)
    node = rig.node().start()
    rig.redis.is_silent = True
    assert node.numbers(5) == [1, 2]
    rig.net.pass_s(ANSWER_S + 0.1)
    assert [answer.status for answer in node.client.read()] == [503] * 3
    rig.redis.is_silent = False
    rig.net.pass_s(10)
    assert [answer.status for answer in node.ask(5)] == [200] * 5


def test_a_count_that_goes_back_gives_no_lease_that_was_given() -> None:
    rig = Rig(lease=2)
    node = rig.node().start()
    assert node.numbers(2) == [1, 2]
    rig.redis.values.clear()
    given = [number for _ in range(8) for number in node.numbers(1)]
    numbers = [number for number in given if number is not None]
    assert len(set(numbers)) == len(numbers) > 3
    assert min(numbers) > 2


def test_who_asks_as_redis_is_lost_is_told_at_once() -> None:
    rig = Rig(lease=1)
    node = rig.node().start()
    rig.redis.cut()
    rig.net.pass_s(1)  # what moves is looked at in the order of connecting: the link now comes after the client
    rig.redis.answers[b"INCRBY"] = b"-OOM command not allowed\r\n"
    assert node.numbers(2) == [1, None]
    node.client.ask()
    rig.redis.cut()
    rig.net.settle()
    assert [answer.status for answer in node.client.read()] == [503]
