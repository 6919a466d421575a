"""`tw serve` under a service manager: what it is told, and when; and a terminal that hangs up."""

import fcntl
import os
import signal
import subprocess
import termios
from pathlib import Path

import pytest

from e2e.harness import TIMEOUT_S, TW, Server, environment
from e2e.lifecycle import Manager, service


@pytest.mark.parametrize("kind", ["path", "abstract"])
def test_it_is_ready_once_bound_and_stopping_at_the_signal(tmp_path: Path, kind: str) -> None:
    manager = Manager(str(tmp_path / "n") if kind == "path" else f"@tw-{os.getpid()}-{tmp_path.name}")
    with service(tmp_path, "pubsub", "--port", "0", NOTIFY_SOCKET=manager.address) as server:
        assert manager.next() == ["READY=1", f"STATUS=pubsub listening on tcp:127.0.0.1:{server.port}"]
        server.stop()
        assert manager.next() == ["STOPPING=1", "STATUS=draining"]
    manager.close()


def test_the_watchdog_is_fed_by_the_reactor(tmp_path: Path) -> None:
    """And not while the process is stopped, which is what a watchdog is for."""
    manager = Manager(str(tmp_path / "n"))
    with service(tmp_path, "echo", "--port", "0", NOTIFY_SOCKET=manager.address, WATCHDOG_USEC="200000") as server:
        for _ in range(5):
            manager.wait_for("WATCHDOG=1")
        server.process.send_signal(signal.SIGSTOP)
        manager.silence()
        server.process.send_signal(signal.SIGCONT)
        manager.wait_for("WATCHDOG=1")
        server.stop()
    manager.close()


def test_a_watchdog_of_another_process_is_not_fed(tmp_path: Path) -> None:
    manager = Manager(str(tmp_path / "n"))
    env = {"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "1000", "WATCHDOG_PID": "1"}
    with service(tmp_path, "echo", "--port", "0", **env) as server:
        assert manager.next()[0] == "READY=1"
        server.stop()
        assert manager.next()[0] == "STOPPING=1"
    manager.close()


def test_a_terminal_that_hangs_up_ends_its_server_and_a_sighup_by_hand_does_not() -> None:
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        [TW, "serve", "echo", "--port", "0", "--json"],
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=theirs,
        env=environment(),
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0) and None,
    )
    os.close(theirs)
    server = Server(process, [])
    try:
        server.wait_for("listening")
        process.send_signal(signal.SIGHUP)
        said = b""
        while b"\n" not in said:
            said += os.read(ours, 1000)
        assert b"nothing has changed" in said
        os.close(ours)  # the kernel tells of it with a SIGHUP
        assert server.wait_for("stopping")["signal"] == "SIGHUP"
        assert server.wait_for("summary")["connections"] == 0
        assert process.wait(TIMEOUT_S) == 0
    finally:
        process.kill()
        process.wait(TIMEOUT_S)
        server.stdout.close()
