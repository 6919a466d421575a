"""The delivery matrix beside a C generator, against the same server: `python tests/benchmarks/matrix.py [ROUNDS]`.

`loadgen.c` looks for the number in each line and at nothing else; the probe verifies every byte for every subscriber,
and keeps an account of each pair. `cost` is the generator's CPU time for each delivery, the steadier figure. At the
end: what the probe's memory is with 100 publishers and 1,000 subscribers, in a run and in one ten times as long.
"""

import json
import resource
import statistics
import subprocess
import sys
from collections.abc import Callable

from bench import TW, Figures, Peer, built
from load import ENVIRONMENT, measured

SECONDS = 2
SERVER = Peer("pubsub", lambda port: [TW, "serve", "pubsub", "--port", str(port)])
SHAPES = [(1, 10, 1), (1, 100, 1), (1, 1000, 1), (1, 100, 256), (1, 1000, 256), (20, 100, 64)]
"""Publishers, subscribers, lines of a publisher under way."""

Shape = tuple[int, int, int]


def by_tw(port: int, shape: Shape) -> Figures:
    publishers, subscribers, window = map(str, shape)
    options = ["--publishers", publishers, "--subscribers", subscribers, "--window", window]
    out, _ = measured([TW, "probe", "pubsub", f":{port}", "--json", *options, "--duration", f"{SECONDS}s"])
    report = json.loads(out)
    if not report["ok"]:
        raise SystemExit(f"at fault: {out}")
    return {"rate": report["rate_per_s"], "cost": report["cpu_share"] / report["rate_per_s"] * 1e6}


def by_loadgen(port: int, shape: Shape) -> Figures:
    publishers, subscribers, window = map(str, shape)
    options = ["-n", subscribers, "-P", publishers, "-w", window, "-x", "line", "-p", str(port), "-t", str(SECONDS)]
    out, cpu_s = measured([built("loadgen"), "fanout", *options, "-W", "0"])
    rate = float(dict(word.split("=") for word in out.split() if "=" in word)["rate_s"])
    return {"rate": rate, "cost": cpu_s / (rate * SECONDS) * 1e6}


WAYS: dict[str, Callable[[int, Shape], Figures]] = {"tw probe": by_tw, "loadgen.c": by_loadgen}


def compare(shape: Shape, rounds: int) -> None:
    figures: dict[str, list[Figures]] = {name: [] for name in WAYS}
    for _ in range(rounds):
        for name, way in WAYS.items():
            figures[name].append(way(SERVER.port, shape))
    print(f"\n{shape[0]} publishers, {shape[1]} subscribers, {shape[2]} lines under way: medians of {rounds} runs")
    base = {key: statistics.median(run[key] for run in figures["loadgen.c"]) for key in ("rate", "cost")}
    for name, runs in figures.items():
        rates, costs = [run["rate"] / 1e3 for run in runs], [run["cost"] for run in runs]
        rate, cost = statistics.median(rates), statistics.median(costs)
        print(
            f"  {name:10} {rate:9.1f} k/s {rate * 1e3 / base['rate']:6.2f}x ({min(rates):.0f}-{max(rates):.0f})"
            f"   {cost:7.2f} us/delivery {cost / base['cost']:6.2f}x ({min(costs):.2f}-{max(costs):.2f})"
        )


def peak_mib(count: int) -> float:
    """The probe's memory at most, in a run of so many lines."""
    options = ["--publishers", "100", "--subscribers", "1000", "--window", "4", "--count", str(count)]
    with subprocess.Popen(
        [TW, "probe", "pubsub", f":{SERVER.port}", *options], stdout=subprocess.DEVNULL, env=ENVIRONMENT
    ) as probe:
        _, status, usage = _wait(probe.pid)
        probe.returncode = status
    return usage.ru_maxrss / 1024


def _wait(pid: int) -> tuple[int, int, resource.struct_rusage]:
    import os

    return os.wait4(pid, 0)


def main(rounds: int) -> None:
    try:
        SERVER.start()
        for shape in SHAPES:
            compare(shape, rounds)
        short, long = peak_mib(1000), peak_mib(10_000)
        print(f"\n100 x 1000: {short:.0f} MiB for 1,000 lines (a million deliveries), {long:.0f} MiB for 10,000")
    finally:
        SERVER.stop()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
