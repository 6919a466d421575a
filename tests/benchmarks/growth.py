"""How tw's cost grows: with connections, with subscribers, and with the length of lines.

`python tests/benchmarks/growth.py [ROUNDS]` needs gcc. Cost is the server's CPU time. The exponent is that of the power
law which fits best: 0 says that the figure stays the same, 1 that it grows as its cause does.
"""

import math
import resource
import statistics
import sys
from collections.abc import Callable, Sequence

from bench import TW, Figures, Peer, load, run

SECONDS = 1.5
CONNECTIONS = (1, 10, 100, 1_000, 10_000)
SUBSCRIBERS = (10, 50, 100, 500, 1_000, 5_000)
LINE_BYTES = (16, 64, 256, 1_024, 4_096, 16_384, 65_536)
WINDOW_BYTES = 1_048_576
"""How much a publisher may have under way, for long lines."""


def exponent(causes: Sequence[float], effects: Sequence[float]) -> float:
    """The slope of the least-squares line through the logarithms."""
    return statistics.linear_regression([math.log(x) for x in causes], [math.log(y) for y in effects]).slope


def grow(service: str, causes: Sequence[int], work: Callable[[Peer, int], Figures], rounds: int) -> list[Figures]:
    """The median figures for each cause."""
    most = str(2 * max(CONNECTIONS))  # the limit is not what is measured
    peer = Peer("tw", lambda port: [TW, "serve", service, "--port", str(port), "--max-connections", most])
    run([peer], [(str(cause), lambda peer, cause=cause: work(peer, cause)) for cause in causes], rounds)
    return [
        {key: statistics.median(figures[key] for figures in peer.figures[str(cause)]) for key in ("rate_s", "cost_us")}
        for cause in causes
    ]


def show(title: str, causes: Sequence[int], found: list[Figures], unit: str) -> None:
    print(f"\n{title}")
    for cause, figures in zip(causes, found, strict=True):
        print(f"  {cause:8,} {figures['rate_s'] / 1e3:10.1f} k/s {figures['cost_us']:9.3f} us {unit}")
    print(f"  exponent of the cost: {exponent(causes, [figures['cost_us'] for figures in found]):.2f}")


def costed(figures: Figures) -> Figures:
    return figures | {"cost_us": figures["srv_us_msg"]}


def echo(peer: Peer, connections: int) -> Figures:
    return costed(load(peer, "pingpong", "-c", str(connections), "-W", "1", seconds=SECONDS))


def subscribers(peer: Peer, count: int) -> Figures:
    return costed(load(peer, "fanout", "-n", str(count), "-W", "1", seconds=SECONDS))


def lines(peer: Peer, size: int) -> Figures:
    window = max(4, min(256, WINDOW_BYTES // size))
    return costed(load(peer, "fanout", "-n", "100", "-l", str(size), "-w", str(window), seconds=SECONDS))


def main(rounds: int) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = max(CONNECTIONS) + 200
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(hard, wanted)))
    show("echo, 64 bytes, by connections", CONNECTIONS, grow("echo", CONNECTIONS, echo, rounds), "a message")
    found = grow("pubsub", SUBSCRIBERS, subscribers, rounds)
    show("pub/sub, 64 bytes, 256 lines deep, by subscribers", SUBSCRIBERS, found, "a delivery")
    found = grow("pubsub", LINE_BYTES, lines, rounds)
    show("pub/sub, 100 subscribers, by bytes of a line", LINE_BYTES, found, "a delivery")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
