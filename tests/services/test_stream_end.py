"""The end of a server over a stream: its clients get what stood there, and nobody waits for what will not come."""

import pytest

from stream_memory import Node, Stream, other
from tw.services.listener import FIRST_SHARE

pytestmark = pytest.mark.usefixtures("quiet")

DRAIN_S = 5.0


def test_a_stop_reads_on_to_where_the_stream_stood() -> None:
    node = Node(Stream()).start()
    client = node.visit()
    other(node.stream, 1, 2, b"told to be", b"there")
    stopping = node.stopping()
    assert not client.transport.disconnecting
    node.move()
    assert client.reads() == b"told to be\nthere\n"
    node.move()
    assert stopping.result.more["lines"] == 2


def test_what_is_added_later_is_not_waited_for() -> None:
    node = Node(Stream()).start()
    client = node.visit()
    other(node.stream, 1, 1, b"before")
    stopping = node.stopping()
    assert node.writer.carry_out()
    for number in range(2, 200):
        other(node.stream, number, number, b"after")
    node.move()
    assert client.reads().startswith(b"before\nafter\n")
    node.settle()
    assert stopping.result.more["lines"] < 199, "that is more than one answer has"


@pytest.mark.parametrize("kind", ["away", "refusing"])
def test_a_redis_that_does_not_say_how_far_it_is_is_not_waited_for(kind: str) -> None:
    node = Node(Stream()).start()
    node.visit()
    if kind == "away":
        node.writer.lose()
    node.stream.refusals["XINFO"] = "NOPERM no permissions"
    stopping = node.stopping()
    node.move()
    node.move()
    assert stopping.over


def test_what_was_removed_meanwhile_is_not_waited_for() -> None:
    node = Node(Stream()).start()
    node.visit()
    other(node.stream, 1, 1, b"gone")
    node.stream.entries.clear()
    stopping = node.stopping()
    node.move()
    assert not stopping.over
    node.reader.finds_nothing()
    node.move()
    assert stopping.over


def test_a_redis_that_does_not_answer_is_waited_for_within_the_time_for_a_stop() -> None:
    node = Node(Stream(), drain_timeout_s=DRAIN_S).start()
    node.visit()
    stopping = node.stopping()
    node.reactor.advance(DRAIN_S * FIRST_SHARE - 0.1)
    node.settle()
    assert not stopping.over
    node.reactor.advance(0.2)
    node.settle()
    assert stopping.over
    assert node.reactor.getDelayedCalls() == []
