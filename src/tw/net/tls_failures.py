"""Why a TLS connection was not made, or was lost, and what that is called."""

from datetime import datetime
from typing import Any

from OpenSSL import SSL
from service_identity import VerificationError
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.python.failure import Failure

from tw.core.text import safe
from tw.errors import ProtocolError, TwError
from tw.net.tls_words import NOT_YET_VALID, another_key, another_name, handshake_failed, left_in_handshake, rejected


class PinMismatch(Exception):
    """The peer's public key is not the pinned one. `seen` is the pin of the key that it showed."""

    def __init__(self, seen: str) -> None:
        super().__init__(seen)
        self.seen = seen


class CertificateRejected(SSL.Error):
    """OpenSSL's "certificate verify failed", with what it found.

    `problem` is its number, `reason` its words; `depth` is 0 for the peer's own certificate and more for one that
    signed it. `certificate` is pyOpenSSL's, or None.
    """

    def __init__(self, problem: int, depth: int = 0, certificate: Any = None) -> None:
        self.problem = problem
        self.depth = depth
        self.certificate = certificate
        self.reason = _words(problem)
        super().__init__([("SSL routines", "", f"certificate verify failed: {self.reason}")])


def _words(problem: int) -> str:
    lib, ffi = getattr(SSL, "_lib", None), getattr(SSL, "_ffi", None)
    if lib is None or ffi is None or not hasattr(lib, "X509_verify_cert_error_string"):
        return f"error {problem}"
    return safe(ffi.string(lib.X509_verify_cert_error_string(problem)).decode("ascii", "replace"))


def noting_why(connection: SSL.Connection, certificate: Any, problem: int, depth: int, ok: int) -> bool:
    """A verify callback (SSL_CTX_set_verify(3)) that decides as OpenSSL does, and keeps why it says no.

    OpenSSL's own error says no more than "certificate verify failed". The TLS protocol, the connection's app data,
    tells `_reason` in its place; where Twisted had it no more, only the words would be lost.
    """
    if not ok:
        protocol = connection.get_app_data()
        if protocol is not None and getattr(protocol, "_reason", None) is None:
            protocol._reason = Failure(CertificateRejected(problem, depth, certificate))
    return bool(ok)


def openssl_reason(error: Exception) -> str:
    """OpenSSL's own words, safe for a terminal."""
    stack = error.args[0] if error.args else []
    if not isinstance(stack, list | tuple):
        return safe(str(stack)) or type(error).__name__
    reasons = [str(entry[-1]) for entry in stack if entry and entry[-1]]
    return safe("; ".join(dict.fromkeys(reasons)) or type(error).__name__)


def tls_failure(failure: Failure, where: str) -> TwError:
    """The typed error for what ended a TLS connection before or during its handshake."""
    error = failure.value
    if isinstance(error, TwError):
        return error
    if isinstance(error, PinMismatch):
        return another_key(error.seen, where)
    if isinstance(error, VerificationError):
        return another_name(where)
    if isinstance(error, CertificateRejected):
        whose = "the certificate" if error.depth == 0 else "a certificate above the server's"
        return rejected(error.problem, error.reason, where, whose, _date(error))
    if isinstance(error, SSL.Error):
        return handshake_failed(openssl_reason(error), where)
    if isinstance(error, ConnectionDone | ConnectionLost):
        return left_in_handshake(where)
    return ProtocolError(f"the connection failed: {safe(str(error) or type(error).__name__)}", where)


def _date(error: CertificateRejected) -> str:
    """The day from which, or to which, the certificate is valid, as 2026-01-31; empty where it does not say."""
    certificate = error.certificate
    if certificate is None:
        return ""
    stamp = certificate.get_notBefore() if error.problem == NOT_YET_VALID else certificate.get_notAfter()
    try:
        when = datetime.strptime((stamp or b"").decode("ascii"), "%Y%m%d%H%M%SZ")
    except ValueError:
        return ""
    return f"{when:%Y-%m-%d}"
