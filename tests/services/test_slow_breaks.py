"""A publisher that breaks off in the middle of a line, where a send is the first to learn of it; who reads at all."""

import socket
import struct
import time
from collections.abc import Callable

import pytest

from pubsub_sockets import Caller, loopback, serving
from tw.net.progress import taken_bytes

pytestmark = pytest.mark.usefixtures("quiet")


def _resets(caller: Caller) -> None:
    caller.far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    caller.far.close()


def _closes(caller: Caller) -> None:
    caller.far.close()


@pytest.mark.parametrize("abreast", [True, False])
@pytest.mark.parametrize(("goes", "rest"), [(_resets, b""), (_closes, b"half a li\n")])
def test_half_a_line_counts_where_its_sender_has_closed_and_not_where_it_broke_off(
    goes: Callable[[Caller], None], rest: bytes, abreast: bool
) -> None:
    """The kernel tells of a reset once: a send that has been told leaves an orderly end to the next read."""
    with serving() as served:
        (other,) = served.calls(1)
        leaving = served.call(pair=loopback())
        if abreast:
            served.order(b"first\n")
            other.reads()
        assert leaving.abreast == abreast
        leaving.far.send(b"whole\nhalf a li")
        served.reactor.turn()
        assert other.reads() == b"whole\n"
        if not abreast:
            served.service.fall_behind(leaving.server)
        leaving.far.recv(100)  # to close with something unread is to break off
        goes(leaving)
        for _ in range(3):
            other.says(b"1\n")  # the first one is answered with a reset where its peer has closed
            served.ends_turn()
        served.reactor.turns(3)
        assert other.reads() == b"1\n" * 3 + rest
        assert served.connected == 1
        served.stop()


@pytest.mark.parametrize("pair", [socket.socketpair, loopback])
def test_what_a_peer_has_taken_changes_when_it_reads_and_not_otherwise(
    pair: Callable[[], tuple[socket.socket, socket.socket]],
) -> None:
    with serving() as served:
        slow = served.call(pair=pair())
        slow.far.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        while slow.server.writable:
            served.order(b"x" * 9999 + b"\n")
        served.reactor.turns(5)
        before = taken_bytes(slow.server.stream)
        served.order(b"y" * 9999 + b"\n")
        served.reactor.turns(5)
        assert taken_bytes(slow.server.stream) == before
        deadline = time.monotonic() + 30  # its kernel tells of the room in its own time
        while taken_bytes(slow.server.stream) == before:
            assert time.monotonic() < deadline
            slow.reads(1000)
            served.reactor.turn()
        assert taken_bytes(slow.server.stream) > before
