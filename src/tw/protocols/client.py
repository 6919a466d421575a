"""What every client connection has: a moment from which it may be used, a stream, and an end with a reason."""

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IHandshakeListener
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from tw.net.stream import Stream


@implementer(IHandshakeListener)
class ClientConnection(Protocol):
    """Base of the clients' protocols.

    `ready` fires once the connection may be used: connected and, over TLS, verified. Nothing is to be sent before:
    `connectionMade` comes ahead of the handshake. It fails with the reason where the connection ends first, and
    cancelling it aborts the connection. Afterwards `gone` is called with the reason, once. `received` gets the bytes.
    """

    stream: Stream
    received_bytes: int = 0

    def __init__(
        self,
        *,
        tls: bool = False,
        received: Callable[[bytes], None] = lambda data: None,
        gone: Callable[[Failure], None] = lambda reason: None,
    ) -> None:
        self.ready: Deferred[None] = Deferred(lambda _: self._given_up())
        self.received = received
        self.gone = gone
        self.is_ready = False
        self.is_lost = False
        self._tls = tls

    def connectionMade(self) -> None:
        self.stream = Stream(self.transport)
        if not self._tls:
            self._become_ready()

    def handshakeCompleted(self) -> None:
        # Twisted calls this also right after a failed verification, when the connection is already being aborted.
        if not getattr(self.transport, "disconnecting", False):
            self._become_ready()

    def _become_ready(self) -> None:
        self.is_ready = True
        self.ready.callback(None)

    def _given_up(self) -> None:
        """Whoever waited for `ready` waits no more: the handshake must not go on behind their back."""
        if self.connected:
            self.abort()

    def abort(self) -> None:
        """Close at once, if it is open: Twisted's TLS breaks (AttributeError) where its connection is gone already."""
        if not self.is_lost:
            self.stream.abort()

    def dataReceived(self, data: bytes) -> None:
        self.received_bytes += len(data)
        self.received(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.is_lost = True
        if self.is_ready:
            self.gone(self.stream.end(reason))
        elif not self.ready.called:
            self.ready.errback(reason)
