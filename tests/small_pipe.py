"""A pipe that holds little, with an output that waits for nobody at its one end."""

import fcntl
import os
import select
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO

from twisted.internet.task import Clock

from tw.patient import AGAIN_S, PatientOutput


class Pipe:
    """A pipe of the least size, with an output at its one end."""

    def __init__(self, clock: Clock) -> None:
        self.read_fd, write_fd = os.pipe()
        fcntl.fcntl(write_fd, fcntl.F_SETPIPE_SZ, select.PIPE_BUF)
        self.stream: IO[str] = open(write_fd, "w", encoding="utf-8")  # noqa: SIM115 - closed by `close`
        self.output = PatientOutput(self.stream, clock.callLater, lambda lines: f"dropped {lines}")  # type: ignore[arg-type]
        self.clock = clock

    def read(self) -> bytes:
        """What there is, once it has been given time to come."""
        found = b""
        while True:
            poll = select.poll()
            poll.register(self.read_fd, select.POLLIN)
            if not poll.poll(0):
                return found
            found += os.read(self.read_fd, 65_536)
            self.clock.advance(AGAIN_S)

    @contextmanager
    def read_to_its_end(self) -> Iterator[list[bytes]]:
        """Somebody reads until the stream is closed, which it is at the end of the block; gives what he has read."""
        read: list[bytes] = []
        reader = threading.Thread(target=lambda: read.extend(iter(lambda: os.read(self.read_fd, 65_536), b"")))
        reader.start()
        try:
            yield read
        finally:
            self.stream.close()
            reader.join(30)

    def close(self) -> None:
        os.close(self.read_fd)
        with suppress(BrokenPipeError):
            self.stream.close()
