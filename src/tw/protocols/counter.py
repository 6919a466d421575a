"""The counter's server side: `requests` parses, `answers` makes the bytes, and here they meet the transport.

It pauses (DESIGN 4.9: httptools cannot), half-closes (DESIGN 4.1), drains, and lets a refused peer read its refusal.
"""

from typing import Any

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from tw.core.patience import Patience, Wait
from tw.protocols.answers import CounterSite
from tw.protocols.connection import Keeper, ServerConnection
from tw.protocols.requests import Requests

SLICE_BYTES = 8192
"""What one client gets parsed in one turn of the reactor: some 330 of the shortest requests, half a millisecond. The
parser cannot pause, and all that can be read at once would keep everyone else waiting for 20 ms, again and again."""

LINGER_S = 2.0
"""How long a refused peer may go on sending before the socket is closed. Closing it with unread input resets the
connection, and the refusal may be lost on its way (RFC 9112, 9.6)."""

TIMEOUTS = {
    Wait.HEADER: "header timeout",
    Wait.BODY: "body timeout",
    Wait.IDLE: "keep-alive timeout",
    Wait.SENDING: "send timeout",
}
"""How a `close` event names the end of a wait."""


class CounterServer(ServerConnection):
    """One client, answered in order. While it does not read its answers nothing is parsed, and the rest is held.

    The rest is held as well where a client sends more than a slice at once: the others have their turn first.

    What is held is bounded by what was read at once: 256 KiB (`reading.READ_BYTES`; 64 on the stock reactor). Over TLS
    that is also all its layer can still have, but for the start of one record (16 KiB).
    """

    patience: Patience | None = None
    """Of a connection that a sweep has seen: most that live for one request never are."""

    def __init__(self, site: CounterSite, keeper: Keeper, peer_address: IAddress | None = None) -> None:
        super().__init__(keeper, peer_address)
        self._site = site
        self._requests = Requests(site)
        self._held = b""
        self._held_from = 0
        self._holds = False  # what comes now is held, since the transport is full or others have their turn
        self._paused = False  # the transport is full
        self._turn: Any = None
        self._half_closed = False
        self._deadline: Any = None

    def connectionMade(self) -> None:
        super().connectionMade()
        if self._site.requested is not None:
            self._requests.peer = self.peer

    def dataReceived(self, data: bytes) -> None:
        self.received_bytes += len(data)
        if self._requests.over:
            return  # thrown away
        if self._holds:
            self._held += data  # over TLS, what was decrypted when reading stopped still comes
        else:
            self._work(data, 0)

    def _work(self, data: bytes, offset: int) -> None:
        """Parse a slice of `data` from `offset` on, and hold the rest."""
        requests, site = self._requests, self._site
        if not site.since_s <= site.clock() < site.until_s:  # a fiftieth of a request: no call where none is needed
            site.tick()
        end = len(data)
        if end <= SLICE_BYTES and end <= requests.room_bytes and not offset:
            # The rule: all that came are whole requests.
            offset = requests.feed(data)
            if offset == end or requests.over:
                self._flush()
                return
        slice_end = min(end, offset + SLICE_BYTES)
        while offset < slice_end and not requests.over:
            room = requests.room_bytes
            if room > 0:
                offset += requests.feed(data[offset : min(slice_end, offset + room)])
            else:
                requests.refuse_oversize()
        self._flush()
        if offset < end and not requests.over:
            self._held, self._held_from = data, offset
            if not self._holds:
                self._holds = True
                self.stream.pause_reading()
            if not self._paused:
                self._turn = self._site.reactor.callLater(0, self._go_on)

    def _go_on(self) -> None:
        """Work on what is held; then read again."""
        self._turn = None
        if self._paused or self._requests.over:
            return
        if self._held:
            data, offset = self._held, self._held_from
            self._held, self._held_from = b"", 0
            self._work(data, offset)
        if self._held or self._paused or self._requests.over:
            return
        self._holds = False
        if self._half_closed:
            self._finish()
        else:
            self.stream.resume_reading()

    def _flush(self) -> None:
        """One write for all answers of a slice; after the last one, close."""
        out = self._requests.out
        if out:
            self.stream.write(out[0] if len(out) == 1 else b"".join(out))
            out.clear()
        if self._requests.over:
            self._end()

    def _end(self) -> None:
        self._held = b""
        if not self._requests.lingers or self._half_closed or not self.stream.half_close():
            self.stream.close()
        elif self._holds:
            # Whatever still comes is thrown away; with the producer gone nothing else would resume.
            self._holds = self._paused = False
            self.stream.resume_reading()

    def writeConnectionLost(self) -> None:
        """The refusal is on its way. The peer closes when it has read it, or `LINGER_S` later we do."""
        self._deadline = self._site.reactor.callLater(LINGER_S, self._give_up)

    def _give_up(self) -> None:
        self._deadline = None
        self.stream.close()

    def readConnectionLost(self) -> None:
        """The client shut its sending side: what it asked for before is still answered."""
        self._half_closed = True
        if not self._held:
            self._finish()

    def _finish(self) -> None:
        if self._requests.begun:
            self._site.tick()
            self._requests.refuse(400, "the request was cut short")
        self._requests.over = True
        self._flush()

    def pauseProducing(self) -> None:
        self._paused = self._holds = True
        self.stream.pause_reading()

    def resumeProducing(self) -> None:
        self._paused = False
        if self._turn is None:
            self._go_on()

    # What a sweep asks (services.sweep) ------------------------------------------------------------------------------

    def wait(self) -> tuple[Wait, int]:
        """What this connection waits for, and a count that is another one in the next wait."""
        requests, sent_bytes = self._requests, self.stream.sent_bytes
        if self._holds or requests.over:
            unsent_bytes = self.stream.unsent_bytes
            is_done = requests.over and unsent_bytes == 0
            return Wait.LINGERING if is_done else Wait.SENDING, sent_bytes - (unsent_bytes or 0)
        # Every request ends with an answer: as long as none goes out, it is the same one that is waited for.
        if requests.headed:
            return Wait.BODY, sent_bytes
        return Wait.HEADER if requests.begun or not sent_bytes else Wait.IDLE, sent_bytes

    def expire(self, wait: Wait) -> None:
        """It took too long. Who has begun a request is told (RFC 9110, 15.5.9).

        Others may have connected ahead of need, as browsers do: they would take a 408 for the answer to what they are
        about to ask, so they only see the end (RFC 9112, 9.5).
        """
        if wait is not Wait.LINGERING:
            self.close_reason = TIMEOUTS[wait]
        if wait in (Wait.HEADER, Wait.BODY, Wait.SENDING):
            self._site.timeouts += 1
        if wait in (Wait.SENDING, Wait.LINGERING):
            self.stream.abort()
        elif self._requests.begun:
            self._site.tick()
            self._requests.refuse(408, f"the {wait.name.lower()} took too long")
            self._flush()
        else:
            self._requests.over = True
            self.stream.close()

    def drain(self) -> None:
        """Close at once where no request is under way; otherwise its answer is the last."""
        if not self._requests.over and (self._requests.begun or self._held):
            self._requests.draining = True
        else:
            self._requests.over = True
            self.stream.close()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._requests.close()
        self._held = b""
        for call in (self._deadline, self._turn):
            if call is not None:
                call.cancel()
        self._deadline = self._turn = None
        super().connectionLost(reason)
