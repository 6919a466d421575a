"""What every server-side connection has: a stream, an identity, byte counts, half-close and drain."""

from typing import Protocol as TypingProtocol

from twisted.internet.interfaces import IAddress, IHalfCloseableProtocol, IHandshakeListener, IPushProducer
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from tw.net.endpoint import address_text
from tw.net.stream import Stream


class Keeper(TypingProtocol):
    """Who a connection reports to: the listener, which holds all of them."""

    def opened(self, connection: "ServerConnection") -> None: ...
    def secured(self, connection: "ServerConnection") -> None: ...
    def closed(self, connection: "ServerConnection", reason: Failure) -> None: ...


@implementer(IHalfCloseableProtocol, IHandshakeListener, IPushProducer)
class ServerConnection(Protocol):
    """Base of the three servers' protocols. Subclasses define `dataReceived`, and what a half-close and a drain mean.

    `id` is set by the keeper in `opened`; byte counts are of the application's bytes, inside TLS.
    """

    stream: Stream
    id: int = 0
    opened_at_s: float = 0.0
    received_bytes: int = 0
    close_reason: str = ""
    held: bool = False
    """Whether the server reads nothing from it for now: that it is silent is then not its own doing."""

    def __init__(self, keeper: Keeper, peer_address: IAddress | None = None) -> None:
        self.keeper = keeper
        self.peer_address = peer_address

    def connectionMade(self) -> None:
        self.stream = Stream(self.transport)
        self.stream.produce_with(self)
        self.keeper.opened(self)

    def handshakeCompleted(self) -> None:
        """The TLS handshake is done; never called without TLS."""
        self.keeper.secured(self)

    @property
    def peer(self) -> str:
        """Its address as it is written everywhere. Few connections are told of."""
        return address_text(self.peer_address, self.id)

    @property
    def moved_bytes(self) -> int:
        """What was received and sent so far: while it stays the same, nothing has moved."""
        return self.received_bytes + self.stream.sent_bytes

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.keeper.closed(self, reason)

    def readConnectionLost(self) -> None:
        """The peer shut its sending side: finish writing, then close (DESIGN 4.1)."""
        self.stream.close()

    def writeConnectionLost(self) -> None:
        """Never reached: servers do not half-close. `IHalfCloseableProtocol` asks for it."""

    def pauseProducing(self) -> None:
        """The peer reads slowly: stop reading from it, so that what it sends cannot pile up here."""
        self.stream.pause_reading()

    def resumeProducing(self) -> None:
        self.stream.resume_reading()

    def stopProducing(self) -> None:
        """The transport is going away; `connectionLost` follows."""

    def drain(self) -> None:
        """The server stops: finish what is under way, then close. The default sends what is buffered."""
        self.stream.close()
