"""Counters that share a Redis: numbers of their own, one INCRBY for each turn, and what becomes of a lost Redis."""

import pytest

from memory import Network
from redis_memory import NOT_A_NUMBER
from shared_counters import KEY, Node, Rig
from tw.errors import AuthError, ConnectError, LocalError, ProtocolError, TwError, UsageError
from tw.events import ViaChanged
from tw.net.redis import ANSWER_S, MOST_PAUSE_S, PING_S
from tw.protocols.late import RETRY_AFTER_S
from tw.services import shared_numbers


def fails(node: Node) -> TwError:
    running = node.net.run(node.service.start())
    node.net.pass_s(60)
    error = running.error
    assert isinstance(error, TwError)
    assert node.port not in node.net.ports, "it is bound"
    assert all(peer.lost for peer in node.net.peers), "the link was left behind"
    assert node.net.getDelayedCalls() == []
    return error


# Numbers -------------------------------------------------------------------------------------------------------------


def test_two_servers_share_one_count() -> None:
    rig = Rig()
    one, two = rig.node().start(), rig.node().start()
    assert [one.numbers(), two.numbers(2), one.numbers()] == [[1], [2, 3], [4]]
    assert rig.redis.values == {KEY: b"4"}
    instances = {node.ask()[0].headers["x-instance"] for node in (one, two)}
    assert len(instances) == 2


def test_the_requests_of_one_turn_are_one_command() -> None:
    rig = Rig()
    node = rig.node().start()
    clients = [node.connect() for _ in range(3)]
    for client in clients:
        client.ask(5)
    rig.net.settle()
    assert [answer.number for client in clients for answer in client.read()] == list(range(1, 16))
    assert rig.added == [15]


def test_turns_do_not_wait_for_each_other() -> None:
    rig = Rig()
    node = rig.node().start()
    rig.redis.is_silent = True
    assert [node.ask(count) for count in (1, 2, 3)] == [[], [], []]
    assert rig.added == [1, 2, 3]
    rig.redis.peers[-1].say(b":1\r\n:3\r\n")
    rig.net.settle()
    assert [answer.number for answer in node.client.read()] == [1, 2, 3]
    rig.redis.peers[-1].say(b":6\r\n")
    rig.net.settle()
    assert [answer.number for answer in node.client.read()] == [4, 5, 6]


def test_the_summary_counts_as_ever() -> None:
    rig = Rig()
    node = rig.node().start()
    node.ask(3)
    rig.redis.down()
    rig.net.settle()
    node.ask(2)
    summary = node.stop()
    assert summary.more == {"requests": 3, "errors": 2, "timeouts": 0}
    assert node.client.lost
    assert rig.net.getDelayedCalls() == []


def test_a_stop_answers_what_is_under_way_first() -> None:
    rig = Rig()
    node = rig.node().start()
    rig.redis.is_silent = True
    node.ask(2)
    stopping = rig.net.run(node.service.stop())
    assert not stopping.over
    rig.redis.peers[-1].say(b":2\r\n")
    rig.net.settle()
    answers = node.client.read()
    assert [(answer.number, answer.headers.get("connection")) for answer in answers] == [(1, None), (2, "close")]
    assert stopping.result.more["requests"] == 2
    assert rig.redis.peers[-1].lost


# Without Redis -------------------------------------------------------------------------------------------------------


def test_while_redis_is_away_there_is_a_503_at_once_and_no_number() -> None:
    rig = Rig()
    node = rig.node().start()
    node.ask()
    rig.redis.down()
    rig.net.settle()
    (answer,) = node.ask()
    assert (answer.status, answer.number, answer.headers["retry-after"]) == (503, None, str(RETRY_AFTER_S))
    rig.redis.up()
    rig.net.pass_s(MOST_PAUSE_S)
    assert node.numbers() == [2]
    assert [event.problem is None for event in node.events if isinstance(event, ViaChanged)] == [False, True]


def test_a_lost_answer_is_a_gap_and_nobody_gets_its_numbers() -> None:
    rig = Rig()
    one, two = rig.node().start(), rig.node().start()
    rig.redis.loses_answers = 1
    assert [answer.status for answer in one.ask(3)] == [503] * 3
    rig.net.pass_s(MOST_PAUSE_S)
    assert two.numbers() == [4], "it was counted"
    assert one.numbers() == [5]
    assert rig.added == [3, 1, 1], "nothing was asked for twice"


def test_a_silent_redis_is_waited_for_so_long_and_no_longer() -> None:
    rig = Rig()
    node = rig.node().start()
    rig.redis.is_silent = True
    assert node.ask() == []
    rig.net.pass_s(ANSWER_S - 0.1)
    assert node.client.read() == []
    rig.net.pass_s(0.2)
    assert [answer.status for answer in node.client.read()] == [503]
    assert [answer.status for answer in node.ask()] == [503], "nobody waits any more"
    rig.redis.is_silent = False
    rig.net.pass_s(10)
    assert node.numbers() == [2]


def test_until_the_count_was_seen_again_nobody_is_given_a_number() -> None:
    rig = Rig()
    node = rig.node().start()
    rig.redis.answers[b"INCRBY"] = b""
    rig.redis.cut()
    rig.net.pass_s(1)
    assert rig.redis.commands[-1] == [b"INCRBY", KEY, b"0"]
    assert [answer.status for answer in node.ask()] == [503]
    rig.redis.peers[-1].say(b":9\r\n")
    del rig.redis.answers[b"INCRBY"]
    rig.redis.values[KEY] = b"9"
    rig.net.settle()
    assert node.numbers() == [10]


@pytest.mark.parametrize("reply", [b"+OK\r\n", b"$-1\r\n", b"*1\r\n:1\r\n"])
def test_an_answer_that_is_no_number_is_a_503_and_another_connection(reply: bytes) -> None:
    rig = Rig()
    node = rig.node().start()
    rig.redis.answers[b"INCRBY"] = reply
    assert [answer.status for answer in node.ask(2)] == [503, 503]
    del rig.redis.answers[b"INCRBY"]
    rig.net.pass_s(5)
    assert node.numbers(2) == [1, 2]


def test_who_waits_for_a_number_is_not_idle() -> None:
    rig = Rig(idle_timeout_s=0.2)
    node = rig.node().start()
    rig.redis.is_silent = True
    node.client.ask()
    rig.net.pass_s(1)
    assert not node.client.lost
    rig.redis.peers[-1].say(b":1\r\n")
    rig.net.settle()
    assert [answer.number for answer in node.client.read()] == [1]
    rig.net.pass_s(1)
    assert node.client.lost


def test_a_silent_redis_is_noticed_before_anybody_asks() -> None:
    rig = Rig()
    node = rig.node().start()
    rig.redis.is_silent = True
    rig.net.pass_s(PING_S + ANSWER_S)
    assert [answer.status for answer in node.ask()] == [503]


def test_what_redis_refuses_is_a_503_until_it_does_no_more() -> None:
    rig = Rig()
    node = rig.node().start()
    rig.redis.answers[b"INCRBY"] = b"-OOM command not allowed\r\n"
    assert [answer.status for answer in node.ask(2) + node.ask()] == [503] * 3
    del rig.redis.answers[b"INCRBY"]
    assert node.numbers() == [1]
    problems = [event.problem for event in node.events if isinstance(event, ViaChanged)]
    assert problems == ["--via 127.0.0.1:6379: OOM command not allowed", None]


def test_a_replica_is_left_for_whoever_has_the_name_next() -> None:
    rig = Rig()
    node = rig.node().start()
    dialled = len(rig.net.dialled)
    rig.redis.answers[b"INCRBY"] = b"-READONLY You can't write against a read only replica.\r\n"
    assert [answer.status for answer in node.ask()] == [503]
    rig.net.pass_s(5)
    assert len(rig.net.dialled) > dialled + 1, "it looks again"
    assert [answer.status for answer in node.ask()] == [503]
    del rig.redis.answers[b"INCRBY"]
    rig.net.pass_s(5)
    assert node.numbers() == [1]


def test_no_more_wait_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_numbers, "MAX_WAITING", 3)
    rig = Rig()
    node = rig.node().start()
    rig.redis.is_silent = True
    node.ask(2)
    node.ask(3)
    assert rig.added == [2, 1]
    rig.redis.peers[-1].say(b":2\r\n:3\r\n")
    rig.net.settle()
    assert [answer.status for answer in node.client.read()] == [200, 200, 200, 503, 503]
    node.ask(3)
    rig.net.pass_s(ANSWER_S + 0.1)
    assert [answer.status for answer in node.client.read()] == [503] * 3
    rig.redis.is_silent = False
    rig.net.pass_s(10)
    assert [answer.status for answer in node.ask(3)] == [200] * 3, "who was answered waits no more"


# Starting ------------------------------------------------------------------------------------------------------------


def test_a_start_is_where_a_new_count_begins_and_an_old_one_goes_on() -> None:
    rig = Rig(start=100)
    assert rig.node().start().numbers(3) == [100, 101, 102]
    assert rig.node().start().numbers() == [103]


def test_a_start_of_zero_is_taken() -> None:
    rig = Rig(start=0)
    assert rig.node().start().numbers(2) == [0, 1]
    assert rig.node().start().numbers(1) == [2]


def test_a_start_above_the_count_contradicts_it() -> None:
    rig = Rig()
    rig.redis.values[KEY] = b"50"
    error = fails(rig.node(start=100))
    assert isinstance(error, UsageError)
    assert error.what == "--start 100 contradicts the count, which stands at 50"


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (b"-WRONGTYPE Operation against a key holding the wrong kind of value\r\n", LocalError),
        (NOT_A_NUMBER, LocalError),
        (b":-7\r\n", LocalError),
        (b"-NOPERM this user has no permissions to run the 'incrby' command\r\n", AuthError),
        (b"-READONLY You can't write against a read only replica.\r\n", ProtocolError),
        (b"-MOVED 1 10.0.0.1:6379\r\n", ProtocolError),
        (b"+OK\r\n", ProtocolError),
    ],
)
def test_a_key_that_is_no_count_ends_the_start(reply: bytes, kind: type[TwError]) -> None:
    rig = Rig()
    rig.redis.answers[b"INCRBY"] = reply
    assert type(fails(rig.node())) is kind


def test_a_redis_that_leaves_in_the_middle_ends_the_start() -> None:
    rig = Rig()
    rig.redis.loses_answers = 1
    assert isinstance(fails(rig.node()), ProtocolError)


def test_a_port_that_is_taken_lets_go_of_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    def taken(*_args: object, **_kwargs: object) -> None:
        raise ConnectError("cannot listen", "tcp:8080")

    rig = Rig()
    monkeypatch.setattr(Network, "listenTCP", taken)
    assert isinstance(fails(rig.node()), ConnectError)
