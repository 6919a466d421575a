"""One port with several listening sockets, each for a process of its own (SO_REUSEPORT, socket(7)).

The kernel deals connections out among them by a hash of the four numbers of an address pair. Whoever starts the
processes makes the sockets and keeps them: a socket outlives the process that serves it, with the connections that wait
in its queue, and whoever takes that place finds them there. A socket that a dead process had to itself would have taken
them with it (each gets a reset).
"""

import socket
import sys
from contextlib import ExitStack
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IStreamServerEndpoint
from zope.interface import implementer

from tw.core.text import safe
from tw.errors import UsageError
from tw.net.endpoint import LISTEN_BACKLOG, endpoint_type, server_endpoint

SHARED_TYPES = ("tcp", "tcp4", "tcp6")


def possible() -> bool:
    """Whether this system deals connections out. Others know the option, and give all of them to one socket."""
    return sys.platform == "linux" and hasattr(socket, "SO_REUSEPORT")


def shared_sockets(host: str, port: int, count: int, backlog: int = LISTEN_BACKLOG) -> list[socket.socket]:
    """`count` sockets that listen at one place; port 0 takes one that is free. Raises OSError and OverflowError.

    The first is bound to a port that nobody has, not even one who would share it: so that a second server, which shares
    its port as well, is told that this one is taken, and does not get half of our clients.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with ExitStack() as made:
        first = made.enter_context(_new(family))
        first.bind(_address(family, host, port))
        first.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        place = first.getsockname()
        others = [made.enter_context(_new(family)) for _ in range(count - 1)]
        for each in others:
            each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            each.bind(place)
        for each in (first, *others):
            each.listen(backlog)
            each.setblocking(False)
        made.pop_all()
    return [first, *others]


def shared_place(reactor: Any, description: str) -> tuple[str, int, int]:
    """Host, port and backlog of a `tcp:` endpoint string. Raises UsageError for any other, and for one that is none."""
    kind = endpoint_type(description)
    where = f"--listen {safe(description)} beside --workers"
    if kind == "ssl":
        raise UsageError("ssl: endpoints are not shared", where, "use tcp: with --tls-cert and --tls-key")
    if kind not in SHARED_TYPES:
        raise UsageError(f"{safe(kind)}: endpoints are not shared", where, "use tcp:, or --host and --port")
    endpoint: Any = server_endpoint(reactor, description)
    return endpoint._interface or ("::" if kind == "tcp6" else ""), endpoint._port, endpoint._backlog


def _new(family: socket.AddressFamily) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    # As for any server: connections of the one before, which still wait for late packets, are no obstacle.
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return made


def _address(family: socket.AddressFamily, host: str, port: int) -> Any:
    if family == socket.AF_INET:
        return host, port
    return socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)[0][4]


@implementer(IStreamServerEndpoint)
class InheritedEndpoint:
    """A listening socket that the parent process holds too, by its descriptor."""

    def __init__(self, reactor: Any, descriptor: int) -> None:
        self._reactor = reactor
        self._descriptor = descriptor

    def listen(self, protocolFactory: Any) -> Deferred[Any]:
        """Listen on a duplicate, and let the descriptor go. Closing the port leaves the socket to those who have it."""
        try:
            with socket.socket(fileno=self._descriptor) as inherited:
                port = self._reactor.adoptStreamPort(inherited.fileno(), inherited.family, protocolFactory)
        except Exception:
            return fail()
        return succeed(port)


def close_all(sockets: list[socket.socket]) -> None:
    while sockets:
        sockets.pop().close()
