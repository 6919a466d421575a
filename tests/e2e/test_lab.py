"""The laboratory itself: what its cables do to TCP, in namespaces and in the stand-in, and that it leaves nothing."""

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from e2e.crew import lives
from e2e.harness import TIMEOUT_S, tw, until
from e2e.lab.cables import Cable
from e2e.lab.host import Space
from e2e.lab.lab import lab
from e2e.lab.network import Network, namespaces_fault, network
from e2e.lab.record import dropped_between
from e2e.test_hosts import MATRIX

KINDS = ["namespaces", "loopback"]


class Echo:
    """One connection from a server's host to Redis's, over the cable between, where all is sent back."""

    def __init__(self, net: Network, stack: ExitStack) -> None:
        listener = stack.enter_context(net.redis.inside(socket.create_server, net.redis_place()))
        self.client = net.nodes[0].inside(socket.create_connection, net.redis_from(0), TIMEOUT_S)
        stack.enter_context(self.client)
        self.client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.peer, _ = listener.accept()
        stack.enter_context(self.peer)
        self.heard = 0
        thread = threading.Thread(target=self._answer)
        thread.start()
        stack.callback(thread.join)
        stack.callback(self._hang_up)
        self.net = net

    def _answer(self) -> None:
        with suppress(OSError):
            while data := self.peer.recv(65_536):
                self.heard += len(data)
                self.peer.sendall(data)

    def _hang_up(self) -> None:
        with suppress(OSError):
            self.peer.shutdown(socket.SHUT_RDWR)

    @property
    def cable(self) -> Cable:
        return self.net.cables["node0.back"]

    def ask(self, data: bytes) -> float:
        """Send it; gives how long it took to come back, in seconds."""
        began_s = time.monotonic()
        self.client.sendall(data)
        self.expect(data)
        return time.monotonic() - began_s

    def expect(self, data: bytes) -> None:
        got = b""
        while len(got) < len(data):
            more = self.client.recv(65_536)
            assert more
            got += more
        assert got == data

    def resent_segments(self) -> int:
        """By TCP on the server's host (proc(5), /proc/net/snmp)."""
        lines = self.net.nodes[0].inside(Path("/proc/thread-self/net/snmp").read_text).splitlines()
        names, values = (line.split() for line in lines if line.startswith("Tcp:"))
        return int(values[names.index("RetransSegs")])


@pytest.fixture(params=KINDS)
def echo(request: pytest.FixtureRequest) -> Iterator[Echo]:
    if request.param == "namespaces" and (fault := namespaces_fault()):
        pytest.skip(f"no network namespaces here: {fault}")
    with ExitStack() as stack:
        yield Echo(stack.enter_context(network(1, stand_in=request.param == "loopback")), stack)


def test_a_delay_is_there_and_back(echo: Echo) -> None:
    echo.cable.become(delay_s=0.05)
    assert [echo.ask(b"x") >= 0.1 for _ in range(3)] == [True] * 3
    echo.cable.become()
    assert min(echo.ask(b"x") for _ in range(100)) < 0.1


def test_what_is_cut_off_passes_nothing_and_breaks_no_connection(echo: Echo) -> None:
    echo.ask(b"before")
    echo.cable.become(cut=["up", "down"])
    echo.client.sendall(b"while")
    echo.client.settimeout(0.3)
    with pytest.raises(TimeoutError):
        echo.client.recv(1)
    assert echo.heard == len(b"before")
    echo.client.settimeout(TIMEOUT_S)
    echo.cable.become()
    echo.expect(b"while")
    echo.ask(b"after")


def test_one_direction_can_be_cut_off_alone(echo: Echo) -> None:
    echo.ask(b"before")
    echo.cable.become(cut=["down"])
    echo.client.sendall(b"while")
    until(lambda: echo.heard == len(b"beforewhile"))
    echo.client.settimeout(0.3)
    with pytest.raises(TimeoutError):
        echo.client.recv(1)
    echo.client.settimeout(TIMEOUT_S)
    echo.cable.become()
    echo.expect(b"while")


@pytest.mark.parametrize("echo", ["namespaces"], indirect=True)
def test_loss_is_of_packets_and_tcp_sends_them_again(echo: Echo) -> None:
    before = echo.resent_segments()
    echo.cable.become(loss=0.1)
    for _ in range(40):
        echo.ask(os.urandom(3000))
    told = echo.cable.become()
    assert told["lost"] > 0
    assert told["passed"] > told["lost"]
    assert echo.resent_segments() > before


LINES = [b"%d" % number for number in range(1, 10)]


@pytest.mark.parametrize(
    ("got", "told"),
    [
        ([b"3", b"4", b"5", b"6", b"7", b"8", b"9"], 0),
        ([b"1", b"2", b"<tw> dropped 5 lines", b"8", b"9"], 5),
        # One server lost 3 and 5, the other 4 and 6: each is told when the next one of its comes.
        ([b"1", b"2", b"<tw> dropped 2 lines", b"7", b"<tw> dropped 2 lines", b"8", b"9"], 4),
    ],
)
def test_lines_are_right_where_all_are_there_or_told_of(got: list[bytes], told: int) -> None:
    assert dropped_between(LINES, got, to_the_end=True) == told


@pytest.mark.parametrize(
    "got",
    [
        [],
        [b"1", b"2", b"4", b"5", b"6", b"7", b"8", b"9"],
        [b"1", b"2", b"<tw> dropped 2 lines", b"4", b"5", b"6", b"7", b"8", b"9"],
        [b"1", b"2", b"2", b"3", b"4", b"5", b"6", b"7", b"8", b"9"],
        [b"1", b"3", b"2", b"4", b"5", b"6", b"7", b"8", b"9"],
        [b"7", b"8"],
        [b"8", b"9", b"10"],
    ],
)
def test_lines_are_wrong_where_one_is_missing_or_there_twice_or_elsewhere(got: list[bytes]) -> None:
    with pytest.raises(AssertionError):
        dropped_between(LINES, got, to_the_end=True)


def networks() -> set[int]:
    """Those that any process is in."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/task/*/ns/net"):
        with suppress(OSError):
            found.add(path.stat().st_ino)
    return found


def test_nothing_is_left_of_a_laboratory_in_which_something_fails() -> None:
    started: list[int] = []
    inodes: set[int] = set()

    def fail_within() -> None:
        with lab(nodes=2) as made:
            started.extend((made.redis.process.pid, *(server.process.pid for server in made.servers)))
            for host in (made.net.redis, made.net.balancer, made.net.clients, *made.net.nodes):
                if isinstance(host, Space):
                    inodes.add(host.inside(os.stat, "/proc/thread-self/ns/net").st_ino)
            assert all(map(lives, started))
            assert inodes <= networks()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_within()
    assert not any(map(lives, started))
    until(lambda: not inodes & networks())


def test_the_stand_in_has_cuts_and_delays_as_well() -> None:
    with lab(stand_in=True) as hosts:
        hosts.cable(1, "front").become(delay_s=0.05)
        run = hosts.net.clients.begin(tw, "probe", "pubsub", *hosts.doors, *MATRIX, "--duration", "3s")
        hosts.until_written(30)
        hosts.cable(0, "back").become(cut=["up", "down"])
        hosts.until_written(100)  # by the others
        hosts.cable(0, "back").become()
        ran = run.result()
        assert (ran.code, ran.json["lost"], ran.json["duplicated"]) == (0, 0, 0), ran
        assert ran.json["rtt_ms"]["max"] > 500  # of who was cut off
        assert [server.stop()["relay_dropped_lines"] for server in hosts.servers] == [0, 0, 0]
