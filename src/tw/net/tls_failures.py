"""Why a TLS connection was not made, or was lost, and what that is called."""

from datetime import datetime
from typing import Any

from OpenSSL import SSL
from service_identity import VerificationError
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.python.failure import Failure

from tw.core.text import safe
from tw.errors import ProtocolError, TlsError, TwError

NOT_YET_VALID, EXPIRED, SELF_SIGNED, UNKNOWN_AUTHORITY = 9, 10, 18, (2, 19, 20, 21)
"""OpenSSL's numbers of what it finds wrong with a certificate (X509_V_ERR_…, x509_vfy.h): they are part of its API.

The last four are one thing to a user, whatever of the chain was shown.
"""

NAME_AUTHORITY = "name its authority with --ca-file, or its key with --pin"


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


# The last is what an echo server's answer comes to: our own ClientHello.
NOT_TLS = (
    "wrong version number",
    "packet length too long",
    "unknown protocol",
    "record layer failure",
    "http request",
    "unexpected message",
)


REFUSES_OURS = (
    "alert unknown ca",
    "alert certificate expired",
    "alert bad certificate",
    "alert unsupported certificate",
)
"""Alerts (RFC 8446, 6.2) that a server sends for a client's certificate."""


def tls_failure(failure: Failure, where: str) -> TwError:
    """The typed error for what ended a TLS connection before or during its handshake."""
    error = failure.value
    if isinstance(error, TwError):
        return error
    if isinstance(error, PinMismatch):
        return TlsError("the server's key is not the pinned one", where, f"its pin is {error.seen}", "other-pin")
    if isinstance(error, VerificationError):
        hint = "name the server as its certificate does, or add --pin"
        return TlsError("the certificate is for another name", where, hint, "other-name")
    if isinstance(error, CertificateRejected):
        return _rejected(error, where)
    if isinstance(error, SSL.Error):
        return _openssl_failure(openssl_reason(error), where)
    if isinstance(error, ConnectionDone | ConnectionLost):
        return TlsError("the peer left during the TLS handshake", where, "does it speak TLS on this port?")
    return ProtocolError(f"the connection failed: {safe(str(error) or type(error).__name__)}", where)


def _rejected(error: CertificateRejected, where: str) -> TlsError:
    # One that signed it has its own dates, and whoever renews the wrong one is no further.
    whose = "the certificate" if error.depth == 0 else "a certificate above the server's"
    if error.problem == EXPIRED:
        what = f"{whose} expired{_date(error, ' on', 'notAfter')}"
        return TlsError(what, where, "have it renewed, or name its key with --pin", "expired")
    if error.problem == NOT_YET_VALID:
        what = f"{whose} is not valid yet{_date(error, ', but from', 'notBefore')}"
        return TlsError(what, where, "is the clock right?", "not-yet-valid")
    if error.problem == SELF_SIGNED:
        return TlsError("the certificate is self-signed, and not trusted", where, NAME_AUTHORITY, "self-signed")
    if error.problem in UNKNOWN_AUTHORITY:
        return TlsError("the certificate is not trusted", where, NAME_AUTHORITY, "unknown-authority")
    return TlsError(f"the certificate is not trusted: {error.reason}", where, NAME_AUTHORITY)


def _date(error: CertificateRejected, word: str, which: str) -> str:
    """` on 2026-01-31`, or nothing where the certificate does not say."""
    certificate = error.certificate
    if certificate is None:
        return ""
    stamp = certificate.get_notAfter() if which == "notAfter" else certificate.get_notBefore()
    try:
        when = datetime.strptime((stamp or b"").decode("ascii"), "%Y%m%d%H%M%SZ")
    except ValueError:
        return ""
    return f"{word} {when:%Y-%m-%d}"


def _openssl_failure(reason: str, where: str) -> TlsError:
    if "certificate verify failed" in reason:
        return TlsError("the certificate is not trusted", where, NAME_AUTHORITY)
    if "alert certificate required" in reason:
        hint = "show one with --client-cert and --client-key"
        return TlsError(f"the server wants a client certificate: {reason}", where, hint, "client-certificate")
    if any(words in reason for words in REFUSES_OURS):
        what = f"the server refuses the client certificate: {reason}"
        return TlsError(what, where, "check --client-cert", "client-certificate")
    if any(words in reason for words in NOT_TLS):
        return TlsError(f"the peer does not speak TLS: {reason}", where, "try without TLS, or another port")
    return TlsError(f"the TLS handshake failed: {reason}", where, "see what it offers with openssl s_client")
