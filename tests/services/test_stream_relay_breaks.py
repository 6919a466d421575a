"""Servers that are one over a stream, whose connections break and whose entries go: once, or counted as lost."""

import pytest

from stream_memory import Node, Stream, other, states
from tw.core.relayed import fields_of, node_name

pytestmark = pytest.mark.usefixtures("quiet")

# Connections that break -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("carried_out", range(4))
def test_what_was_under_way_is_sent_again_and_read_once(carried_out: int) -> None:
    node = Node(Stream()).start()
    client = node.visit()
    for line in (b"1\n", b"2\n", b"3\n"):
        client.says(line)
        node.settle()
    node.writer.lose(carried_out=carried_out)
    client.says(b"4\n")
    node.settle()
    node.writer.find()
    node.move()
    assert client.reads() == b"1\n2\n3\n4\n"
    assert states(node) == ["lost", None]
    counts = node.end()
    assert (counts["repeated_batches"], counts["relay_dropped_lines"]) == (carried_out, 0)


def test_what_has_come_back_is_not_sent_again() -> None:
    node = Node(Stream()).start()
    client = node.visit()
    client.says(b"1\n")
    node.settle()
    node.writer.lose(carried_out=1)
    node.move()
    node.writer.find()
    node.move()
    assert node.stream.bodies == [b"1\n"]
    node.end()


def test_reading_goes_on_where_it_was() -> None:
    node = Node(Stream()).start()
    client = node.visit()
    other(node.stream, 1, 1, b"1")
    node.move()
    node.reader.lose()
    other(node.stream, 2, 2, b"2")
    node.reader.find()
    node.move()
    assert client.reads() == b"1\n2\n"
    assert node.end()["repeated_batches"] == 0


def test_it_is_away_while_one_of_the_two_links_is() -> None:
    node = Node(Stream()).start()
    node.writer.lose()
    node.reader.lose()
    node.writer.find()
    assert states(node) == ["lost"]
    node.reader.find()
    assert states(node) == ["lost", None]
    node.move()
    node.end()


def test_what_redis_refuses_to_take_is_tried_again_and_told_once() -> None:
    node = Node(Stream()).start()
    client = node.visit()
    node.stream.refusals["XADD"] = "OOM command not allowed"
    client.says(b"1\n")
    node.move()
    for _ in range(2):
        assert node.writer.resets.pop() == "OOM command not allowed"
        node.writer.lose()
        node.writer.find()
        node.move()
    assert states(node) == ["OOM command not allowed"]
    node.stream.refusals.clear()
    node.writer.lose()
    node.writer.find()
    node.move()
    assert client.reads() == b"1\n"
    assert states(node) == ["OOM command not allowed", None]
    node.end()


def test_what_redis_refuses_to_give_is_asked_for_again_and_told_once() -> None:
    node = Node(Stream()).start()
    client = node.visit()
    node.stream.refusals["XREAD"] = "NOPERM"
    for _ in range(2):
        node.move()
        assert node.reader.resets.pop() == "NOPERM"
        node.reader.lose()
        node.reader.find()
    node.stream.refusals.clear()
    other(node.stream, 1, 1, b"1")
    node.move()
    assert client.reads() == b"1\n"
    assert states(node) == ["NOPERM", None]
    node.end()


# Losses ---------------------------------------------------------------------------------------------------------------


def test_what_was_removed_before_it_was_read_is_told_of_in_its_place() -> None:
    node = Node(Stream(), prefix=True).start()
    client = node.visit()
    other(node.stream, 1, 2, b"1", b"2")
    node.move()
    other(node.stream, 2, 7, *[b"x"] * 5)
    node.stream.entries.clear()
    other(node.stream, 3, 8, b"8")
    node.move()
    assert client.reads() == b"1\n2\n<tw> dropped 5 lines\n8\n"
    assert node.end()["relay_dropped_lines"] == 5


def test_without_prefixes_nobody_is_told_of_a_loss() -> None:
    node = Node(Stream()).start()
    client = node.visit()
    other(node.stream, 3, 8, b"8")
    node.move()
    assert client.reads() == b"8\n"
    assert node.end()["relay_dropped_lines"] == 7


def test_an_own_batch_that_was_taken_and_is_gone_is_not_waited_for() -> None:
    node = Node(Stream(), prefix=True).start()
    client, listener = node.visit(1), node.visit(2)
    node.reader.lose()
    client.says(b"1\n2\n")
    client.shuts()
    node.move()
    node.stream.entries.clear()
    node.reader.find()
    node.move()
    assert not client.transport.disconnecting
    node.reader.finds_nothing()
    node.move()
    assert client.reads() == listener.reads() == b"<tw> dropped 2 lines\n"
    assert client.transport.disconnecting
    listener.says(b"3\n")
    node.move()
    assert listener.reads() == b"<192.0.2.1:2> 3\n"
    assert node.end()["relay_dropped_lines"] == 2


def test_a_batch_taken_while_nothing_was_found_may_still_come() -> None:
    node = Node(Stream()).start()
    client = node.visit()
    client.says(b"1\n")
    node.settle()
    node.writer.carry_out()
    node.reader.finds_nothing()
    node.move()
    assert client.reads() == b"1\n"
    assert node.end()["relay_dropped_lines"] == 0


def test_a_stream_that_was_restored_is_read_from_its_beginning() -> None:
    node = Node(Stream()).start()
    client = node.visit()
    for number in (1, 2, 3):
        other(node.stream, number, number, b"%d" % number)
    node.move()
    node.reader.lose()
    del node.stream.entries[1:]
    node.stream.added = 1
    other(node.stream, 4, 4, b"4")
    node.reader.find()
    node.move()
    assert client.reads() == b"1\n2\n3\n4\n"
    assert node.end()["relay_dropped_lines"] == 0


def test_strangers_entries_are_counted_also_those_under_our_name() -> None:
    node = Node(Stream()).start()
    client = node.visit()
    node.stream.add(b"x", b"y")
    node.stream.add(*fields_of(node_name((0, 0), b"\1" * 8), 9, 9, b"forged\n"))
    client.says(b"1\n")
    node.move()
    assert client.reads() == b"1\n"
    assert node.end()["foreign_entries"] == 2
