"""Leaving in good order: the end of the process would cut off what a connection still has to say."""

from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from tw.protocols.client import ClientConnection

PARTING_S = 0.25
"""How long the peers may take over it."""


async def part(reactor: Any, *connections: ClientConnection) -> None:
    """Close the connections, and wait until they are gone; those that are not after `PARTING_S` are cut.

    A TLS connection that is dropped before the peer has answered the close_notify (RFC 8446, 6.1) is a broken one to
    the peer. Each connection's `gone` is called as ever.
    """
    open_ones = [connection for connection in connections if not connection.is_lost]
    ends = [_end_of(connection) for connection in open_ones]

    def cut() -> None:
        for connection in open_ones:
            connection.abort()

    call = reactor.callLater(PARTING_S, cut)
    try:
        for connection in open_ones:
            connection.stream.close()
        for end in ends:
            await end
    finally:
        if call.active():
            call.cancel()


def _end_of(connection: ClientConnection) -> Deferred[None]:
    """Fires once the connection is gone."""
    end: Deferred[None] = Deferred()
    gone = connection.gone

    def over(reason: Failure) -> None:
        gone(reason)
        end.callback(None)

    connection.gone = over
    return end
