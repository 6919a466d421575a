"""Pub/sub over lines: what one client sends goes to the hub, and what the hub's log holds goes to the client."""

from collections.abc import Callable
from typing import Any
from typing import Protocol as TypingProtocol

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from tw.core.cursor import Cursor
from tw.core.lines import LineSplitter
from tw.net.stream import PAUSE_BYTES
from tw.protocols.connection import Keeper, ServerConnection

LINGER_S = 5.0
"""How long a client that was told goodbye may take to read it."""

FOR_THE_SLOW, FOR_THE_RELAY = 1, 2
"""Why a client may be held: a subscriber is too far behind, or what was published is not ordered yet."""


class Hub(TypingProtocol):
    """Who shares the log out: the service."""

    max_line_bytes: int

    @property
    def abreast_bytes(self) -> int:
        """What those who are abreast were sent together, which their streams have not counted yet."""

    def join(self, connection: "PubSubServer") -> Cursor: ...
    def leave(self, connection: "PubSubServer") -> None: ...
    def fall_behind(self, connection: "PubSubServer") -> None: ...
    def publish(self, connection: "PubSubServer", lines: list[bytes]) -> None: ...
    def line_too_long(self, connection: "PubSubServer") -> None: ...
    def half_closed(self, connection: "PubSubServer") -> None: ...
    def when_ordered(self, connection: "PubSubServer", then: Callable[[], None]) -> None: ...
    def breathed(self, connection: "PubSubServer") -> None: ...


class PubSubServer(ServerConnection):
    """One client: a publisher by what it sends, a subscriber by its cursor into the shared log.

    While it is `abreast`, it has no cursor to go by: the hub sends it what everybody gets who has kept up.

    A client that reads slowly is still read from: what it publishes is others' business, and its own backlog is bounded
    by the hub. Nothing is read while the hub holds it.
    """

    cursor: Cursor
    prefix: bytes = b""
    relay_number: int = 0
    """The batch of its last line, where a relay numbers them."""

    def __init__(self, keeper: Keeper, address: IAddress | None, hub: Hub, clock: Any) -> None:
        super().__init__(keeper, address)
        self._hub = hub
        self._clock = clock
        self._splitter = LineSplitter(hub.max_line_bytes)
        self._farewell = b""
        self._linger: Any = None
        self._read_ended = False
        self._write_ended = False
        self.writable = True
        self.held = False
        self._held_for = 0
        self._told_too_long = False
        self.slow = False
        self.abreast = False
        self.leaving = False

    def connectionMade(self) -> None:
        super().connectionMade()
        self.cursor = self._hub.join(self)
        self.deliver()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._linger is not None and self._linger.active():
            self._linger.cancel()
        self.writable = False
        self._hub.leave(self)
        if reason.check(ConnectionDone):
            self._publish_rest()  # others' business by now
        super().connectionLost(reason)

    @property
    def moved_bytes(self) -> int:
        return super().moved_bytes + (self._hub.abreast_bytes if self.abreast else 0)

    # What the client sends ------------------------------------------------------------------------------------------

    def dataReceived(self, data: bytes) -> None:
        self.received_bytes += len(data)
        if self.leaving:
            return  # read and dropped, so that closing does not reset the connection under the goodbye
        lines = self._splitter.feed(data)
        if lines:
            self._hub.publish(self, lines)
        if self._splitter.overlong and not self._told_too_long:
            self._told_too_long = True
            self._hub.line_too_long(self)

    def _publish_rest(self) -> None:
        """The last line counts without its end, once its sender has closed; not where it broke off."""
        rest = None if self.leaving or self.stream.reset else self._splitter.finish()
        if rest is not None:
            self._hub.publish(self, [rest])

    def readConnectionLost(self) -> None:
        """A client that has published gets what is ordered up to here, then the end; others stay subscribers."""
        self._read_ended, self.held = True, False
        if self.stream.closing:
            self.stream.close()
        elif self.received_bytes:
            self._publish_rest()
            self._hub.when_ordered(self, self.finish)
            self.held = not self.leaving  # it waits for us, however long that takes
        else:
            self._hub.half_closed(self)

    # What the client gets -------------------------------------------------------------------------------------------

    def deliver(self) -> None:
        """Send what the cursor has not taken, until the transport's buffer is full."""
        cursor, stream = self.cursor, self.stream
        while self.writable and (data := cursor.take(PAUSE_BYTES)):
            stream.write(data)
        if self.leaving and cursor.finished:
            self._hub.leave(self)  # nothing more is in the log for it, however long it takes to read what was written
            self._say_goodbye()

    def pauseProducing(self) -> None:
        self.writable = False

    def resumeProducing(self) -> None:
        self.writable = not self.stream.closing
        self.deliver()
        self._hub.breathed(self)

    # Being held -------------------------------------------------------------------------------------------------------

    def hold(self, why: int = FOR_THE_SLOW) -> None:
        """Stop reading from it, until `release`. One that is leaving is read from: nothing of it counts any more."""
        if self.leaving or self._read_ended:
            return
        self._held_for |= why
        if not self.held:
            self.held = True
            self.stream.pause_reading()

    def release(self, why: int = FOR_THE_SLOW) -> None:
        """Read on, if it was held and there is no other reason left."""
        self._held_for &= ~why
        if self.held and not self._held_for and not self._read_ended:
            self.held = False
            self.stream.resume_reading()

    # Ending -----------------------------------------------------------------------------------------------------------

    def finish(self, farewell: bytes | None = None, reason: str = "") -> None:
        """Send what is ordered up to now, then `farewell`, and close.

        One that is told to go, be it without a word (an empty farewell), is cut off `LINGER_S` later at the latest.
        None is for one that goes by itself, or with the server: it may take its time.
        """
        if self.leaving:
            return
        self.leaving = True
        self.release(FOR_THE_SLOW | FOR_THE_RELAY)
        self.held = False
        self.close_reason = reason
        if farewell is not None:
            self._farewell = farewell
            self._cut_off_later()  # from now on: it may never read what comes before
        self._hub.fall_behind(self)
        self.cursor.finish()
        self.deliver()

    def expel(self, farewell: bytes, reason: str) -> None:
        """Close without what is still in the log: `farewell` follows what the transport already holds."""
        self.leaving = True
        self.release(FOR_THE_SLOW | FOR_THE_RELAY)
        self.close_reason = reason
        self._farewell = farewell
        self._hub.leave(self)
        self._cut_off_later()
        self._say_goodbye()

    def _say_goodbye(self) -> None:
        if self.stream.closing:
            return
        if self._farewell:
            self.stream.write(self._farewell)
            # Closing would reset what it still sends. Where it has ended already, nothing more would tell of its close.
            if not self._read_ended and self.stream.half_close():
                self.stream.closing = True
                return
        self.stream.close()

    def _cut_off_later(self) -> None:
        """A peer that is told to go and does not read would otherwise hold its connection for ever."""
        if self._linger is None:
            self._linger = self._clock.callLater(LINGER_S, self.stream.abort)

    def writeConnectionLost(self) -> None:
        """The farewell is on its way, and the sending side is shut."""
        self._write_ended = True

    def drain(self) -> None:
        """Send what is ordered, and close. Who was told to go before has had his time: the stop does not wait."""
        if self._linger is None or not self.stream.closing:
            self.finish(reason="drained")
        elif self._write_ended:
            self.stream.close()
        else:
            self.stream.abort()
