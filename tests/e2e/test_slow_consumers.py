"""`tw serve pubsub --slow …` with a subscriber that reads nothing, beside ones that read and a hundred publishers."""

import re
import select
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from e2e.harness import TIMEOUT_S, Server, serving

PUBLISHERS = 100
ROUNDS = 10
LINES = 10
"""Of each publisher, in each round."""

MEMORY_BYTES = 24 * 1024 * 1024
"""Two backlogs of 2 MiB, a turn, and 128 KiB for each connection that is behind: Twisted's buffer and what fills it."""

DEADLINE_S = 150.0
_GAP = re.compile(rb"<tw> dropped (\d+) lines\n")


def _line(publisher: int, number: int) -> bytes:
    return b"%03d %05d " % (publisher, number) + b"x" * 989 + b"\n"


def _connect(server: Server, *, room_bytes: int | None = None) -> socket.socket:
    client = socket.socket()
    if room_bytes is not None:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room_bytes)
    client.connect(("127.0.0.1", server.port))
    server.wait_for("open")
    client.setblocking(False)
    return client


class _Crowd:
    """Publishers and two subscribers that read whatever comes, all in one loop."""

    def __init__(self, server: Server, stack: ExitStack) -> None:
        self._server = server
        self.healthy = [stack.enter_context(_connect(server)) for _ in range(2)]
        self._publishers = [stack.enter_context(_connect(server)) for _ in range(PUBLISHERS)]
        self.got: dict[socket.socket, bytearray] = {client: bytearray() for client in self.healthy}
        self._outboxes = dict.fromkeys(self._publishers, b"")
        self._received = dict.fromkeys((*self.healthy, *self._publishers), 0)
        self._poll = select.poll()
        self._clients = {client.fileno(): client for client in (*self.healthy, *self._publishers)}
        for number in self._clients:
            self._poll.register(number, select.POLLIN)
        self._room = bytearray(1 << 20)
        self._before_bytes = server.resident_bytes()
        self.peak_bytes = 0

    def publish(self, start: int) -> None:
        """Everyone publishes, and everyone reads until all have it: nobody here ever has a round or more to read."""
        for index, client in enumerate(self._publishers):
            self._outboxes[client] = b"".join(_line(index, start + number) for number in range(LINES))
            self._poll.modify(client.fileno(), select.POLLIN | select.POLLOUT)
        wanted = (start + LINES) * PUBLISHERS
        deadline = time.monotonic() + DEADLINE_S
        while not self._all_have(wanted):
            assert time.monotonic() < deadline
            for number, event in self._poll.poll(1000):
                self._serve(self._clients[number], event)
            self.peak_bytes = max(self.peak_bytes, self._server.resident_bytes() - self._before_bytes)

    def _all_have(self, lines: int) -> bool:
        sizes = set(self._received.values())
        return len(sizes) == 1 and self.got[self.healthy[0]].count(b"\n") == lines

    def _serve(self, client: socket.socket, event: int) -> None:
        if event & select.POLLIN:
            size = client.recv_into(self._room)
            assert size, "a healthy client was thrown out"
            self._received[client] += size
            if client in self.got:
                self.got[client] += self._room[:size]
        if event & select.POLLOUT:
            rest = self._outboxes[client]
            rest = self._outboxes[client] = rest[client.send(rest) :]
            if not rest:
                self._poll.modify(client.fileno(), select.POLLIN)


@contextmanager
def _crowded(server: Server) -> Iterator[_Crowd]:
    with ExitStack() as stack:
        yield _Crowd(server, stack)


def _all_of(client: socket.socket) -> bytes:
    client.settimeout(TIMEOUT_S)
    got = b""
    while data := client.recv(1 << 20):
        got += data
    return got


class _Parting(threading.Thread):
    """Reads what one gets who is disconnected, from then on: he has 5 s for it, and the others may take longer here."""

    def __init__(self, server: Server, client: socket.socket) -> None:
        super().__init__(daemon=True)
        self._server = server
        self._client = client
        self._got = b""
        self.start()

    def run(self) -> None:
        self._server.wait_for("drop")
        self._got = _all_of(self._client)

    def finish(self) -> bytes:
        self.join(TIMEOUT_S)
        assert not self.is_alive()
        return self._got


def _check_order(lines: list[bytes]) -> None:
    assert len(lines) == PUBLISHERS * ROUNDS * LINES
    numbers = [0] * PUBLISHERS
    for line in lines:
        content = line.partition(b"> ")[2]
        publisher = int(content[:3])
        assert content == _line(publisher, numbers[publisher])
        numbers[publisher] += 1


def _check_gaps(got: list[bytes], lines: list[bytes]) -> int:
    """What one got that has lost lines, beside all of them. Gives how many it lost."""
    at = lost = 0
    for line in got:
        gap = _GAP.fullmatch(line)
        if gap is not None:
            lost += int(gap[1])
            at += int(gap[1])
        else:
            assert line == lines[at]
            at += 1
    assert at == len(lines)
    return lost


@pytest.mark.timeout(240)
@pytest.mark.parametrize("slow", ["disconnect", "drop", "block"])
def test_a_stuck_subscriber_costs_those_who_read_nothing_whatever_a_hundred_publish(slow: str) -> None:
    more = ("--block-timeout", "1s") if slow == "block" else ()
    with serving("pubsub", "--slow", slow, "--backlog", "2M", "--access-log", *more) as server:
        with _connect(server, room_bytes=4096) as stuck:
            with _crowded(server) as crowd:
                parting = _Parting(server, stuck) if slow != "drop" else None
                for number in range(ROUNDS):
                    crowd.publish(number * LINES)
                first, second = crowd.got.values()
                assert first == second
                lines = bytes(first).splitlines(keepends=True)
                _check_order(lines)
                assert crowd.peak_bytes < MEMORY_BYTES
            if parting is None:
                stuck.settimeout(TIMEOUT_S)
                got = b""
                while not got.endswith(lines[-1]):
                    got += stuck.recv(1 << 20)
                summary = server.stop()
                assert summary["dropped_lines"] == _check_gaps(got.splitlines(keepends=True), lines) > 0
            else:
                *got_lines, notice = parting.finish().splitlines(keepends=True)
                summary = server.stop()
                assert got_lines == lines[: len(got_lines)]
                why = b"more than 2097152 bytes behind" if slow == "disconnect" else b"has read nothing for 1 s"
                assert notice == b"<tw> disconnected: " + why + b"\n"
        drops = [event for event in server.events if event["event"] == "drop"]
        assert {event["id"] for event in drops} == {1}
        assert summary["dropped_lines"] == sum(event["lines"] for event in drops) > 0
        assert summary["slow_consumers"] == 1


def _push(publisher: socket.socket, data: bytes) -> int:
    """Send until the server takes no more; gives how much it took."""
    sent = 0
    while sent < len(data) and select.select([], [publisher], [], 3.0)[1]:
        sent += publisher.send(data[sent : sent + 65_536])
    return sent


def test_publishers_wait_for_a_subscriber_that_reads_late_and_it_loses_nothing() -> None:
    data = b"".join(b"%07d" % number + b"y" * 992 + b"\n" for number in range(64_000))
    options = ("--slow", "block", "--backlog", "1M", "--block-timeout", "10m", "--no-prefix", "--no-echo")
    with serving("pubsub", *options, "--access-log") as server:
        with _connect(server, room_bytes=4096) as late, _connect(server) as publisher:
            sent = _push(publisher, data)
            assert sent < len(data)
            got = bytearray()
            while len(got) < len(data):
                readers, writers, _ = select.select([late], [publisher] if sent < len(data) else [], [], TIMEOUT_S)
                assert readers or writers
                if writers:
                    sent += publisher.send(data[sent : sent + 65_536])
                if readers:
                    got += late.recv(1 << 20)
            assert got == data
            summary = server.stop()
    assert (summary["dropped_lines"], summary["cut_off"]) == (0, 0)
    assert summary["pauses"] >= 1


def test_a_stop_while_publishers_wait_ends_in_time() -> None:
    data = (b"y" * 999 + b"\n") * 32_000
    patient = ("--block-timeout", "10m")  # `stop` would give up long before
    options = ("--slow", "block", "--backlog", "1M", "--no-echo", "--drain-timeout", "1s", "--access-log", *patient)
    with serving("pubsub", *options) as server:
        with _connect(server, room_bytes=4096), _connect(server) as publisher:
            assert _push(publisher, data) < len(data)
            summary = server.stop()
    assert (summary["cut_off"], summary["pauses"]) == (1, 1)
