"""What `tw probe pubsub` sees of three servers on hosts of their own over one Redis, for each fault: a table.

`PYTHONPATH=tests python tests/benchmarks/faults.py`, as root, or as anybody behind `unshare --map-root-user --net`.
Three publishers and nine subscribers, a third at each server, 150 lines a second in all, 14 s for each row.
"""

import time
from collections.abc import Callable

from e2e.harness import tw
from e2e.lab.cables import BOTH
from e2e.lab.lab import STREAM, Lab, lab
from e2e.lab.record import Record

LOAD = ("--publishers", "3", "--subscribers", "9", "--rate", "150", "--duration", "14s", "--timeout", "14s", "--json")
COLUMNS = ("", "delivered", "lost", "twice", "out of order", "p50 ms", "p99 ms", "max ms", "sent again")


def nothing(hosts: Lab) -> None:
    """Nothing happens."""


def long_ways(hosts: Lab) -> None:
    for cable in hosts.net.cables.values():
        cable.become(delay_s=0.05)


def bad_ways(hosts: Lab) -> None:
    for cable in hosts.net.cables.values():
        cable.become(loss=0.01)


def long_and_bad_ways(hosts: Lab) -> None:
    for cable in hosts.net.cables.values():
        cable.become(delay_s=0.05, loss=0.01)


def redis_killed(hosts: Lab) -> None:
    hosts.redis.kill()
    time.sleep(1)
    hosts.start_redis()


def redis_paused(hosts: Lab) -> None:
    hosts.redis.pause()
    time.sleep(8)
    hosts.redis.go_on()


def connections_cut(hosts: Lab) -> None:
    for _ in range(10):
        hosts.redis.says("CLIENT", "KILL", "TYPE", "normal")
        hosts.until_written(5)


def cut(side: str, seconds: float) -> Callable[[Lab], None]:
    def work(hosts: Lab) -> None:
        hosts.cable(0, side).become(cut=BOTH)
        time.sleep(seconds)
        hosts.cable(0, side).become()

    return work


def server_killed(hosts: Lab) -> None:
    hosts.servers[2].process.kill()


FAULTS: dict[str, Callable[[Lab], None]] = {
    "nothing": nothing,
    "50 ms each way": long_ways,
    "1 % of packets lost": bad_ways,
    "both": long_and_bad_ways,
    "Redis killed, started after 1 s": redis_killed,
    "Redis paused for 8 s": redis_paused,
    "10 times all connections to Redis cut": connections_cut,
    "a server cut off from Redis for 10 s": cut("back", 10),
    "a server cut off from clients for 5 s": cut("front", 5),
    "a server killed (-9)": server_killed,
}
"""Ways are of every server, to its clients and to Redis: a line goes four of them."""


def row(hosts: Lab, name: str) -> tuple[object, ...]:
    record = Record(hosts.redis, STREAM)
    run = hosts.net.clients.begin(tw, "probe", "pubsub", *hosts.doors, *LOAD)
    hosts.until_written(30)
    FAULTS[name](hosts)
    report = run.result().json
    record.stop()
    stayed = [each for each in report["matrix"]["subscribers"] if each["connected"]]
    owed = sum(each["published"] - each["unknown_fate"] for each in report["matrix"]["publishers"])
    counts = [sum(each[kind] for each in stayed) for kind in ("delivered", "lost", "duplicated", "order_differs")]
    times = [f"{report['rtt_ms'][point]:.1f}" for point in ("p50", "p99", "max")]
    return name, f"{counts[0]} of {owed * len(stayed)}", *counts[1:], *times, record.repeated


def main() -> None:
    print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}")
    for name in FAULTS:
        with lab() as hosts:
            print(f"| {' | '.join(map(str, row(hosts, name)))} |", flush=True)


if __name__ == "__main__":
    main()
