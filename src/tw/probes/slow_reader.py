"""A subscriber that is slow on purpose."""

from typing import Any

from tw.net.stream import Stream

ROOM_BYTES = 32_768
"""For the kernel to receive into, doubled by it (socket(7)): on loopback it would take megabytes before the server felt
anything of a slow reader. So little is read at once, too. With less than a segment of loopback's (64 KiB) the kernel
opens the window late (RFC 9293, 3.8.6.2.2): a quarter of it made 47 kB of 100 a second, half of it 200 kB a second of
what should be read as fast as it comes, over TLS."""

ROOM_S = 0.02
"""And at least what is read in so many seconds."""

MUCH_ROOM_BYTES = 4 * 1024 * 1024
"""Afterwards: as much as the kernel gives."""


class SlowReader:
    """Reads `bytes_per_s` of a connection and no more, from `begin` to `let_go`; the TCP window fills meanwhile.

    It is told what was received; the time for that is on the reactor's clock.
    """

    def __init__(self, reactor: Any, stream: Stream, bytes_per_s: int) -> None:
        self._reactor = reactor
        self._stream = stream
        self._bytes_per_s = bytes_per_s
        self._resume: Any = None
        self._owed_bytes = 0
        self._free = True
        # Now, since a window that was once offered does not shrink.
        self._room_bytes = max(ROOM_BYTES, int(bytes_per_s * ROOM_S))
        stream.receive_into(self._room_bytes)

    @property
    def resting(self) -> bool:
        """Whether it lets what comes wait."""
        return self._resume is not None

    def begin(self) -> None:
        """Be slow from now on."""
        self._free = False
        self._stream.receive_into(self._room_bytes)

    def received(self, size: int) -> None:
        """So many bytes came: read on when their time is over."""
        if self._free:
            return
        self._owed_bytes += size  # one read may give several records of TLS
        if self._resume is None:
            self._stream.pause_reading()
            self._wait()

    def _wait(self) -> None:
        owed, self._owed_bytes = self._owed_bytes, 0
        self._resume = self._reactor.callLater(owed / self._bytes_per_s, self._go_on)

    def _go_on(self) -> None:
        self._resume = None
        if self._owed_bytes:
            self._wait()
        else:
            self._stream.resume_reading()

    def let_go(self) -> None:
        """Read all there is from now on."""
        self._free = True
        self._stream.receive_into(MUCH_ROOM_BYTES)
        if self.stop():
            self._stream.resume_reading()

    def stop(self) -> bool:
        """The connection is over. Returns whether reading was paused."""
        resume, self._resume = self._resume, None
        if resume is not None:
            resume.cancel()
        return resume is not None
