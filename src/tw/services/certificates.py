"""The certificate, key and authorities of a listener: from files, which may be read again, or thrown away."""

from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from twisted.logger import Logger
from zope.interface import implementer

from tw.core.text import safe
from tw.net.pem import readable_by_others
from tw.net.tls import ServerTls, authorities_of, pair_tls, self_signed_tls, server_tls
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
        self._tls = self._read() if options.tls_cert else self_signed_tls(options.host, options.tls_client_ca, alpn)

    @classmethod
    def handed(cls, options: ServeOptions, made: ServerTls) -> "Certificates":
        """What another process has read, and reads again where it is to: there are no files here."""
        certificates = cls.__new__(cls)
        certificates._options = options
        certificates._alpn = ()
        certificates._tls = made
        return certificates

    def replace(self, made: ServerTls) -> None:
        """Show this from now on."""
        self._tls = made

    @property
    def current(self) -> ServerTls:
        return self._tls

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
        if options.tls_cert is None or options.tls_key is None:
            # The throw-away certificate stays for as long as the server lives: its pin has been told.
            return pair_tls(self._tls.key, self._tls.chain, authorities_of(options.tls_client_ca), self._alpn)
        made = server_tls(options.tls_cert, options.tls_key, options.tls_client_ca, self._alpn)
        mode = readable_by_others(options.tls_key)
        if mode is not None:
            key = safe(options.tls_key)
            self._log.warn("the key can be read by others ({key}, mode {mode:04o}); chmod 600 it", key=key, mode=mode)
        return made


def certificates(options: ServeOptions, alpn: tuple[bytes, ...]) -> Certificates | None:
    """None where `options` ask for no TLS. Raises LocalError."""
    return Certificates(options, alpn) if options.tls else None
