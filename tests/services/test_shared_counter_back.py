"""Counters that share a Redis which has forgotten something: no number that was given before is given again."""

from shared_counters import Rig
from tw.core.shared_count import MARGIN
from tw.services.shared_numbers import LOOK_S


def test_a_count_that_was_forgotten_is_set_on() -> None:
    rig = Rig()
    node = rig.node().start()
    node.ask(9)
    rig.redis.values.clear()
    rig.redis.cut()
    rig.net.pass_s(1)
    assert node.numbers(2) == [10 + MARGIN, 11 + MARGIN]


def test_a_count_that_goes_back_under_way_gives_no_number_that_was_given() -> None:
    rig = Rig()
    node = rig.node().start()
    node.ask(9)
    rig.redis.values.clear()
    assert [answer.status for answer in node.ask(2)] == [503, 503]
    assert node.numbers(2) == [10 + MARGIN, 11 + MARGIN]


def test_a_count_that_goes_back_under_much_that_is_under_way_is_set_on_once() -> None:
    rig = Rig()
    node = rig.node().start()
    node.ask(1000)
    rig.redis.values.clear()
    rig.redis.is_silent = True
    for _ in range(9):
        node.ask()
    rig.redis.is_silent = False
    rig.net.settle()
    node.client.read()
    assert node.numbers() == [1009 + MARGIN]


def test_a_server_that_was_idle_gives_none_of_what_the_others_gave_once_the_count_went_back() -> None:
    rig = Rig()
    busy, idle = rig.node().start(), rig.node().start()
    given = busy.numbers(50)
    rig.net.pass_s(2 * LOOK_S)
    given += busy.numbers(50)
    rig.redis.values.clear()
    assert idle.numbers() == [None]
    assert min(number for number in idle.numbers(20) if number) > max(number for number in given if number)
    assert busy.numbers() != [None], "one of them has set it on for all"
