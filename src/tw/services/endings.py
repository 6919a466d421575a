"""Why a connection has ended."""

from OpenSSL import SSL
from twisted.internet import error
from twisted.python.failure import Failure

from tw.core.text import safe
from tw.net.tls_failures import openssl_reason


def close_reason(reason: Failure) -> str:
    """In a few words, safe for a terminal."""
    if reason.check(error.ConnectionDone):
        return "closed"
    if reason.check(error.ConnectionAborted):
        return "aborted"
    if reason.check(error.ConnectionLost):
        return "lost"
    if isinstance(reason.value, SSL.Error):
        return f"TLS: {openssl_reason(reason.value)}"
    return safe(str(reason.value) or type(reason.value).__name__)
