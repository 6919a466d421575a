"""A connection with nothing to send is closed at the end of its turn, and otherwise as Twisted closes it."""

import socket

import pytest

from reactor_loop import Loop, Program
from sockets import drained
from tw.net.stream import Stream

pytestmark = pytest.mark.usefixtures("quiet")


class Closer(Program):
    """Answers, closes, and notes that it has returned."""

    answer = b""

    def connectionMade(self) -> None:
        self.stream = Stream(self.transport)

    def act(self) -> None:
        if self.answer:
            self.stream.write(self.answer)
        self.stream.close()
        self.story.append("returned")


class Talker(Closer):
    answer = b"bye"


class Heavy(Closer):
    answer = bytes(8 << 20)
    """More than any socket's buffers take at once."""


class Aborter(Closer):
    def act(self) -> None:
        super().act()
        self.stream.abort()


def test_the_protocol_has_returned_and_one_turn_is_enough(loop: Loop) -> None:
    closer = loop.connect(Talker)
    loop.ends[0].send(b"x")
    assert loop.poll() == ["0 got x", "returned", "0 lost: ConnectionDone"]
    assert drained(loop.ends[0]) == b"bye"
    assert loop.ends[0].recv(1) == b""
    assert closer.transport not in loop.reactor.getReaders() + loop.reactor.getWriters()


def test_what_the_kernel_has_not_taken_is_sent_first(loop: Loop) -> None:
    loop.connect(Heavy)
    end = loop.ends[0]
    end.send(b"x")
    story = loop.poll()
    received = 0
    end.settimeout(5.0)
    while "0 lost: ConnectionDone" not in story:
        received += len(end.recv(1 << 20))
        story = loop.poll()
    while data := end.recv(1 << 20):
        received += len(data)
    assert received == 8 << 20


def test_a_peer_that_breaks_off_meanwhile_is_told_of_once(loop: Loop) -> None:
    closer = loop.connect(Closer)
    assert isinstance(closer, Closer)
    closer.stream.close()
    loop.ends[0].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    loop.ends[0].close()
    story = [*loop.poll(), *loop.poll()]
    assert len(story) == 1
    assert story[0].startswith("0 lost: ")


def test_an_abort_after_it_goes_before_it(loop: Loop) -> None:
    loop.connect(Aborter)
    loop.ends[0].send(b"x")
    assert loop.poll() == ["0 got x", "returned"]
    loop.reactor.runUntilCurrent()
    assert loop.story[-1] == "0 lost: ConnectionAborted"


def test_after_its_own_half_close_twisted_closes(loop: Loop) -> None:
    closer = loop.connect(Closer)
    assert isinstance(closer, Closer)
    assert closer.stream.half_close()
    closer.stream.close()
    story = [*loop.poll(), *loop.poll(), *loop.poll()]
    assert "0 lost: ConnectionDone" in story
