"""A terminal in memory: a pseudo-terminal, and the screen that a person would see."""

import os
import pty
import select
import termios
from contextlib import suppress
from typing import Any

import pyte

MARK = b"\x1b]2;mark\x07"
"""Sets the window's title: seen by whoever reads the bytes, not on the screen."""


class Screen(pyte.Screen):
    """`cleared` counts how often all of it was, from its first corner on: tmux moves it into its history then."""

    cleared = 0

    def erase_in_display(self, how: int = 0, *args: Any, **more: Any) -> None:
        self.cleared += (how, self.cursor.y, self.cursor.x) == (0, 0, 0)
        super().erase_in_display(how, *args, **more)


class Terminal:
    """`stream` is a terminal of that size. Nothing reads it until `lines` is called."""

    def __init__(self, columns: int = 80, rows: int = 24, **how: Any) -> None:
        self._reading, shown = pty.openpty()
        self.stream = open(shown, "w", **{"encoding": "utf-8", **how})  # noqa: SIM115 - `close` closes it
        self.screen = Screen(columns, rows)
        self._feed = pyte.ByteStream(self.screen)
        self.bytes = b""
        self.resize(columns, rows)

    def resize(self, columns: int, rows: int) -> None:
        self.tell_size(columns, rows)
        self.screen.resize(rows, columns)

    def tell_size(self, columns: int, rows: int) -> None:
        """Have programs believe that it is so large."""
        termios.tcsetwinsize(self.stream.fileno(), (rows, columns))

    def read(self) -> bytes:
        """Everything that was written until now: up to a mark, since a terminal passes it on in pieces."""
        self.stream.write(MARK.decode())
        self.stream.flush()
        came = b""
        while not came.endswith(MARK):
            came += os.read(self._reading, 65_536)
        came = came.removesuffix(MARK)
        self.bytes += came
        self._feed.feed(came)
        return came

    def lines(self) -> list[str]:
        """The screen, without the blank lines at its end."""
        self.read()
        return "\n".join(line.rstrip() for line in self.screen.display).rstrip("\n").split("\n")

    def drain(self) -> bytes:
        """Read what is there, without waiting for more."""
        came = b""
        ready = select.poll()
        ready.register(self._reading, select.POLLIN)
        while ready.poll(0):
            came += os.read(self._reading, 65_536)
        return came

    def hang_up(self) -> None:
        os.close(self._reading)
        self._reading = -1

    def close(self) -> None:
        if self._reading >= 0:
            os.close(self._reading)
        with suppress(OSError):
            self.stream.close()
