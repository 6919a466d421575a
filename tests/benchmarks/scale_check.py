"""The simulation of pub/sub over Redis held against runs of it: the same load, simulated with the costs measured here.

`python tests/benchmarks/scale_check.py [ROUNDS]` (3; half a minute each) needs gcc, redis-server and redis-cli.

Costs are medians of `calibration.py`'s. The load generator's costs, and how long a process needs to wake, are from the
server alone, without Redis; nothing is from the runs over Redis that the simulation is held against. Nodes, Redis and
generator share the cores in both: as many as the runs were given, which the last column tells, rounded.
"""

import sys
from collections.abc import Callable
from dataclasses import astuple, replace
from statistics import median

from bench import TW, Figures, Peer, load
from calibration import LINE_BYTES, calibrate
from relay import SECONDS, Cluster
from scaling.generator import GeneratorCosts, Load, Told, generate
from scaling.model import Costs, Setting
from scaling.world import Conditions

LOADS = {
    "256 lines deep": (Load(300, 3, window=256), ["fanout", "-n", "300", "-P", "3", "-w", "256"]),
    "one line at a time": (Load(300, 3, window=1), ["fanout", "-n", "300", "-P", "3", "-w", "1"]),
    "300 lines/s": (Load(90, 3, lines_s=300, seconds=1.0), ["rate", "-n", "90", "-P", "3", "-r", "300"]),
}
FEW = ["fanout", "-n", "2", "-P", "1", "-w", "1"]
WAY_S = 2e-6
"""Through loopback."""
WAKES_S = [step * 5e-6 for step in range(1, 41)]


def run(rounds: int) -> tuple[Costs, Costs, dict[tuple[str, int], list[Figures]]]:
    """Costs, those of one server alone, and what was measured of each load with so many nodes (0: that server)."""
    alone = Peer("tw", lambda port: [TW, "serve", "pubsub", "--no-config", "--port", str(port)])
    peers = [alone, *(Cluster(count) for count in (1, 2, 3))]
    measured: dict[tuple[str, int], list[Figures]] = {}
    costs: list[Costs] = []
    few: list[float] = []
    try:
        for peer in peers:
            peer.start()
        for _ in range(rounds):
            costs.append(calibrate().costs)
            few.append(load(alone, *FEW, seconds=SECONDS)["srv_us_msg"] * 2e-6)
            for name, (_, options) in LOADS.items():
                for nodes, peer in enumerate(peers):
                    measured.setdefault((name, nodes), []).append(load(peer, *options, seconds=SECONDS))
    finally:
        for peer in peers:
            peer.stop()
    middle = Costs(*map(median, zip(*map(astuple, costs), strict=True)))
    return middle, replace(middle, publish_entry_s=median(few) - 3 * middle.send_s), measured


def _median(runs: list[Figures], figure: Callable[[Figures], float]) -> float:
    return median(map(figure, runs))


def generator_costs(measured: dict[tuple[str, int], list[Figures]]) -> GeneratorCosts:
    """From the server alone: a read has one line of each publisher, or as many as all have under way."""

    def delivery_s(name: str) -> float:
        return _median(measured[name, 0], lambda run: run["gen_cores"] / run["rate_s"])

    few, many = delivery_s("one line at a time") * 3, delivery_s("256 lines deep") * 3 * 256
    line_s = max(0.0, (many - few) / (3 * 255))
    return GeneratorCosts(read_s=few - 3 * line_s, line_s=line_s)


def main(rounds: int) -> None:
    costs, alone, measured = run(rounds)
    generating = generator_costs(measured)
    print(f"{costs}\n{generating}\nalone: an entry {alone.publish_entry_s * 1e6:.0f} us")
    used = _median(
        [each for (name, _), runs in measured.items() if "lines/s" not in name for each in runs],
        lambda run: run["srv_cores"] + run["gen_cores"],
    )
    setting = Setting(LINE_BYTES, cores=max(1, round(used)))

    def simulated(name: str, nodes: int, wake_s: float) -> Told:
        conditions = Conditions(WAY_S, wake_s)
        return generate(LOADS[name][0], nodes, costs if nodes else alone, generating, setting, conditions)

    def p50_s(told: Told) -> float:
        return told.latency.percentile(50) or 0.0

    seen = _median(measured["300 lines/s", 0], lambda run: run["p50_us"]) * 1e-6
    wake_s = min(WAKES_S, key=lambda each: abs(p50_s(simulated("300 lines/s", 0, each)) - seen))
    print(f"so many cores were used: {used:.2f}; waking takes {wake_s * 1e6:.0f} us\n")
    print(f"{'':20} {'nodes':>5} | {'CPU of a delivery, us':^24} | {'thousand deliveries/s':^26} | {'p50, us':^24}")
    for (name, nodes), runs in measured.items():
        told = simulated(name, nodes, wake_s)
        cells = [_cell(runs, lambda run: run["srv_us_msg"], told.cpu_delivery_s * 1e6)]
        if "lines/s" in name:
            cells += [" " * 26, _cell(runs, lambda run: run["p50_us"], p50_s(told) * 1e6)]
        else:
            cells.append(_cell(runs, lambda run: run["rate_s"] / 1e3, told.deliveries_s / 1e3))
        print(f"{name:20} {nodes or 'alone':>5} | {' | '.join(cells)}")


def _cell(runs: list[Figures], figure: Callable[[Figures], float], told: float) -> str:
    values = sorted(map(figure, runs))
    middle = median(values)
    return f"{told:8.4g} for {middle:8.4g} {told / middle - 1:+5.0%} ({values[0]:.4g}-{values[-1]:.4g})"


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
