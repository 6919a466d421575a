"""Following a stream: what an error of ours does to it."""

import pytest
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
