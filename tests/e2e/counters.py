"""Counters behind one address, and a probe that is under way."""

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from e2e.haproxy import http_haproxy
from e2e.harness import TIMEOUT_S, TW, Ran, Server, environment, serving, tw
from e2e.nginx import nginx

NAMES = ("X-Instance", "X-Request-Number")

HASTY = ("option redispatch 1", "retry-on all-retryable-errors")
"""HAProxy asks another server at once, where it would try the same one three times, a second apart."""


@contextmanager
def counters(*starts: int) -> Iterator[list[Server]]:
    """A counter for each first number; they tell of every request."""
    with ExitStack() as stack:
        yield [stack.enter_context(serving("counter", "--access-log", "--start", str(start))) for start in starts]


@contextmanager
def balancer(program: str, places: list[str], *, named: bool = True) -> Iterator[str]:
    """nginx or HAProxy that asks the servers in turn; unless `named` it takes their answers' names and numbers away."""
    if program == "nginx":
        with nginx(places, *([] if named else [f"proxy_hide_header {name}" for name in NAMES])) as target:
            yield target
    else:
        rules = [] if named else [f"http-response del-header {name}" for name in NAMES]
        with http_haproxy(places, *HASTY, *rules, options="check inter 50ms fall 1 rise 1") as target:
            yield target


def probed(target: str, count: int, *args: str) -> Ran:
    return tw("probe", "counter", target, "--count", str(count), "--interval", "0", "--json", *args)


def shares(report: dict[str, Any]) -> list[tuple[int, int, int, int]]:
    """The answers, the first and the last number, and the gaps of each instance."""
    return [(s["answers"], s["first"], s["last"], s["gaps"]) for s in report["numbers"]["shares"]]


@contextmanager
def probing(target: str, count: int) -> Iterator["Probing"]:
    """A probe in the background, one request each 20 ms."""
    pace = ("--count", str(count), "--interval", "20ms")
    process = subprocess.Popen(
        [TW, "probe", "counter", target, *pace, "--json"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        env=environment(),
    )
    try:
        yield Probing(process)
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=TIMEOUT_S)


class Probing:
    """A probe that is under way."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def end(self) -> tuple[int, dict[str, Any]]:
        """Its exit code and its report, once it is over."""
        out, _ = self._process.communicate(timeout=2 * TIMEOUT_S)
        return self._process.returncode, json.loads(out)

    def interrupt(self) -> dict[str, Any]:
        """Its report up to now."""
        self._process.send_signal(signal.SIGINT)
        code, report = self.end()
        assert code == 130
        return report
