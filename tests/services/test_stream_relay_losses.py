"""Servers that are one over a stream whose entries go, or stand elsewhere than they did: once, or counted as lost."""

import pytest

from stream_memory import Node, Stream, other
from tw.core.relayed import fields_of, node_name
from tw.services.stream_start import SCAN_ENTRIES

pytestmark = pytest.mark.usefixtures("quiet")


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
    counts = node.end()
    assert (counts["lines"], counts["relay_dropped_lines"]) == (3, 5), "they add up to what was published"


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


def test_of_a_stream_that_was_restored_what_is_older_than_the_server_is_no_news() -> None:
    stream = Stream()
    for number in (1, 2):
        stream.add(*fields_of(node_name((0, 0), b"\3" * 8), number, number, b"long ago\n"))
    for number in range(1, 2 * SCAN_ENTRIES):
        other(stream, number, number, b"%d" % number)
    node = Node(stream).start()
    client = node.visit()
    node.reader.lose()
    del stream.entries[-2:]
    stream.added -= 2
    other(stream, number + 1, number + 1, b"new")
    node.reader.find()
    node.move()
    assert client.reads() == b"new\n"
    assert node.end()["relay_dropped_lines"] == 0


@pytest.mark.parametrize("lost", [1, 2])
def test_what_was_added_at_our_place_or_before_it_while_the_link_was_lost_is_read(lost: int) -> None:
    stream = Stream()
    node = Node(stream).start()
    client = node.visit()
    for number in (1, 2, 3):
        other(stream, number, number, b"%d" % number)
    node.move()
    node.reader.lose()
    # One took over that had not got the last ones yet, and its clock is behind the first one's.
    del stream.entries[-lost:]
    stream.added -= lost
    stream.add(*fields_of(node_name((0, 0), b"\3" * 8), 1, 1, b"early\n"))
    stream.added = 8
    other(stream, 4, 4, b"4")
    node.reader.find()
    node.move()
    assert client.reads() == b"1\n2\n3\nearly\n4\n"
    assert node.end()["relay_dropped_lines"] == 0


def test_a_stream_that_stands_back_while_nothing_comes_is_read_from_its_beginning() -> None:
    stream = Stream()
    node = Node(stream, prefix=True).start()
    client = node.visit(1)
    for number in (1, 2, 3):
        other(stream, number, number, b"%d" % number)
    node.move()
    assert client.reads() == b"1\n2\n3\n"
    # The key was deleted, and the clock had gone back: the link is none the wiser.
    stream.entries.clear()
    stream.added = 0
    client.says(b"mine\n")
    node.settle()
    node.writer.carry_out()
    node.reader.finds_nothing()
    node.move()
    assert client.reads() == b"<192.0.2.1:1> mine\n"
    assert node.end()["relay_dropped_lines"] == 0


def test_an_own_batch_that_is_gone_is_not_waited_for_while_others_keep_publishing() -> None:
    node = Node(Stream(), prefix=True).start()
    client = node.visit(1)
    node.reader.lose()
    client.says(b"1\n")
    client.shuts()
    node.move()
    node.stream.entries.clear()
    node.reader.find()
    for number in (1, 2):
        other(node.stream, number, number, b"theirs")
        node.move()
    assert client.reads() == b"theirs\ntheirs\n<tw> dropped 1 lines\n"
    assert client.transport.disconnecting
    assert node.end()["relay_dropped_lines"] == 1


def test_while_redis_refuses_to_take_anything_no_more_than_one_batch_is_under_way() -> None:
    """A replica that becomes the primary at this moment would take those behind it, and they would be out of order."""
    node = Node(Stream(), prefix=True).start()
    client = node.visit(1)
    node.stream.refusals["XADD"] = "READONLY"
    for line in (b"1\n", b"2\n", b"3\n"):
        client.says(line)
        node.settle()
    node.move()
    for _ in range(2):
        node.writer.lose()
        node.writer.find()
        node.settle()
        node.writer.carry_out()
    node.stream.refusals.clear()
    node.move()
    node.writer.lose()
    node.writer.find()
    node.move()
    assert client.reads() == b"".join(b"<192.0.2.1:1> %d\n" % number for number in (1, 2, 3))
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
