"""Servers that are one over a stream: what goes into it, what comes back, and what breaks on the way."""

from typing import Any

import pytest

from stream_memory import Node, Stream
from tw.core.relayed import fields_of, node_name
from tw.errors import LocalError, ProtocolError, TwError
from tw.events import ViaChanged
from tw.services.stream_reader import LOOK_S, READ_ENTRIES
from tw.services.stream_relay import HOLD_BYTES

pytestmark = pytest.mark.usefixtures("quiet")

OTHER = node_name((0, 0), b"\2" * 8)


def other(stream: Stream, number: int, total: int, *lines: bytes) -> None:
    """What another node has published."""
    stream.add(*fields_of(OTHER, number, total, b"".join(line + b"\n" for line in lines)))


def states(node: Node) -> list[str | None]:
    return [event.problem for event in node.events if isinstance(event, ViaChanged)]


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
    node.end()


def test_a_line_that_is_too_long_is_told_of_once_and_after_those_before_it() -> None:
    node = Node(Stream(), max_line_bytes=5, prefix=True).start()
    client = node.visit(7)
    client.says(b"fine\ntoo long\n")
    client.says(b"more\n")
    client.shuts()
    node.move()
    assert client.reads() == b"<192.0.2.1:7> fine\n<tw> line too long (max 5 bytes)\n"
    node.end()


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
    node = Node(Stream(), backlog_bytes=64 * 1024).start()
    client = node.visit()
    lines = [b"%d" % number + b"x" * 200_000 for number in range(8)]
    for number, line in enumerate(lines, 1):
        other(node.stream, number, number, line)
    assert node.reader.carry_out()
    first = client.reads()  # in the turn in which all was read
    assert 0 < len(first) < 4 * 200_002
    node.move()
    assert first + client.reads() == b"".join(line + b"\n" for line in lines)
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
    for _ in range(300):
        got += slow.reads()
        node.move()
        node.reactor.advance(LOOK_S)
    assert len(got) == (3 * READ_ENTRIES - 1) * 10_000
    node.end()


# Start and stop -------------------------------------------------------------------------------------------------------


def test_the_history_comes_from_the_stream_and_nothing_of_it_comes_again() -> None:
    stream = Stream()
    for number in range(1, 3 * READ_ENTRIES):
        other(stream, number, number, b"%d" % number)
    node = Node(stream, history_lines=READ_ENTRIES + 5).start()
    client = node.visit()
    last = 3 * READ_ENTRIES - 1
    wanted = b"".join(b"%d\n" % number for number in range(last - READ_ENTRIES - 4, last + 1))
    assert client.reads() == wanted
    other(stream, 3, 3, b"3")  # sent again, late
    other(stream, last + 1, last + 1, b"new")
    node.move()
    assert client.reads() == b"new\n"
    counts = node.end()
    assert (counts["lines"], counts["repeated_batches"], counts["relay_dropped_lines"]) == (1, 1, 0)


def test_without_a_history_the_stream_tells_how_far_each_node_is() -> None:
    stream = Stream()
    other(stream, 7, 70, b"70")
    node = Node(stream).start()
    client = node.visit()
    other(stream, 9, 90, b"90")
    node.move()
    assert client.reads() == b"90\n"
    assert node.end()["relay_dropped_lines"] == 19


@pytest.mark.parametrize(
    ("refusal", "error"), [("WRONGTYPE Operation against a key", LocalError), ("ERR unknown command", ProtocolError)]
)
def test_a_stream_that_cannot_be_read_is_an_error_at_the_start(refusal: str, error: type[TwError]) -> None:
    node = Node(Stream())
    node.stream.refusals["XREVRANGE"] = refusal
    starting = node.attempt()
    node.move()
    assert isinstance(starting.error, error)
    assert all(link.is_stopped for link in node.links)
    assert node.service.listener.ports == []


def test_a_redis_that_goes_away_at_the_start_is_an_error() -> None:
    node = Node(Stream())
    starting = node.attempt()
    node.reader.lose()
    assert isinstance(starting.error, ProtocolError)


def test_a_redis_that_is_not_there_is_an_error_and_nothing_is_bound() -> None:
    node = Node(Stream())
    node.reader.is_there = False
    error = node.attempt().error
    assert isinstance(error, TwError)
    assert all(link.is_stopped for link in node.links)
    assert node.service.listener.ports == []


def test_a_stop_waits_until_what_was_published_is_delivered() -> None:
    node = Node(Stream()).start()
    client = node.visit()
    client.says(b"1\n2\n")
    stopping = node.stopping()
    assert not stopping.over
    assert client.reads() == b""
    node.move()
    assert client.reads() == b"1\n2\n"
    node.settle()
    assert stopping.result.more["unrelayed_lines"] == 0


def test_a_stop_waits_no_longer_than_it_may_and_tells_what_was_not_taken() -> None:
    node = Node(Stream(), drain_timeout_s=3.0).start()
    client = node.visit()
    node.writer.lose()
    client.says(b"1\n2\n")
    client.shuts()
    stopping = node.stopping()
    node.reactor.advance(2.3)
    assert not stopping.over
    node.reactor.advance(0.2)
    node.settle()
    assert client.reads() == b""
    assert stopping.result.more["unrelayed_lines"] == 2
    assert stopping.result.cut_off == 0
