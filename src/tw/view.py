"""The live view of a load run: a few lines on a terminal, drawn over and over in their place, and gone at the end.

Nothing here waits for the terminal. It is opened anew for the view, since O_NONBLOCK on the descriptor that the process
was given would be the shell's as well (DESIGN 4.11); a frame that the terminal does not take is finished later, and
those that come meanwhile are left out.

The cursor rests at the beginning of the first line, and is not hidden. So clearing what was drawn needs no knowledge of
how the terminal has wrapped it since (after a change of its size); what somebody else writes to it (the log, `^C`) is
not drawn over; and a process that is stopped or killed leaves nothing to mend.

rich is not used: its Live takes six times as long for such a frame, and its import as long as 500 of them.
"""

from __future__ import annotations

import os
import select
import time
from contextlib import suppress
from typing import TYPE_CHECKING, TextIO

from tw.core.rates import Rates
from tw.frame import Line, Room, frame
from tw.options import CommonOptions
from tw.output import look_of, shows_blocks

if TYPE_CHECKING:
    from tw.report import Snapshot

FRAME_S = 0.1
"""From one frame to the next: 10 a second."""

PARTING_S = 1.0
"""How long the end of a run waits for a terminal that does not read, to leave it clean."""

USUAL_SIZE = 80, 24
"""Of a terminal that does not know its own: a serial line."""

SGR = {"": "", "bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33"}
NEXT_LINE = "\x1b[K\r\n"
CLEAR_BELOW = "\x1b[J"
CLEAR_ALL = f"\r\x1b[C{CLEAR_BELOW}\r\x1b[K"
"""From the first column on as well, in two steps: a screen that is cleared from its first corner is moved into the
history by tmux (`scroll-on-clear`), and the last frame would stand above the summary."""
NO_WRAP, WRAP = "\x1b[?7l", "\x1b[?7h"
"""A terminal may be narrower than it says, for a moment: tmux tells of a change a quarter of a second after it."""


class Tty:
    """The terminal behind a stream, opened once more, so that writing to it never blocks."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._rest = b""
        self.broken = False

    @classmethod
    def of(cls, stream: TextIO) -> Tty | None:
        """None where the terminal cannot be opened anew: it is another user's (`su`), or has no name here."""
        how = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
        with suppress(OSError, ValueError):
            return cls(os.open(os.ttyname(stream.fileno()), how))
        with suppress(OSError, ValueError):
            os.tcgetpgrp(stream.fileno())  # raises where it is not the controlling one
            return cls(os.open("/dev/tty", how))
        return None

    def size(self) -> tuple[int, int]:
        """Columns and rows, now."""
        try:
            columns, rows = os.get_terminal_size(self._descriptor)
        except OSError:
            return USUAL_SIZE
        return columns or USUAL_SIZE[0], rows or USUAL_SIZE[1]

    def is_ours(self) -> bool:
        """Whether this is no background job of the terminal's shell; there is no shell where it controls nobody."""
        try:
            return os.tcgetpgrp(self._descriptor) == os.getpgrp()
        except OSError:
            return True

    def write(self, data: bytes) -> None:
        """Write it now, or as far as it is taken now; `push` writes the rest."""
        self._rest += data
        self.push()

    def push(self) -> bool:
        """Whether everything is written."""
        try:
            while self._rest:
                self._rest = self._rest[os.write(self._descriptor, self._rest) :]
        except BlockingIOError:
            pass
        except OSError:  # it has hung up
            self.broken = True
            self._rest = b""
        return not self._rest

    def drain(self, seconds: float) -> None:
        """Wait for so long at most until everything is written."""
        room = select.poll()
        room.register(self._descriptor, select.POLLOUT)
        until = time.monotonic() + seconds
        while not self.push() and (left := until - time.monotonic()) > 0:
            room.poll(left * 1000)

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


class LiveView:
    """Draws one frame for each snapshot. `unicode`: whether the terminal shows block characters."""

    every_s = FRAME_S

    def __init__(self, tty: Tty, *, color: bool, unicode: bool) -> None:
        self._tty = tty
        self._color = color
        self._unicode = unicode
        self._rates = Rates(FRAME_S)
        self._warming = False
        self._is_drawn = False
        self._is_over = False
        self.is_stuck = False
        """Whether the terminal took nothing any more at the end: whoever writes to it now is held up."""

    def show(self, snapshot: Snapshot) -> None:
        """Draw it, unless the terminal still has a frame to take, or belongs to another job now."""
        if (self._warming and not snapshot.warming) or not snapshot.sent:
            self._rates = Rates(FRAME_S)  # its course begins with its first message
        self._warming = snapshot.warming
        if snapshot.sent:
            self._rates.add(snapshot.interval_received, snapshot.interval_s)
        if self._is_over or self._tty.broken or not self._tty.is_ours() or not self._tty.push():
            return
        columns, rows = self._tty.size()
        self._tty.write(drawn(frame(snapshot, self._rates, Room(columns, rows, self._unicode)), color=self._color))
        self._is_drawn = True

    def clear(self) -> None:
        """The run is over: leave the terminal as it was. Safe to call again."""
        if self._is_over:
            return
        self._is_over = True
        if self._is_drawn and not self._tty.broken and self._tty.is_ours():
            self._tty.write(CLEAR_ALL.encode())
            self._tty.drain(PARTING_S)
            self.is_stuck = not self._tty.push()
        self._tty.close()


def drawn(lines: list[Line], *, color: bool) -> bytes:
    """What draws the lines from the cursor on, over what is there, and puts the cursor back."""
    texts = ["".join(_painted(text, style) if color and style else text for text, style in line) for line in lines]
    back = f"\x1b[{len(lines) - 1}A" if len(lines) > 1 else ""
    return ("\r" + NO_WRAP + NEXT_LINE.join(texts) + CLEAR_BELOW + WRAP + "\r" + back).encode()


def _painted(text: str, style: str) -> str:
    return f"\x1b[{SGR[style]}m{text}\x1b[0m"


def make_view(common: CommonOptions, err: TextIO) -> LiveView | None:
    """The view on this stream, if a person looks at it: not into a file, nor beside `-q`, nor on a terminal that cannot
    move its cursor; nor beside `-v`, whose lines would come in between."""
    if common.quiet or common.verbosity or not err.isatty() or os.environ.get("TERM", "dumb") == "dumb":
        return None
    tty = Tty.of(err)
    if tty is None:
        return None
    return LiveView(tty, color=look_of(common, err)[0], unicode=shows_blocks(err))
