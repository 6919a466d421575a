"""Thousands of `kill -9` against a counter's state: `KILLS=5000 python tests/benchmarks/kills.py` (2,000).

One in fifty hits an installed server under load, the others a process that does nothing but reserve numbers.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from kills import kill_owners, kill_servers, repeated

AT_ONCE = 500


def main(kills: int) -> None:
    print(f"{'':10}{'kills':>8}{'numbers':>12}{'repeated':>10}{'seconds':>10}")
    with tempfile.TemporaryDirectory() as folder:
        works: list[tuple[str, int, Callable[[Path, int, int], list[list[int]]]]] = [
            ("owners", kills, kill_owners),
            ("servers", max(1, kills // 50), kill_servers),
        ]
        for name, count, work in works:
            began_s, rounds = time.monotonic(), []
            for seed in range(0, count, AT_ONCE):
                rounds += work(Path(folder) / name, min(AT_ONCE, count - seed), seed)
            again = repeated(rounds)
            numbers, took_s = sum(map(len, rounds)), time.monotonic() - began_s
            print(f"{name:10}{len(rounds):8}{numbers:12}{len(again):10}{took_s:10.1f}")
            if again:
                raise SystemExit(f"repeated: {again[:20]}")


if __name__ == "__main__":
    main(int(os.environ.get("KILLS", "2000")))
