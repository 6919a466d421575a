"""Pub/sub beside Redis, NATS and a LineReceiver that loops over its clients.

`python tests/benchmarks/pubsub.py [ROUNDS]` needs gcc; Debian's redis-server and nats-server are peers where they are
installed. Each line must reach every subscriber, in order: a gap ends the benchmark. With the line protocol a publisher
gets every line as well, which Redis and NATS do not send it: tw makes one delivery more for each line than is counted.
"""

import sys
from collections.abc import Callable

from bench import HERE, PYTHON, TW, Figures, Peer, load, run, table

PEERS = [
    Peer("tw", lambda port: [TW, "serve", "pubsub", "--port", str(port)]),
    Peer("LineReceiver", lambda port: [PYTHON, str(HERE / "peers.py"), "plain_pubsub", str(port)]),
    Peer(
        "Redis",
        lambda port: ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"],
        "redis-server",
        proto="redis",
    ),
    Peer("NATS", lambda port: ["nats-server", "-a", "127.0.0.1", "-p", str(port)], "nats-server", proto="nats"),
]
SECONDS = 1.5

Work = tuple[str, Callable[[Peer], Figures]]


def deep(subscribers: int, publishers: int = 1, window: int = 256) -> Work:
    """As many lines as `window` are under way for each publisher."""

    def work(peer: Peer) -> Figures:
        options = ["-n", str(subscribers), "-P", str(publishers), "-w", str(window), "-x", peer.proto]
        return load(peer, "fanout", *options, seconds=SECONDS)

    depth = "one line at a time" if window == 1 else f"{window} lines deep"
    return f"{subscribers} subscribers, {publishers} publishers, {depth}", work


def steady(subscribers: int, lines_per_s: int, publishers: int = 1) -> Work:
    """A fixed rate, and the latency of each delivery."""

    def work(peer: Peer) -> Figures:
        options = ["-n", str(subscribers), "-P", str(publishers), "-r", str(lines_per_s), "-x", peer.proto]
        return load(peer, "rate", *options, seconds=SECONDS)

    return f"{subscribers} subscribers, {lines_per_s} lines/s", work


def main(rounds: int) -> None:
    one_at_a_time = [deep(count, window=1) for count in (10, 100, 1000)]
    works = [deep(100), deep(1000), *one_at_a_time, deep(100, 20), steady(100, 300)]
    here = run(PEERS, works, rounds)
    for name, _ in works:
        rate = ("k msg/s", "rate_s", 1e3)
        latency = [("p50 us", "p50_us", 1.0), ("p99 us", "p99_us", 1.0)]
        table(here, name, [*(latency if "lines/s" in name else [rate]), ("us/msg cost", "srv_us_msg", 1)], "tw")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
