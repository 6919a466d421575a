"""An IMAP client's connection: bytes to `core.imap` and back, STARTTLS, and an end that reaches the caller."""

from collections.abc import Callable
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from tw.core.imap import ImapSession
from tw.core.imap_types import Errand, ImapRequest, Phase
from tw.errors import TlsError, TwError
from tw.net.stream import Stream
from tw.net.tls_failures import tls_failure
from tw.protocols.client import ClientConnection


class ImapClient(ClientConnection):
    """Runs one errand as `request` says, over a connection that somebody else makes.

    `done` fires once, after `ready`: as soon as the errand is done, or with the TwError that ended the session.
    Where the connection ends before it is `ready`, that fails, and `done` never fires. Cancelling either
    aborts the connection. `closed` fires (never fails) when the connection is gone; after an answer that takes as long
    as the server takes over its goodbye, so a caller in a hurry aborts `stream`.

    `starttls` makes the TLS connection that security `starttls` asks for: one of `net.tls.client_creator`. With
    security `tls` the connection is TLS already, and nothing is sent before its handshake is done.
    """

    def __init__(
        self,
        request: ImapRequest,
        errand: Errand,
        starttls: IOpenSSLClientConnectionCreator | None = None,
        show: Callable[[str], None] | None = None,
    ) -> None:
        if request.security == "starttls" and starttls is None:
            raise ValueError("security starttls needs a connection creator")
        super().__init__(tls=request.security == "tls")
        self.ready = Deferred(self._cancelled)
        self.done: Deferred[None] = Deferred(self._cancelled)
        self.closed: Deferred[None] = Deferred()
        self.moved: Callable[[], None] = lambda: None
        """Called whenever the session may have got on, and is not over."""
        self._session = ImapSession(request, errand, show)
        self._starttls = starttls
        self._where = request.where
        self._is_over = False

    def overdue(self, timeout_s: float) -> TwError:
        """The error for a deadline of `timeout_s` seconds that has passed; it names the phase."""
        return self._session.overdue(timeout_s)

    @property
    def alerts(self) -> list[str]:
        """What the server wants a person to see (RFC 3501, section 7.1), safe for a terminal."""
        return self._session.alerts

    def dataReceived(self, data: bytes) -> None:
        self.received_bytes += len(data)
        self.do(lambda: self._session.receive(data))

    def do(self, something: Callable[[], None]) -> None:
        """Let the session or its errand do something, and send what comes of it. Whatever it raises ends the session:
        the caller gets it from `done`, where Twisted would log it and close."""
        if self._is_over:
            return
        try:
            something()
            if not self._is_over:  # it may have been cancelled in there, by one who was told of a message
                self._advance()
            if not self._is_over:
                self.moved()
        except Exception as error:
            self._fail(error)

    def handshakeCompleted(self) -> None:
        super().handshakeCompleted()
        if self._is_over or not self.is_ready:
            return
        self.do(self._session.tls_started)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        super().connectionLost(reason)
        if self.is_ready and not self._is_over:
            self._fail(self._lost(reason))
        self.closed.callback(None)

    def _become_ready(self) -> None:
        # A second handshake is STARTTLS's; one that was cancelled is none.
        if not self.is_ready and not self._is_over:
            super()._become_ready()

    def _advance(self) -> None:
        """Do what the session wants after some bytes."""
        said = self._session.outgoing()
        if said:
            self.stream.write(said)
        if self._session.wants_tls:
            self._start_tls()
        elif self._session.done:
            self._is_over = True
            self.stream.close()
            self.done.callback(None)

    def _start_tls(self) -> None:
        transport = cast(Any, self.transport)
        if not hasattr(transport, "startTLS"):
            raise TlsError("STARTTLS cannot be had on this connection", self._session.where, "use --security tls")
        transport.startTLS(self._starttls)
        # The old stream may write to the socket directly, past TLS.
        self.stream = Stream(transport)

    def _lost(self, reason: Failure) -> TwError:
        if isinstance(reason.value, ConnectionDone):
            return self._session.lost()
        if isinstance(reason.value, ConnectionLost):
            return self._session.lost("the connection broke off")
        # Twisted calls a handshake complete also when the verification has failed: the session may be past that phase.
        return tls_failure(reason, f"{self._where}, {Phase.TLS}")

    def _fail(self, error: BaseException) -> None:
        self._is_over = True
        if not self.is_lost:
            self.stream.abort()
        (self.done if self.is_ready else self.ready).errback(error)

    def _cancelled(self, _: object) -> None:
        self._is_over = True
        if self.connected and not self.is_lost:
            self.stream.abort()
