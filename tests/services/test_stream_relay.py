"""Servers that are one over a stream: what goes into it, what comes back, and to whom."""

from typing import Any

import pytest

from stream_memory import Node, Stream, other
from tw.services.pubsub import TURN_BYTES
from tw.services.stream_reader import LOOK_S, READ_BYTES, READ_ENTRIES, UNSEEN_ENTRIES
from tw.services.stream_relay import HOLD_BYTES

pytestmark = pytest.mark.usefixtures("quiet")


# Publishing -----------------------------------------------------------------------------------------------------------


def test_the_lines_of_a_turn_are_one_entry_and_are_delivered_when_it_has_come_back() -> None:
    node = Node(Stream(), prefix=True).start()
    one, two = node.visit(1), node.visit(2)
    one.says(b"a\nb\n")
    two.says(b"c\n")
    node.settle()
    assert [words[0] for words, _ in node.writer.waiting] == ["XADD"]
    assert (one.reads(), two.reads()) == (b"", b"")
    node.move()
    whole = b"<192.0.2.1:1> a\n<192.0.2.1:1> b\n<192.0.2.1:2> c\n"
    assert (one.reads(), two.reads()) == (whole, whole)
    assert node.stream.bodies == [whole]
    counts = node.end()
    assert (counts["lines"], counts["relayed_batches"], counts["unrelayed_lines"]) == (3, 1, 0)


def test_what_others_publish_is_delivered_in_the_streams_order() -> None:
    node = Node(Stream()).start()
    client = node.visit()
    client.says(b"mine\n")
    other(node.stream, 1, 2, b"theirs", b"too")
    node.move()
    assert client.reads() == b"theirs\ntoo\nmine\n"
    node.end()


def test_lines_end_as_each_server_is_told_to_end_them() -> None:
    node = Node(Stream(), crlf=True).start()
    client = node.visit()
    client.says(b"one\r\ntwo\n")
    node.move()
    assert node.stream.bodies == [b"one\ntwo\n"]
    assert client.reads() == b"one\r\ntwo\r\n"
    node.end()


def test_without_echo_a_publisher_gets_the_lines_of_others_alone() -> None:
    node = Node(Stream(), echo=False).start()
    one, two = node.visit(1), node.visit(2)
    one.says(b"1\n")
    two.says(b"2\n")
    one.says(b"3\n")
    other(node.stream, 1, 1, b"far")
    node.move()
    assert (one.reads(), two.reads()) == (b"far\n2\n", b"far\n1\n3\n")
    node.end()


# Ends -----------------------------------------------------------------------------------------------------------------


def test_who_half_closes_gets_what_he_published_before_the_end() -> None:
    node = Node(Stream()).start()
    client = node.visit()
    client.says(b"one\ntwo")
    client.shuts()
    node.settle()
    assert not client.transport.disconnecting
    node.move()
    assert client.reads() == b"one\ntwo\n"
    assert client.transport.disconnecting
    node.end()


def test_who_has_got_all_back_and_half_closes_is_not_waited_for() -> None:
    node = Node(Stream()).start()
    client = node.visit()
    client.says(b"one\n")
    node.move()
    client.reads()
    client.shuts()
    assert client.transport.disconnecting
    node.end()


def test_who_leaves_before_his_lines_are_back_is_forgotten_and_they_are_not() -> None:
    node = Node(Stream(), echo=False).start()
    client, listener = node.visit(1), node.visit(2)
    client.says(b"one\ntwo")
    client.shuts()
    node.settle()
    client.leaves()
    node.move()
    assert listener.reads() == b"one\ntwo\n"
    assert not client.protocol.leaving
    node.end()


def test_a_line_that_is_too_long_is_told_of_once_and_after_those_before_it() -> None:
    node = Node(Stream(), max_line_bytes=5, prefix=True).start()
    client = node.visit(7)
    client.says(b"fine\ntoo long\n")
    client.says(b"more\n")
    client.shuts()
    node.move()
    assert client.reads() == b"<192.0.2.1:7> fine\n<tw> line too long (max 5 bytes)\n"
    assert node.service.listener.refusals.total == 1
    node.end()


# What is held ---------------------------------------------------------------------------------------------------------


def fill(node: Node, publisher: Any) -> int:
    """Publish until the publisher is not read from any more; gives the bytes."""
    sent = 0
    while node.is_read_from(publisher):
        publisher.says(b"x" * 49_999 + b"\n")
        sent += 50_000
        node.settle()
        assert sent < 2 * HOLD_BYTES
    return sent


def test_publishers_are_held_while_too_much_is_not_back_newcomers_too() -> None:
    node = Node(Stream(), backlog_bytes=64 * 1024**2).start()
    publisher, idle = node.visit(1), node.visit(2)
    node.writer.lose()
    sent = fill(node, publisher)
    assert sent >= HOLD_BYTES - 50_000
    late = node.visit(3)
    assert not node.is_read_from(idle)
    assert not node.is_read_from(late)
    assert publisher.reads() == idle.reads() == b""
    node.writer.find()
    for _ in range(200):
        node.move()
        node.reactor.advance(LOOK_S)
    assert all(node.is_read_from(visitor) for visitor in node.visitors)
    assert len(publisher.reads()) == len(idle.reads()) == sent
    node.end()


def test_over_tls_one_who_has_said_nothing_is_held_when_he_does() -> None:
    node = Node(Stream()).start()
    publisher, silent = node.visit(1), node.visit(2, tls=True)
    node.writer.lose()
    fill(node, publisher)
    assert node.is_read_from(silent)
    silent.says(b"x\n")
    assert not node.is_read_from(silent)
    node.writer.find()
    node.move()
    assert node.is_read_from(silent)
    node.end()


def test_much_that_was_read_at_once_is_delivered_over_several_turns() -> None:
    node = Node(Stream(), backlog_bytes=4 * 1024**2).start()
    client = node.visit()
    lines = [b"%d" % number + b"x" * 200_000 for number in range(8)]
    for number, line in enumerate(lines, 1):
        other(node.stream, number, number, line)
    assert node.reader.carry_out()
    first = client.reads()  # in the turn in which all was read
    assert 1024**2 <= len(first) < 1024**2 + 2 * TURN_BYTES
    node.move()
    assert first + client.reads() == b"".join(line + b"\n" for line in lines)
    node.end()


def test_of_large_entries_fewer_are_asked_for() -> None:
    node = Node(Stream(), backlog_bytes=64 * 1024**2).start()
    node.visit()
    asked = []
    for number in range(1, 8):
        other(node.stream, number, number, b"x" * (READ_BYTES // 2 - 100 if number < 4 else 1))
        node.move()
        asked += [words[2] for words, _ in node.reader.waiting]
    assert asked == [2, 2, 2, 4, 8, 16, 32]
    node.reader.lose()
    node.reader.find()
    node.settle()
    node.reader.carry_out()
    assert [words[2] for words, _ in node.reader.waiting] == [1]
    node.end()


def test_while_a_subscriber_is_waited_for_nothing_more_is_read() -> None:
    node = Node(Stream(), slow="block", backlog_bytes=50_000).start()
    slow = node.visit()
    slow.transport.reads = False
    for number in range(1, 3 * READ_ENTRIES):
        other(node.stream, number, number, b"x" * 9_999)
    for _ in range(20):
        node.move()
        node.reactor.advance(LOOK_S)
    asked = [words for words, _ in node.reader.waiting]
    assert asked == []
    slow.transport.reads = True
    got = b""
    counts = []
    for _ in range(300):
        got += slow.reads()
        counts += [words[2] for words, _ in node.reader.waiting if words[0] == "XREAD"]
        node.move()
        node.reactor.advance(LOOK_S)
    assert len(got) == (3 * READ_ENTRIES - 1) * 10_000
    assert counts[0] <= UNSEEN_ENTRIES, "what has piled up meanwhile may be large"
    node.end()
