"""A real Redis on a unix socket in a directory of its own: no port, and the same place when it is started again."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from e2e.harness import TIMEOUT_S, until
from e2e.programs import need


class Redis:
    """It keeps every command in a file before it answers (`appendfsync always`)."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.path = folder / "redis.sock"
        self._folder = folder
        self._options = options
        self.process: subprocess.Popen[bytes]
        self.start()

    def via(self, stream: str = "lines") -> str:
        """The URL of a stream there."""
        return f"unix://{self.path}?stream={stream}"

    def start(self) -> None:
        self.path.unlink(missing_ok=True)
        own = ("--port", "0", "--unixsocket", str(self.path), "--dir", str(self._folder), "--save", "")
        kept = ("--appendonly", "yes", "--appendfsync", "always")
        self.process = subprocess.Popen(
            ["redis-server", *own, *kept, *self._options], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        until(lambda: self.path.exists() and self.says("PING", check=False) == "PONG")

    def says(self, *words: str, check: bool = True) -> str:
        """What it answers to a command, as redis-cli writes it into a pipe."""
        words = ("redis-cli", "-s", str(self.path), *words)
        done = subprocess.run(words, capture_output=True, timeout=TIMEOUT_S, check=check)
        return done.stdout.decode().strip()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(TIMEOUT_S)

    def pause(self) -> None:
        os.kill(self.process.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        os.kill(self.process.pid, signal.SIGCONT)


@contextmanager
def redis(folder: Path, *options: str) -> Iterator[Redis]:
    need("redis-server", "redis-cli")
    server = Redis(folder, *options)
    try:
        yield server
    finally:
        server.kill()
