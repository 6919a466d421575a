"""What the end of a connection means to a client that was not done with it."""

from OpenSSL import SSL
from twisted.internet import error
from twisted.python.failure import Failure

from tw.errors import ProtocolError, TwError
from tw.net.tls_failures import tls_failure


def lost_connection(reason: Failure, where: str) -> TwError:
    """The error for a connection to `where` that ended in the middle of a run.

    Under TLS 1.3 a server refuses a client's certificate only after the handshake, so that a TLS error comes here too.
    """
    if isinstance(reason.value, SSL.Error):
        return tls_failure(reason, where)
    return ProtocolError(
        f"the peer {how_it_ended(reason)} in the middle", where, "is it the right server, and is a proxy in between?"
    )


def how_it_ended(reason: Failure) -> str:
    """What the peer did: in good order, or not."""
    return "closed the connection" if reason.check(error.ConnectionDone) else "broke the connection"
