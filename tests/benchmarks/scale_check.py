"""The simulation of pub/sub over Redis held against runs of it: the same load, simulated with the costs measured here.

`python tests/benchmarks/scale_check.py [ROUNDS]` (3; half a minute each) needs gcc, redis-server and redis-cli.

Costs are medians of `calibration.py`'s; those of a send, of a byte, of waking and of the generator are from the server
alone, without Redis, in the same rounds. (A send to a generator that sleeps costs more, as it must be woken: 1.85 to
3.9 us were seen.) Nothing is from the runs over Redis that the simulation is held against.

Other work on the machine takes a part of its cores; so deliveries are told for each second of a core that nodes, Redis
and generator had, and are simulated with one core for all. Latency is with what the machine had.
"""

import sys
from collections.abc import Callable
from dataclasses import astuple, replace
from statistics import median

from bench import TW, Figures, Peer, load
from calibration import LINE_BYTES, calibrate
from pubsub import SECONDS
from relay import Cluster
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


def run(rounds: int) -> tuple[Costs, float, dict[tuple[str, int], list[Figures]]]:
    """Costs, what a line to two costs one server alone, and the figures of each load with so many nodes (0: alone)."""
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
    return middle, median(few), measured


def from_alone(costs: Costs, few_s: float, measured: dict[tuple[str, int], list[Figures]]) -> tuple[Costs, Costs]:
    """The costs with sends and bytes as one server alone had them, and that server's own. `few_s` is a line of its to
    two subscribers and the publisher."""
    names = ("one line at a time", "256 lines deep")
    one, deep = (_median(measured[name, 0], lambda run: run["srv_us_msg"]) * 1e-6 for name in names)
    # Three lines go in one send to 303, and one in three sends of `few_s`.
    send_s = (3 * 300 * one - few_s) / (303 - 3)
    entry_s = costs.publish_entry_s + 3 * (costs.send_s - send_s)
    deliver_byte_s = max(0.0, deep * 300 / 303 - send_s / (3 * 256)) / LINE_BYTES
    ours = replace(costs, send_s=send_s, deliver_byte_s=deliver_byte_s, publish_entry_s=max(0.0, entry_s))
    return ours, replace(ours, publish_entry_s=max(0.0, few_s - 3 * send_s))


def _median(runs: list[Figures], figure: Callable[[Figures], float]) -> float:
    return median(map(figure, runs))


def generator_costs(measured: dict[tuple[str, int], list[Figures]]) -> GeneratorCosts:
    """From the server alone: a read has one line of each publisher, or as many as all have under way."""

    def delivery_s(name: str) -> float:
        return _median(measured[name, 0], lambda run: run["gen_cores"] / run["rate_s"])

    few, many = delivery_s("one line at a time") * 3, delivery_s("256 lines deep") * 3 * 256
    line_s = max(0.0, (many - few) / (3 * 255))
    return GeneratorCosts(read_s=few - 3 * line_s, line_s=line_s)


class Check:
    """What `run` has measured, and the same simulated."""

    def __init__(self, costs: Costs, few_s: float, measured: dict[tuple[str, int], list[Figures]]) -> None:
        self._costs, self._alone = from_alone(costs, few_s, measured)
        self._measured = measured
        self._generating = generator_costs(measured)
        self._setting = Setting(LINE_BYTES, cores=1)
        self._conditions = self._waking()

    def _simulated(self, name: str, nodes: int, conditions: Conditions) -> Told:
        costs = self._costs if nodes else self._alone
        return generate(LOADS[name][0], nodes, costs, self._generating, self._setting, conditions)

    def _waking(self) -> Conditions:
        """What a wake costs, and how long it takes: what is missing in the CPU time and the latency of lines, of which
        each wakes the server that is alone."""
        name = "300 lines/s"
        runs = self._measured[name, 0]
        hot = Conditions(WAY_S, wake_s=0.0, cold_s=0.0)
        missing_s = _median(runs, lambda run: run["srv_us_msg"]) * 1e-6 - self._simulated(name, 0, hot).cpu_delivery_s
        cold = replace(hot, cold_s=max(0.0, missing_s) * LOADS[name][0].subscribers)
        seen_s = _median(runs, lambda run: run["p50_us"]) * 1e-6
        each = (replace(cold, wake_s=wake_s) for wake_s in WAKES_S)
        return min(each, key=lambda tried: abs(_p50_s(self._simulated(name, 0, tried)) - seen_s))

    def show(self) -> None:
        print(f"{self._costs}\n{self._generating}\n{self._conditions}")
        print(f"alone, an entry takes {self._alone.publish_entry_s * 1e6:.0f} us\n")
        print(f"{'simulated for measured (lowest to highest)':45} {'CPU of a delivery, us':36}", end=" ")
        print("thousand deliveries in a second of a core, or p50 in us")
        for (name, nodes), runs in self._measured.items():
            told = self._simulated(name, nodes, self._conditions)
            print(f"{name:20} {f'{nodes} over Redis' if nodes else 'one alone':24}", end=" ")
            print(_cell(runs, lambda run: run["srv_us_msg"], told.cpu_delivery_s * 1e6), end=" ")
            if "lines/s" in name:
                print(_cell(runs, lambda run: run["p50_us"], _p50_s(told) * 1e6))
            else:
                print(_cell(runs, _in_core_second, told.deliveries_s / told.used / 1e3))


def _in_core_second(run: Figures) -> float:
    return run["rate_s"] / (run["srv_cores"] + run["gen_cores"]) / 1e3


def _p50_s(told: Told) -> float:
    return told.latency.percentile(50) or 0.0


def _cell(runs: list[Figures], figure: Callable[[Figures], float], told: float) -> str:
    values = sorted(map(figure, runs))
    middle = median(values)
    spread = f"({values[0]:.3g}-{values[-1]:.3g})"
    return f"{told:7.3g} for {middle:7.3g} {spread:13} {told / middle - 1:+5.0%}"


def main(rounds: int) -> None:
    Check(*run(rounds)).show()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
