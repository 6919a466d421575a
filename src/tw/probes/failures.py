"""What the end of a connection means to a client that was not done with it."""

from OpenSSL import SSL
from twisted.internet import error
from twisted.python.failure import Failure

from tw.errors import ProtocolError, TwError
from tw.net.tls_failures import tls_failure

RESET = "reset"
"""An error's reason where the connection was reset, and what such errors are counted as."""


def lost_connection(reason: Failure, where: str) -> TwError:
    """The error for a connection to `where` that ended in the middle of a run.

    Its `reason` is `reset` where the end was none in good order.

    Under TLS 1.3 a server refuses a client's certificate only after the handshake, so that a TLS error comes here too.
    """
    if isinstance(reason.value, SSL.Error):
        return tls_failure(reason, where)
    what = f"the peer {how_it_ended(reason)} in the middle"
    lost = ProtocolError(what, where, "is it the right server, and is a proxy in between?")
    if reason.check(error.ConnectionLost):
        lost.reason = RESET
    return lost


def how_it_ended(reason: Failure) -> str:
    """What the peer did: in good order, or not."""
    return "closed the connection" if reason.check(error.ConnectionDone) else "broke the connection"


def kind_of(error: TwError) -> str:
    """What a failed sample, or a lost connection, is counted as: resets apart from whatever else breaks the
    protocol."""
    return RESET if error.reason == RESET else error.kind


def nothing_ours(where: str) -> TwError:
    """The error for answers from `where` none of which can have been what was sent: those of another protocol, say."""
    return ProtocolError("nothing that came back is like what was sent", where, "is it an echo server?")
