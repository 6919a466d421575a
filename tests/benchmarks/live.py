"""What the live view costs a load run: its throughput with the view beside that without it.

`python tests/benchmarks/live.py [ROUNDS]` (11): `tw probe echo` in a closed loop on a pseudo-terminal that is read,
with the view and with `-q` in turn, each first in every other round. The promise is 97 %. Where others share the
machine, throughput wanders by far more than that from run to run, and the CPU time of a message is the steadier figure:
both are printed, as ratios of medians and as the median of each round's ratio, and it fails where neither keeps the
promise.
"""

import os
import pty
import re
import statistics
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass

from bench import TW, Peer

COUNT = 100_000
CONNECTIONS = 50
PROMISE = 0.97
WAYS = {"view": [], "none": ["-q"]}


@dataclass
class Run:
    rate_s: float
    cpu_us: float
    """The probe's CPU time for each message, its start included."""
    shown_bytes: int


def run(port: int, flags: list[str]) -> Run:
    """One load run, with its stderr on a terminal."""
    reading, shown = pty.openpty()
    came: list[int] = []

    def read() -> None:
        with suppress(OSError):  # how a terminal says that nobody has it open any more
            while data := os.read(reading, 65_536):
                came.append(len(data))

    command = [TW, "probe", "echo", f":{port}", "--connections", str(CONNECTIONS), "--count", str(COUNT), *flags]
    probe = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=shown, env={**os.environ, "TERM": "xterm"}
    )
    os.close(shown)
    reader = threading.Thread(target=read)
    reader.start()
    assert probe.stdout is not None
    text = probe.stdout.read().decode()
    _, status, used = os.wait4(probe.pid, 0)
    probe.returncode = os.waitstatus_to_exitcode(status)
    reader.join()
    os.close(reading)
    rate = re.search(r"([\d.]+) per second", text)
    if probe.returncode or rate is None:
        raise SystemExit(f"{' '.join(command)}: {probe.returncode}\n{text}")
    return Run(float(rate[1]), (used.ru_utime + used.ru_stime) * 1e6 / COUNT, sum(came))


def main(rounds: int) -> None:
    server = Peer("tw", lambda port: [TW, "serve", "echo", "--port", str(port)])
    server.start()
    runs: dict[str, list[Run]] = {name: [] for name in WAYS}
    try:
        for number in range(rounds):
            for name in sorted(WAYS, reverse=bool(number % 2)):
                runs[name].append(run(server.port, WAYS[name]))
    finally:
        server.stop()
    for name, ones in runs.items():
        rates = [one.rate_s for one in ones]
        print(
            f"{name}: {statistics.median(rates):8.0f} per second ({min(rates):.0f} to {max(rates):.0f}),"
            f" {statistics.median(one.cpu_us for one in ones):.2f} us of CPU a message,"
            f" {statistics.median(one.shown_bytes for one in ones) / 1000:.1f} kB shown"
        )
    rate, each_rate = ratios(runs, "rate_s")
    cost, each_cost = ratios(runs, "cpu_us")
    print(f"with the view: {rate:.1%} of the throughput (round by round {each_rate:.1%}),")
    print(f"{cost:.1%} of the CPU time of a message (round by round {each_cost:.1%})")
    raise SystemExit(rate < PROMISE and 1 / cost < PROMISE)


def ratios(runs: dict[str, list[Run]], field: str) -> tuple[float, float]:
    """What it is with the view, by what it is without: of the medians, and the median of each round's."""
    view, none = ([float(getattr(one, field)) for one in runs[name]] for name in ("view", "none"))
    each = statistics.median(one / other for one, other in zip(view, none, strict=True))
    return statistics.median(view) / statistics.median(none), each


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 11)
