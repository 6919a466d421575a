"""Entries that were removed before they were read, and those that stand in the stream twice: one order for all."""

import pytest

from stream_memory import Node, Stream, other
from tw.services.stream_reader import SURE_S

pytestmark = pytest.mark.usefixtures("quiet")


def following(*, echo: bool = True) -> Node:
    """One that has read an entry, and waits for the next."""
    node = Node(Stream(), prefix=True, echo=echo).start()
    other(node.stream, 1, 1, b"1")
    node.move()
    return node


@pytest.mark.parametrize("echo", [True, False])
def test_what_was_taken_removed_and_sent_again_is_lost_to_those_who_had_not_read_it(echo: bool) -> None:
    """Who had read it has delivered it before 2, and drops it after."""
    node = following(echo=echo)
    client, listener = node.visit(1), node.visit(2)
    node.reader.lose()
    client.says(b"mine\n")
    node.settle()
    node.writer.lose(carried_out=1)
    assert b"mine" in node.stream.bodies[-1]
    node.stream.entries.clear()
    other(node.stream, 2, 2, b"2")
    node.reader.find()
    node.move()
    node.writer.find()
    node.move()
    assert listener.reads() == client.reads() == b"2\n<tw> dropped 1 lines\n"
    listener.says(b"more\n")
    node.move()
    assert client.reads() == b"<192.0.2.1:2> more\n"
    assert node.end()["relay_dropped_lines"] == 1


def test_what_was_sent_again_is_delivered_where_nothing_is_missing() -> None:
    node = following()
    client = node.visit(1)
    node.reader.lose()
    client.says(b"mine\n")
    node.settle()
    node.writer.lose()
    other(node.stream, 2, 2, b"2")
    node.reader.find()
    node.writer.find()
    node.move()
    assert client.reads() == b"2\n<192.0.2.1:1> mine\n"
    assert node.end()["relay_dropped_lines"] == 0


@pytest.mark.parametrize("is_late", ["the answer", "the question"])
def test_who_has_heard_nothing_for_a_while_looks_whether_something_is_missing(is_late: str) -> None:
    """A host that was cut off keeps its connections: nobody tells it that time has passed."""
    node = following()
    client = node.visit()
    node.reactor.advance(2 * SURE_S)
    if is_late == "the question":
        node.reader.finds_nothing()
        node.move()
        assert [words[0] for words, _ in node.reader.waiting] == ["XREAD", "XREVRANGE"]
    node.stream.entries.clear()
    other(node.stream, 2, 3, b"2", b"3", is_again=True)
    node.move()
    assert client.reads() == b"<tw> dropped 2 lines\n"
    other(node.stream, 3, 4, b"4")
    node.move()
    assert client.reads() == b"4\n"
    assert node.end()["relay_dropped_lines"] == 2


def test_who_hears_all_the_time_does_not_look() -> None:
    node = following()
    client = node.visit()
    for number in range(2, 10):
        node.reactor.advance(SURE_S / 2)
        assert [words[0] for words, _ in node.reader.waiting] == ["XREAD"]
        other(node.stream, number, number, b"%d" % number, is_again=True)
        node.move()
    assert client.reads() == b"".join(b"%d\n" % number for number in range(2, 10))
    assert node.end()["relay_dropped_lines"] == 0


def test_while_it_looks_the_link_may_be_lost_and_nothing_is_taken() -> None:
    node = following()
    client = node.visit()
    node.reactor.advance(2 * SURE_S)
    other(node.stream, 2, 2, b"2")
    node.reader.carry_out()
    node.settle()
    assert [words[0] for words, _ in node.reader.waiting] == ["XREVRANGE"]
    node.reader.lose()
    assert client.reads() == b""
    node.reader.find()
    node.move()
    assert client.reads() == b"2\n"
    assert node.end()["repeated_batches"] == 0
