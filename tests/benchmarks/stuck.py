"""What clients who never read cost the others: a healthy client's throughput beside 1,000 of them, and the server's.

`PYTHONPATH=tests python tests/benchmarks/stuck.py [CLIENTS] [ROUNDS]` (1,000 and 5) needs gcc, and wrk for the counter.
Runs with and without them alternate, on a server each; a figure counts only beside the other of its round. The promise
is 90 %. Echo: they send for ever. Counter: they pipeline 100,000 requests. Pub/sub: one subscribes.
"""

import os
import shutil
import socket
import statistics
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from bench import TW, Figures, Peer, load
from counter import requests

from e2e.badpeers import WHOLE, connect, descriptors, push, reset

SECONDS = 2.0
PROMISE = 0.9

SAYINGS = {"echo": bytes(65_536), "counter": WHOLE["counter"] * 100_000, "pubsub": b""}


def resident_bytes(peer: Peer) -> int:
    return int(Path(f"/proc/{peer.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def started(stack: ExitStack, service: str) -> Peer:
    peer = Peer("tw", lambda port: [TW, "serve", service, "--port", str(port), "--drain-timeout", "1s"])
    stack.callback(peer.stop)
    peer.start()
    return peer


def stick(stack: ExitStack, peer: Peer, service: str, count: int) -> None:
    """Have so many clients send until nothing more is taken."""
    clients: list[socket.socket] = []
    for _ in range(count):
        clients.append(connect(peer.port, small=True))
        stack.callback(reset, clients[-1])
        clients[-1].setblocking(False)
    quiet = time.monotonic()
    while SAYINGS[service] and time.monotonic() - quiet < 1.0:
        if push(clients, SAYINGS[service]):
            quiet = time.monotonic()


def healthy(peer: Peer, service: str) -> Figures:
    if service == "counter":
        return requests("")(peer)
    return load(peer, *{"echo": ("pingpong", "-c", "10"), "pubsub": ("fanout", "-n", "10")}[service], seconds=SECONDS)


def compare(service: str, count: int, rounds: int) -> bool:
    with ExitStack() as stack:
        alone, among = started(stack, service), started(stack, service)
        before = resident_bytes(among)
        stick(stack, among, service, count)
        pairs = [(healthy(alone, service), healthy(among, service)) for _ in range(rounds)]
        each = (resident_bytes(among) - before) / count
        rate = statistics.median(stuck["rate_s"] / free["rate_s"] for free, stuck in pairs)
        cost = statistics.median(stuck["srv_us_msg"] / free["srv_us_msg"] for free, stuck in pairs)
    print(f"{service:8} beside {count} who never read: {rate:6.1%} of the throughput, {cost:6.1%} of the server's cost")
    print(f"{'':8} for a message; {each / 1024:.0f} KiB each")
    return rate >= PROMISE


def main(count: int, rounds: int) -> None:
    services = ["echo", "pubsub", *(["counter"] if shutil.which("wrk") else [])]
    with descriptors(2 * count + 500) as allowed:
        if not allowed:
            raise SystemExit(f"the system allows no {2 * count + 500} open files")
        kept = [compare(service, 1 if service == "pubsub" else count, rounds) for service in services]
    print("kept" if all(kept) else f"below {PROMISE:.0%}")
    raise SystemExit(not all(kept))


if __name__ == "__main__":
    words = [int(word) for word in sys.argv[1:]]
    main(words[0] if words else 1000, words[1] if len(words) > 1 else 5)
