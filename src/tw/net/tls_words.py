"""What failures of TLS are called, and what to try: the same words for Twisted's connections and for plain sockets."""

from tw.errors import AnswerTimeout, TlsError

# The last is what an echo server's answer comes to: our own ClientHello.
NOT_TLS = (
    "wrong version number",
    "packet length too long",
    "unknown protocol",
    "record layer failure",
    "http request",
    "unexpected message",
)


def another_name(where: str) -> TlsError:
    return TlsError(
        "the certificate is for another name", where, "name the server as its certificate does, or add --pin"
    )


def untrusted(where: str) -> TlsError:
    return TlsError("the certificate is not trusted", where, "name its authority with --ca-file, or its key with --pin")


def left_in_handshake(where: str) -> TlsError:
    return TlsError("the peer left during the TLS handshake", where, "does it speak TLS on this port?")


def silent_handshake(where: str) -> AnswerTimeout:
    return AnswerTimeout("no answer to the TLS handshake", where, "does it speak TLS on this port?")


def handshake_failed(reason: str, where: str) -> TlsError:
    """`reason` is OpenSSL's, in lower case and safe for a terminal."""
    if "certificate verify failed" in reason:
        return untrusted(where)
    if any(words in reason for words in NOT_TLS):
        return TlsError(f"the peer does not speak TLS: {reason}", where, "try without TLS, or another port")
    return TlsError(f"the TLS handshake failed: {reason}", where, "see what it offers with openssl s_client")
