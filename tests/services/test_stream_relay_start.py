"""Servers that are one over a stream: how they start, and how they stop."""

import pytest

from stream_memory import Node, Stream, other
from tw.core.relayed import fields_of, node_name
from tw.errors import AuthError, LocalError, ProtocolError, TwError
from tw.services.stream_reader import READ_BYTES, READ_ENTRIES
from tw.services.stream_start import STRANGE_ENTRIES

pytestmark = pytest.mark.usefixtures("quiet")


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


def test_what_was_published_and_removed_before_the_start_is_no_loss() -> None:
    stream = Stream()
    other(stream, 7, 70, b"70")
    stream.entries.clear()
    node = Node(stream, history_lines=10).start()
    client = node.visit()
    other(stream, 8, 71, b"71")
    node.move()
    assert client.reads() == b"71\n"
    assert node.end()["relay_dropped_lines"] == 0


def test_of_a_stream_full_of_others_entries_only_some_are_looked_through_for_a_history() -> None:
    stream = Stream()
    other(stream, 1, 1, b"far back")
    for _ in range(STRANGE_ENTRIES + 2 * READ_ENTRIES):
        stream.add(b"x", b"y")
    node = Node(stream, history_lines=1).start()
    assert node.visit().reads() == b""
    node.end()


def test_entries_with_long_lines_are_asked_for_one_by_one() -> None:
    stream = Stream()
    for number in range(1, 6):
        other(stream, number, number, b"x" * READ_BYTES)
    node = Node(stream, history_lines=5, backlog_bytes=6 * READ_BYTES).start()
    assert node.reader.most <= 2
    node.end()


@pytest.mark.parametrize("refusal", [None, "NOPERM no 'time'"])
def test_a_server_that_was_there_before_the_stream_was_deleted_has_lost_nothing_that_was_for_us(
    refusal: str | None,
) -> None:
    stream = Stream()
    if refusal is not None:
        stream.refusals["TIME"] = refusal
    node = Node(stream).start()
    client = node.visit()
    stream.add(*fields_of(node_name((900, 5), b"\3" * 8), 50, 200, b"old\n"))
    stream.add(*fields_of(node_name((1000, 1), b"\4" * 8), 2, 4, b"new\n"))
    node.move()
    assert client.reads() == b"old\nnew\n"
    assert node.end()["relay_dropped_lines"] == 3 + (199 if refusal else 0)


@pytest.mark.parametrize(
    ("refusal", "error"),
    [
        ("READONLY You can't write against a read only replica.", ProtocolError),
        ("NOPERM no 'xadd'", AuthError),
        ("ERR unknown command 'XADD'", ProtocolError),
    ],
)
def test_a_stream_that_cannot_be_written_is_an_error_at_the_start(refusal: str, error: type[TwError]) -> None:
    node = Node(Stream())
    node.stream.refusals["XADD"] = refusal
    starting = node.attempt()
    node.move()
    assert isinstance(starting.error, error)
    assert node.stream.entries == []


@pytest.mark.parametrize("reply", [7, [7], [[b"x", []]], None])
def test_one_that_tells_of_streams_in_other_ways_breaks_the_protocol(reply: object) -> None:
    node = Node(Stream())
    starting = node.attempt()
    node.settle()
    node.reader.carry_out()
    node.settle()
    node.reader.waiting.popleft()[1].callback(reply)
    node.move()
    assert isinstance(starting.error, ProtocolError)


@pytest.mark.parametrize("command", ["XINFO", "XREAD", "XREVRANGE"])
@pytest.mark.parametrize(
    ("refusal", "error"),
    [
        ("WRONGTYPE Operation against a key", LocalError),
        ("ERR unknown command", ProtocolError),
        ("NOPERM this user has no permissions to run the command", AuthError),
    ],
)
def test_a_stream_that_cannot_be_read_is_an_error_at_the_start(
    command: str, refusal: str, error: type[TwError]
) -> None:
    node = Node(Stream())
    node.stream.refusals[command] = refusal
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
