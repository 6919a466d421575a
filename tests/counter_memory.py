"""A counter's connection in memory: a keeper that notes, a transport that fills up, and a strict reader of answers."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IAddress
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from tw.errors import LocalError
from tw.events import Requested
from tw.protocols.answers import CounterSite
from tw.protocols.connection import ServerConnection
from tw.protocols.counter import CounterServer
from tw.services.state import Numbers

AT_S = 784_111_777.25
"""Sun, 06 Nov 1994 08:49:37 GMT, the date in RFC 9110, 5.6.7."""

CHUNKED = b"Transfer-Encoding: chunked\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


def get(path: str = "/", *fields: str, method: str = "GET", version: str = "1.1") -> bytes:
    """A request without a body."""
    lines = [f"{method} {path} HTTP/{version}", "Host: a", *fields, "", ""]
    return "\r\n".join(lines).encode()


def post(body: bytes = b"", *fields: str, method: str = "POST") -> bytes:
    return get("/", f"Content-Length: {len(body)}", *fields, method=method) + body


@dataclass
class Response:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def number(self) -> int | None:
        text = self.headers.get("x-request-number")
        return int(text) if text is not None else None


def responses(data: bytes, heads: Iterable[int] = ()) -> list[Response]:
    """Every answer in `data`, which ends where an answer ends; those at the places `heads` are to a HEAD."""
    found: list[Response] = []
    without_body = set(heads)
    while data:
        head, blank, data = data.partition(b"\r\n\r\n")
        assert blank, head
        first, *lines = head.decode("ascii").split("\r\n")
        assert first.startswith("HTTP/1.1 "), first
        pairs = [line.split(": ", 1) for line in lines]
        headers = {name.lower(): value for name, value in pairs}
        assert len(headers) == len(pairs), "a field is given twice"
        status = int(first.split(" ")[1])
        size = int(headers.get("content-length", "0"))
        body = b""
        if len(found) not in without_body:
            body, data = data[:size], data[size:]
            assert len(body) == size
        found.append(Response(status, headers, body))
    return found


class TcpTransport(StringTransport):
    """Behaves as Twisted's TCP transport does: pauses its producer past 64 KiB, and has a sending side to shut.

    `read` is the peer reading all of it. While `reads` is off nothing leaves.
    """

    def __init__(self) -> None:
        super().__init__()
        self.reads = True
        self.half_closed = False
        self.aborted = False
        self.writes: list[bytes] = []
        self.largest_bytes = 0
        self.paused_producer = False

    def write(self, data: bytes) -> None:
        assert not self.half_closed, "written after the sending side was shut"
        self.writes.append(data)
        super().write(data)
        waiting = len(self.value())
        self.largest_bytes = max(self.largest_bytes, waiting)
        if not self.reads and waiting > 65_536 and self.producer is not None and not self.paused_producer:
            self.paused_producer = True
            self.producer.pauseProducing()

    def read(self) -> bytes:
        data = bytes(self.value())
        self.clear()
        if self.producer is not None and self.paused_producer:
            self.paused_producer = False
            self.producer.resumeProducing()
        return data

    def loseWriteConnection(self) -> None:
        self.half_closed = True

    def abortConnection(self) -> None:
        self.aborted = True
        super().abortConnection()

    offset = 0
    _tempDataLen = 0

    @property
    def dataBuffer(self) -> bytes:
        """What the peer has not taken, by the names that Twisted's transport has for it."""
        return b"" if self.reads else bytes(self.value())

    @property
    def is_reading(self) -> bool:
        return self.producerState == "producing"


class StingyNumbers(Numbers):
    """Gives `left` numbers; then the disk is full until `left` is raised."""

    def __init__(self, left: int) -> None:
        super().__init__()
        self.left = left

    def take(self) -> int:
        if not self.left:
            raise LocalError("no space left on device", "state")
        self.left -= 1
        return super().take()


@dataclass
class Keeper:
    """The listener's part: notes who has ended."""

    ends: list[ServerConnection] = field(default_factory=list)

    def opened(self, connection: ServerConnection) -> None:
        """It has its address already."""

    def closed(self, connection: ServerConnection, reason: Failure) -> None:
        self.ends.append(connection)


PEER = IPv4Address("TCP", "192.0.2.1", 5)


def take_turns(clock: Clock) -> None:
    """Let the reactor turn until nothing is to be done at once."""
    while any(call.getTime() <= clock.seconds() for call in clock.getDelayedCalls()):
        clock.advance(0)


class Rig:
    """One connection, and what it is made of."""

    def __init__(self, numbers: Numbers | None = None, *, access_log: bool = False, tls: bool = False) -> None:
        self.now_s = AT_S
        self.clock = Clock()
        self.numbers = numbers or Numbers()
        self.numbers.instance = "0123456789abcdef"
        self.requested: list[Requested] = []
        self.failures: list[LocalError] = []
        self.recoveries = 0
        self.site = CounterSite(
            self.clock,
            self.numbers,
            lambda: self.now_s,
            requested=self.requested.append if access_log else None,
            failed=self.failures.append,
            recovered=self._recovered,
        )
        self.keeper = Keeper()
        self.server, self.transport = self.connect(tls=tls)

    def _recovered(self) -> None:
        self.recoveries += 1

    def connect(self, address: IAddress = PEER, *, tls: bool = False) -> tuple[CounterServer, TcpTransport]:
        server = CounterServer(self.site, self.keeper, address)
        transport = TcpTransport()
        if tls:
            transport.TLS = True  # as Twisted's own marks a connection whose sending side cannot be shut alone
        server.makeConnection(transport)
        return server, transport

    def send(self, data: bytes, size: int | None = None) -> None:
        """As it comes from the network: in pieces of `size` bytes."""
        size = size or len(data) or 1
        for offset in range(0, len(data), size):
            self.server.dataReceived(data[offset : offset + size])
            take_turns(self.clock)

    def read(self) -> bytes:
        """The peer reads all that was sent, and the reactor turns."""
        data = self.transport.read()
        take_turns(self.clock)
        return data

    def ask(self, data: bytes, heads: Iterable[int] = ()) -> list[Response]:
        self.send(data)
        return responses(self.transport.read(), heads)

    def lose(self, reason: Exception | None = None) -> None:
        self.server.connectionLost(Failure(reason or ConnectionDone()))

    @property
    def closed(self) -> bool:
        return bool(self.transport.disconnecting)


def one(data: bytes) -> tuple[Response, Rig]:
    """The only answer to `data`, on a connection of its own."""
    rig = Rig()
    (answer,) = rig.ask(data)
    return answer, rig
