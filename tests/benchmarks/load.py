"""`tw probe` as a load generator beside C ones, against the same servers: `python tests/benchmarks/load.py [ROUNDS]`.

Echo: `loadgen.c`, which checks every byte as the probe does. Counter: Debian's wrk, which looks at no number. The
servers are `tw`'s own. `cost` is the generator's CPU time for each message (the probe's start left out), the steadier
figure. At the end: what the probe's memory is after a hundred times the messages, and how late an open loop's are.
"""

import json
import os
import re
import resource
import statistics
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack

from bench import TW, Figures, Peer, built

SECONDS = 2
CONNECTIONS = 50
ENVIRONMENT = {
    name: value for name, value in os.environ.items() if not name.startswith(("COVERAGE", "TW_", "PYTHONDO"))
}

ECHO = Peer("echo", lambda port: [TW, "serve", "echo", "--port", str(port)])
COUNTER = Peer("counter", lambda port: [TW, "serve", "counter", "--port", str(port)])


def measured(command: list[str]) -> tuple[str, float]:
    """What a command prints, and the CPU seconds that it took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    out = subprocess.run(command, capture_output=True, text=True, check=True, env=ENVIRONMENT).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return out, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def probe(kind: str, port: int, *more: str) -> dict[str, object]:
    out, _ = measured([TW, "probe", kind, f":{port}", "--json", *more])
    report = json.loads(out)
    if not report["ok"]:
        raise SystemExit(f"at fault: {out}")
    assert isinstance(report, dict)
    return report


def by_tw(kind: str) -> Callable[[int], Figures]:
    def work(port: int) -> Figures:
        report = probe(kind, port, "--connections", str(CONNECTIONS), "--duration", f"{SECONDS}s")
        rate = float(str(report["rate_per_s"]))
        return {"rate": rate, "cost": float(str(report["cpu_share"])) / rate * 1e6}

    return work


def by_loadgen(port: int) -> Figures:
    command = [built("loadgen"), "pingpong", "-c", str(CONNECTIONS), "-s", "64", "-p", str(port), "-t", str(SECONDS)]
    out, cpu_s = measured([*command, "-W", "0"])
    rate = float(dict(word.split("=") for word in out.split() if "=" in word)["rate_s"])
    return {"rate": rate, "cost": cpu_s / (rate * SECONDS) * 1e6}


def by_wrk(port: int) -> Figures:
    out, cpu_s = measured(["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", f"http://127.0.0.1:{port}/"])
    rate, count = re.search(r"Requests/sec: +([\d.]+)", out), re.search(r"(\d+) requests in", out)
    assert rate is not None, out
    assert count is not None, out
    return {"rate": float(rate[1]), "cost": cpu_s / int(count[1]) * 1e6}


def compare(what: str, server: Peer, peer: str, others: Callable[[int], Figures], rounds: int) -> None:
    figures: dict[str, list[Figures]] = {"tw probe": [], peer: []}
    for _ in range(rounds):
        figures["tw probe"].append(by_tw(server.name)(server.port))
        figures[peer].append(others(server.port))
    print(f"\n{what}, medians of {rounds} interleaved runs (spread: lowest to highest)")
    base = {key: statistics.median(run[key] for run in figures[peer]) for key in ("rate", "cost")}
    for name, runs in figures.items():
        rates, costs = [run["rate"] / 1e3 for run in runs], [run["cost"] for run in runs]
        rate, cost = statistics.median(rates), statistics.median(costs)
        print(
            f"  {name:10} {rate:8.1f} k/s {rate * 1e3 / base['rate']:6.2f}x {peer} ({min(rates):.0f}-{max(rates):.0f})"
            f"   {cost:6.2f} us CPU each {cost / base['cost']:6.2f}x"
        )


def memory(port: int) -> None:
    """Peak memory of the probe, in MiB."""
    print("\nmemory of the probe at its highest")
    for count in (10_000, 1_000_000):
        command = [TW, "probe", "echo", f":{port}", "--connections", str(CONNECTIONS), "--count", str(count)]
        script = "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, capture_output=True); "
        script += "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
        done = subprocess.run(
            [sys.executable, "-c", script, *command], capture_output=True, text=True, check=True, env=ENVIRONMENT
        )
        print(f"  {count:9,} messages: {int(done.stdout) / 1024:.1f} MiB")


def pacing(port: int) -> None:
    """How late the probe's own sends are, in an open loop."""
    print("\nopen loop, 10 connections")
    for rate in (100, 1_000, 10_000):
        report = probe("echo", port, "--rate", str(rate), "--duration", "3s")
        late, service, rtt = (report[name] for name in ("late_ms", "service_ms", "rtt_ms"))
        assert isinstance(late, dict)
        assert isinstance(service, dict)
        assert isinstance(rtt, dict)
        print(
            f"  {rate:6} per second: sent {report['sent']}, late p50 {late['p50'] * 1e3:.0f} us, p99 "
            f"{late['p99'] * 1e3:.0f} us; service p50 {service['p50'] * 1e3:.0f} us, round trip p50 "
            f"{rtt['p50'] * 1e3:.0f} us; {report['cpu_share']:.0%} of a core"
        )


def main(rounds: int) -> None:
    with ExitStack() as stack:
        for server in (ECHO, COUNTER):
            stack.callback(server.stop)
            server.start()
        compare(f"echo, {CONNECTIONS} connections, 64 bytes", ECHO, "loadgen.c", by_loadgen, rounds)
        if Peer("wrk", lambda port: [], "wrk").missing:
            print("not here: wrk")
        else:
            compare(f"counter, {CONNECTIONS} connections", COUNTER, "wrk", by_wrk, rounds)
        memory(ECHO.port)
        pacing(ECHO.port)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
