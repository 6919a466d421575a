"""A peer that breaks off is told from one that closes, also where a `send` met the reset first.

The kernel tells a reset once. Where the telling goes to an eager `send`, what is read next looks like an orderly end.
"""

import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from twisted.internet import tcp
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure

from sockets import HandReactor
from tw.protocols.client import ClientConnection
from tw.protocols.connection import ServerConnection

pytestmark = pytest.mark.usefixtures("quiet")


class Ends:
    """Keeps why connections have ended."""

    def __init__(self) -> None:
        self.reasons: list[BaseException | None] = []

    def opened(self, connection: ServerConnection) -> None: ...
    def secured(self, connection: ServerConnection) -> None: ...

    def closed(self, connection: ServerConnection, reason: Failure) -> None:
        self.gone(reason)

    def gone(self, reason: Failure) -> None:
        self.reasons.append(reason.value)


def a_client(ends: Ends) -> ClientConnection:
    return ClientConnection(gone=ends.gone)


@contextmanager
def over_tcp(protocol: Protocol, reactor: HandReactor) -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as far:
        near, peer = server.accept()
        no_port: Any = None
        transport = tcp.Server(near, protocol, peer, no_port, 1, reactor)
        protocol.makeConnection(transport)
        transport.startReading()
        yield far


@pytest.mark.parametrize("kind", [a_client, ServerConnection])
@pytest.mark.parametrize("writes", [True, False], ids=["a send learns it", "a read learns it"])
def test_a_reset_is_no_orderly_end_whoever_learns_of_it(kind: Any, writes: bool) -> None:
    reactor, ends = HandReactor(), Ends()
    protocol = kind(ends)
    with over_tcp(protocol, reactor) as far:
        far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        far.close()
        if writes:
            protocol.stream.write(b"to nobody")
            assert ends.reasons == []
        reactor.turns()
    (reason,) = ends.reasons
    assert isinstance(reason, ConnectionLost)


@pytest.mark.parametrize("kind", [a_client, ServerConnection])
def test_a_peer_that_closes_has_broken_nothing_off(kind: Any) -> None:
    reactor, ends = HandReactor(), Ends()
    protocol = kind(ends)
    with over_tcp(protocol, reactor) as far:
        protocol.stream.write(b"read before it closes")
        assert far.recv(100)
        far.close()
        reactor.turns()
    (reason,) = ends.reasons
    assert isinstance(reason, ConnectionDone)
