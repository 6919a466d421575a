"""All three servers among good and bad clients, for as long as you like; `tw probe` is the judge.

`PYTHONPATH=tests python tests/benchmarks/soak.py [MINUTES]` (5). It prints memory, descriptors, connections and delayed
calls over time. It fails where a good client sees a fault, where a server says anything on stderr, where memory or
descriptors grow beyond a margin, or where anything is left once the bad clients are gone.
"""

import json
import os
import random
import signal
import socket
import statistics
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from e2e.badpeers import MANNERS, SAYINGS, WHOLE, connect, descriptors, push, reset
from e2e.harness import Server, serving, tw

SERVICES = ("echo", "counter", "pubsub")
KEPT = 30
"""How many clients that stall or do not read are there at once, for each server."""

GONE_S = 180.0
"""How long the last to go may take. A subscriber that has shut its sending side and then left altogether is asked for
after 30 seconds of silence, and looked at every 30."""

MARGIN_BYTES = 16 * 1024 * 1024
MARGIN_SHARE = 0.15
"""By so much memory may be larger in the last quarter than in the second."""

WATCHED = """
import gc, json, os, signal, sys
def tell(*_):
    from twisted.internet import reactor
    from tw.services.listener import Listener
    held = sum(len(one.connections) for one in gc.get_objects() if type(one) is Listener)
    told = {"calls": len(reactor.getDelayedCalls()), "connections": held}
    path = os.environ["SOAK_TELLS"]
    with open(path + ".new", "w") as file:
        json.dump(told, file)
    os.replace(path + ".new", path)
signal.signal(signal.SIGUSR1, tell)
sys.argv[0] = "tw"
from tw.__main__ import main
sys.exit(main())
"""
"""tw, which tells of its inside when it gets SIGUSR1."""


@dataclass
class Soaked:
    """One server, and how it fared."""

    service: str
    server: Server
    tells: Path
    visits: int = 0
    faults: list[str] = field(default_factory=list)
    probes: int = 0
    rss: list[int] = field(default_factory=list)
    idle: dict[str, int] = field(default_factory=dict)

    def look(self) -> dict[str, int]:
        """Memory, descriptors, connections and delayed calls now."""
        self.tells.unlink(missing_ok=True)
        self.server.process.send_signal(signal.SIGUSR1)
        until = time.monotonic() + 30
        while not self.tells.exists():
            if time.monotonic() > until or self.server.process.poll() is not None:
                raise SystemExit(f"{self.service} does not answer: {self.server.process.poll()}")
            time.sleep(0.01)
        told: dict[str, int] = json.loads(self.tells.read_text())
        return {"rss": self.server.resident_bytes(), "files": self.server.descriptors(), **told}


def misbehave(one: Soaked, over: threading.Event) -> None:
    """Come and go in every manner, and keep some who stall or do not read."""
    kept: list[socket.socket] = []
    port, service = one.server.port, one.service
    while not over.is_set():
        with suppress(OSError):
            random.choice(MANNERS)(port, service)
            one.visits += 1
            if one.visits % 20 == 0:
                client = connect(port, small=True)
                client.setblocking(False)
                kept.append(client)
                if one.visits % 40:
                    push([client], WHOLE[service] * 500)
                else:
                    client.send(SAYINGS[service][: random.randint(0, 9)])
        if len(kept) > KEPT:
            reset(kept.pop(0))
        over.wait(0.005)
    for client in kept:
        reset(client)


def judge(one: Soaked, over: threading.Event) -> None:
    """Probe the server over and over; every verdict must be a good one."""
    while not over.is_set():
        ran = tw(
            "probe", one.service, "--count", "20", "--interval", "50ms", "--timeout", "10s", "--json", one.server.target
        )
        one.probes += 1
        if ran.code != 0:
            one.faults.append(f"a probe's verdict is {ran.code}: {ran.out}{ran.err}".strip())


def shown(at_s: float, one: Soaked, seen: dict[str, int]) -> str:
    return (
        f"{at_s:7.0f} s  {one.service:8} {seen['rss'] / 1e6:8.1f} MB {seen['files']:5} files {seen['connections']:5}"
        f" held {seen['calls']:4} calls {one.visits:8} visits {one.probes:5} probes {len(one.faults):3} faults"
    )


def growth(rss: list[int]) -> str:
    """What is wrong with these samples of memory, or nothing."""
    quarter = max(1, len(rss) // 4)
    early = statistics.median(rss[quarter : 2 * quarter] or rss)
    late = statistics.median(rss[-quarter:])
    if late <= early * (1 + MARGIN_SHARE) + MARGIN_BYTES:
        return ""
    return f"memory has grown from {early / 1e6:.1f} to {late / 1e6:.1f} MB"


def soak(soaked: list[Soaked], minutes: float) -> None:
    over = threading.Event()
    threads = [threading.Thread(target=work, args=(one, over)) for one in soaked for work in (misbehave, judge)]
    for one in soaked:
        one.idle = one.look()
    for thread in threads:
        thread.start()
    began = time.monotonic()
    try:
        while (at_s := time.monotonic() - began) < minutes * 60:
            for one in soaked:
                seen = one.look()
                one.rss.append(seen["rss"])
                print(shown(at_s, one, seen), flush=True)
            time.sleep(minutes * 60 / 20)
    finally:
        over.set()
        for thread in threads:
            thread.join()


def remains(one: Soaked) -> list[str]:
    """What is there that was not there before the clients came."""
    seen = one.look()
    return [
        f"{seen[what]} {what} are left, {one.idle[what]} were there before"
        for what in ("files", "connections", "calls")
        if seen[what] > one.idle[what]
    ]


def conclude(one: Soaked, stderr: Any) -> list[str]:
    """What is wrong with a server after all that."""
    faults = list(one.faults)
    until = time.monotonic() + GONE_S
    while (left := remains(one)) and time.monotonic() < until:
        time.sleep(0.5)
    faults += left
    faults.append(growth(one.rss))
    summary = one.server.stop()
    print(f"{one.service:8} " + " ".join(f"{key}={value}" for key, value in summary.items() if isinstance(value, int)))
    stderr.seek(0)
    faults.extend(stderr.read().decode().splitlines())
    return [f"{one.service}: {fault}" for fault in faults if fault]


def main(minutes: float) -> None:
    with ExitStack() as stack:
        stack.enter_context(descriptors(4096))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        soaked, logs = [], []
        for service in SERVICES:
            os.environ["SOAK_TELLS"] = str(folder / service)
            logs.append(stack.enter_context(tempfile.TemporaryFile()))
            server = stack.enter_context(serving(service, program=(sys.executable, "-c", WATCHED), stderr=logs[-1]))
            soaked.append(Soaked(service, server, folder / service))
        soak(soaked, minutes)
        faults = [fault for one, log in zip(soaked, logs, strict=True) for fault in conclude(one, log)]
    for fault in faults:
        print(f"FAULT {fault}")
    print("no fault, no growth, nothing left" if not faults else f"{len(faults)} faults")
    raise SystemExit(bool(faults))


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 5)
