"""A `tw serve` as a service manager runs it: with sockets passed, a place to notify, and its words kept."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from e2e.harness import TIMEOUT_S, TW, Server, environment

LAUNCHER = """
import os, sys
names, fds, command = sys.argv[1], [int(fd) for fd in sys.argv[2].split(",")], sys.argv[3:]
fds = [os.dup(fd) for fd in fds]  # out of the way of 3, 4 ...
spare = [os.dup2(fd, 100 + number) for number, fd in enumerate(fds)]
for number, fd in enumerate(spare):
    os.dup2(fd, 3 + number)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(fds)))
if names:
    os.environ["LISTEN_FDNAMES"] = names
os.closerange(3 + len(fds), 200)
os.execv(command[0], command)
"""
"""What systemd does between fork and exec (sd_listen_fds(3)): the sockets are 3 and up, and meant for this process."""


def wait_until(condition: Callable[[], object], what: str) -> None:
    """Look again and again until it is so."""
    deadline = time.monotonic() + TIMEOUT_S
    while not condition():
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(0.01)


@dataclass
class Service(Server):
    """A running server whose stderr goes to a file."""

    log: Path = Path()

    @property
    def said(self) -> list[str]:
        return self.log.read_text().splitlines()


@contextmanager
def service(
    folder: Path,
    *args: str,
    sockets: Sequence[socket.socket] = (),
    names: str = "",
    listeners: int = 1,
    **env: str,
) -> Iterator[Service]:
    """`tw serve ARGS --json`, with `sockets` passed, ready to be used; killed at the end if it still runs."""
    command = [TW, "serve", *args, "--json"]
    if sockets:
        numbers = ",".join(str(each.fileno()) for each in sockets)
        command = [sys.executable, "-c", LAUNCHER, names, numbers, *command]
    log = folder / f"stderr-{time.monotonic_ns()}"
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=environment(**env),
            pass_fds=[each.fileno() for each in sockets],
        )
    served = Service(process, [], log=log)
    try:
        for _ in range(listeners):
            served.listening.append(served.wait_for("listening"))
        yield served
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(TIMEOUT_S)
        served.stdout.close()


class Manager:
    """The socket that a service notifies: every datagram, as a list of its lines."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self._socket.settimeout(TIMEOUT_S)

    def next(self) -> list[str]:
        return self._socket.recv(4096).decode().split("\n")

    def wait_for(self, line: str) -> list[str]:
        """The next notification with that line."""
        while True:
            told = self.next()
            if line in told:
                return told

    def silence(self) -> None:
        """Read until nothing has come for a while."""
        self._socket.settimeout(0.5)
        with suppress(TimeoutError):
            while True:
                self.next()
        self._socket.settimeout(TIMEOUT_S)

    def close(self) -> None:
        self._socket.close()
        if not self.address.startswith("@"):
            os.unlink(self.address)
