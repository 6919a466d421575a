"""Pub/sub servers that are one over Redis beside one that is alone, and beside Redis's own pub/sub.

`python tests/benchmarks/relay.py [ROUNDS]` needs gcc and Debian's redis-server, which keeps nothing on the disk here.
Clients are spread over the servers. Each line must reach every subscriber, in order: a gap ends the benchmark. The way
over Redis costs each line a turn there and back, and a turn on every server; what it buys is that there may be many.
"""

import sys
from collections.abc import Callable

from bench import TW, Peer, run, table
from pubsub import deep, steady


def redis(port: int) -> list[str]:
    return ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]


def node(redis_port: int) -> Callable[[int], list[str]]:
    via = f"redis://127.0.0.1:{redis_port}/0?stream=benchmark"
    # What a run leaves in the stream is not the next one's: 2,000 full entries are half a gigabyte.
    return lambda port: [
        TW,
        "serve",
        "pubsub",
        "--no-config",
        "--port",
        str(port),
        "--via",
        via,
        "--via-maxlen",
        "2000",
    ]


class Cluster(Peer):
    """So many servers, and the Redis that they share."""

    def __init__(self, count: int) -> None:
        super().__init__(f"tw x {count}, Redis", redis, "redis-server")
        self._count = count
        self._nodes: list[Peer] = []

    def start(self) -> None:
        super().start()
        for number in range(self._count):
            self._nodes.append(Peer(f"node {number}", node(self.port)))
            self._nodes[-1].start()

    def stop(self) -> None:
        for each in self._nodes:
            each.stop()
        super().stop()

    @property
    def ports(self) -> str:
        return ",".join(each.ports for each in self._nodes)

    @property
    def pids(self) -> str:
        return ",".join((super().pids, *(each.pids for each in self._nodes)))


def main(rounds: int) -> None:
    alone = Peer("tw", lambda port: [TW, "serve", "pubsub", "--no-config", "--port", str(port)])
    peers = [
        alone,
        *(Cluster(count) for count in (1, 2, 3)),
        Peer("Redis pub/sub", redis, "redis-server", proto="redis"),
    ]
    works = [deep(300, 3, 256), deep(300, 3, 1), steady(90, 300, 3)]
    here = run(peers, works, rounds)
    for name, _ in works:
        rate = ("k msg/s", "rate_s", 1e3)
        latency = [("p50 us", "p50_us", 1.0), ("p99 us", "p99_us", 1.0)]
        table(here, name, [*(latency if "lines/s" in name else [rate]), ("us/msg cost", "srv_us_msg", 1)], "tw")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
