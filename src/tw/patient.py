"""Output that does not wait for its reader: a server's events must not stop it when nobody takes them."""

import errno
import os
import select
import stat
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import TextIO

from tw.output import Output

KEPT_BYTES = 1024 * 1024
"""What is kept for a reader that has stopped: some 5,000 events, and little beside what connections may hold."""

PIECE_BYTES = select.PIPE_BUF
"""Where poll(2) says that a pipe has room, so much of it is free, and a write of no more does not block (pipe(7))."""

NO_WAIT: int = getattr(os, "RWF_NOWAIT", 0)
"""Of one write (pwritev2(2)); O_NONBLOCK would be everybody's who has the pipe. Linux has it for pipes since 6.4."""

AGAIN_S = 0.1
PARTING_S = 1.0
"""How long a stopping server waits for whoever reads its last words."""

Later = Callable[[float, Callable[[], None]], object]
"""`reactor.callLater`."""


class PatientOutput(Output):
    """Lines that are written as their reader takes them. Up to `KEPT_BYTES` are kept for one that does not; lines
    beyond that are dropped whole, and `notice` makes the line that says how many, once there is room."""

    def __init__(self, stream: TextIO, later: Later, notice: Callable[[int], str]) -> None:
        super().__init__(stream)
        self._later = later
        self._notice = notice
        self._kept: deque[bytes] = deque()
        self._kept_bytes = 0
        self._dropped = 0
        self._is_waiting = False
        self._descriptor = -1  # a stream that is only in memory has none, and always room
        self._never_waits = False
        with suppress(OSError):
            self._descriptor = stream.fileno()
            self._never_waits = NO_WAIT > 0 and stat.S_ISFIFO(os.fstat(self._descriptor).st_mode)

    def text(self, text: str) -> None:
        if self._descriptor < 0:
            super().text(text)
            return
        if self.broken:
            return
        if self._dropped and self._kept_bytes < KEPT_BYTES // 2:
            dropped, self._dropped = self._dropped, 0
            self._keep(self._notice(dropped) + "\n")
        if self._dropped or self._kept_bytes >= KEPT_BYTES:
            self._dropped += 1
            return
        self._keep(text)
        self._push()

    def finish(self) -> None:
        """The last words: wait a moment for whoever reads them."""
        until = time.monotonic() + PARTING_S
        if self._dropped:
            self._keep(self._notice(self._dropped) + "\n")
        while self._kept and not self.broken and (left := until - time.monotonic()) > 0:
            if self._has_room(left):
                self._write_some()

    def last_line(self, text: str) -> None:
        """Write a line that must come, after everything that is kept: waits as long as the reader takes."""
        if self._descriptor < 0:
            self.line(text)
            return
        if self._dropped:
            dropped, self._dropped = self._dropped, 0
            self._keep(self._notice(dropped) + "\n")
        self._keep(text + "\n")
        while self._kept and not self.broken:
            if self._has_room(None):
                self._write_some()

    def _keep(self, text: str) -> None:
        data = text.encode(self.stream.encoding or "utf-8", self.stream.errors or "strict")
        self._kept.append(data)
        self._kept_bytes += len(data)

    def _push(self) -> None:
        """Write what is taken now, and come back for the rest."""
        while self._kept and not self.broken and self._has_room(0.0):
            self._write_some()
        if self._kept and not self.broken and not self._is_waiting:
            self._is_waiting = True
            self._later(AGAIN_S, self._again)

    def _again(self) -> None:
        self._is_waiting = False
        self._push()

    def _has_room(self, wait_s: float | None) -> bool:
        room = select.poll()
        room.register(self._descriptor, select.POLLOUT)
        # A broken pipe has room as well: the write says so.
        return bool(room.poll(None if wait_s is None else wait_s * 1000))

    def _write_some(self) -> None:
        def write() -> None:
            try:
                written = self._write_piece(self._kept[0][:PIECE_BYTES])
            except BlockingIOError:  # somebody else was faster
                written = 0
            self._kept_bytes -= written
            if written == len(self._kept[0]):
                self._kept.popleft()
            else:
                self._kept[0] = self._kept[0][written:]

        self._guard(write)

    def _write_piece(self, piece: bytes) -> int:
        """Workers and their parent have one stderr: what one saw room for, another may have filled meanwhile."""
        if self._never_waits:
            try:
                return os.pwritev(self._descriptor, [piece], -1, NO_WAIT)
            except OSError as error:
                if error.errno != errno.EOPNOTSUPP:
                    raise
                self._never_waits = False
        return os.write(self._descriptor, piece)


class PatientStream:
    """A `PatientOutput` as a log writes to it."""

    def __init__(self, out: PatientOutput) -> None:
        self._out = out

    def write(self, text: str) -> None:
        self._out.text(text)

    def flush(self) -> None:
        """That is done as the reader takes it."""
