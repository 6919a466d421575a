"""Echo with faults on demand: what `protocols.echo` does, a message at a time."""

from collections.abc import Callable
from typing import Any, cast

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from tw.core.faults import Fate, Faults, Harm, Messages, harmed
from tw.protocols.connection import Keeper, ServerConnection
from tw.protocols.echo import LOWEST_SOURCE_PORT, UdpEchoServer
from tw.protocols.outlet import Outlet

SLICE = 500
"""Messages of one connection in one turn of the reactor, some 2 ms: the others have their turn then."""

QUIET_S = 1.0
"""After which bytes without a line feed count as a message: a protocol that is not made of lines gets its echo too."""

LINGER_S = 2.0
"""How long a peer may go on sending after the end of the stream: closing on unread input resets (RFC 1122, 4.2.2.13),
and what it was sent before may be lost."""

UDP_HELD_BYTES = 1024 * 1024
"""Of delayed datagrams, all together; one more is lost, as UDP may lose any. A `bytes` and a delayed call are counted
as 512 bytes."""

UDP_ENTRY_BYTES = 512


class FaultyEchoServer(ServerConnection):
    """Sends back what it gets, with faults. A message is a line; what has no line feed is one at 64 KiB, when its
    sender shuts its side, or when nothing more has come for `QUIET_S`.

    While more than `outlet.HELD_BYTES` wait, nothing is read; of what was read before (256 KiB at most,
    `reading.READ_BYTES`) the rest is kept.
    """

    def __init__(self, reactor: Any, faults: Faults, keeper: Keeper, peer_address: IAddress | None = None) -> None:
        super().__init__(keeper, peer_address)
        self._reactor = reactor
        self._faults = faults
        self._messages = Messages()
        self._next: Any = None  # the call that goes on with what is kept
        self._quiet: Any = None
        self._linger: Any = None
        self._stopped = False  # reading, for what is to be taken first
        self._half_closed = self._ends = self._is_shut = self._after_cut = False

    def connectionMade(self) -> None:
        super().connectionMade()
        self._outlet = Outlet(self._reactor, self.stream, self._faults, self._shut, self._eased)

    @property
    def held(self) -> bool:  # type: ignore[override]  # asked for rather than told
        """While something waits for its time the peer is not the one who is idle."""
        return self._stopped or not self._outlet.is_empty

    def dataReceived(self, data: bytes) -> None:
        self.received_bytes += len(data)
        if self._ends or self.stream.closing:
            return
        self._messages.feed(data)
        if self._next is None and not self._stopped:
            self._work()

    def _work(self) -> None:
        """Take a slice of messages; the rest has to wait for the others' turn, or for room."""
        self._next = None
        outlet = self._outlet
        for _ in range(SLICE):
            if outlet.is_full:
                break
            message = self._messages.take()
            if message is None:
                break
            self._take(message)
        outlet.pump()
        if self._ends:
            return
        if outlet.is_full or self._messages.has_message:
            self._hold()
        else:
            self._all_taken()

    def _hold(self) -> None:
        if not self._stopped:
            self._stopped = True
            self.stream.pause_reading()
        if not self._outlet.is_full and self._next is None:
            self._next = self._reactor.callLater(0, self._work)

    def _all_taken(self) -> None:
        if self._half_closed:
            self._finish()
            return
        if self._stopped:
            self._stopped = False
            if not self._outlet.paused:
                self.stream.resume_reading()
        self._cancel("_quiet")
        if self._messages.kept_bytes:
            self._quiet = self._reactor.callLater(QUIET_S, self._take_rest)

    def _take_rest(self) -> None:
        self._quiet = None
        self._take(self._messages.rest())
        self._outlet.pump()

    def _take(self, message: bytes) -> None:
        fate = self._faults.fate()
        # A line whose end was cut off takes the next one for its own: that is harmed already, whatever comes of it.
        if fate.harm is Harm.CORRUPT and self._after_cut:
            fate = fate._replace(harm=None)
        if message:
            message, fate = harmed(message, fate)
            self._after_cut = fate.harm is Harm.TRUNCATE
            self._outlet.put(message, fate)

    def _eased(self) -> None:
        if self._next is None:
            self._next = self._reactor.callLater(0, self._work)

    # Ends -----------------------------------------------------------------------------------------------------------

    def readConnectionLost(self) -> None:
        """The peer shut its sending side: what it sent goes back in its time, then the connection closes."""
        self._half_closed = True
        if self._is_shut:
            self.stream.close()
        elif self._next is None and not self._stopped:
            self._finish()

    def drain(self) -> None:
        """What has come goes back in its time, which `--drain-timeout` limits; nothing more is read."""
        if not self._ends:
            self.stream.pause_reading()
        self.readConnectionLost()

    def _finish(self) -> None:
        if self._ends:
            return
        self._ends = True
        self._cancel("_quiet")
        if rest := self._messages.rest():
            self._take(rest)
        self._outlet.then(self.stream.close)

    def _shut(self) -> None:
        """After `--close-after`: the end of the stream, and whatever still comes is thrown away."""
        self._ends = self._is_shut = True
        self._cancel("_quiet", "_next")
        if self._half_closed or not self.stream.half_close():
            self.stream.close()
        else:
            self.stream.resume_reading()

    def writeConnectionLost(self) -> None:
        self._linger = self._reactor.callLater(LINGER_S, self._give_up)

    def _give_up(self) -> None:
        self._linger = None
        self.stream.close()

    def pauseProducing(self) -> None:
        self._outlet.paused = True
        super().pauseProducing()

    def resumeProducing(self) -> None:
        self._outlet.paused = False
        self._outlet.pump()
        if not (self._outlet.paused or self._stopped or self._half_closed):
            super().resumeProducing()

    def _cancel(self, *names: str) -> None:
        for name in names:
            call = getattr(self, name)
            if call is not None:
                setattr(self, name, None)
                call.cancel()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._ends = True
        self._cancel("_quiet", "_next", "_linger")
        self._outlet.close()
        super().connectionLost(reason)


class FaultyUdpEchoServer(UdpEchoServer):
    """Datagrams with faults: late, corrupted, truncated. There is no connection to reset or to close."""

    def __init__(self, reactor: Any, faults: Faults, admits: Callable[[str, int], bool] | None = None) -> None:
        super().__init__(admits)
        self._reactor = reactor
        self._faults = faults
        self._later: set[Any] = set()
        self._held_bytes = 0
        self.dropped = 0
        """Datagrams that came while too many were held already."""

    def counts(self) -> dict[str, int]:
        return {**super().counts(), "dropped_datagrams": self.dropped}

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        self.received_bytes += len(datagram)
        self.datagrams += 1
        if addr[1] < LOWEST_SOURCE_PORT:
            self.ignored += 1
        elif self._admits is None or self._admits(*addr):
            self._answer(*harmed(datagram, self._faults.fate()), addr)

    def _answer(self, datagram: bytes, fate: Fate, addr: tuple[str, int]) -> None:
        if not fate.delay_s:
            self._send(datagram, fate, addr)
            return
        cost = len(datagram) + UDP_ENTRY_BYTES
        if self._held_bytes + cost > UDP_HELD_BYTES:
            self.dropped += 1
            return
        self._held_bytes += cost

        def send() -> None:
            self._later.discard(call)
            self._held_bytes -= cost
            self._send(datagram, fate, addr)

        call = self._reactor.callLater(fate.delay_s, send)
        self._later.add(call)

    def _send(self, datagram: bytes, fate: Fate, addr: tuple[str, int]) -> None:
        try:
            cast(Any, self.transport).write(datagram, addr)
        except OSError:
            return  # as in `UdpEchoServer`
        self.sent_bytes += len(datagram)
        if fate.delay_s:
            self._faults.count("delay")
        if fate.harm in (Harm.CORRUPT, Harm.TRUNCATE):
            self._faults.count(fate.harm.value)

    def stopProtocol(self) -> None:
        """The port is closed: nobody can be answered any more."""
        for call in self._later:
            call.cancel()
        self._later.clear()
