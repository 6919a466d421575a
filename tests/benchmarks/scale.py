"""How far pub/sub over Redis goes, from measured costs and a model of it (`scaling/model.py`). Nothing here is so big.

`python tests/benchmarks/scale.py [--calibrate] [--cores 8] [--nic-bytes-s 3.1e9] …` prints the costs, the assumptions
(each has an option), and for many demands how many nodes it takes, which limit binds first, what a line costs, and
what more streams or copies move the limit to.

`--calibrate` measures the costs here, in about 8 s (gcc, redis-server, redis-cli). Else they are those of the README
where that tells them: a send (3.85 us for each of 11 deliveries, 2.14 for each of 101: the slope is 1.95), a byte
(0.021 us for 82 of them, `relay.py`), memory (`idle.py`). What an entry costs a node and Redis is from a calibration
on the same machine.
"""

import argparse
from dataclasses import asdict, fields

from calibration import calibrate
from scaling.model import Costs, Demand, Outcome, Setting, worst
from scaling.sizing import copied, farthest, sharded, sized

SUBSCRIBERS = (10**3, 10**4, 10**5, 10**6, 10**7)
LINES_S = (1, 100, 10_000)


def show(costs: Costs, setting: Setting) -> None:
    print("Costs")
    for name, value in asdict(costs).items():
        print(f"  {name:18} {_shown(name, value)}")
    print("Assumptions")
    for name, value in asdict(setting).items():
        print(f"  {name:18} {value:,.10g}")
    demands = [Demand(subscribers, lines_s) for lines_s in LINES_S for subscribers in SUBSCRIBERS]
    print(f"\nAs few nodes as hold, and the limit that is nearest; {setting.full:.0%} of one is full.")
    print(HEAD)
    for each in demands:
        try:
            print(_row(each, sized(costs, setting, each), setting))
        except ValueError as never:
            raise SystemExit(f"{each.subscribers:11,} {each.lines_s:7,} | {never}") from None
    print("\nWhere that is too much for one Redis")
    for each in demands:
        if sized(costs, setting, each).redis_worst[1] > setting.full:
            streams, copies = sharded(costs, setting, each), copied(costs, setting, each)
            print(
                f"{each.subscribers:11,} {each.lines_s:7,} | {streams.streams:4} streams: {_limit(streams.redis)} | "
                f"{copies.copies:4} copies: {_limit(copies.redis)}"
            )
    print("\nOne Redis carries")
    for lines_s in LINES_S:
        most = farthest(costs, setting, lines_s, SUBSCRIBERS[-1])
        more = " and more" if most.subscribers == SUBSCRIBERS[-1] else ""
        print(
            f"  {lines_s:6,} lines/s to {most.subscribers:10,} subscribers{more} "
            f"({most.nodes:,} nodes; {_limit(most.redis)})"
        )


HEAD = (
    f"{'subscribers':>11} {'lines/s':>7} | {'nodes':>6} {'hosts':>6}  {'a node':12} {'turn':>5} | {'Redis':20} | "
    f"{'a line: CPU':>11} {'to clients':>10} {'to nodes':>8}"
)


def _row(demand: Demand, one: Outcome, setting: Setting) -> str:
    return (
        f"{demand.subscribers:11,} {demand.lines_s:7,} | {one.nodes:6,} {-(-one.nodes // setting.cores):6,}  "
        f"{_limit(one.node):12} {one.turn_s * 1e3:2.0f} ms | {_limit(one.redis):20} | "
        f"{one.cpu_line_s:9.2g} s {_size(one.sent_line_bytes):>10} {_size(one.redis_line_bytes):>8}"
    )


def _shown(name: str, value: float) -> str:
    if not name.endswith("_s"):
        return f"{value:,.0f}"
    return f"{value * 1e9:.2g} ns" if value < 1e-8 else f"{value * 1e6:.3g} us"


def _limit(shares: dict[str, float]) -> str:
    name, share = worst(shares)
    name = name.removeprefix("node: ").removeprefix("Redis: ")
    return f"{name} {share * 100:,.2g} %" if share < 0.1 else f"{name} {share * 100:,.0f} %"


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:,.3g} GB"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--calibrate", action="store_true")
    for each in fields(Setting):
        parser.add_argument("--" + each.name.replace("_", "-"), type=type(each.default), default=each.default)
    given = vars(parser.parse_args())
    costs = _calibrated() if given.pop("calibrate") else Costs()
    show(costs, Setting(**given))


def _calibrated() -> Costs:
    found = calibrate()
    print("Three nodes, 300 subscribers, one line at a time, CPU of all for a delivery, which no cost was taken from:")
    print(f"  foretold {found.foretold_s * 1e6:.2f} us, measured {found.measured_s * 1e6:.2f} us\n")
    return found.costs


if __name__ == "__main__":
    main()
