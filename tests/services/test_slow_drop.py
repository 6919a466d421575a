"""`--slow drop`: the oldest whole lines go, a notice stands in their place, and every loss is counted and told."""

from typing import Any

import pytest

from served import Served, Visitor
from sockets import HandReactor
from tw.core.fanout import DROP_SHARE
from tw.events import Dropped
from tw.serve_options import ServePubSubOptions
from tw.services.pubsub import PubSubService
from tw.services.slow import REPORT_S

pytestmark = pytest.mark.usefixtures("quiet")

BACKLOG_BYTES = 50_000


def started(**options: Any) -> Served:
    chosen = ServePubSubOptions(**{"port": 0, "slow": "drop", "backlog_bytes": BACKLOG_BYTES, **options})
    return Served(lambda reactor, emit: PubSubService(reactor, chosen, emit), HandReactor()).start()


def drops(served: Served) -> list[Dropped]:
    return [event for event in served.events if isinstance(event, Dropped)]


def flood(served: Served, publisher: Visitor, lines: int, start: int = 0) -> list[bytes]:
    """Publish lines of 1,000 bytes, five a turn, which the publisher reads. Gives them as they go out."""
    sent = []
    for number in range(start, start + lines):
        publisher.says(b"%05d" % number + b"x" * 994 + b"\n")
        if number % 5 == 4:
            served.reactor.advance(0)
            sent += publisher.reads().splitlines(keepends=True)
    assert len(sent) == lines
    return sent


def test_the_oldest_lines_go_and_a_notice_stands_in_their_place() -> None:
    served = started()
    slow, publisher = served.visit(1), served.visit(2)
    slow.transport.reads = False
    sent = flood(served, publisher, 300)
    assert slow.there
    first = slow.reads()  # what its transport held: whole lines, the last one too
    slow.transport.reads = True
    kept = first.splitlines(keepends=True)
    assert kept == sent[: len(kept)]
    notice, *rest = slow.reads().splitlines(keepends=True)
    lost = int(notice.removeprefix(b"<tw> dropped ").removesuffix(b" lines\n"))
    assert rest == sent[len(kept) + lost :]
    assert BACKLOG_BYTES * (1 - 1 / DROP_SHARE) - 1100 < len(b"".join(rest)) <= BACKLOG_BYTES  # hardly more than must
    next_line = flood(served, publisher, 5, 300)
    assert slow.reads() == b"".join(next_line)
    more = served.stop().more
    assert (more["slow_consumers"], more["dropped_lines"]) == (1, lost)
    assert more["dropped_bytes"] == len(b"".join(sent[len(kept) : len(kept) + lost]))
    assert (sum(drop.lines for drop in drops(served)), {drop.id for drop in drops(served)}) == (lost, {1})
    assert sum(drop.dropped_bytes for drop in drops(served)) == more["dropped_bytes"]


def test_without_prefixes_nothing_stands_in_their_place() -> None:
    served = started(prefix=False)
    slow, publisher = served.visit(1), served.visit(2)
    slow.transport.reads = False
    sent = flood(served, publisher, 300)
    first = slow.reads()
    slow.transport.reads = True
    got = (first + slow.reads()).splitlines(keepends=True)
    lost = served.stop().more["dropped_lines"]
    assert 0 < lost == len(sent) - len(got)
    kept = len(first.splitlines())
    assert got == sent[:kept] + sent[kept + lost :]


def test_a_notice_ends_in_crlf_where_lines_do() -> None:
    served = started(crlf=True)
    slow, publisher = served.visit(1), served.visit(2)
    slow.transport.reads = False
    flood(served, publisher, 300)
    slow.reads()
    assert slow.reads().splitlines(keepends=True)[0].endswith(b" lines\r\n")
    served.stop()


def test_losses_are_told_at_once_and_then_once_a_second_at_most() -> None:
    served = started()
    slow, publisher = served.visit(1), served.visit(2)
    slow.transport.reads = False
    flood(served, publisher, 400)
    (first,) = drops(served)
    flood(served, publisher, 100, 400)
    assert drops(served) == [first]
    served.reactor.advance(REPORT_S)
    assert len(drops(served)) == 2
    assert sum(drop.lines for drop in drops(served)) == served.service._slow.summary()["dropped_lines"]
    served.reactor.advance(REPORT_S)
    assert len(drops(served)) == 2  # nothing new
    assert [call for call in served.reactor.getDelayedCalls() if call.getTime() > served.reactor.seconds()] == []
    flood(served, publisher, 10, 500)
    assert len(drops(served)) == 3
    flood(served, publisher, 10, 510)
    assert len(drops(served)) == 3
    slow.leaves()
    assert len(drops(served)) == 4  # what was left to tell, as it goes
    assert sum(drop.lines for drop in drops(served)) == served.stop().more["dropped_lines"]


def test_one_that_drops_lines_and_then_goes_without_having_read_loses_no_more_by_that() -> None:
    served = started()
    slow, publisher = served.visit(1), served.visit(2)
    slow.transport.reads = False
    flood(served, publisher, 300)
    dropped = served.service._slow.summary()["dropped_lines"]
    slow.leaves()
    assert served.service._fanout.held_bytes == 0
    assert served.stop().more["dropped_lines"] == dropped > 0


def test_a_publisher_that_has_half_closed_and_does_not_read_holds_nothing_for_ever() -> None:
    """What was its due goes as others' does; what came after that was not, and is not counted."""
    served = started(prefix=False)
    slow, publisher = served.visit(1), served.visit(2)
    slow.transport.reads = False
    slow.says(b"hello\n")
    served.reactor.advance(0)
    publisher.reads()
    sent = flood(served, publisher, 130)
    slow.shuts()
    flood(served, publisher, 100, 130)
    lost = served.service._slow.summary()["dropped_lines"]
    assert slow.transport.disconnecting  # there is nothing more that it must wait for
    got = slow.reads().splitlines(keepends=True)
    assert got == [b"hello\n", *sent][: len(got)]
    assert lost == 1 + len(sent) - len(got)
    served.settle()
    assert served.service._slow.summary()["dropped_lines"] == lost
    served.stop()


def test_own_lines_that_a_publisher_need_not_see_are_no_loss() -> None:
    served = started(echo=False, prefix=False)
    slow, other = served.visit(1), served.visit(2)
    slow.transport.reads = False
    sent = []
    for number in range(400):
        sent.append(b"%d" % number + b"z" * 900 + b"\n")
        other.says(sent[-1])
        slow.says(b"own" + b"x" * 900 + b"\n")
        served.reactor.advance(0)
        other.reads()
    lost = served.service._slow.summary()["dropped_lines"]
    got = (slow.reads() + slow.reads()).splitlines(keepends=True)
    kept = next(at for at in range(len(got)) if got[at] != sent[at])
    assert got == sent[:kept] + sent[kept + lost :]
    assert 0 < lost < 400 - kept
    served.stop()
