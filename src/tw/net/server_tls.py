"""TLS for servers: that of `lean_tls`, with an end that does not hang on the peer."""

from typing import Any

from twisted.internet.protocol import connectionDone
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure

from tw.net.lean_tls import LeanTls, LeanTlsFactory, TlsFactory, usable

CLOSE_NOTIFY_WAIT_S = 0.5
"""How long a server waits for the answer to its close_notify. It need not wait at all (RFC 8446, 6.1); a client that
answers in time has its last bytes read, and sees no reset."""


def server_tls_factory(context: Any, factory: Any, clock: Any) -> TLSMemoryBIOFactory:
    """Wrap `factory` so that its connections speak TLS; `context` is an IOpenSSLServerConnectionCreator."""
    kind = _ServerFactory if usable() else TlsFactory
    return kind(context, False, factory, clock)


class ClosingTls(LeanTls):
    """`LeanTls` that cuts a peer which does not answer its close_notify."""

    _cut: Any = None

    def _shutdownTLS(self) -> None:
        super()._shutdownTLS()
        below: Any = self.transport
        if self._cut is None and not self._aborted and not below.disconnecting:
            clock: Any = self.factory._clock
            self._cut = clock.callLater(CLOSE_NOTIFY_WAIT_S, self._no_answer)

    def _no_answer(self) -> None:
        # What was written is sent all the same: the transport below flushes before it closes.
        self._tlsShutdownFinished(None)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._cut is not None and self._cut.active():
            self._cut.cancel()
        self._cut = None
        super().connectionLost(reason)


class _ServerFactory(LeanTlsFactory):
    protocol = ClosingTls
