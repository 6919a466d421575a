"""What the service manager is told, over a real socket of each kind; and that none of it can do harm."""

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from twisted.internet.task import Clock

from tw.services.notify import Notifier

PID = 4711


@pytest.fixture(params=["path", "abstract"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path / "notify") if request.param == "path" else f"@tw-test-{os.getpid()}-{tmp_path.name}"


@pytest.fixture
def manager(address: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as made:
        made.bind("\0" + address[1:] if address.startswith("@") else address)
        made.setblocking(False)
        yield made


def told(manager: socket.socket) -> list[str]:
    """Every datagram that is there."""
    got: list[str] = []
    while True:
        try:
            got.append(manager.recv(4096).decode())
        except BlockingIOError:
            return got


def notifier(**environ: str) -> Notifier:
    made = Notifier(environ, PID)
    assert environ == {}, "a child must not speak in our name"
    return made


def test_each_state_is_one_datagram(manager: socket.socket, address: str) -> None:
    made = notifier(NOTIFY_SOCKET=address)
    made.ready("echo listening on tcp:127.0.0.1:1234")
    made.stopping()
    assert told(manager) == ["READY=1\nSTATUS=echo listening on tcp:127.0.0.1:1234", "STOPPING=1\nSTATUS=draining"]


def test_a_reload_bears_the_moment_on_the_clock_that_only_runs_forward(manager: socket.socket, address: str) -> None:
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    notifier(NOTIFY_SOCKET=address).reloading()
    (state,) = told(manager)
    first, second = state.split("\n")
    assert first == "RELOADING=1"
    moment = int(second.removeprefix("MONOTONIC_USEC="))
    assert before <= moment <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000


@pytest.mark.parametrize("pid", [{}, {"WATCHDOG_PID": str(PID)}])
def test_the_watchdog_hears_of_us_twice_in_its_time(
    manager: socket.socket, address: str, clock: Clock, pid: dict[str, str]
) -> None:
    made = notifier(NOTIFY_SOCKET=address, WATCHDOG_USEC="3000000", **pid)
    made.beat_on(clock)
    assert told(manager) == ["WATCHDOG=1"]
    clock.advance(1.4)
    assert told(manager) == []
    clock.advance(0.1)
    assert told(manager) == ["WATCHDOG=1"]
    clock.advance(1.5)
    assert told(manager) == ["WATCHDOG=1"]
    made.stop_beating()
    clock.advance(10)
    assert told(manager) == []


@pytest.mark.parametrize(
    "environ",
    [{}, {"WATCHDOG_USEC": "0"}, {"WATCHDOG_USEC": "x"}, {"WATCHDOG_USEC": "9", "WATCHDOG_PID": str(PID + 1)}],
)
def test_a_watchdog_that_is_not_ours_is_not_fed(
    manager: socket.socket, address: str, clock: Clock, environ: dict[str, str]
) -> None:
    made = notifier(NOTIFY_SOCKET=address, **environ)
    made.beat_on(clock)
    made.stop_beating()
    assert told(manager) == []


@pytest.mark.parametrize("address", ["", "nothing", "/nonexistent/notify", "@nobody-binds-this", "/" + "x" * 200])
def test_nobody_to_tell_is_no_reason_to_fail(address: str, clock: Clock) -> None:
    made = notifier(NOTIFY_SOCKET=address, WATCHDOG_USEC="2000000")
    made.ready("well")
    made.reloading()
    made.beat_on(clock)
    made.stopping()
    made.stop_beating()


def test_a_manager_that_does_not_read_holds_nobody_up(manager: socket.socket, address: str) -> None:
    made = notifier(NOTIFY_SOCKET=address)
    for _ in range(2000):
        made.ready("x" * 500)
    assert 0 < len(told(manager)) < 2000
