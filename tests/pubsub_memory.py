"""A pub/sub connection in memory, and the hub that it talks to: a real log, and a note of all that it is told."""

from collections.abc import Callable

from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from counter_memory import Keeper, TcpTransport
from tw.core.cursor import Cursor
from tw.core.fanout import FanOut
from tw.protocols.pubsub import PubSubServer

MAX_LINE_BYTES = 10
FAREWELL = b"<tw> goodbye\n"


class Hub:
    """The service's part over a real log, one turn a publication. It notes what it is told."""

    max_line_bytes = MAX_LINE_BYTES

    def __init__(self) -> None:
        self.fanout = FanOut(backlog_bytes=1 << 20)
        self.published: list[list[bytes]] = []
        self.told: list[str] = []

    def join(self, connection: PubSubServer) -> Cursor:
        return self.fanout.subscribe()

    def leave(self, connection: PubSubServer) -> None:
        self.told.append("leave")
        self.fanout.unsubscribe(connection.cursor)

    def fall_behind(self, connection: PubSubServer) -> None:
        """Nobody is abreast here: every connection has a cursor of its own."""

    def publish(self, connection: PubSubServer, lines: list[bytes]) -> None:
        self.published.append(lines)
        self.order(*lines)

    def line_too_long(self, connection: PubSubServer) -> None:
        self.told.append("too long")
        connection.finish(FAREWELL, "line too long")

    def half_closed(self, connection: PubSubServer) -> None:
        self.told.append("half-closed")

    def when_ordered(self, connection: PubSubServer, then: Callable[[], None]) -> None:
        then()

    def breathed(self, connection: PubSubServer) -> None:
        """Nobody waits for it here."""

    def order(self, *lines: bytes) -> None:
        """Lines that are in the log, and that nobody has been given yet."""
        self.fanout.publish(None, b"", lines)
        self.fanout.seal()

    @property
    def lines(self) -> list[bytes]:
        return [line for lines in self.published for line in lines]


class Client:
    """One connection with everything around it."""

    def __init__(self, clock: Clock, *, tls: bool = False) -> None:
        self.hub = Hub()
        self.keeper = Keeper()
        self.server = PubSubServer(self.keeper, None, self.hub, clock)
        self.transport = TcpTransport()
        if tls:
            self.transport.TLS = True
        self.server.makeConnection(self.transport)

    def lose(self, reason: Exception | None = None) -> None:
        self.server.connectionLost(Failure(reason or ConnectionDone()))
