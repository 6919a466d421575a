"""The pub/sub service: one order for all, one write a turn, and nobody waits for who is slow."""

import socket
import struct
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.internet.defer import ensureDeferred

from running import Running
from served import Served
from sockets import HandReactor
from tw.events import Closed, Dropped, Refused
from tw.serve_options import ServePubSubOptions
from tw.services.pubsub import RESET_CHECK_S, TURN_BYTES, PubSubService

pytestmark = pytest.mark.usefixtures("quiet")


def started(**options: Any) -> Served:
    chosen = ServePubSubOptions(port=0, **options)
    return Served(lambda reactor, emit: PubSubService(reactor, chosen, emit), HandReactor()).start()


# Turns ----------------------------------------------------------------------------------------------------------------


def test_all_lines_of_a_turn_leave_in_one_write_for_each_subscriber() -> None:
    served = started()
    one, two, silent = served.visit(1), served.visit(2), served.visit(3)
    one.says(b"a\nb\n")
    two.says(b"c\n")
    one.says(b"d\n")
    assert [visitor.transport.writes for visitor in served.visitors] == [[], [], []]
    assert len(served.reactor.getDelayedCalls()) == 1
    served.reactor.advance(0)
    whole = b"<192.0.2.1:1> a\n<192.0.2.1:1> b\n<192.0.2.1:2> c\n<192.0.2.1:1> d\n"
    assert [visitor.transport.writes for visitor in (one, two, silent)] == [[whole]] * 3
    assert one.transport.writes[0] is two.transport.writes[0]  # the very same bytes, shared
    two.says(b"next\n")
    served.reactor.advance(0)
    assert silent.transport.writes[1:] == [b"<192.0.2.1:2> next\n"]
    assert served.stop().more["lines"] == 5


def test_a_turn_that_grows_large_is_shared_out_at_once() -> None:
    served = started(prefix=False)
    publisher, subscriber = served.visit(), served.visit()
    line = bytes(60_000).replace(b"\0", b"x") + b"\n"
    for _ in range(TURN_BYTES // len(line)):
        publisher.says(line)
    assert subscriber.transport.writes == []
    publisher.says(line)
    assert subscriber.reads() == line * (TURN_BYTES // len(line) + 1)
    publisher.says(b"small\n")
    assert subscriber.transport.value() == b""  # counted afresh
    served.reactor.advance(0)
    assert subscriber.reads() == b"small\n"
    served.stop()


def test_who_comes_in_the_middle_of_a_turn_gets_what_is_published_after_it() -> None:
    served = started(prefix=False)
    publisher = served.visit()
    publisher.says(b"before\n")
    late = served.visit()
    publisher.says(b"after\n")
    served.reactor.advance(0)
    assert (publisher.reads(), late.reads()) == (b"before\nafter\n", b"after\n")
    served.stop()


def test_a_newcomer_gets_the_history_first_and_each_line_once() -> None:
    served = started(prefix=False, history_lines=2)
    publisher = served.visit()
    publisher.says(b"1\n2\n")
    served.reactor.advance(0)
    publisher.says(b"3\n")  # its turn is still open
    late = served.visit()
    publisher.says(b"4\n")
    served.reactor.advance(0)
    assert (publisher.reads(), late.reads()) == (b"1\n2\n3\n4\n", b"2\n3\n4\n")
    served.stop()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.one_of(st.integers(0, 2), st.none())), st.booleans())
def test_the_order_is_the_same_for_all(script: list[int | None], echo: bool) -> None:
    """Who publishes the next line, or the end of the turn."""
    served = started(prefix=False, echo=echo)
    visitors = [served.visit() for _ in range(3)]
    ordered: list[tuple[int, bytes]] = []
    for number, who in enumerate(script):
        if who is None:
            served.reactor.advance(0)
        else:
            line = b"%d by %d\n" % (number, who)
            ordered.append((who, line))
            visitors[who].says(line)
    served.reactor.advance(0)
    for me, visitor in enumerate(visitors):
        assert visitor.reads() == b"".join(line for who, line in ordered if echo or who != me)
    served.stop()


def test_crlf_ends_the_lines_and_the_notices() -> None:
    served = started(crlf=True, max_line_bytes=5)
    visitor = served.visit()
    visitor.says(b"12345\n123456\n")
    assert visitor.reads() == b"<192.0.2.1:5> 12345\r\n<tw> line too long (max 5 bytes)\r\n"
    visitor.leaves()
    served.stop()


# Who must go ----------------------------------------------------------------------------------------------------------


def test_a_line_that_is_too_long_is_told_counted_and_ends_the_connection() -> None:
    served = started(max_line_bytes=5, access_log=True)
    visitor, other = served.visit(1), served.visit(2)
    visitor.says(b"whole\n123456")
    notice = b"<tw> line too long (max 5 bytes)\n"
    assert visitor.reads() == b"<192.0.2.1:1> whole\n" + notice
    assert other.reads() == b"<192.0.2.1:1> whole\n"  # at once, as it is ordered before the notice
    assert served.events[-1] == Refused(peer="192.0.2.1:1", reason="line too long (max 5 bytes)")
    visitor.shuts()
    served.settle()
    closed = served.events[-1]
    assert isinstance(closed, Closed)
    assert closed.reason == "line too long"
    summary = served.stop()
    assert (summary.refused, summary.more["lines"]) == (1, 1)


@pytest.mark.parametrize("prefix", [True, False])
def test_a_slow_consumer_is_disconnected_and_what_it_loses_is_counted(prefix: bool) -> None:
    served = started(backlog_bytes=100_000, prefix=prefix, access_log=True)
    slow, publisher = served.visit(1), served.visit(2)
    slow.transport.reads = False
    ordered: list[bytes] = []
    while not (drops := [event for event in served.events if isinstance(event, Dropped)]):
        assert len(ordered) < 1000
        lines = [b"%06d%s\n" % (len(ordered) + index, b"x" * 2000) for index in range(3)]
        publisher.says(b"".join(lines))
        served.settle()
        ordered += [b"<192.0.2.1:2> " * prefix + line for line in lines]
        assert publisher.reads() == b"".join(ordered[-3:])  # it waits for nobody
    (drop,) = drops
    notice = b"<tw> disconnected: more than 100000 bytes behind\n" if prefix else b""
    got = slow.reads()
    taken = got.removesuffix(notice).splitlines(keepends=True)
    assert got == b"".join(ordered[: len(taken)]) + notice
    assert (drop.id, drop.lines) == (1, len(ordered) - len(taken))
    assert drop.dropped_bytes == len(b"".join(ordered[len(taken) :])) > 100_000
    slow.shuts()
    served.settle()
    closed = [event for event in served.events if isinstance(event, Closed)]
    assert [(event.id, event.reason) for event in closed] == [(1, "slow consumer")]
    more = served.stop().more
    assert (more["slow_consumers"], more["dropped_lines"]) == (1, drop.lines)
    assert more["dropped_bytes"] == drop.dropped_bytes


# Half-closed subscribers ----------------------------------------------------------------------------------------------


def test_a_half_closed_subscriber_that_is_gone_altogether_is_found_out() -> None:
    served = started(access_log=True)
    with socket.create_connection(("127.0.0.1", served.listening[0].port or 0)) as client:
        served.reactor.turns()
        client.shutdown(socket.SHUT_WR)
        served.reactor.turns()
        served.reactor.advance(RESET_CHECK_S)
        served.reactor.turns()
        assert len(served.service.listener.connections) == 1  # it still listens
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    served.reactor.turns()
    assert len(served.service.listener.connections) == 1  # nothing has told
    served.reactor.advance(RESET_CHECK_S)
    served.reactor.turns()
    assert isinstance(served.events[-1], Closed)
    assert served.service.listener.connections == {}
    assert served.stop().connections == 1


def test_the_look_at_half_closed_ones_goes_on_while_there_are_any() -> None:
    served = started()
    one, two = served.visit(), served.visit()
    one.shuts()
    two.shuts()
    assert len(served.reactor.getDelayedCalls()) == 1
    served.reactor.advance(RESET_CHECK_S)
    assert (one.there, two.there) == (True, True)
    one.leaves()
    served.reactor.advance(RESET_CHECK_S)
    assert len(served.reactor.getDelayedCalls()) == 1
    two.leaves()
    served.reactor.advance(RESET_CHECK_S)
    assert served.reactor.getDelayedCalls() == []
    served.stop()


def test_a_stop_ends_the_look_at_half_closed_ones() -> None:
    served = started()
    served.visit().shuts()
    served.stop()


# Stopping -------------------------------------------------------------------------------------------------------------


def test_what_was_published_in_the_last_turn_is_still_sent() -> None:
    served = started(prefix=False)
    publisher, subscriber = served.visit(), served.visit()
    publisher.says(b"last\n")
    stopping = served.stopping()
    assert (publisher.reads(), subscriber.reads()) == (b"last\n", b"last\n")
    served.settle()
    assert stopping.result.more["lines"] == 1
    assert served.reactor.getDelayedCalls() == []


def test_what_is_published_while_the_ports_close_is_still_sent() -> None:
    served = started(prefix=False)
    publisher, subscriber = served.visit(), served.visit()
    stopping = Running(ensureDeferred(served.service.stop()))
    publisher.says(b"just in time\n")
    publisher.leaves()
    served.settle()
    assert subscriber.reads() == b"just in time\n"
    served.settle()
    assert stopping.result.more["lines"] == 1
    assert served.reactor.getDelayedCalls() == []


def test_a_last_line_that_nobody_is_left_to_get_counts() -> None:
    served = started()
    publisher = served.visit()
    lines: list[int] = []
    stopping = ensureDeferred(served.service.stop())
    stopping.addCallback(lambda summary: lines.append(summary.more["lines"]))
    publisher.says(b"unheard")
    publisher.leaves()
    served.settle()
    assert lines == [1]
