"""The connections of a delivery matrix: publishers and subscribers, each opened once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from twisted.python.failure import Failure

from tw.errors import TwError
from tw.net.endpoint import address_text
from tw.probes.connecting import Connector
from tw.probes.slow_reader import SlowReader
from tw.protocols.client import ClientConnection

FAREWELLS = (b"<tw> disconnected", b"<tw> line too long")
"""What the server says last to one that it parts from (DESIGN, section 5)."""

FAREWELL_BYTES = 200


class Watch(Protocol):
    """Who is told what comes, and who goes."""

    def heard(self, index: int, data: bytes) -> None:
        """A subscriber has received something."""

    def subscriber_gone(self, index: int, reason: Failure) -> None: ...
    def publisher_gone(self, index: int, reason: Failure) -> None: ...
    def unblocked(self, index: int) -> None:
        """A publisher's connection takes lines again."""


class Member:
    """One connection. `place` says to which of the targets, counted from 0; `local` is its own address, as the server
    knows it."""

    def __init__(self, watch: Watch, connector: Connector, index: int, place: int = 0) -> None:
        self.index = index
        self.place = place
        self.connection: ClientConnection | None = None
        self.local = ""
        self._watch = watch
        self._connector = connector

    @property
    def where(self) -> str:
        """Its target."""
        return self._connector.where

    @property
    def open(self) -> bool:
        return self.connection is not None and not self.connection.is_lost

    async def connect(self) -> None:
        """Open the connection. Raises as `Connector.open` does."""
        self.connection = connection = await self._connector.open(received=self.received, gone=self.gone)
        self.local = address_text(connection.stream.transport.getHost())
        self.opened(connection)

    def opened(self, connection: ClientConnection) -> None:
        """It is ready to be used."""

    def received(self, data: bytes) -> None:
        """Bytes came."""

    def gone(self, reason: Failure) -> None:
        """The connection is over."""

    def advised(self, error: TwError, *, answered: bool) -> TwError:
        """As `Connector.advised`."""
        return self._connector.advised(error, answered=answered)

    def abort(self) -> None:
        if self.connection is not None:
            self.connection.abort()

    def leave(self, *, orderly: bool) -> None:
        """Close the connection: the run is over."""
        if self.connection is not None and self.open:
            self.connection.stream.close() if orderly else self.connection.abort()


class Subscriber(Member):
    """Reads no more than `rate_bytes_per_s`, where there is such a limit, from `begin` to `let_go`."""

    def __init__(
        self,
        reactor: Any,
        watch: Watch,
        connector: Connector,
        index: int,
        rate_bytes_per_s: int | None,
        place: int = 0,
    ) -> None:
        super().__init__(watch, connector, index, place)
        self._reactor = reactor
        self._rate_bytes_per_s = rate_bytes_per_s
        self._reader: SlowReader | None = None

    def opened(self, connection: ClientConnection) -> None:
        if self._rate_bytes_per_s is not None:
            self._reader = SlowReader(self._reactor, connection.stream, self._rate_bytes_per_s)

    def received(self, data: bytes) -> None:
        self._watch.heard(self.index, data)
        if self._reader is not None:
            self._reader.received(len(data))

    @property
    def slow(self) -> bool:
        return self._rate_bytes_per_s is not None

    @property
    def resting(self) -> bool:
        """Whether it is slow just now: nothing can come to it, whatever the server does."""
        return self._reader is not None and self._reader.resting

    def begin(self) -> None:
        if self._reader is not None:
            self._reader.begin()

    def let_go(self) -> None:
        """Read what is left as fast as it comes."""
        if self._reader is not None:
            self._reader.let_go()

    def gone(self, reason: Failure) -> None:
        if self._reader is not None:
            self._reader.stop()
        self._watch.subscriber_gone(self.index, reason)


class Publisher(Member):
    """`blocked`: the server takes no more for now, and what is written would pile up here."""

    def __init__(self, watch: Watch, connector: Connector, index: int, place: int = 0) -> None:
        super().__init__(watch, connector, index, place)
        self.blocked = False
        self._end = b""
        self.write: Callable[[bytes], None] = lambda data: None

    def opened(self, connection: ClientConnection) -> None:
        self.write = connection.stream.write
        connection.stream.produce_with(self)

    def received(self, data: bytes) -> None:
        """A publisher gets every line as well: it reads and drops them, or it would be a slow consumer."""
        self._end = data[-FAREWELL_BYTES:]

    @property
    def farewell(self) -> bytes:
        """What the server said last, where that was why it parted; else nothing."""
        last = self._end.rstrip(b"\r\n").rpartition(b"\n")[2]
        return last if last.startswith(FAREWELLS) else b""

    def gone(self, reason: Failure) -> None:
        self._watch.publisher_gone(self.index, reason)

    # What its transport calls (`net.stream.Producer`) -----------------------------------------------------------------

    def pauseProducing(self) -> None:
        self.blocked = True

    def resumeProducing(self) -> None:
        self.blocked = False
        self._watch.unblocked(self.index)

    def stopProducing(self) -> None:
        """The connection is over; `gone` follows."""


@dataclass(frozen=True, slots=True)
class Crew:
    """Everyone who takes part, and where the servers are."""

    publishers: Sequence[Publisher]
    subscribers: Sequence[Subscriber]
    targets: Sequence[str]

    @property
    def where(self) -> str:
        """All targets."""
        return ", ".join(self.targets)

    def was_answered_at(self, place: int) -> bool:
        """Whether this target has sent a byte to anyone."""
        connections = (each.connection for each in (*self.subscribers, *self.publishers) if each.place == place)
        return any(connection is not None and connection.received_bytes > 0 for connection in connections)
