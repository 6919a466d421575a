"""A subscriber that is slow on purpose."""

from contextlib import suppress
from typing import Any

from twisted.protocols.policies import ProtocolWrapper

from tw.net.stream import Stream

READS_PER_S = 10
"""Into how many pieces a second's share is cut, where it comes all at once."""

READ_BYTES = 65_536
"""What a connection reads at once, at most (Twisted's `FileDescriptor.bufferSize`)."""

ROOM_BYTES = 4096
"""For the kernel to receive into, doubled by it (socket(7)): on loopback it would take megabytes before the server felt
anything of a slow reader."""


class SlowReader:
    """Reads `bytes_per_s` of a connection and no more, until it is let go; the TCP window fills meanwhile.

    It is told what was `received`; the time for it is on the reactor's clock.
    """

    def __init__(self, reactor: Any, stream: Stream, bytes_per_s: int) -> None:
        self._reactor = reactor
        self._stream = stream
        self._bytes_per_s = bytes_per_s
        self._resume: Any = None
        self._free = False
        transport = stream.transport
        while isinstance(transport, ProtocolWrapper):
            transport = transport.transport
        with suppress(AttributeError, OSError):
            transport.bufferSize = max(1, min(READ_BYTES, bytes_per_s // READS_PER_S))
        stream.receive_little(ROOM_BYTES)

    def received(self, size: int) -> None:
        """So many bytes came: read on when their time is over."""
        if not self._free and self._resume is None:
            self._stream.pause_reading()
            self._resume = self._reactor.callLater(size / self._bytes_per_s, self._go_on)

    def _go_on(self) -> None:
        self._resume = None
        self._stream.resume_reading()

    def let_go(self) -> None:
        """Read all there is from now on."""
        self._free = True
        if self.stop():
            self._stream.resume_reading()

    def stop(self) -> bool:
        """The connection is over, or will be. Returns whether reading was paused."""
        resume, self._resume = self._resume, None
        if resume is not None:
            resume.cancel()
        return resume is not None
