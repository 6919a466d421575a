"""Connections that exchange one message now and then, for one who wants to know how long they last in between."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Literal

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from tw.core.payload import PayloadFormat
from tw.errors import ProtocolError
from tw.net.wire_end import WireEnd
from tw.probes.connecting import Connector
from tw.probes.failures import lost_connection
from tw.protocols.client import ClientConnection
from tw.protocols.http_client import CounterClient
from tw.protocols.http_exchange import Answer
from tw.protocols.http_request import HttpRequest

KEPT_BYTES = 64 * 1024
"""What may come ahead of an echoed payload and still be looked at: a server that describes says a line first."""


class IdleConnection(ABC):
    """`how` says by what the connection ended, None as long as it has not; `ended` is called then."""

    def __init__(self, connector: Connector, ended: Callable[[], None]) -> None:
        self.connector = connector
        self.how: Literal["closed", "reset"] | None = None
        self._ended = ended
        self._end: WireEnd | None = None
        self._connection: ClientConnection | None = None

    async def open(self) -> None:
        self._connection = await self.connect()
        self._end = WireEnd(self._connection.stream.transport)

    @abstractmethod
    async def connect(self) -> ClientConnection:
        """A new connection. Raises as `Connector.connect` does."""

    @abstractmethod
    def exchange(self) -> Deferred[Any]:
        """Send a message; fires once it is answered. Cancelling it is giving up."""

    @property
    def sent_bytes(self) -> int:
        return self._connection.stream.sent_bytes if self._connection is not None else 0

    @property
    def received_bytes(self) -> int:
        return self._connection.received_bytes if self._connection is not None else 0

    def close(self) -> None:
        if self._connection is not None and not self._connection.is_lost:
            self._connection.stream.close()

    def abort(self) -> None:
        """Close at once, unless it is being closed in good order."""
        if self._connection is not None and not self._connection.stream.closing:
            self._connection.abort()

    def gone(self, reason: Failure) -> None:
        self.how = self._end.how(reason) if self._end is not None else "closed"
        self._ended()


class EchoConnection(IdleConnection):
    """A payload there and back."""

    def __init__(self, connector: Connector, ended: Callable[[], None], form: PayloadFormat) -> None:
        super().__init__(connector, ended)
        self._form = form
        self._number = 0
        self._payload = b""
        self._came = b""
        self._waiting: Deferred[None] | None = None

    async def connect(self) -> ClientConnection:
        return await self.connector.open(received=self._received, gone=self.gone)

    def exchange(self) -> Deferred[None]:
        assert self._connection is not None
        self._number += 1
        self._payload = self._form.payload(self._number)
        waiting = self._waiting = Deferred(lambda _: self._give_up())
        self._connection.stream.write(self._payload)
        return waiting

    def _give_up(self) -> None:
        self._waiting = None

    def _received(self, data: bytes) -> None:
        self._came = (self._came + data)[-(KEPT_BYTES + len(self._payload)) :]
        if self._waiting is not None and self._payload in self._came:
            waiting, self._waiting, self._came = self._waiting, None, b""
            waiting.callback(None)

    def gone(self, reason: Failure) -> None:
        super().gone(reason)
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.errback(lost_connection(reason, self.connector.where))


class CounterConnection(IdleConnection):
    """A request and its answer, on a connection that is kept alive."""

    def __init__(self, connector: Connector, ended: Callable[[], None], request: HttpRequest) -> None:
        super().__init__(connector, ended)
        self._request = request
        self._was_kept = False

    async def connect(self) -> ClientConnection:
        connector = self.connector
        return await connector.connect(lambda: CounterClient(tls=connector.tls, where=connector.where, gone=self.gone))

    def exchange(self) -> Deferred[Answer]:
        client = self._connection
        assert isinstance(client, CounterClient)
        if not client.usable:
            # Something came that nobody had asked for: a 408, ahead of the end.
            return Deferred.fromCoroutine(self._refused())
        answered = client.request(self._request)
        return answered if self._was_kept else answered.addCallback(self._kept)

    async def _refused(self) -> Answer:
        raise ProtocolError("the server said the last word on this connection", self.connector.where)

    def _kept(self, answer: Answer) -> Answer:
        if not answer.keep_alive:
            what = f"the answer, a {answer.status}, ends its connection: there is none to be silent on"
            raise ProtocolError(what, self.connector.where, "ask for what is answered on a kept connection")
        self._was_kept = True
        return answer
