"""Workers: the counter's beside nginx's, and pub/sub's over Redis beside as many servers.

`python tests/benchmarks/workers.py [ROUNDS [counter|pubsub]]` needs Debian's wrk, gcc and redis-server (which keeps
nothing on the disk here); nginx-light is a peer where it is installed. Generator, servers and Redis share this
machine's CPUs: where all of them are busy, the rate says how they were shared out, and what a worker adds is to be read
from the cost. What a second worker brings to pub/sub takes four CPUs to be seen: one each, Redis, the generator.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

from bench import TW, Figures, Peer, run, table
from counter import NGINX, cpu_s
from pubsub import deep, steady
from relay import Cluster, redis

SECONDS = 2
CONNECTIONS = 64
WORKERS = (1, 2, 4)


def tw(workers: int) -> Callable[[int], list[str]]:
    return lambda port: [TW, "serve", "counter", "--port", str(port), "--workers", str(workers)]


def nginx(workers: int) -> Callable[[int], list[str]]:
    def command(port: int) -> list[str]:
        folder = tempfile.mkdtemp(prefix="tw-nginx-")
        text = NGINX.format(folder=folder, port=port)
        text = text.replace("worker_processes 1;", f"worker_processes {workers};")
        config = Path(folder) / "nginx.conf"
        config.write_text(text.replace("backlog=1024", "backlog=1024 reuseport"))
        return ["nginx", "-c", str(config)]

    return command


PEERS = [Peer(f"tw {workers}" if workers > 1 else "tw", tw(workers)) for workers in WORKERS]
PEERS += [Peer(f"nginx {workers}", nginx(workers), "nginx") for workers in WORKERS[:2]]


class Crowd(Peer):
    """`tw serve pubsub` with so many workers, and the Redis that they share."""

    def __init__(self, workers: int) -> None:
        super().__init__(f"tw --workers {workers}", redis, "redis-server")
        self._workers = workers
        self._server: Peer

    def start(self) -> None:
        super().start()
        ready = Path(tempfile.mkdtemp(prefix="tw-workers-")) / "ready"
        via = ["--via", f"redis://127.0.0.1:{self.port}/0?stream=benchmark", "--via-maxlen", "2000"]
        many = ["--workers", str(self._workers), "--ready-file", str(ready)]
        self._server = Peer(
            self.name, lambda port: [TW, "serve", "pubsub", "--no-config", "--port", str(port), *via, *many]
        )
        self._server.start()
        until = time.monotonic() + 30
        while not ready.exists():  # the parent's sockets take connections before any worker is there
            if time.monotonic() > until:
                raise SystemExit(f"{self.name} does not come to serve")
            time.sleep(0.05)

    def stop(self) -> None:
        self._server.stop()
        super().stop()

    @property
    def ports(self) -> str:
        return self._server.ports

    @property
    def pids(self) -> str:
        parent = self._server.pid
        workers = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        return ",".join((super().pids, str(parent), *workers))


def busy_s() -> float:
    """CPU seconds that this machine has spent on anything (proc(5): all but idle and iowait)."""
    fields = [int(each) for each in Path("/proc/stat").read_text().split("\n")[0].split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")


def requests(peer: Peer) -> Figures:
    """One run of wrk, once every worker is there to answer."""
    for _ in range(8):
        urllib.request.urlopen(f"http://127.0.0.1:{peer.port}/", timeout=10).close()
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", f"http://127.0.0.1:{peer.port}/"]
    before, all_before, began = cpu_s(peer.pid), busy_s(), time.perf_counter()
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    spent, all_spent, took = cpu_s(peer.pid) - before, busy_s() - all_before, time.perf_counter() - began
    done = re.search(r"(\d+) requests in", out)
    assert done is not None, out
    if "Non-2xx" in out or "Socket errors" in out:
        raise SystemExit(f"{peer.name}: {out}")
    count = int(done[1])
    return {
        "rate_s": count / took,
        "srv_us_msg": spent / count * 1e6,
        "servers_cpus": spent / took,
        "machine_cpus": all_spent / took,
    }


def pubsub(rounds: int) -> None:
    alone = Peer("tw", lambda port: [TW, "serve", "pubsub", "--no-config", "--port", str(port)])
    works = [deep(300, 3, 256), deep(300, 3, 1), steady(90, 300, 3)]
    here = run([alone, Cluster(1), Cluster(2), Crowd(2)], works, rounds)
    for name, _ in works:
        rate = ("k msg/s", "rate_s", 1e3)
        latency = [("p50 us", "p50_us", 1.0), ("p99 us", "p99_us", 1.0)]
        columns = latency if "lines/s" in name else [rate]
        table(here, name, [*columns, ("us/msg cost", "srv_us_msg", 1.0), ("server CPUs", "srv_cores", 1.0)], "tw")


def counter(rounds: int) -> None:
    work = f"{CONNECTIONS} connections, keep-alive, {os.cpu_count()} CPUs with the generator on them"
    here = run(PEERS, [(work, requests)], rounds)
    columns = [
        ("k req/s", "rate_s", 1e3),
        ("us/req cost", "srv_us_msg", 1.0),
        ("server CPUs", "servers_cpus", 1.0),
        ("CPUs busy", "machine_cpus", 1.0),
    ]
    table(here, work, columns, "tw")
    cpus = os.cpu_count() or 1
    full = [peer.name for peer in here if max(each["machine_cpus"] for each in peer.figures[work]) > 0.9 * cpus]
    if full:
        print(
            f"\nall CPUs were busy with: {', '.join(full)}. Their rates are what the generator left to the server; what"
        )
        print("one more worker would add on CPUs of its own is bounded by 1 / cost, and not measured here.")


if __name__ == "__main__":
    given_rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    for each in (counter, pubsub):
        if len(sys.argv) < 3 or sys.argv[2] == each.__name__:
            each(given_rounds)
