"""The way out of a connection whose messages meet faults: late, in order, cut, reset, and counted."""

from collections import deque
from collections.abc import Callable
from typing import Any

from tw.core.faults import UNHARMED, Fate, Faults, Harm
from tw.net.stream import PAUSE_BYTES, Stream

HELD_BYTES = 256 * 1024
"""What a connection may have waiting; beyond that nothing more is read from it. A message that is at its time goes
into a batch at once, so it is only delays, and a peer that does not read, that fill this."""

ENTRY_BYTES = 256
"""What a message costs beside its bytes: its places in the queue, measured at 230. A thousand empty lines are one
quarter of a megabyte."""


class Outlet:
    """Sends messages when they are due. The order stays: a message that is due waits for a late one before it.

    `shut` closes the connection in good order. Whoever owns the outlet asks `is_full` before it takes more in, and is
    told by `eased` when there is room again; it says by `paused` whether the transport is full. After `close`, a reset
    or a cut nothing more is sent.
    """

    __slots__ = (
        "_cost_bytes", "_eased", "_faults", "_is_over", "_last", "_later", "_queue", "_reactor", "_shut",
        "_stream", "_was_full", "paused",
    )  # fmt: skip

    def __init__(
        self, reactor: Any, stream: Stream, faults: Faults, shut: Callable[[], None], eased: Callable[[], None]
    ) -> None:
        self._reactor = reactor
        self._stream = stream
        self._faults = faults
        self._shut = shut
        self._eased = eased
        self._queue: deque[tuple[float, bytes, Fate, bool]] = deque()
        self._cost_bytes = 0
        self._later: Any = None
        self._last: Callable[[], None] | None = None
        self._is_over = False
        self._was_full = False
        self.paused = False

    def put(self, data: bytes, fate: Fate = UNHARMED, *, last: bool = False) -> None:
        """Take a message, harmed already where it is to be, to be sent by `pump`; after the `last` one comes the end.

        With `Harm.RESET` the connection is reset when the message is due, and the bytes do not matter.
        """
        if self._is_over:
            return
        self._queue.append((self._reactor.seconds() + fate.delay_s, data, fate, last))
        self._cost_bytes += len(data) + ENTRY_BYTES

    @property
    def is_full(self) -> bool:
        if self._cost_bytes > HELD_BYTES:
            self._was_full = True
        return self._was_full

    @property
    def is_empty(self) -> bool:
        """Whether all that was taken is with the transport, or will never be."""
        return not self._queue

    def then(self, last: Callable[[], None]) -> None:
        """Call `last` once all is sent: at once, if it is."""
        self._last = last
        self.pump()

    def pump(self) -> None:
        """Send what is due, in as few writes as there can be."""
        if self._later is not None:
            self._later.cancel()
            self._later = None
        batch: list[bytes] = []
        batch_bytes = 0
        now = self._reactor.seconds()
        while self._queue and not self.paused and self._queue[0][0] <= now:
            _, data, fate, last = self._queue.popleft()
            self._cost_bytes -= len(data) + ENTRY_BYTES
            self._count(fate)
            if fate.harm is Harm.RESET:
                self._reset(batch)
                return
            batch.append(data)
            batch_bytes += len(data)
            if batch_bytes > PAUSE_BYTES or self._faults.close_after_bytes is not None:
                self._write(batch)  # and see whether the transport is full with it, or the end has come
                batch_bytes = 0
            if last:
                self._write(batch)
                self._end()
                return
        self._write(batch)
        self._go_on()

    def _go_on(self) -> None:
        """After a batch: wait for the next message, or tell that there is room, or that all is sent."""
        if self._is_over or self.paused:
            return
        if self._queue:
            wait_s = max(0.0, self._queue[0][0] - self._reactor.seconds())
            self._later = self._reactor.callLater(wait_s, self._on_time)
        elif self._last is not None:
            last, self._last = self._last, None
            last()
            return
        if self._was_full and self._cost_bytes <= HELD_BYTES // 2:
            self._was_full = False
            self._eased()

    def _count(self, fate: Fate) -> None:
        """Now it has its effect, which it may never have had: the peer could have gone before."""
        if fate.delay_s:
            self._faults.count("delay")
        if fate.harm is not None:
            self._faults.count(fate.harm.value)

    def _reset(self, batch: list[bytes]) -> None:
        self._write(batch)
        if not self._is_over:
            self.close()
            self._stream.abort()

    def _on_time(self) -> None:
        self._later = None
        self.pump()

    def _write(self, batch: list[bytes]) -> None:
        data = b"".join(batch)
        batch.clear()
        if not data or self._is_over:
            return
        limit = self._faults.close_after_bytes
        if limit is None:
            self._stream.write(data)
            return
        room = limit - self._stream.sent_bytes
        self._stream.write(data[:room])
        if len(data) >= room:
            self._faults.count("close")
            self._end()

    def _end(self) -> None:
        if not self._is_over:
            self.close()
            self._shut()

    def close(self) -> None:
        """The connection is gone, or is to be: forget what was not sent. Safe to call again."""
        self._is_over = True
        self._queue.clear()
        self._cost_bytes = 0
        self._last = None
        if self._later is not None:
            self._later.cancel()
            self._later = None
