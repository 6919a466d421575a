"""Pub/sub over Redis, simulated event by event: how late lines are, which limit comes first, bursts, faults, sharding.

`python tests/benchmarks/scale_simulation.py [--seconds 10] [--seed 1] [--way-s 5e-05] [--cores 4] …` (about a minute).
Costs are those of `scale.py`, sizes are the closed form's: as few nodes as hold with 70 % of each limit.
`scale_check.py` holds the simulation against runs. Network latency to clients is not in it.
"""

import argparse
from dataclasses import fields, replace
from math import ceil

from scaling.cluster import Plan, Result, simulate
from scaling.model import Costs, Demand, Outcome, Setting, worst
from scaling.sizing import by_topic, copied, fewest_nodes, sized
from scaling.world import Conditions

from tw.core.histogram import Histogram

SIZES = [(10**4, 1), (10**5, 1), (10**6, 1), (10**7, 1), (10**4, 100), (10**5, 100), (10**6, 100), (10**7, 100)]
LARGE = [(10**5, 10_000), (10**6, 10_000), (10**7, 10_000)]
STREAMS = 64
TOPICS = 1_000
SUMMED = ("Redis: CPU", "Redis: NIC", "Redis: connections")
"""What many topics need of one Redis; what an answer holds is each stream's own."""
GROWTH = (1, 10, 30, 100, 200, 300)
MILLION = 10**6
FAULT_AT_S = 3.0
OUTAGE_S = 10.0
RECONNECT_S = 5.0


class Runs:
    """Simulations under the same assumptions."""

    def __init__(self, setting: Setting, conditions: Conditions, seconds: float, seed: int) -> None:
        self.costs, self.setting = Costs(), setting
        self._conditions, self._seconds, self._seed = conditions, seconds, seed

    def run(self, plan: Plan) -> Result:
        plan = replace(plan, seed=self._seed, seconds=max(plan.seconds, self._seconds, 20 / plan.lines_s))
        return simulate(plan, self.costs, self.setting, self._conditions)

    def sizes(self) -> None:
        print("One stream, as few nodes as hold")
        print(f"{'subscribers':>11} {'lines/s':>7} {'nodes':>6}  {'first to fill up':28} {LATE}  CPU a line")
        for subscribers, lines_s in SIZES:
            found = sized(self.costs, self.setting, Demand(subscribers, lines_s))
            told = self.run(Plan(subscribers, found.nodes, lines_s))
            print(
                f"{subscribers:11,} {lines_s:7,} {found.nodes:6,}  {_nearest(found):28} {_late(told)}  "
                f"{told.cpu_line_s:8.2g} s"
            )

    def sharding(self) -> None:
        """Three ways beyond one Redis. `tw` has the last one: a URL for each topic, and servers for each URL."""
        print("\nLines beyond one Redis")
        for subscribers, lines_s in LARGE:
            demand = Demand(subscribers, lines_s)
            one, copies = sized(self.costs, self.setting, demand), copied(self.costs, self.setting, demand)
            print(f"{subscribers:,} subscribers, {lines_s:,} lines/s: {one.nodes:,} nodes, {_limit(one.redis)}")
            print(f"  the same on {copies.copies:,} copies of one Redis: {_limit(copies.redis)}")
            part = sized(self.costs, self.setting, replace(demand, share=1 / STREAMS), STREAMS)
            late = ""
            if part.nodes * lines_s < MILLION:
                plan = Plan(subscribers, part.nodes, lines_s, seconds=0.6, warm_s=0.2, streams=STREAMS, follows=1)
                late = f"; last one {_p99(simulate(plan, self.costs, self.setting, self._conditions))}"
            print(
                f"  each follows 1 of {STREAMS} streams, every node all: {part.nodes:,} nodes, {_nearest(part)}{late}"
            )
            topic = by_topic(self.costs, self.setting, demand, TOPICS)
            told = self.run(Plan(topic.subscribers, topic.nodes, lines_s / TOPICS))
            redises = ceil(TOPICS * max(topic.redis[name] for name in SUMMED) / self.setting.full)
            print(
                f"  each follows 1 of {TOPICS:,} topics, each with its own nodes: {topic.nodes * TOPICS:,} nodes, "
                f"{redises} Redis for all, {_nearest(topic)}; last one {_p99(told)}"
            )

    def growth(self) -> None:
        nodes = fewest_nodes(self.costs, self.setting, Demand(MILLION, 100))
        print(f"\nOne set-up, {MILLION:,} subscribers on {nodes} nodes, and more and more lines")
        print(f"{'lines/s':>7}  {'node CPU':>8} {'its NIC':>8} {'Redis CPU':>9}  {'turn':>6} {LATE}")
        for lines_s in GROWTH:
            told = self.run(Plan(MILLION, nodes, lines_s))
            cpu, nic, redis = (told.shares[name] for name in ("node: CPU", "node: NIC", "Redis: CPU"))
            print(f"{lines_s:7,}  {cpu:8.0%} {nic:8.0%} {redis:9.1%}  {told.turn_s * 1e3:3.0f} ms {_late(told)}")

    def faults(self) -> None:
        nodes = fewest_nodes(self.costs, self.setting, Demand(MILLION, 100))
        calm = Plan(MILLION, nodes, 100, seconds=FAULT_AT_S + 27)
        away = {"outage": (FAULT_AT_S, OUTAGE_S)}
        many = Plan(1_000, fewest_nodes(self.costs, self.setting, Demand(1_000, 10**4)), 10_000, FAULT_AT_S + 17)
        plans = {
            "nothing happens": calm,
            "lines come 20 at a time": replace(calm, burst_lines=20),
            "1,000 lines at once": replace(calm, flood=(FAULT_AT_S, 1_000)),
            f"no Redis for {OUTAGE_S:.0f} s": replace(calm, **away),
            f"a node dies, {MILLION // nodes:,} clients return": replace(
                calm, dies_at=FAULT_AT_S, reconnect_s=RECONNECT_S
            ),
            f"{many.lines_s:,} lines/s to {many.subscribers:,}": many,
            f"and no Redis for {OUTAGE_S:.0f} s": replace(many, **away),
        }
        print(f"\nThe same set-up, 100 lines/s, and what happens to it after {FAULT_AT_S:.0f} s")
        print(f"{'':35} {LATE}  {'calm after':>10} {'a node holds':>12} {'a client waits for':>18} {'missed':>9}")
        for name, plan in plans.items():
            told = self.run(plan)
            happens = plan.flood[1] or plan.outage[1] or plan.dies_at
            calm_s = told.ledger.calm_again_s(FAULT_AT_S, 1.5 * told.ledger.usual_s(FAULT_AT_S)) - FAULT_AT_S
            waiting = told.nic_queue_bytes / self.setting.cores / (plan.subscribers / plan.nodes)
            print(
                f"{name:35} {_late(told)}  {f'{calm_s:.1f} s' if happens else '':>10} "
                f"{told.most_held_bytes / 1e3:9,.1f} kB {waiting / 1e3:15,.1f} kB {told.ledger.missed:9,}"
            )


LATE = f"{'first one, ms':>14} {'last one: p50, p99, p99.9, ms':>30}"


def _p99(told: Result) -> str:
    return f"p99 {(told.ledger.last.percentile(99) or 0.0) * 1e3:.0f} ms"


def _late(told: Result) -> str:
    def at(latencies: Histogram, percentile: float) -> float:
        return (latencies.percentile(percentile) or 0.0) * 1e3

    last = [at(told.ledger.last, each) for each in (50, 99, 99.9)]
    return f"{at(told.ledger.first, 50):14,.0f} {last[0]:14,.0f} {last[1]:7,.0f} {last[2]:7,.0f}"


def _limit(shares: dict[str, float]) -> str:
    name, share = worst(shares)
    return f"{name} {share:,.0%}"


def _nearest(found: Outcome) -> str:
    return _limit(found.node | found.redis)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=1)
    kinds = (Setting, Conditions)
    for kind in kinds:
        for each in fields(kind):
            parser.add_argument("--" + each.name.replace("_", "-"), type=type(each.default), default=each.default)
    given = vars(parser.parse_args())
    setting, conditions = (kind(**{each.name: given[each.name] for each in fields(kind)}) for kind in kinds)
    runs = Runs(setting, conditions, given["seconds"], given["seed"])
    runs.sizes()
    runs.growth()
    runs.sharding()
    runs.faults()


if __name__ == "__main__":
    main()
