"""The two ends of a stream in memory, and a scripted peer to stand at one of them."""

from collections.abc import Callable
from typing import Any

from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IHalfCloseableProtocol, ITransport
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

PAUSE_BYTES = 65_536


@implementer(ITransport)
class End:
    """One end of a stream, as Twisted's TCP transport behaves: what is written leaves when the network next moves."""

    def __init__(self, protocol: Any, address: object, own: object = None) -> None:
        self.protocol = protocol
        self.address = address
        self.own = address if own is None else own
        self.peer: End
        self.out = bytearray()
        self.connected = True
        self.disconnecting = False
        self.shut = self.told = self.aborted = False
        self.reading = True
        self.stuck = False
        """Whether nothing that is written here gets through."""
        self.heeds_end = True
        """Whether it takes the peer's end for its own."""
        self.producer: Any = None
        self._paused = False

    def write(self, data: bytes) -> None:
        if not self.connected or self.shut:
            return
        self.out += data
        if self.producer is not None and len(self.out) > PAUSE_BYTES:
            self._paused = True
            self.producer.pauseProducing()

    def writeSequence(self, data: list[bytes]) -> None:
        self.write(b"".join(data))

    def loseConnection(self) -> None:
        self.disconnecting = True

    def loseWriteConnection(self) -> None:
        self.shut = True

    def abortConnection(self) -> None:
        self.aborted = self.disconnecting = True

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        assert streaming
        assert self.producer is None
        self.producer = producer

    def unregisterProducer(self) -> None:
        self.producer = None

    def pauseProducing(self) -> None:
        self.reading = False

    def resumeProducing(self) -> None:
        self.reading = True

    def getPeer(self) -> object:
        return self.address

    def getHost(self) -> object:
        return self.own

    def move(self) -> bool:
        """Let go of what waits here, first bytes, then the end; whether there was any."""
        if not self.connected:
            return False
        if self.aborted:
            self.told = True
            self.end(ConnectionAborted())
            self.peer.end(ConnectionLost())
            return True
        if self.stuck:
            return False
        if self.out:
            return self._move_bytes()
        closing = self.disconnecting and self.producer is None
        if not (closing or self.shut) or (self.told and not closing):
            return False
        if not self.told:
            self.told = True
            self.peer.read_end()
        if closing:
            self.end(ConnectionDone())
        return True

    def _move_bytes(self) -> bool:
        if not self.peer.reading and self.peer.connected:
            return False
        data = bytes(self.out)
        self.out.clear()
        if not self.peer.connected:
            self.end(ConnectionLost())  # it answers with a reset
            return True
        self.peer.protocol.dataReceived(data)
        if self._paused and self.producer is not None and not self.out:
            self._paused = False
            self.producer.resumeProducing()
        return True

    def read_end(self) -> None:
        """The peer sends no more."""
        if not self.connected or not self.heeds_end:
            return
        if IHalfCloseableProtocol.providedBy(self.protocol):
            self.protocol.readConnectionLost()
        else:
            self.end(ConnectionDone())

    def end(self, reason: Exception) -> None:
        """The connection is over at this end, and the other one will notice."""
        if not self.connected:
            return
        self.connected = False
        if self.producer is not None:
            self.producer.stopProducing()
        self.protocol.connectionLost(Failure(reason))
        if not self.told:
            self.told = True
            self.peer.read_end()


class Peer(Protocol):
    """A scripted server: `hears` is called with it, and what came; `meets` with it alone, at first."""

    def __init__(self, hears: Callable[["Peer", bytes], object], meets: Callable[["Peer"], object]) -> None:
        self.hears = hears
        self.meets = meets
        self.got = b""
        self.lost: Failure | None = None

    def connectionMade(self) -> None:
        self.meets(self)

    def dataReceived(self, data: bytes) -> None:
        self.got += data
        self.hears(self, data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost = reason

    def say(self, data: bytes) -> None:
        end: Any = self.transport
        end.write(data)

    def stay(self) -> None:
        """Keep the connection open after the client has shut its side."""
        end: Any = self.transport
        end.heeds_end = False

    def stop(self) -> None:
        """Read no further."""
        end: Any = self.transport
        end.pauseProducing()

    def go_on(self) -> None:
        end: Any = self.transport
        end.resumeProducing()

    def leave(self) -> None:
        end: Any = self.transport
        end.loseConnection()

    def cut(self) -> None:
        end: Any = self.transport
        end.abortConnection()
