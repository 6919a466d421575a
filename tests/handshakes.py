"""Real TLS handshakes in memory: both sides are OpenSSL's, and only the bytes between them are moved by hand."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding
from twisted.internet.interfaces import IHandshakeListener
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.testing import MemoryReactorClock
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from twisted.test import iosim
from zope.interface import implementer

from tw.errors import TwError
from tw.net.tls import ServerTls, client_creator
from tw.net.tls_failures import tls_failure
from tw.options import TlsClientOptions

SECRET = b"what only the right server may read"
WHERE = "server:1"


@implementer(IHandshakeListener)
class Side(Protocol):
    """Says `says` at once, before the handshake as a careless program would, and notes what comes of it."""

    def __init__(self, says: bytes) -> None:
        self.says = says
        self.got = b""
        self.pump: Any = None
        self.shaken = False
        self.lost: Failure | None = None

    def connectionMade(self) -> None:
        transport: Any = self.transport
        transport.write(self.says)

    def handshakeCompleted(self) -> None:
        transport: Any = self.transport
        self.shaken = not transport.disconnecting

    def dataReceived(self, data: bytes) -> None:
        self.got += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost = reason


@dataclass
class Shaken:
    """What came of a handshake."""

    client: Side
    server: Side

    @property
    def works(self) -> bool:
        """Whether both sides have verified what they wanted to, and each has got what the other said."""
        return (
            self.client.shaken and self.client.lost is None and self.server.got == SECRET and self.client.got == b"hi"
        )

    @property
    def error(self) -> TwError:
        """The client's failure, as it is told. Nothing of what it said may have reached the server."""
        assert self.server.got == b""
        assert self.client.lost is not None
        return tls_failure(self.client.lost, WHERE)


def shake(server: ServerTls | Any, name: str, options: TlsClientOptions) -> Shaken:
    """A handshake between a server and the client that `client_creator` makes for `name`."""
    context = server.context if isinstance(server, ServerTls) else server
    return shake_with(context, client_creator(name, options))


def shake_with(context: Any, creator: Any) -> Shaken:
    server = Side(b"hi")
    clock: Any = MemoryReactorClock()
    client = shake_hands(TLSMemoryBIOFactory(context, False, _handing_out(server), clock), creator, clock)
    return Shaken(client, server)


def shake_hands(serving: Any, creator: Any, clock: Any = None) -> Side:
    """The client's side, after a handshake with what a server's factory builds."""
    clock = clock or MemoryReactorClock()
    client = Side(SECRET)
    below_client: Any = TLSMemoryBIOFactory(creator, True, _handing_out(client), clock).buildProtocol(None)
    below_server = serving.buildProtocol(None)
    client.pump = iosim.connect(
        below_server, iosim.makeFakeServer(below_server), below_client, iosim.makeFakeClient(below_client), clock=clock
    )
    client.pump.flush()
    assert clock.getDelayedCalls() == []
    return client


def _handing_out(protocol: Side) -> Any:
    return Factory.forProtocol(lambda: protocol)


def write_pem(path: Path, certificate: Any) -> str:
    """A file with the certificate; gives its name."""
    path.write_bytes(certificate.public_bytes(Encoding.PEM))
    return str(path)
