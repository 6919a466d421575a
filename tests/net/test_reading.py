"""How much is read at once: little of who sends little; and whatever is sent arrives whole and in order."""

import socket
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet import tcp
from twisted.internet.protocol import Protocol

from reactor_loop import Loop
from tw.net.accepted import Accepted
from tw.net.reading import FIRST_READ_BYTES, READ_BYTES, SMALL_BYTES

pytestmark = pytest.mark.usefixtures("quiet")

PATIENCE = READ_BYTES - FIRST_READ_BYTES


class Reader(Protocol):
    """Keeps what comes, as it comes."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []

    def dataReceived(self, data: bytes) -> None:
        self.pieces.append(data)

    @property
    def room_bytes(self) -> int:
        """What the next read has room for."""
        transport: Any = self.transport
        return int(transport.read_bytes)


@pytest.fixture
def reader() -> Reader:
    return Reader()


@pytest.fixture
def far(loop: Loop, reader: Reader) -> socket.socket:
    return loop.attach(reader)


def test_who_sends_little_is_read_a_little_at_a_time(loop: Loop, reader: Reader, far: socket.socket) -> None:
    for _ in range(3):
        far.send(b"x" * 64)
        loop.poll()
        assert reader.room_bytes == SMALL_BYTES
    assert reader.pieces == [b"x" * 64] * 3


def test_a_first_message_is_read_at_once_whatever_its_size(loop: Loop, reader: Reader, far: socket.socket) -> None:
    far.send(b"x" * 5000)
    loop.poll()
    assert reader.pieces == [b"x" * 5000]
    assert reader.room_bytes == READ_BYTES


def test_more_than_fits_comes_with_the_next_turn_and_then_there_is_room(
    loop: Loop, reader: Reader, far: socket.socket
) -> None:
    far.send(b"x")
    loop.poll()
    far.send(b"y" * 5000)
    loop.poll()
    assert reader.pieces[1:] == [b"y" * SMALL_BYTES]
    assert reader.room_bytes == READ_BYTES
    loop.poll()
    assert reader.pieces[2:] == [b"y" * (5000 - SMALL_BYTES)]


def test_the_short_end_of_a_long_message_takes_no_room_away(loop: Loop, reader: Reader, far: socket.socket) -> None:
    far.send(b"x" * 5000)
    loop.poll()
    for _ in range(PATIENCE - 1):
        far.send(b"short")
        loop.poll()
    far.send(b"x" * 5000)
    loop.poll()
    assert reader.pieces[-1] == b"x" * 5000
    for _ in range(PATIENCE + 1):
        assert reader.room_bytes > SMALL_BYTES
        far.send(b"short")
        loop.poll()
    assert reader.room_bytes == SMALL_BYTES


SIZES = st.sampled_from([1, SMALL_BYTES - 1, SMALL_BYTES, SMALL_BYTES + 1, 5000, 60_000])


@pytest.mark.parametrize("kind", [Accepted, tcp.Server])
@given(sizes=st.lists(SIZES, max_size=30))
def test_whatever_is_sent_arrives_whole(kind: type[tcp.Server], sizes: list[int]) -> None:
    loop, reader = Loop(kind), Reader()
    try:
        far = loop.attach(reader)
        sent = b""
        for place, size in enumerate(sizes):
            message = bytes([place]) * size
            sent += message
            far.sendall(message)
            for _ in range(3):
                loop.poll()
            assert b"".join(reader.pieces) == sent
            assert reader.room_bytes == SMALL_BYTES or FIRST_READ_BYTES <= reader.room_bytes <= READ_BYTES
    finally:
        loop.close()
