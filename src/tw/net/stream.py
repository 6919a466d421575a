"""The way out of one connection: eager writes, producers, half-close.

Protocol classes write through `Stream` alone. It is the one place that knows how Twisted buffers.
"""

import select
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

from twisted.internet import tcp
from twisted.internet.error import ConnectionDone
from twisted.internet.main import CONNECTION_LOST
from twisted.protocols.policies import ProtocolWrapper
from twisted.python.failure import Failure

from tw.net.accepted import Accepted

PAUSE_BYTES = 65_536
"""A Twisted TCP transport pauses its streaming producer past this many buffered bytes (`FileDescriptor.bufferSize`)."""


class Producer(Protocol):
    """What a transport pauses and resumes as its buffer fills and drains (`IPushProducer`)."""

    def pauseProducing(self) -> None: ...
    def resumeProducing(self) -> None: ...
    def stopProducing(self) -> None: ...


def eager_socket(transport: object) -> Any:
    """The TCP or unix transport whose socket may be written at once, or None.

    It leans on private names of Twisted's `FileDescriptor`; where one is missing, `Stream` falls back to plain
    `transport.write`.
    """
    if not isinstance(transport, tcp.Connection):
        return None
    names = ("socket", "TLS", "dataBuffer", "_tempDataLen", "connected")
    return transport if all(hasattr(transport, name) for name in names) else None


def send_at_once(transport: Any) -> None:
    """Switch Nagle's algorithm off (RFC 9293, 3.7.4), where there is TCP.

    It would hold a second small write back until the first is acknowledged, up to 40 ms where the peer delays that;
    what belongs together is written together here anyway.
    """
    inner = transport.transport if isinstance(transport, ProtocolWrapper) else transport
    if isinstance(inner, tcp.Connection) and getattr(inner.socket, "family", None) in (socket.AF_INET, socket.AF_INET6):
        inner.setTcpNoDelay(True)


class Stream:
    """Writes to one connection and counts what it wrote. `transport` is any Twisted stream transport."""

    __slots__ = ("_eager", "_producing", "closing", "reset", "sent_bytes", "transport")

    def __init__(self, transport: object) -> None:
        self.transport: Any = transport
        self._eager: Any = transport if type(transport) is Accepted else eager_socket(transport)
        if type(transport) is not Accepted:
            if self._eager is not None:
                self._eager._shouldShutdown = False  # as `Accepted` says
            send_at_once(transport)
        self._producing = False
        self.closing = False
        # Whether a `send` has learned that the peer broke off: the kernel tells it once, and what is read afterwards
        # looks like an orderly end.
        self.reset = False
        self.sent_bytes = 0

    def write(self, data: bytes) -> None:
        """Send `data`, at once where nothing is buffered.

        An eager `send` saves two epoll changes and a second dispatch for each message. Its errors are left to the
        transport, which meets them again: `connectionLost` then never runs inside a caller's loop.
        """
        self.sent_bytes += len(data)
        fd = self._eager
        if fd is not None and not fd._tempDataLen and not fd.dataBuffer and not fd.TLS and fd.connected:
            try:
                sent = fd.socket.send(data)
            except OSError as error:
                self.note_failure(error)
                sent = 0
            if sent == len(data):
                return
            data = data[sent:]
        self.transport.write(data)

    @property
    def unsent_bytes(self) -> int | None:
        """What the kernel has not taken yet, inside TLS as it goes on the wire; None where that cannot be told."""
        inner = self.transport
        while isinstance(inner, ProtocolWrapper):
            inner = inner.transport
        try:
            return len(inner.dataBuffer) - int(inner.offset) + int(inner._tempDataLen)
        except AttributeError:
            return None

    def note_failure(self, error: OSError) -> None:
        """Remember a `send` that failed for good. EPIPE is not meant: that comes of a peer that has closed (RFC 9293,
        3.10.4), and a reset that follows is of no more interest."""
        if not isinstance(error, BlockingIOError | BrokenPipeError):
            self.reset = True

    def end(self, reason: Failure) -> Failure:
        """Why the connection has ended: `reason`, the transport's own, unless a `send` knew it better."""
        return Failure(CONNECTION_LOST) if self.reset and reason.check(ConnectionDone) else reason

    def direct_send(self) -> Callable[[bytes], int] | None:
        """The socket's own `send`, for one who writes the same bytes to many; None where `write` alone will do.

        It is good while nothing else writes here. Bytes that it sent count in `sent_bytes` only when its user adds
        them. What it did not take, or all if it raised OSError (see `note_failure`), must go through `write`; then ask
        again.
        """
        fd = self._eager
        if fd is None or fd._tempDataLen or fd.dataBuffer or fd.TLS or not fd.connected:
            return None
        send: Callable[[bytes], int] = fd.socket.send
        return send

    def produce_with(self, producer: Producer) -> None:
        """Have `producer` paused while more than `PAUSE_BYTES` wait to be sent, and resumed when all are gone."""
        self._producing = True
        self.transport.registerProducer(producer, True)

    def stop_producing(self) -> None:
        """Forget the producer: it has no more to send."""
        if self._producing:
            self._producing = False
            self.transport.unregisterProducer()

    def pause_reading(self) -> None:
        self.transport.pauseProducing()

    def resume_reading(self) -> None:
        self.transport.resumeProducing()

    def close(self) -> None:
        """Send what is buffered, then close. A registered producer would keep the transport open for ever."""
        self.closing = True
        fd, self._eager = self._eager, None
        self.stop_producing()
        if fd is not None and _closes_at_turn_end(fd):
            return
        if isinstance(self.transport, ProtocolWrapper):
            # TLS ends when the peer has answered the close_notify (RFC 8446, 6.1): where reading was paused, its answer
            # would never be seen.
            self.transport.resumeProducing()
        self.transport.loseConnection()

    def abort(self) -> None:
        """Close at once; what is buffered is lost."""
        self.closing = True
        self._eager = None
        self.transport.abortConnection()

    def keep_alive(self, idle_s: int) -> None:
        """Have the kernel ask an idle peer whether it is still there, so that `hung_up` can tell (RFC 9293, 3.8.4)."""
        with suppress(AttributeError, OSError):
            self.transport.setTcpKeepAlive(True)
            self.transport.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, idle_s)

    def receive_into(self, size_bytes: int) -> None:
        """Have the kernel hold no more than about twice so much that has come and not been read (socket(7)). It shrinks
        the window that the peer may fill, though not below what it was already offered (RFC 9293, 3.8.6.2.1)."""
        inner: Any = self.transport.transport if isinstance(self.transport, ProtocolWrapper) else self.transport
        with suppress(AttributeError, OSError):
            inner.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size_bytes)

    def hung_up(self) -> bool:
        """Whether the peer is gone altogether; after it has shut its sending side, nothing else tells."""
        poll = select.poll()
        try:
            poll.register(self.transport.fileno(), 0)
        except (AttributeError, OSError, ValueError):
            return False
        return bool(poll.poll(0))

    def half_close(self) -> bool:
        """Shut the sending side once all is written; False where the transport cannot (TLS)."""
        if not can_half_close(self.transport):
            return False
        self._eager = None
        self.stop_producing()
        self.transport.loseWriteConnection()
        return True


def _closes_at_turn_end(fd: Any) -> bool:
    """Have a transport with nothing to send closed at the end of this turn, by a reactor that can. Twisted's own way
    there is a change of the poll, another event, and a send of nothing: a fifth of a connection for one request."""
    close = getattr(fd.reactor, "close_at_turn_end", None)
    if close is None or not fd.connected or fd.TLS or fd._tempDataLen or fd.dataBuffer or fd.disconnecting:
        return False
    close(fd)
    return True


def can_half_close(transport: object) -> bool:
    """Whether the peer can tell "no more from me" from "gone": plain TCP and unix sockets, not TLS."""
    if isinstance(transport, ProtocolWrapper) or getattr(transport, "TLS", False):
        return False
    return hasattr(transport, "loseWriteConnection")
