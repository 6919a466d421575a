"""A counter that takes the place of another process while the Redis that they share is away, or of no use."""

import pytest

from redis_memory import FakeRedis
from shared_counters import KEY, Node, Rig
from tw.events import ViaChanged
from tw.net.redis import CONNECT_S, MOST_PAUSE_S
from tw.services.shared_numbers import START_S

lease = pytest.mark.parametrize("options", [{}, {"lease": 20}], ids=["a turn", "leased"])


def problems(node: Node) -> list[str | None]:
    return [event.problem for event in node.events if isinstance(event, ViaChanged)]


def replaced(rig: Rig, **options: object) -> Node:
    return rig.node(replaces=True, json=False, **options).start()


@lease
def test_without_redis_it_serves_and_has_no_numbers_until_redis_is_there(options: dict[str, int]) -> None:
    rig = Rig()
    rig.redis.values[KEY] = b"41"
    rig.redis.down()
    node = replaced(rig, **options)
    assert [(answer.status, answer.number) for answer in node.ask(2)] == [(503, None)] * 2
    rig.net.pass_s(30)
    assert [answer.status for answer in node.ask()] == [503]
    rig.redis.up()
    rig.net.pass_s(MOST_PAUSE_S)
    assert node.numbers(2) == [42, 43]
    assert problems(node) == ["--via 127.0.0.1:6379: connection refused", None]
    node.stop()
    assert rig.net.getDelayedCalls() == []


@pytest.mark.parametrize("word", [b"PING", b"INCRBY"])
def test_a_redis_that_hangs_is_waited_for_no_longer_than_who_asks_may_wait(word: bytes) -> None:
    rig = Rig()
    rig.redis.values[KEY] = b"41"
    rig.redis.answers[word] = b""
    node = rig.node(replaces=True, json=False)
    starting = rig.net.run(node.service.start())
    rig.net.pass_s(START_S - 0.1)
    assert not starting.over
    rig.net.pass_s(0.2)
    assert starting.result
    node.client = node.connect()
    assert [answer.status for answer in node.ask()] == [503]
    del rig.redis.answers[word]
    rig.net.pass_s(CONNECT_S + MOST_PAUSE_S)
    assert node.numbers() == [42]
    assert problems(node) == [f"--via 127.0.0.1:6379: no answer within {START_S:g} s", None]
    node.stop()
    assert rig.net.getDelayedCalls() == []


@lease
def test_with_redis_it_is_as_any_other_from_the_first_request_on(options: dict[str, int]) -> None:
    rig = Rig()
    rig.redis.values[KEY] = b"41"
    node = replaced(rig, **options)
    assert node.numbers(2) == [42, 43]
    assert problems(node) == []
    node.stop()


def test_a_count_that_others_begin_it_does_not() -> None:
    rig = Rig()
    rig.redis.values[KEY] = b"5"
    node = replaced(rig, start=100)
    assert node.numbers() == [6]
    assert rig.redis.named(b"SET") == []
    node.stop()


@pytest.mark.parametrize(
    ("spoil", "mend", "says"),
    [
        ("password", b"p", "Redis refuses the login: WRONGPASS invalid username-password pair or user is disabled."),
        ("value", b"5", "the key holds something else"),
    ],
)
def test_a_redis_that_is_of_no_use_is_asked_again_until_it_is(spoil: str, mend: bytes, says: str) -> None:
    rig = Rig()
    set_to(rig.redis, spoil, b"of no use")
    node = replaced(rig)
    assert [answer.status for answer in node.ask()] == [503]
    rig.net.pass_s(10)
    dialled = len(rig.net.dialled)
    assert dialled > 3, "again, and more seldom each time"
    assert dialled < 25
    set_to(rig.redis, spoil, mend)
    rig.net.pass_s(2 * MOST_PAUSE_S)
    (number,) = node.numbers()
    assert number is not None
    first, *others = problems(node)
    assert first == f"--via 127.0.0.1:6379: {says}"
    assert others == [None], "it is told once"
    node.stop()
    assert rig.net.getDelayedCalls() == []


def set_to(redis: FakeRedis, what: str, to: bytes) -> None:
    if what == "password":
        redis.password = to
    else:
        redis.values[KEY] = to


def test_a_connection_that_ends_while_the_key_is_looked_at_is_made_again_once() -> None:
    rig = Rig()
    rig.redis.loses_answers = 1
    node = replaced(rig)
    rig.net.pass_s(MOST_PAUSE_S)
    assert node.numbers() == [1]
    assert [place for place, _ in rig.net.dialled].count(("127.0.0.1", 6379)) == 2
    assert [problem is None for problem in problems(node)] == [False, True]
    node.stop()
    assert rig.net.getDelayedCalls() == []


def test_one_that_is_alone_tells_of_it_in_the_same_event() -> None:
    rig = Rig(json=False)
    node = rig.node().start()
    rig.redis.down()
    rig.net.settle()
    assert [problem is None for problem in problems(node)] == [False]
    rig.redis.up()
    node.stop()
