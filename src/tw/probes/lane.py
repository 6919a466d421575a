"""One connection's share of a load: what is under way on it, and how it is opened again."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.defer import CancelledError, Deferred, ensureDeferred
from twisted.python.failure import Failure

from tw.errors import TwError
from tw.probes.books import Books
from tw.probes.connecting import Connector
from tw.probes.failures import kind_of
from tw.probes.timing import pause
from tw.protocols.client import ClientConnection

REOPEN_S = 0.1
"""Between two tries to open a lost connection again: what comes back is used soon, what is dead costs little."""


class Load(Protocol):
    """What lanes tell the run that they belong to."""

    reactor: Any
    clock: Callable[[], float]
    books: Books

    def settled(self, lane: "Lane", due_s: float, sent_s: float, now_s: float, *, late: bool = False) -> None:
        """A message was answered well; `late`: after it had been given up."""

    def spoiled(
        self, lane: "Lane", count: int, kind: str | None = None, *, heard: bool = True, ours: bool = True
    ) -> None:
        """Messages will not be answered, or were answered badly; `kind` is what to count them as. `heard`: something
        came for them, so that the server is not silent. `ours`: what came may have been what was sent."""

    def opened(self, lane: "Lane") -> None:
        """A lane is open again."""

    def broken(self, error: TwError) -> None:
        """A connection broke, or could not be opened again."""

    def goes_on(self) -> bool:
        """Whether there will be more to send."""


class Lane(ABC):
    """One way to the server, with the messages that are under way on it, oldest first: number -> (due, sent), in
    seconds.

    `room` is how many may be under way at once. A way that breaks is opened again as long as the run goes on. It takes
    `tries` messages, none of them answered, to show that nobody answers.
    """

    tries = 1

    def __init__(self, load: Load, room: int) -> None:
        self._load = load
        self.room = room
        self.under_way: dict[int, tuple[float, float]] = {}
        self._opening: Deferred[None] | None = None
        self.leaving = False
        # Whether the connection before ended otherwise than it should.
        self._at_fault = False
        # Whether the run knows that this lane can take a message.
        self.queued = False

    @property
    @abstractmethod
    def open(self) -> bool:
        """Whether something can be sent."""

    @abstractmethod
    async def connect(self) -> None:
        """Open it. Raises as `Connector.connect` does."""

    @abstractmethod
    def _write(self, wire: bytes) -> None:
        """Send these bytes, and count them."""

    def send(self, due_s: float, now_s: float) -> None:
        """Send the next message. Only while the lane is open and has room."""
        number, wire = self._next()
        self.under_way[number] = (due_s, now_s)
        self._write(wire)

    @abstractmethod
    def _next(self) -> tuple[int, bytes]:
        """The next message's number, and its bytes."""

    @abstractmethod
    def received(self, data: bytes) -> None:
        """Bytes have come."""

    @abstractmethod
    def give_up(self, number: int) -> None:
        """Nothing came for this message in time."""

    def drop_overdue(self, before_s: float) -> None:
        """Give up every message that was sent before `before_s`."""
        while self.under_way:
            number = next(iter(self.under_way))
            if self.under_way[number][1] > before_s:
                return
            self.give_up(number)

    def _broke(self, error: TwError) -> None:
        """The connection is gone though nobody closed it."""
        self._lose(error)
        self.reopen()

    def _lose(self, error: TwError) -> None:
        """There is no connection, and none to be had: what was under way is lost."""
        lost = len(self.under_way)
        self.under_way.clear()
        self._at_fault = True
        self._load.books.errors[kind_of(error)] += 1
        self._load.spoiled(self, lost, heard=False)
        self._load.broken(error)

    def _is_needed(self) -> bool:
        """Whether a connection is of any more use."""
        return not self.leaving and self._load.goes_on()

    def reopen(self, after_s: float = 0.0) -> None:
        """Open the connection again, and tell the run once that is done."""
        if self._opening is not None or not self._is_needed():
            return
        opening = ensureDeferred(self._reopen(after_s))
        opening.addErrback(lambda failure: failure.trap(CancelledError))
        if not opening.called:  # at the very end of a part it is over before it began
            self._opening = opening

    async def _reopen(self, after_s: float) -> None:
        try:
            if after_s:
                await pause(self._load.reactor, after_s)
            while not self.open and self._is_needed():
                try:
                    await self.connect()
                except TwError as error:
                    self._lose(error)
                    await pause(self._load.reactor, REOPEN_S)
                    continue
                self._load.books.reconnected += self._at_fault
                self._at_fault = False
        finally:
            self._opening = None
        if self.open:
            self._load.opened(self)

    def leave(self, *, orderly: bool) -> None:
        """Close it: this lane has done its work."""
        self.leaving = True
        if self._opening is not None:
            self._opening.cancel()


class StreamLane(Lane):
    """A connection's."""

    def __init__(self, load: Load, connector: Connector, room: int) -> None:
        super().__init__(load, room)
        self._connector = connector
        self.connection: ClientConnection | None = None

    @property
    def open(self) -> bool:
        return self.connection is not None and not self.connection.is_lost

    async def connect(self) -> None:
        # Bound to this connection: what one that was given up still has to say concerns nobody.
        connection: ClientConnection = await self._connector.connect(self._build)
        if self.leaving:
            connection.abort()
            return
        self.connection = connection

    def _build(self) -> ClientConnection:
        connection = ClientConnection(tls=self._connector.tls, received=self.received)
        connection.gone = lambda reason: self._gone(connection, reason)
        return connection

    def _write(self, wire: bytes) -> None:
        self._load.books.sent_bytes += len(wire)
        assert self.connection is not None
        self.connection.stream.write(wire)

    def _gone(self, connection: ClientConnection, reason: Failure) -> None:
        if connection is not self.connection:
            return
        self.connection = None
        if not self.leaving:
            answered = connection.received_bytes > 0
            self._broke(self._connector.lost(reason, answered=answered))

    def leave(self, *, orderly: bool) -> None:
        super().leave(orderly=orderly)
        if self.connection is not None and self.open:
            self.connection.stream.close() if orderly else self.connection.abort()
