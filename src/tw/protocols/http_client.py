"""The counter's client side: one connection, one HTTP/1.1 request at a time, its answer or a typed error (RFC 9112)."""

import time
from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure

from tw.errors import ProtocolError
from tw.protocols.client import ClientConnection
from tw.protocols.http_exchange import Answer, Exchange, early_end
from tw.protocols.http_request import HttpRequest


class CounterClient(ClientConnection):
    """One connection to an HTTP server, for one request at a time. `where` names the server in errors.

    `first_byte_s` is when the last answer began to come in, by `clock`, and `whole_s` when it was all there.
    """

    def __init__(
        self,
        *,
        tls: bool = False,
        where: str = "",
        gone: Callable[[Failure], None] = lambda reason: None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        super().__init__(tls=tls, received=self._received, gone=self._ended)
        self._where = where
        self._on_gone = gone
        self._clock = clock
        self.first_byte_s = self.whole_s = 0.0
        self._exchange: Exchange | None = None
        self._waiting: Deferred[Answer] | None = None
        self.usable = True
        """Whether another request may be made: false once an answer closes the connection, or anything went wrong."""

    def request(self, request: HttpRequest) -> Deferred[Answer]:
        """Send it once `ready` has fired; fires with the answer. Cancelling it closes the connection.

        Fails with ProtocolError where the peer does not speak HTTP or leaves in the middle, and with TlsError where
        TLS fails after the handshake (a client certificate that is refused). Raises RuntimeError unless `usable`.
        """
        if not self.usable or self._waiting is not None:
            raise RuntimeError("this connection cannot take a request now")
        self._exchange = Exchange(request, self._where)
        waiting = self._waiting = Deferred(lambda _: self._abandon())
        self.stream.write(request.wire)
        return waiting

    def close(self) -> None:
        """Close the connection in good order."""
        self.usable = False
        self.stream.close()

    def _abandon(self) -> None:
        self._waiting = self._exchange = None
        self.usable = False
        self.stream.abort()

    def _received(self, data: bytes) -> None:
        exchange = self._exchange
        if exchange is None:
            self.usable = False  # nothing was asked
            return
        self.whole_s = self._clock()
        if not exchange.received_bytes:
            self.first_byte_s = self.whole_s
        try:
            exchange.feed(data)
        except ProtocolError as error:
            self._fail(error)
            return
        if exchange.complete:
            self._conclude(exchange)

    def _conclude(self, exchange: Exchange) -> None:
        answer = exchange.answer()
        waiting, self._waiting, self._exchange = self._waiting, None, None
        self.usable = self.usable and answer.keep_alive
        assert waiting is not None
        waiting.callback(answer)

    def _fail(self, error: BaseException) -> None:
        waiting = self._waiting
        self._abandon()
        assert waiting is not None
        waiting.errback(Failure(error))

    def _ended(self, reason: Failure) -> None:
        self.usable = False
        exchange = self._exchange
        if exchange is not None:
            if reason.check(ConnectionDone) and exchange.end():
                self.whole_s = self._clock()
                self._conclude(exchange)
            else:
                self._fail(early_end(reason, self._where, exchange))
        self._on_gone(reason)
