"""A `tw imap watch` that runs, seen from outside: what it prints, its trace, and its end."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from e2e.harness import TIMEOUT_S, TW, Ran, environment


class Watching:
    """A `tw imap watch --trace`, once it has begun to wait."""

    def __init__(self, line: list[str], password: str, stdout: int | IO[bytes] = subprocess.PIPE) -> None:
        self.process = subprocess.Popen(
            [TW, *line, "--trace"],
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.PIPE,
            env=environment(TW_IMAP_PASSWORD=password),
        )
        self.traced = ""

    def wait_for(self, words: str) -> None:
        """Wait until the trace says so, from here on."""
        assert self.process.stderr is not None
        while True:
            line = self.process.stderr.readline().decode()
            assert line, f"it ended: {self.traced}"
            self.traced += line
            if words in line:
                return

    def line(self) -> str:
        """The next line of its output."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().decode()

    def end(self, number: int | None = None) -> Ran:
        """Wait for its end, or send it a signal first. `err` is without the trace."""
        if number is not None:
            self.process.send_signal(number)
        out, err = self.process.communicate(timeout=TIMEOUT_S)
        said = [line for line in err.decode().splitlines() if not line.startswith(("C: ", "S: "))]
        return Ran(self.process.returncode, (out or b"").decode(), "\n".join(said))


@contextmanager
def watching(line: list[str], password: str, until: str) -> Iterator[Watching]:
    """Run it, wait until the trace says so, and kill it at the end if it still runs."""
    watch = Watching(line, password)
    try:
        watch.wait_for(until)
        yield watch
    finally:
        watch.process.kill()
        watch.process.communicate()
