"""How long `tw` takes to start, beside what it cannot do without: importing click, importing Twisted's reactor.

Run it with the Python that `tw` is installed in: `python tests/benchmarks/start.py [ROUNDS]`. Each round runs every
command once, in turn, so that a busy machine is busy for all; what counts are the ratios of the medians.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

PYTHON = sys.executable
TW = str(Path(PYTHON).parent / "tw")
UNSET = ("TW_", "PYTHONDONTWRITEBYTECODE")
"""Settings of tw's, and what makes Python compile what it starts with each time, as no installed program does."""
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith(UNSET)}


def whole(*command: str) -> Callable[[], float]:
    """Seconds from start to end of a command."""

    def run() -> float:
        began = time.perf_counter()
        subprocess.run(command, stdout=subprocess.DEVNULL, env=ENVIRONMENT, check=True)
        return time.perf_counter() - began

    return run


def until_ready(*command: str) -> Callable[[], float]:
    """Seconds from start until a server has said, on stdout, that it listens."""

    def run() -> float:
        began = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, env=ENVIRONMENT)
        assert process.stdout is not None
        event = json.loads(process.stdout.readline())
        took = time.perf_counter() - began
        assert event["event"] == "listening"
        process.kill()
        process.communicate()
        return took

    return run


ROWS = [
    ("import click", whole(PYTHON, "-c", "import click"), None),
    ("tw --help", whole(TW, "--help"), "import click"),
    ("tw serve echo --help", whole(TW, "serve", "echo", "--help"), "import click"),
    ("import reactor", whole(PYTHON, "-c", "from twisted.internet import reactor"), None),
    ("tw serve echo, ready", until_ready(TW, "serve", "echo", "--port", "0", "--json"), "import reactor"),
    ("tw serve counter, ready", until_ready(TW, "serve", "counter", "--port", "0", "--json"), "import reactor"),
    ("tw serve pubsub, ready", until_ready(TW, "serve", "pubsub", "--port", "0", "--json"), "import reactor"),
]


def main(rounds: int) -> None:
    taken: dict[str, list[float]] = {name: [] for name, _, _ in ROWS}
    with tempfile.TemporaryDirectory() as home:
        ENVIRONMENT["XDG_CONFIG_HOME"] = home
        for _ in range(rounds):
            for name, run, _ in ROWS:
                taken[name].append(run())
    print(f"medians of {rounds} interleaved runs")
    print(f"{'command':28} {'ms':>7} {'min':>7} {'max':>7}  ratio")
    for name, _, peer in ROWS:
        times = taken[name]
        middle = statistics.median(times)
        ratio = "" if peer is None else f"{middle / statistics.median(taken[peer]):.2f}x {peer}"
        print(f"{name:28} {middle * 1e3:7.0f} {min(times) * 1e3:7.0f} {max(times) * 1e3:7.0f}  {ratio}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 15)
