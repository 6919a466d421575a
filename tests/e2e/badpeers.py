"""Clients that misbehave in every way a network knows, as many as a test likes, without a process for each."""

import resource
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from weakref import WeakKeyDictionary

from e2e.harness import TIMEOUT_S, Server

HELLO = bytes.fromhex("1603010200010001fc0303")
"""How a TLS handshake begins."""

SAYINGS = {"echo": b"half a mess", "counter": b"GET / HTTP/1.1\r\nHost: a\r\nX-Half", "pubsub": b"half a line"}
WHOLE = {"echo": b"whole", "counter": b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "pubsub": b"a line\n"}
"""For each service something that it must wait for the end of, and something that it answers."""


def connect(port: int, *, small: bool = False) -> socket.socket:
    """A connection; a `small` one has little room in the kernel, so that it is felt at once when it does not read."""
    client = socket.socket()
    client.settimeout(TIMEOUT_S)
    if small:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16_384)
    client.connect(("127.0.0.1", port))
    return client


def reset(client: socket.socket) -> None:
    """End it with a reset."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def clean(port: int, service: str) -> None:
    with connect(port) as client:
        client.sendall(WHOLE[service])
        client.recv(100)


def unsaid(port: int, service: str) -> None:
    connect(port).close()


def resets(port: int, service: str) -> None:
    client = connect(port)
    client.sendall(WHOLE[service])
    reset(client)


def resets_in_the_middle(port: int, service: str) -> None:
    client = connect(port)
    client.sendall(WHOLE[service] + SAYINGS[service])
    reset(client)


def half_closes(port: int, service: str) -> None:
    with connect(port) as client:
        client.sendall(WHOLE[service] + SAYINGS[service])
        client.shutdown(socket.SHUT_WR)
        with suppress(OSError):
            while client.recv(65_536):
                pass


def leaves_in_the_middle(port: int, service: str) -> None:
    with connect(port) as client:
        client.sendall(SAYINGS[service])


def starts_tls(port: int, service: str) -> None:
    """Leaves in the middle of a handshake; without TLS, it is only more nonsense."""
    with connect(port) as client:
        client.sendall(HELLO)


MANNERS: list[Callable[[int, str], None]] = [
    clean,
    unsaid,
    resets,
    resets_in_the_middle,
    half_closes,
    leaves_in_the_middle,
    starts_tls,
]


@contextmanager
def descriptors(wanted: int) -> Iterator[bool]:
    """Have room for so many open files here and in what is started; tells whether the system allows it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= wanted:
        yield True
        return
    if hard != resource.RLIM_INFINITY and hard < wanted:
        yield False
        return
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    try:
        yield True
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


_pushed: WeakKeyDictionary[socket.socket, int] = WeakKeyDictionary()


def push(clients: list[socket.socket], data: bytes) -> int:
    """Have each send what its socket takes of `data`, over and over; gives how many bytes all of them took.

    Each goes on where it stopped, so that nobody sees anything but whole copies in a row.
    """
    total = 0
    for client in clients:
        with suppress(BlockingIOError):
            while True:
                at = _pushed.get(client, 0)
                sent = client.send(data[at:])
                _pushed[client] = (at + sent) % len(data)
                total += sent
    return total


def fill(server: Server, clients: list[socket.socket], data: bytes) -> None:
    """`push` until nothing more is taken: not by the kernel, and not by a server that has worked off what it got."""
    while push(clients, data):
        quiet_s = time.monotonic()
        while time.monotonic() - quiet_s < 0.3:
            if push(clients, data):
                quiet_s = time.monotonic()
            else:
                time.sleep(0.002)
        server.wait_until_idle()
