"""Servers that are one over a stream, whose connections break: every line comes once."""

import pytest

from stream_memory import Node, Stream, other, states

pytestmark = pytest.mark.usefixtures("quiet")


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
    assert states(node) == ["--via memory: lost", None]
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


def test_who_waits_for_redis_with_his_side_closed_is_not_idle() -> None:
    node = Node(Stream(), idle_timeout_s=8.0).start()
    client = node.visit()
    node.writer.lose()
    client.says(b"1\n")
    client.shuts()
    for _ in range(20):
        node.reactor.advance(1.0)
        node.settle()
    assert not client.transport.disconnecting
    node.writer.find()
    node.move()
    assert client.reads() == b"1\n"
    assert client.transport.disconnecting
    node.end()


def test_it_is_away_while_one_of_the_two_links_is() -> None:
    node = Node(Stream()).start()
    node.writer.lose()
    node.reader.lose()
    node.writer.find()
    assert states(node) == ["--via memory: lost"]
    node.reader.find()
    assert states(node) == ["--via memory: lost", None]
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
    assert states(node) == ["--via memory: OOM command not allowed"]
    node.stream.refusals.clear()
    node.writer.lose()
    node.writer.find()
    node.move()
    assert client.reads() == b"1\n"
    assert states(node) == ["--via memory: OOM command not allowed", None]
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
    assert states(node) == ["--via memory: NOPERM", None]
    node.end()
