"""The link to a Redis: commands, deadlines, being lost and coming back; with a scripted one in memory."""

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from twisted.python.failure import Failure

from redis_rig import Rig
from running import Running
from tw.core.redis_rules import LinkLost, Refusal
from tw.net import redis_protocol
from tw.net.redis import ANSWER_S, LEAST_PAUSE_S, MOST_PAUSE_S, PING_S

# Commands ------------------------------------------------------------------------------------------------------------


def test_commands_of_one_turn_leave_together_and_are_answered_in_order() -> None:
    rig = Rig().start()
    rig.redis.is_silent = True
    calls = [Running(rig.link.call("INCRBY", "n", 1)) for _ in range(3)]
    rig.net.settle()
    assert len(rig.redis.named(b"INCRBY")) == 3, "none waited for another's answer"
    rig.redis.peers[-1].say(b":1\r\n:2\r\n:3\r\n")
    rig.net.settle()
    assert [call.result for call in calls] == [1, 2, 3]
    rig.stop()


@pytest.mark.parametrize(
    ("reply", "value"),
    [
        (b"$-1\r\n", None),
        (b"*-1\r\n", None),
        (b"$3\r\n\xff\x001\r\n", b"\xff\x001"),
        (b"$1\r\n7\r\n", b"7"),
        (b":7\r\n", 7),
        (b"*2\r\n$1\r\na\r\n*2\r\n:1\r\n$-1\r\n", [b"a", [1, None]]),
        (b"+OK\r\n", b"OK"),
        (b"+QUEUED\r\n", b"QUEUED"),
    ],
)
def test_replies_are_bytes_and_whole_numbers_however_they_are_cut(reply: bytes, value: object) -> None:
    rig = Rig().start()
    rig.redis.is_silent = True
    for cut in range(len(reply)):
        call = rig.call("GET", b"\xff")
        rig.redis.peers[-1].say(reply[:cut])
        rig.net.settle()
        assert not call.over
        rig.redis.peers[-1].say(reply[cut:])
        rig.net.settle()
        assert call.result == value
    assert rig.redis.named(b"GET")[-1] == [b"GET", b"\xff"]
    rig.stop()


def test_an_error_reply_is_a_refusal_and_the_link_stays() -> None:
    rig = Rig().start()
    rig.redis.answers[b"GET"] = b"-WRONGTYPE Operation against a key\r\n"
    error = rig.call("GET", "k").error
    assert isinstance(error, Refusal)
    assert (error.code, error.text) == ("WRONGTYPE", "WRONGTYPE Operation against a key")
    assert rig.told == []
    rig.stop()


def test_a_command_that_is_not_answered_in_time_ends_the_connection_and_all_that_are_under_way() -> None:
    rig = Rig().start()
    rig.redis.is_silent = True
    first, second = rig.call("GET", "a"), rig.call("GET", "b", timeout_s=99)
    rig.net.pass_s(ANSWER_S - 0.01)
    assert not first.over
    rig.net.pass_s(0.02)
    assert [type(call.error) for call in (first, second)] == [LinkLost, LinkLost]
    assert "no answer within 2 s" in str(first.error)
    assert rig.told == ["away: no answer within 2 s"]
    assert len(rig.redis.named(b"GET")) == 2, "nothing is sent twice"
    rig.stop()


def test_a_long_deadline_is_a_blocking_commands_own() -> None:
    rig = Rig().start()
    rig.redis.is_silent = True
    call = rig.call("XREAD", "BLOCK", 10_000, timeout_s=10 + ANSWER_S)
    rig.net.pass_s(11)
    assert not call.over
    rig.redis.peers[-1].say(b"*-1\r\n")
    rig.net.settle()
    assert call.result is None
    rig.stop()


def test_a_link_with_nothing_to_say_notices_a_silent_redis() -> None:
    rig = Rig().start()
    rig.net.pass_s(10 * PING_S)
    assert rig.told == []
    assert len(rig.redis.named(b"PING")) > 5
    rig.redis.is_silent = True
    rig.net.pass_s(PING_S + ANSWER_S)
    assert rig.told == ["away: no answer within 2 s"]
    rig.stop()


def test_what_nobody_asked_for_ends_the_connection() -> None:
    rig = Rig().start()
    rig.redis.peers[-1].say(b"+hello\r\n")
    rig.net.settle()
    assert rig.told == ["away: an answer that nobody asked for"]
    rig.stop()


PIECES = [
    b":1\r\n",
    b"*2\r\n",
    b"*0\r\n",
    b"$3\r\n",
    b"-E\r\n",
    b"\r\n",
    b"%1\r\n",
    b"~1\r\n",
    b"(x\r\n",
    b",x\r\n",
    b"#f\r\n",
]


@given(st.lists(st.binary(max_size=20) | st.sampled_from(PIECES)))
@example([b"%1\r\n", b"*0\r\n", b":1\r\n"])
def test_any_bytes_are_an_answer_or_the_end_of_the_link(pieces: list[bytes]) -> None:
    rig = Rig().start()
    rig.redis.is_silent = True
    calls = [rig.call("GET", "k") for _ in range(2)]
    for piece in pieces:
        rig.redis.peers[-1].say(piece)
        rig.net.settle()
    rig.net.pass_s(ANSWER_S + 0.1)
    for call in calls:
        assert call.over
        assert not isinstance(call.ends[0], Failure) or isinstance(call.error, LinkLost | Refusal)
    rig.stop()


def test_a_reply_without_an_end_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_protocol, "MAX_REPLY_BYTES", 1000)
    rig = Rig().start()
    rig.redis.is_silent = True
    call = rig.call("GET", "k")
    rig.redis.peers[-1].say(b"$100000\r\n" + b"x" * 900)
    rig.net.settle()
    assert not call.over
    rig.redis.peers[-1].say(b"x" * 200)
    rig.net.settle()
    assert isinstance(call.error, LinkLost)
    assert "a reply of over" in str(call.error)
    rig.stop()


# Being lost, and coming back -----------------------------------------------------------------------------------------


def test_a_lost_link_comes_back_and_tells_of_both() -> None:
    rig = Rig(password="p")
    rig.redis.password = b"p"
    rig.start()
    rig.redis.cut()
    rig.net.settle()
    assert rig.told == ["away: Redis closed the connection"]
    lost = rig.call("GET", "k")
    assert isinstance(lost.error, LinkLost)
    assert rig.redis.named(b"GET") == [], "it was not kept for later"
    rig.net.pass_s(LEAST_PAUSE_S)
    assert rig.told[1:] == ["back"]
    assert rig.call("GET", "k").result == b"7"
    assert len(rig.redis.named(b"AUTH")) == 2
    rig.stop()


def test_who_asks_again_as_its_command_fails_is_told_that_redis_is_away() -> None:
    rig = Rig().start()
    rig.redis.is_silent = True
    problems: list[str | None] = []
    rig.link.call("GET", "k").addErrback(lambda _: problems.append(rig.link.problem))
    rig.redis.cut()
    rig.net.settle()
    assert problems == ["Redis closed the connection"]
    rig.stop()


@pytest.mark.parametrize("jitter", [0.0, 0.5, 1.0])
def test_attempts_get_rarer_and_are_not_all_at_once(jitter: float) -> None:
    rig = Rig(jitter=jitter).start()
    rig.redis.down()
    rig.net.settle()
    dials: list[float] = []
    for _ in range(3000):
        before = len(rig.net.dialled)
        rig.net.pass_s(0.01)
        dials += [rig.net.seconds()] * (len(rig.net.dialled) - before)
    pauses = [later - earlier for earlier, later in pairwise(dials)]
    part = 0.5 + jitter / 2
    assert pauses[-1] == pytest.approx(MOST_PAUSE_S * part, abs=0.03)
    assert pauses[0] == pytest.approx(2 * LEAST_PAUSE_S * part, abs=0.03)
    assert rig.told == ["away: Redis closed the connection"], "once, however long it lasts"
    assert rig.link.problem == "connection refused"
    rig.redis.up()
    rig.net.pass_s(MOST_PAUSE_S)
    assert rig.told[1:] == ["back"]
    rig.stop()


def test_a_link_that_is_lost_at_once_again_and_again_is_made_more_rarely_too() -> None:
    rig = Rig().start()
    rig.on_back = lambda: rig.link.reset("of no use")
    rig.redis.cut()
    rig.net.pass_s(30)
    assert 10 < len(rig.net.dialled) < 25
    rig.stop()


def test_a_link_that_has_stayed_for_a_while_is_made_again_as_soon_as_the_first_time() -> None:
    rig = Rig().start()
    rig.redis.down()
    rig.net.pass_s(20)
    rig.redis.up()
    rig.net.pass_s(MOST_PAUSE_S + 2 * PING_S)
    rig.redis.cut()
    rig.net.pass_s(LEAST_PAUSE_S)
    assert [word.partition(":")[0] for word in rig.told] == ["away", "back", "away", "back"]
    rig.stop()


def test_a_connection_may_be_given_up_for_another() -> None:
    rig = Rig().start()
    rig.link.reset("a replica")
    rig.net.pass_s(LEAST_PAUSE_S)
    assert rig.told == ["away: a replica", "back"]
    rig.stop()


def test_stop_fails_what_is_under_way_and_tells_of_nothing() -> None:
    rig = Rig().start()
    rig.redis.is_silent = True
    call = rig.call("GET", "k")
    rig.stop()
    assert isinstance(call.error, LinkLost)
    rig.net.pass_s(10)
    assert rig.told == []


@pytest.mark.parametrize("when", ["waiting", "dialling", "greeting"])
def test_stop_ends_an_attempt_to_come_back(when: str) -> None:
    rig = Rig().start()
    rig.redis.cut()
    if when == "dialling":
        rig.net.silent.add(6379)
    rig.redis.is_silent = when == "greeting"
    rig.net.settle()
    rig.net.pass_s(0 if when == "waiting" else LEAST_PAUSE_S)
    assert rig.net.run(rig.link.stop()).over
    rig.net.settle()
    assert rig.net.getDelayedCalls() == []
    rig.net.pass_s(10)
    assert rig.told == ["away: Redis closed the connection"]
    assert all(peer.lost for peer in rig.net.peers)
