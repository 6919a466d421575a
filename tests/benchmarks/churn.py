"""What connections leave behind that came and went: descriptors, memory, delayed calls. Nothing, or it exits with 1.

`python tests/benchmarks/churn.py [CONNECTIONS]` (20,000 for each way, a minute or two; 100,000 say more). The
limits of number, host, rate and idleness are on, so that what they keep is looked at too. Half of the clients reset.
"""

import os
import signal
import socket
import struct
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from bench import PYTHON, Peer
from idle import resident_bytes

LIMITS = ("--max-connections", "5000", "--max-per-host", "5000", "--accept-rate", "1000000", "--idle-timeout", "1h")
WARM = 10_000
"""Connections before the first look: caches and the allocator's pools have filled up by then."""

AT_A_TIME = 100

QUARTERS = 4

LEAK_BYTES = 64
"""For each connection. An entry of a dict that is never removed takes more; less is the allocator's noise."""

WRAPPER = """
import os, signal, sys
import gc

def tell(*_):
    from twisted.internet import reactor
    gc.collect()
    files = len(os.listdir("/proc/self/fd"))
    with open(sys.argv[1] + ".new", "w") as file:
        file.write(f"{files} {len(reactor.getDelayedCalls())}")
    os.rename(sys.argv[1] + ".new", sys.argv[1])

signal.signal(signal.SIGUSR1, tell)
path = sys.argv.pop(1)
sys.argv.insert(1, path)
from tw.__main__ import run
from tw.cli.command import Session
sys.exit(run(sys.argv[2:], Session()))
"""


class Watched:
    """A server that tells on SIGUSR1 what it has open and what it has planned."""

    def __init__(self, service: str, *options: str) -> None:
        self.told = Path(tempfile.gettempdir()) / f"tw-churn-{os.getpid()}"
        command = [PYTHON, "-c", WRAPPER, str(self.told), "serve", service, "--no-config", "--json", *LIMITS, *options]
        self.peer = Peer("tw", lambda port: [*command, "--port", str(port)])

    def look(self) -> tuple[int, int, int]:
        """Descriptors, delayed calls, resident bytes, once the last connections have ended."""
        before: tuple[int, int] | None = None
        while True:
            self.told.unlink(missing_ok=True)
            os.kill(self.peer.pid, signal.SIGUSR1)
            while not self.told.exists():
                time.sleep(0.01)
            files, calls = map(int, self.told.read_text().split())
            self.told.unlink()
            if before == (files, calls):
                return files, calls, resident_bytes(self.peer.pid)
            before = files, calls
            time.sleep(0.5)


def visit(port: int, numbers: range, says: bytes) -> None:
    """Connections at a time: what one that waits for its answer costs is not what is looked for."""
    clients = []
    for number in numbers:
        # From many addresses: each has 28,000 ports, which stay taken for a while, and each is a host of its own.
        source = f"127.1.{number // 250 % 250}.{1 + number % 250}"
        clients.append(socket.create_connection(("127.0.0.1", port), 30, (source, 0)))
    for client in clients:
        with suppress(ConnectionError):
            if says:
                client.sendall(says)
    for number, client in zip(numbers, clients, strict=True):
        with client, suppress(ConnectionError):
            client.recv(1)
            if number % 2:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def visit_all(port: int, count: int, says: bytes) -> None:
    for start in range(0, count, AT_A_TIME):
        visit(port, range(start, min(count, start + AT_A_TIME)), says)


def churn(title: str, watched: Watched, says: bytes, count: int) -> bool:
    """Whether nothing is left. A leak grows to the end; what only warms up (allocators, caches) has done so halfway."""
    watched.peer.start()
    try:
        visit_all(watched.peer.port, WARM, says)
        looks = [watched.look()]
        started_s = time.monotonic()
        for _ in range(QUARTERS):
            visit_all(watched.peer.port, count // QUARTERS, says)
            looks.append(watched.look())
        rate = count / (time.monotonic() - started_s)
    finally:
        watched.peer.stop()
    files, calls, memory = zip(*looks, strict=True)
    each = (memory[-1] - memory[QUARTERS // 2]) / (count / 2)
    good = files[-1] <= files[0] and calls[-1] <= calls[0] and each < LEAK_BYTES
    growth = ", ".join(f"{(here - memory[0]) // 1024:+}" for here in memory[1:])
    print(
        f"  {title:18}{rate:6.0f}/s  descriptors {files[0]} -> {files[-1]}  delayed calls {calls[0]} -> {calls[-1]}"
        f"  memory {growth} KiB ({each:+.1f} bytes each at last)  {'ok' if good else 'LEAK'}",
        flush=True,
    )
    return good


def main(count: int) -> int:
    print(f"{count} connections came and went, after {WARM} to warm up")
    good = [
        churn("echo", Watched("echo"), b"x", count),
        churn("failed handshakes", Watched("echo", "--tls-self-signed"), b"no TLS at all\r\n", count),
        churn("counter", Watched("counter"), b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", count),
        churn("pubsub", Watched("pubsub"), b"x\n", count),
        churn("refused", Watched("echo", "--deny", "127.1.0.0/16"), b"", count),
    ]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000))
