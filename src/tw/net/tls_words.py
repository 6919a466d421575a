"""What failures of TLS are called, and what to try: the same words for Twisted's connections and for plain sockets."""

from tw.errors import AnswerTimeout, TlsError

NOT_YET_VALID, EXPIRED, SELF_SIGNED, UNKNOWN_AUTHORITY = 9, 10, 18, (2, 19, 20, 21)
"""OpenSSL's numbers of what it finds wrong with a certificate (X509_V_ERR_…, x509_vfy.h): they are part of its API.

The last four are one thing to a user, whatever of the chain was shown.
"""

NAME_AUTHORITY = "name its authority with --ca-file, or its key with --pin"

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


def another_name(where: str) -> TlsError:
    hint = "name the server as its certificate does, or add --pin"
    return TlsError("the certificate is for another name", where, hint, "other-name")


def another_key(seen: str, where: str) -> TlsError:
    """`seen` is the pin of the key that the server showed."""
    return TlsError("the server's key is not the pinned one", where, f"its pin is {seen}", "other-pin")


def rejected(problem: int, reason: str, where: str, whose: str = "the certificate", date: str = "") -> TlsError:
    """`problem` is OpenSSL's number, and `reason` its words, safe for a terminal.

    `whose` certificate it is, since one that signed it has its own dates, and whoever renews the wrong one is no
    further; `date` is the day that it has missed.
    """
    if problem == EXPIRED:
        what = f"{whose} expired{f' on {date}' if date else ''}"
        return TlsError(what, where, "have it renewed, or name its key with --pin", "expired")
    if problem == NOT_YET_VALID:
        what = f"{whose} is not valid yet{f', but from {date}' if date else ''}"
        return TlsError(what, where, "is the clock right?", "not-yet-valid")
    if problem == SELF_SIGNED:
        return TlsError("the certificate is self-signed, and not trusted", where, NAME_AUTHORITY, "self-signed")
    if problem in UNKNOWN_AUTHORITY:
        return TlsError("the certificate is not trusted", where, NAME_AUTHORITY, "unknown-authority")
    return TlsError(f"the certificate is not trusted: {reason}", where, NAME_AUTHORITY)


def left_in_handshake(where: str) -> TlsError:
    return TlsError("the peer left during the TLS handshake", where, "does it speak TLS on this port?")


def silent_handshake(where: str) -> AnswerTimeout:
    return AnswerTimeout("no answer to the TLS handshake", where, "does it speak TLS on this port?")


def handshake_failed(reason: str, where: str) -> TlsError:
    """`reason` is OpenSSL's, in lower case and safe for a terminal."""
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
