"""Following a stream: what an error of ours does to it, and what answers that make no sense."""

from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.logger import LogEvent

from stream_memory import Node, Stream, other
from tw.core.fanout import FanOut


def test_a_fault_of_ours_is_told_and_is_not_the_end_of_the_reading(
    monkeypatch: pytest.MonkeyPatch, logged: list[LogEvent]
) -> None:
    node = Node(Stream()).start()
    client = node.visit()
    with monkeypatch.context() as broken:
        broken.setattr(FanOut, "publish", lambda *_: 1 // 0)
        other(node.stream, 1, 1, b"1")
        node.move()
    assert [str(event["log_failure"].value) for event in logged] == ["integer division or modulo by zero"]
    assert node.reader.resets == ["a fault of tw's own"]
    node.reader.lose()
    other(node.stream, 2, 2, b"2")
    node.reader.find()
    node.move()
    assert client.reads() == b"2\n"
    node.end()


def answered(node: Node, command: str, reply: object) -> None:
    """Everything is carried out up to this command, which is answered so."""
    while (waiting := node.reader.waiting[0])[0][0] != command:
        assert node.reader.carry_out()
        node.settle()
    node.reader.waiting.popleft()
    answer: Deferred[Any] = waiting[1]
    answer.callback(reply)
    node.settle()


STRANGE = [
    7, b"OK", [7], [[b"lines"]], [[b"lines", 7]], [[b"lines", [[b"x", []]]]], [[b"lines", [[b"1-1", b"n"]]]],
    [[b"lines", [[b"1-1", [b"n", [b"1"]]]]]],
]  # fmt: skip


@pytest.mark.parametrize("reply", STRANGE)
def test_entries_in_a_form_unknown_here_are_not_taken_and_no_fault_of_ours(
    reply: object, logged: list[LogEvent]
) -> None:
    node = Node(Stream()).start()
    client = node.visit()
    answered(node, "XREAD", reply)
    assert node.reader.resets == ["it told of the stream in a way unknown here"]
    assert [event for event in logged if "log_failure" in event] == []
    node.reader.lose()
    other(node.stream, 1, 1, b"1")
    node.reader.find()
    node.move()
    assert client.reads() == b"1\n"
    assert node.end()["relay_dropped_lines"] == 0


@pytest.mark.parametrize("reply", [7, None, [], [b"last-generated-id"], [b"last-generated-id", 7]])
@pytest.mark.parametrize("when", ["following", "ending"])
def test_an_account_of_the_stream_in_a_form_unknown_here_is_no_fault_of_ours(
    reply: object, when: str, logged: list[LogEvent]
) -> None:
    node = Node(Stream()).start()
    node.visit()
    if when == "following":
        node.reader.finds_nothing()
        node.settle()
        answered(node, "XINFO", reply)
        assert node.reader.resets == ["it told of the stream in a way unknown here"]
    stopping = node.stopping()
    node.writer.waiting.popleft()[1].callback(reply)
    node.settle()
    node.move()
    assert stopping.over
    assert [event for event in logged if "log_failure" in event] == []
