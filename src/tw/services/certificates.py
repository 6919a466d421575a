"""The certificate, key and authorities of a listener: from files, which may be read again, or thrown away."""

from typing import Any

from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from twisted.logger import Logger
from zope.interface import implementer

from tw.core.text import safe
from tw.net.pem import readable_by_others
from tw.net.tls import ServerTls, pair_tls, server_tls
from tw.serve_options import ServeOptions


@implementer(IOpenSSLServerConnectionCreator)
class Certificates:
    """What new TLS connections get. Those that are open keep what they began with.

    Raises LocalError for files that cannot be used. A key that others can read is told in the log.
    """

    _log = Logger()

    def __init__(self, options: ServeOptions, alpn: tuple[bytes, ...]) -> None:
        self._options = options
        self._alpn = alpn
        self._thrown_away = None if options.tls_cert is not None else _thrown_away(options.host)
        self._tls = self._read()

    @property
    def pin(self) -> str:
        return self._tls.pin

    def reload(self) -> bool:
        """Read the files again; False where there are none. Raises LocalError, and all stays as it was then."""
        if self._options.tls_cert is None and self._options.tls_client_ca is None:
            return False
        self._tls = self._read()
        return True

    def serverConnectionForTLS(self, tlsProtocol: object) -> SSL.Connection:
        return SSL.Connection(self._tls.context.getContext(), None)

    def _read(self) -> ServerTls:
        options = self._options
        if self._thrown_away is not None:
            # Kept for as long as the server lives: its pin has been told.
            return pair_tls(*self._thrown_away, options.tls_client_ca, self._alpn)
        assert options.tls_cert is not None
        assert options.tls_key is not None
        made = server_tls(options.tls_cert, options.tls_key, options.tls_client_ca, self._alpn)
        mode = readable_by_others(options.tls_key)
        if mode is not None:
            key = safe(options.tls_key)
            self._log.warn("the key can be read by others ({key}, mode {mode:04o}); chmod 600 it", key=key, mode=mode)
        return made


def _thrown_away(host: str) -> tuple[Any, list[Any]]:
    from tw.net.selfsigned import throw_away_certificate

    key, certificate = throw_away_certificate(host)
    return key, [certificate]


def certificates(options: ServeOptions, alpn: tuple[bytes, ...]) -> Certificates | None:
    """None where `options` ask for no TLS. Raises LocalError."""
    return Certificates(options, alpn) if options.tls else None
