"""Subscribers that have kept up, and how they go: each is sent what is its due, and nothing is left behind."""

import socket
import struct
from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import ensureDeferred
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost

from pubsub_sockets import Caller, loopback, serving
from running import Running
from tw.events import Refused
from tw.protocols.pubsub import LINGER_S
from tw.services.pubsub import RESET_CHECK_S, TURN_BYTES

pytestmark = pytest.mark.usefixtures("quiet")

# Without a word -------------------------------------------------------------------------------------------------------


def _closes(caller: Caller) -> None:
    caller.far.close()


def _resets(caller: Caller) -> None:
    caller.far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    caller.far.close()


@pytest.mark.parametrize(("pair", "goes"), [(socket.socketpair, _closes), (loopback, _resets)])
def test_one_that_is_gone_costs_only_itself_and_is_lost_outside_the_loop(
    pair: Callable[[], Any], goes: Callable[[Caller], None]
) -> None:
    with serving() as served:
        before, gone, after = served.call(), served.call(pair=pair()), served.call()
        served.order(b"first\n")
        goes(gone)
        for number in range(2):
            line = b"%d\n" % number
            before.says(line)
            served.ends_turn()
            assert (before.reads()[-2:], after.reads()[-2:]) == (line, line)
            assert (before.abreast, gone.abreast, after.abreast) == (True, False, True)
            assert (served.connected, served.closed) == (3, {})  # the transport has yet to meet it
        served.reactor.turns(2)
        assert (served.closed[2].reason, served.connected, served.cursors) == ("lost", 2, 0)
        served.order(b"last\n")
        assert before.reads() == after.reads() == b"last\n"
        served.stop()
        assert served.closed[1].sent_bytes == served.closed[3].sent_bytes == len(before.got)
        assert before.got == after.got


@pytest.mark.parametrize("reason", [ConnectionDone(), ConnectionLost(), ConnectionAborted()])
@pytest.mark.parametrize("echo", [False, True])
def test_one_whose_connection_ends_is_forgotten_in_the_middle_of_a_turn(reason: Exception, echo: bool) -> None:
    with serving(echo=echo) as served:
        one, other = served.calls(2)
        one.says(b"ordered\nrest")
        other.says(b"more\n")
        one.breaks(reason)
        assert not one.abreast
        served.ends_turn()
        rest = b"rest" * isinstance(reason, ConnectionDone)
        assert other.reads() == b"ordered\n" + b"more\n" * echo + rest + b"\n" * bool(rest)
        assert (one.reads(), served.cursors, served.held_bytes) == (b"", 0, 0)
        assert served.closed[1].sent_bytes == len(b"first\n")
        served.stop()


def test_one_that_ends_with_a_line_that_fills_the_turn_is_not_sent_to_any_more() -> None:
    with serving(max_line_bytes=2 * TURN_BYTES) as served:
        one, other = served.calls(2)
        one.says(b"x" * (TURN_BYTES + 1))
        one.breaks(ConnectionDone())
        served.all_read()
        assert other.got == b"x" * (TURN_BYTES + 1) + b"\n"
        assert served.closed[1].sent_bytes == len(b"first\n")
        served.stop()


def test_one_that_is_cut_off_by_the_server_is_sent_what_comes_before_that() -> None:
    """An abort takes effect in the next turn: until then nothing else may come of it."""
    with serving() as served:
        one, other = served.calls(2)
        other.says(b"1\n")
        one.server.stream.abort()
        served.service._share()
        assert other.reads() == b"1\n"
        served.ends_turn()
        served.order(b"2\n")
        assert (other.reads(), one.reads()) == (b"2\n", b"1\n")
        assert (served.closed[1].reason, served.cursors) == ("aborted", 0)
        assert served.closed[1].sent_bytes == len(b"first\n1\n")
        served.stop()


# Half-close -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("echo", [False, True])
@pytest.mark.parametrize("rest", [b"", b"unfinished"])
def test_a_publisher_that_half_closes_gets_what_is_ordered_then_the_end(rest: bytes, echo: bool) -> None:
    with serving(echo=echo) as served:
        one, other = served.calls(2)
        other.says(b"before\n")
        one.says(b"own\n" + rest)
        one.shuts()
        other.says(b"after\n")
        served.ends_turn()
        served.order(b"later\n")
        served.all_read()
        own = b"own\n" + (rest + b"\n" if rest else b"")
        assert one.got == b"before\n" + own * echo
        assert (one.ended, one.abreast) == (True, False)
        assert other.got == b"before\n" * echo + own + b"after\n" * echo + b"later\n"
        assert (other.abreast, served.cursors) == (True, 0)
        served.stop()
        assert served.closed[1].sent_bytes == len(b"first\n" + one.got)


def test_one_that_has_half_closed_and_takes_its_time_to_read_what_it_was_sent_is_no_slow_consumer() -> None:
    """All that is its due has left the log: however much is published from then on, it does not hold any of that."""
    with serving(backlog_bytes=100_000) as served:
        one, other = served.calls(2)
        much = (b"x" * 15_000 + b"\n") * 6
        one.says(b"own\n" + much)
        served.ends_turn()
        assert not one.server.writable
        one.shuts()
        assert served.cursors == 1  # the other's, which has fallen behind
        for _ in range(3):
            other.reads()
            served.order(much)
            while other.waiting_bytes:
                served.reactor.turn()
                other.reads()
        served.all_read()
        assert (one.got, one.ended) == (b"own\n" + much, True)
        assert served.stop().more["slow_consumers"] == 0
        assert (served.closed[1].reason, served.dropped) == ("closed", {})
        assert served.sent == [len(b"first\n" + caller.got) for caller in served.callers]


def test_one_that_half_closes_without_a_word_stays_abreast() -> None:
    with serving() as served:
        silent, other = served.calls(2)
        silent.shuts()
        other.says(b"1\n")
        served.ends_turn()
        assert silent.reads() == other.reads() == b"1\n"
        assert silent.abreast
        served.reactor.advance(RESET_CHECK_S)
        assert silent.abreast
        silent.far.close()
        served.reactor.advance(RESET_CHECK_S)
        served.ends_turn()
        assert (served.closed[1].sent_bytes, served.cursors) == (len(b"first\n1\n"), 0)
        served.stop()


# Being told to go -----------------------------------------------------------------------------------------------------


def test_one_whose_line_is_too_long_gets_what_is_ordered_and_is_told() -> None:
    with serving(max_line_bytes=9, prefix=True) as served:
        one, other = served.calls(2)
        other.says(b"before\n")
        one.says(b"own\n0123456789")
        other.says(b"after\n")
        served.ends_turn()
        served.all_read()
        notice = b"<tw> line too long (max 9 bytes)\n"
        assert one.got == b"<192.0.2.1:2> before\n<192.0.2.1:1> own\n" + notice
        assert one.ended
        assert other.got == b"<192.0.2.1:2> before\n<192.0.2.1:1> own\n<192.0.2.1:2> after\n"
        assert served.events[-1] == Refused(peer="192.0.2.1:1", reason="line too long (max 9 bytes)")
        assert served.cursors == 0
        one.far.close()
        served.stop()
        assert served.closed[1].sent_bytes == len(b"first\n" + one.got)


def test_one_that_was_told_to_go_and_does_not_take_what_comes_before_that_is_a_slow_consumer() -> None:
    with serving(max_line_bytes=30_000, backlog_bytes=100_000) as served:
        one, other = served.calls(2, 1 << 20)
        stuck = served.call()
        line = b"x" * 30_000 + b"\n"
        for _ in range(5):
            served.order(line)
        stuck.says(b"x" * 30_001)
        served.order(line)
        assert stuck.server.close_reason == "line too long"
        served.order(line)
        (drop,) = served.dropped.values()
        assert stuck.server.close_reason == "slow consumer"
        served.reactor.advance(LINGER_S)
        served.all_read()
        assert served.closed[3].sent_bytes + drop.dropped_bytes == 5 * len(line)  # what came after was not its due
        assert drop.lines == drop.dropped_bytes // len(line) > 0
        assert one.got == other.got == 7 * line
        served.stop()


@pytest.mark.parametrize("farewell", [None, b"", b"goodbye\n"])
def test_one_that_is_finished_gets_what_is_ordered_then_the_farewell(farewell: bytes | None) -> None:
    with serving() as served:
        one, other = served.calls(2)
        other.says(b"ordered\n")
        one.server.finish(farewell, "told")
        assert (one.abreast, one.reads()) == (False, b"")
        other.says(b"not for it\n")
        served.ends_turn()
        served.all_read()
        assert (one.got, one.ended) == (b"ordered\n" + (farewell or b""), True)
        assert other.got == b"ordered\nnot for it\n"
        served.order(b"last\n")
        assert (one.reads(), other.reads()) == (b"", b"last\n")
        if farewell:
            served.reactor.advance(LINGER_S)
        served.stop()
        assert (served.closed[1].reason, served.closed[1].sent_bytes) == ("told", len(b"first\n" + one.got))


def test_one_that_is_expelled_gets_the_farewell_alone() -> None:
    with serving() as served:
        one, other = served.calls(2)
        other.says(b"ordered\n")
        one.server.expel(b"goodbye\n", "told")
        assert (one.reads(), one.abreast, one.ended) == (b"goodbye\n", False, False)
        served.ends_turn()
        served.all_read()
        assert (one.got, other.got, one.ended) == (b"goodbye\n", b"ordered\n", True)
        served.reactor.advance(LINGER_S)
        served.stop()
        assert (served.closed[1].reason, served.closed[1].sent_bytes) == ("told", len(b"first\ngoodbye\n"))


def test_a_stop_sends_what_was_published_up_to_it_and_while_the_ports_close() -> None:
    with serving() as served:
        one, two = served.calls(2)
        late = served.call()
        one.says(b"last\n")
        stopping = Running(ensureDeferred(served.service.stop()))
        assert (one.reads(), two.reads(), late.reads()) == (b"last\n",) * 3
        two.says(b"just in time\n")
        for _ in range(5):
            served.all_read()
        assert [(caller.got, caller.ended) for caller in served.callers] == [(b"last\njust in time\n", True)] * 3
        summary = stopping.result
        assert [event.reason for event in served.closed.values()] == ["drained"] * 3
        assert served.sent == [24, 24, 18]
        assert (summary.sent_bytes, summary.cut_off, served.cursors) == (66, 0, 0)
        assert served.reactor.getDelayedCalls() == []


def test_a_stop_waits_for_one_that_has_fallen_behind_and_cuts_it_off_at_last() -> None:
    with serving() as served:
        slow, _stuck, quick = served.calls(3)
        served.order(b"x" * 30_000 + b"\n")
        quick.reads()
        stopping = Running(ensureDeferred(served.service.stop()))
        for _ in range(20):
            served.reactor.turn()
            slow.reads()
            quick.reads()
        assert (slow.ended, quick.ended, stopping.over) == (True, True, False)
        served.reactor.advance(served.service._options.drain_timeout_s)
        served.ends_turn()
        assert stopping.result.cut_off == 1
        assert slow.got == quick.got == b"x" * 30_000 + b"\n"
        assert served.closed[2].reason == "drain timeout"
        assert served.cursors == 0
