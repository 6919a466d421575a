"""The installed `tw` on a terminal, as a person sees it."""

import signal
import time
from collections.abc import Callable

import pexpect
import pyte

from e2e.harness import TIMEOUT_S, TW, environment


class Watched:
    """One command of `tw` on a terminal of its own, which it controls."""

    def __init__(self, *args: str, columns: int = 100, rows: int = 40, program: str = TW, **env: str) -> None:
        self.screen = pyte.Screen(columns, rows)
        self.bytes = b""
        self._stream = pyte.ByteStream(self.screen)
        self.process = pexpect.spawn(
            program,
            list(args),
            env=environment(**{"TERM": "xterm", "LANG": "C.UTF-8", **env}),
            dimensions=(rows, columns),
        )
        self.process.delaybeforesend = None

    def lines(self) -> list[str]:
        """The screen as it is, without blank lines."""
        return [line.rstrip() for line in self.screen.display if line.strip()]

    def wait_for(self, seen: Callable[[list[str]], bool], what: str) -> list[str]:
        """Read until the screen is as it should be."""
        deadline = time.monotonic() + TIMEOUT_S
        while not seen(lines := self.lines()):
            rest = deadline - time.monotonic()
            assert rest > 0, f"there was never {what}:\n" + "\n".join(lines)
            self._read(rest)
        return lines

    def finish(self) -> list[str]:
        """Read until it has ended; gives the last screen. `code` is its exit code then."""
        deadline = time.monotonic() + TIMEOUT_S
        while self._read(max(0.0, deadline - time.monotonic())):
            assert time.monotonic() < deadline, "\n".join(self.lines())
        self.process.wait()
        self.code = self.process.exitstatus
        return self.lines()

    def interrupt(self) -> None:
        """What Ctrl-C does: the terminal echoes it, and sends the signal."""
        self.process.sendintr()

    def close(self) -> None:
        if self.process.isalive():
            self.process.kill(signal.SIGKILL)
        self.process.close()

    def _read(self, seconds: float) -> bool:
        try:
            came = self.process.read_nonblocking(65_536, timeout=seconds)
        except pexpect.TIMEOUT:
            return True
        except pexpect.EOF:
            return False
        self.bytes += came
        self._stream.feed(came)
        return True
