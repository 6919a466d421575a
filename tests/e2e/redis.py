"""A real Redis on a unix socket in a directory of its own: no port, and the same place when it is started again."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from e2e.harness import TIMEOUT_S, until
from e2e.programs import need

_COUNT_LINES = """
local lines = 0
for _, entry in ipairs(redis.call('XRANGE', KEYS[1], ARGV[1], '+')) do
    lines = lines + select(2, string.gsub(entry[2][8], '\\n', ''))
end
return lines
"""
"""An entry is four names and their values, the last of which is the lines."""


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

    def entries(self, stream: str = "lines") -> int:
        """How many were ever written to the stream."""
        words = self.says("XINFO", "STREAM", stream, check=False).split("\n")
        return int(words[words.index("entries-added") + 1]) if "entries-added" in words else 0

    def lines_after(self, place: str, stream: str) -> int:
        """How many lines stand in the stream behind this entry: on a busy machine an entry may hold many."""
        return int(self.says("EVAL", _COUNT_LINES, "1", stream, f"({place}"))

    def last_place(self, stream: str) -> str:
        """The last entry's, whether it still stands there or was trimmed."""
        words = self.says("XINFO", "STREAM", stream, check=False).split("\n")
        return words[words.index("last-generated-id") + 1] if "last-generated-id" in words else "0-0"

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
