"""`--slow block`: publishers wait for who is too far behind, who loses nothing; who is stuck goes, and they go on."""

from typing import Any

import pytest

from running import Running
from served import Served, Visitor
from sockets import HandReactor
from tw.core.batches import MERGE_BYTES
from tw.events import Dropped
from tw.serve_options import ServePubSubOptions
from tw.services.block import LOOKS
from tw.services.pubsub import PubSubService

pytestmark = pytest.mark.usefixtures("quiet")

BACKLOG_BYTES = 50_000
TIMEOUT_S = 8.0


def started(**options: Any) -> Served:
    chosen = ServePubSubOptions(
        **{
            "port": 0,
            "slow": "block",
            "backlog_bytes": BACKLOG_BYTES,
            "block_timeout_s": TIMEOUT_S,
            "prefix": False,
            **options,
        }
    )
    return Served(lambda reactor, emit: PubSubService(reactor, chosen, emit), HandReactor()).start()


def reading(visitor: Visitor) -> bool:
    return visitor.transport.producerState == "producing"


def publish(served: Served, publisher: Visitor, lines: int) -> bytes:
    """One line of 1,000 bytes a turn, as long as the publisher is read from. Gives what was published."""
    sent = b""
    for number in range(lines):
        if not reading(publisher):
            break
        line = b"%05d" % number + b"x" * 994 + b"\n"
        publisher.says(line)
        served.reactor.advance(0)
        sent += line
        if publisher.transport.reads:
            assert publisher.reads().endswith(line)
    return sent


def blocked(served: Served) -> tuple[Visitor, Visitor, bytes]:
    """A subscriber that reads nothing, and a publisher that is held because of it; and what was published."""
    slow, publisher = served.visit(1), served.visit(2)
    slow.transport.reads = False
    sent = publish(served, publisher, 1000)
    assert not reading(publisher)
    assert reading(slow)
    assert BACKLOG_BYTES < served.service._fanout.held_bytes <= BACKLOG_BYTES + 1000 + MERGE_BYTES
    return slow, publisher, sent


def test_publishers_wait_until_it_has_read_and_it_loses_nothing() -> None:
    served = started()
    slow, publisher, sent = blocked(served)
    idle = served.visit(3)
    assert not reading(idle)  # who comes now is held as well
    got = slow.reads()
    assert reading(publisher)
    assert reading(idle)
    sent += publish(served, publisher, 10)
    assert got + slow.reads() + slow.reads() == sent
    summary = served.stop()
    assert (summary.more["slow_consumers"], summary.more["dropped_lines"], summary.more["pauses"]) == (1, 0, 1)
    assert not [event for event in served.events if isinstance(event, Dropped)]


def test_they_wait_until_half_of_the_backlog_is_left() -> None:
    """Were it the whole, they would be paused and resumed for every batch."""
    served = started(backlog_bytes=16 * BACKLOG_BYTES)
    slow, publisher = served.visit(1), served.visit(2)
    slow.transport.reads = False
    publish(served, publisher, 1000)
    lags = []
    while not reading(publisher):
        lags.append(slow.protocol.cursor.lag_bytes)
        slow.reads()
    assert lags[0] > 16 * BACKLOG_BYTES
    assert len(lags) > 1
    assert lags[-1] > 8 * BACKLOG_BYTES >= slow.protocol.cursor.lag_bytes
    slow.transport.reads = True
    slow.reads()
    served.stop()


def test_nobody_is_held_by_his_own_backlog() -> None:
    """A client may have to get rid of what it sends before it reads: a whole backlog more is taken from it."""
    served = started()
    both, other = served.visit(1), served.visit(2)
    both.transport.reads = False
    sent = publish(served, both, 1000)
    assert both.protocol.close_reason == "slow consumer"
    assert len(sent) > BACKLOG_BYTES * 2
    assert served.service._fanout.held_bytes == 0
    assert reading(other)
    served.stop()


def test_one_that_frees_itself_in_time_goes_on() -> None:
    served = started()
    both, other = served.visit(1), served.visit(2)
    both.transport.reads = False
    sent = b""
    while reading(other):
        sent += publish(served, both, 1)
    sent += publish(served, both, 30)  # it must get rid of it first
    assert reading(both)
    assert served.service._fanout.held_bytes > BACKLOG_BYTES + 29_000
    got = both.reads()
    assert reading(other)
    got += both.reads()
    assert (got, other.reads()) == (sent, sent)
    assert served.stop().more["dropped_lines"] == 0


def test_two_that_are_slow_and_publish_do_not_lock_each_other_up() -> None:
    served = started()
    one, two = served.visit(1), served.visit(2)
    one.transport.reads = two.transport.reads = False
    sent = b""
    while reading(one) or reading(two):
        sent += publish(served, one, 1) + publish(served, two, 1)
    assert 2 * BACKLOG_BYTES < served.service._fanout.held_bytes <= 2 * BACKLOG_BYTES + 2000
    got = one.reads()
    got += one.reads()
    assert not reading(one)  # for the other's sake
    assert reading(two)  # which is alone now, and not held by its own
    other = two.reads()
    other += two.reads()
    assert reading(one)
    assert reading(two)
    assert (got + one.reads(), other + two.reads()) == (sent, sent)
    assert served.stop().more["dropped_lines"] == 0


def test_one_that_stays_stuck_is_parted_from_and_publishers_go_on() -> None:
    served = started(prefix=True)
    slow, publisher = served.visit(1), served.visit(2)
    slow.transport.reads = False
    for number in range(200):
        if reading(publisher):
            publisher.says(b"%04d" % number + b"x" * 900 + b"\n")
            served.reactor.advance(0)
            publisher.reads()
    lines = served.service._fanout.published_lines
    served.reactor.pump([TIMEOUT_S / LOOKS] * (LOOKS - 1))
    assert slow.protocol.close_reason == ""
    served.reactor.pump([TIMEOUT_S / LOOKS] * 2)
    assert slow.protocol.close_reason == "slow consumer"
    assert reading(publisher)
    (drop,) = [event for event in served.events if isinstance(event, Dropped)]
    got = slow.reads().splitlines(keepends=True)
    assert got.pop() == b"<tw> disconnected: has read nothing for 8 s\n"
    assert len(got) + drop.lines == lines
    more = served.stop().more
    assert (more["dropped_lines"], more["slow_consumers"], more["pauses"]) == (drop.lines, 1, 1)
    assert TIMEOUT_S * 1000 <= more["paused_ms"] <= TIMEOUT_S * 1000 * (1 + 2 / LOOKS)


def test_one_that_reads_however_slowly_is_not_stuck() -> None:
    served = started(backlog_bytes=1_000_000)
    slow, publisher = served.visit(1), served.visit(2)
    slow.transport.reads = False
    publish(served, publisher, 5000)
    for _ in range(3):
        served.reactor.pump([TIMEOUT_S / LOOKS] * (LOOKS - 1))
        slow.reads()  # what its transport held; the log gives as much again
        assert not reading(publisher)
    served.reactor.pump([TIMEOUT_S / LOOKS] * (LOOKS - 2))
    assert slow.protocol.close_reason == ""
    served.reactor.pump([TIMEOUT_S / LOOKS] * 3)
    assert slow.protocol.close_reason == "slow consumer"
    served.stop()


def test_one_that_leaves_while_it_is_waited_for_frees_the_others() -> None:
    served = started()
    slow, publisher, _ = blocked(served)
    slow.leaves()
    assert reading(publisher)
    assert served.service._fanout.held_bytes == 0
    assert served.stop().more["dropped_lines"] == 0


def test_a_publisher_that_leaves_while_it_is_held_is_forgotten() -> None:
    served = started()
    slow, publisher, sent = blocked(served)
    publisher.leaves()
    assert slow.reads() + slow.reads() == sent
    assert reading(served.visit(3))
    served.stop()


def test_a_newcomer_gets_its_history_while_publishers_wait() -> None:
    served = started(history_lines=2)
    slow, publisher, sent = blocked(served)
    newcomer = served.visit(3)
    assert newcomer.reads() == sent[-2000:]
    slow.reads()
    more = publish(served, publisher, 1)
    assert newcomer.reads() == more
    served.stop()


def test_a_half_closed_one_is_not_read_again_when_publishers_go_on() -> None:
    """At the end of its stream a read tells the end once more."""
    served = started()
    silent = served.visit(3)
    silent.shuts()
    slow, publisher, _ = blocked(served)
    assert reading(silent)  # that is: untouched
    late = served.visit(4)
    assert not reading(late)
    late.shuts()
    slow.reads()
    assert reading(publisher)
    assert not reading(late)
    served.stop()


def test_a_stop_reads_on_from_who_is_held_and_waits_for_who_reads() -> None:
    served = started()
    slow, publisher, sent = blocked(served)
    stopping = served.stopping()
    assert reading(publisher)
    publisher.says(b"too late\n")
    got = b""
    while data := slow.reads():
        got += data
        served.settle()
    assert got == sent
    assert stopping.result.more["lines"] == len(sent) // 1000
    assert served.reactor.getDelayedCalls() == []


def test_a_stop_cuts_off_who_is_stuck_when_its_time_is_over() -> None:
    served = started(drain_timeout_s=3.0)
    slow, _, _ = blocked(served)
    stopping: Running = served.stopping()
    for _ in range(6):
        assert not stopping.over
        served.reactor.advance(0.5)
        served.settle()
    assert (stopping.result.cut_off, slow.protocol.close_reason) == (1, "drain timeout")
    assert served.reactor.getDelayedCalls() == []


def test_over_tls_a_newcomer_is_held_when_it_says_something() -> None:
    """Held before that, it would be stuck in the handshake."""
    served = started()
    silent = served.visit(3, tls=True)
    slow, publisher, _ = blocked(served)
    talker, leaving = served.visit(4, tls=True), served.visit(5, tls=True)
    leaving.leaves()
    assert list(served.service._slow._unheard) == [silent.protocol, talker.protocol]
    assert reading(silent)
    assert reading(talker)
    talker.says(b"x" * 999 + b"\n")
    served.reactor.advance(0)
    assert reading(silent)
    assert not reading(talker)
    slow.reads()
    assert reading(talker)
    assert reading(publisher)
    slow.reads()
    served.stop()


def test_the_only_one_behind_goes_when_it_goes_on_publishing_after_others_were_waited_for() -> None:
    served = started()
    stuck, both, newcomer = served.visit(1), served.visit(2), served.visit(3, tls=True)
    stuck.transport.reads = both.transport.reads = False
    publish(served, both, 1000)
    assert not reading(both)  # for the other's sake
    assert 2 * BACKLOG_BYTES < served.service._fanout.held_bytes <= 2 * BACKLOG_BYTES + 1000 + MERGE_BYTES
    stuck.leaves()
    assert reading(both)
    newcomer.says(b"what another says is not its fault\n")
    served.reactor.advance(0)
    assert both.protocol.close_reason == ""
    publish(served, both, 1000)
    assert both.protocol.close_reason == "slow consumer"
    assert served.service._fanout.held_bytes == 0
    served.stop()
