"""Ports that a test names: free ones, which nobody else is given meanwhile.

A port that was free a moment ago may be anybody's by now: tests run side by side, and each connection takes one.
"""

import socket
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def held_port(host: str = "127.0.0.1") -> Iterator[int]:
    """A TCP port where connections are refused until a server that is told of it listens there.

    It is bound and not listened on. So the kernel gives it to nobody who asks for any port; and with SO_REUSEADDR,
    which servers set and this sets too, one that asks for it gets it (socket(7)).
    """
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind((host, 0))
        port: int = held.getsockname()[1]
        yield port


@contextmanager
def closed_udp_port() -> Iterator[int]:
    """A UDP port of loopback where datagrams are refused: it is bound by a socket that hears another peer alone."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as held:
        held.bind(("127.0.0.1", 0))
        held.connect(("127.0.0.1", 9))  # discard
        port: int = held.getsockname()[1]
        yield port
