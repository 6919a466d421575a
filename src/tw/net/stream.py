"""The way out of one connection: eager writes, producers, half-close.

Protocol classes write through `Stream` alone. It is the one place that knows how Twisted buffers.
"""

from collections.abc import Callable
from typing import Any, Protocol, cast

from twisted.internet import tcp
from twisted.internet.interfaces import IHalfCloseableDescriptor

PAUSE_BYTES = 65_536
"""A Twisted TCP transport pauses its streaming producer past this many buffered bytes (`FileDescriptor.bufferSize`)."""


class Producer(Protocol):
    """What a transport pauses and resumes as its buffer fills and drains (`IPushProducer`)."""

    def pauseProducing(self) -> None: ...
    def resumeProducing(self) -> None: ...
    def stopProducing(self) -> None: ...


class StreamTransport(Protocol):
    """The part of Twisted's stream transports that `tw` uses, as mypy can check it."""

    def write(self, data: bytes) -> None: ...
    def loseConnection(self) -> None: ...
    def abortConnection(self) -> None: ...
    def registerProducer(self, producer: Producer, streaming: bool) -> None: ...
    def unregisterProducer(self) -> None: ...
    def pauseProducing(self) -> None: ...
    def resumeProducing(self) -> None: ...
    def getPeer(self) -> object: ...
    def getHost(self) -> object: ...


def eager_socket(transport: object) -> Any:
    """The TCP or unix transport whose socket may be written at once, or None.

    It leans on private names of Twisted's `FileDescriptor`; where one is missing, `Stream` falls back to plain
    `transport.write`.
    """
    if not isinstance(transport, tcp.Connection) or getattr(transport, "TLS", False):
        return None
    names = ("socket", "dataBuffer", "_tempDataLen", "connected", "disconnecting", "_writeDisconnecting")
    return transport if all(hasattr(transport, name) for name in names) else None


class Stream:
    """Writes to one connection and counts what it wrote. `transport` is any Twisted stream transport."""

    __slots__ = ("_eager", "_producing", "closing", "sent_bytes", "transport")

    def __init__(self, transport: object) -> None:
        self.transport = cast(StreamTransport, transport)
        self._eager = eager_socket(transport)
        self._producing = False
        self.closing = False
        self.sent_bytes = 0

    def write(self, data: bytes) -> None:
        """Send `data`, at once where nothing is buffered.

        An eager `send` saves two epoll changes and a second dispatch for each message. Its errors are left to the
        transport, which meets them again: `connectionLost` then never runs inside a caller's loop.
        """
        self.sent_bytes += len(data)
        fd = self._eager
        if (
            fd is not None
            and not fd._tempDataLen
            and not fd.dataBuffer
            and fd.connected
            and not fd.disconnecting
            and not fd._writeDisconnecting
        ):
            try:
                sent = fd.socket.send(data)
            except OSError:
                sent = 0
            if sent == len(data):
                return
            data = data[sent:]
        self.transport.write(data)

    def produce_with(self, producer: Producer) -> None:
        """Have `producer` paused while more than `PAUSE_BYTES` wait to be sent, and resumed when all are gone."""
        self._producing = True
        self.transport.registerProducer(producer, True)

    def pause_reading(self) -> None:
        self.transport.pauseProducing()

    def resume_reading(self) -> None:
        self.transport.resumeProducing()

    def close(self) -> None:
        """Send what is buffered, then close. A registered producer would keep the transport open for ever."""
        self.closing = True
        if self._producing:
            self._producing = False
            self.transport.unregisterProducer()
        self.transport.loseConnection()

    def abort(self) -> None:
        """Close at once; what is buffered is lost."""
        self.closing = True
        self.transport.abortConnection()

    def half_close(self) -> bool:
        """Shut the sending side once all is written; False where the transport cannot (TLS)."""
        lose_write = cast(Callable[[], None] | None, getattr(self.transport, "loseWriteConnection", None))
        if lose_write is None or not can_half_close(self.transport):
            return False
        if self._producing:
            self._producing = False
            self.transport.unregisterProducer()
        lose_write()
        return True


def can_half_close(transport: object) -> bool:
    """Whether the peer can tell "no more from me" from "gone": plain TCP and unix sockets, not TLS."""
    return bool(IHalfCloseableDescriptor.providedBy(transport)) and not getattr(transport, "TLS", False)
