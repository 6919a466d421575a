"""Counters behind one address, and a probe that is under way."""

import json
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from e2e.haproxy import haproxy
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
def nginx_before(places: Sequence[str], *rules: str, http: str = "") -> Iterator[str]:
    """nginx that asks the servers in turn; gives its target. `rules` stand in its `location`.

    It has one worker, and so one turn: each of several would have its own.
    """
    servers = " ".join(f"server {place};" for place in places)
    location = " ".join(f"{rule};" for rule in ("proxy_pass http://behind", *rules))
    with nginx(f"location / {{ {location} }}", http=f"upstream behind {{ {servers} }} {http}") as front:
        yield front.target


@contextmanager
def haproxy_before(places: Sequence[str], *rules: str, options: str = "", section: str = "") -> Iterator[str]:
    """HAProxy that asks the servers in turn; gives its target. `rules` are lines of the proxy, `options` stand behind
    each server, and `section` behind the proxy."""
    first, *others = places
    servers = [f"server s{number} {place} {options}" for number, place in enumerate(others)]
    more = "\n".join(("mode http", "balance roundrobin", *rules, *servers, section))
    with haproxy(first, options, more=more) as port:
        yield f"127.0.0.1:{port}"


@contextmanager
def balancer(program: str, places: Sequence[str], *, named: bool = True) -> Iterator[str]:
    """nginx or HAProxy that asks the servers in turn; unless `named` it takes their answers' names and numbers away."""
    if program == "nginx":
        with nginx_before(places, *([] if named else [f"proxy_hide_header {name}" for name in NAMES])) as target:
            yield target
    else:
        rules = [] if named else [f"http-response del-header {name}" for name in NAMES]
        with haproxy_before(places, *HASTY, *rules, options="check inter 50ms fall 1 rise 1") as target:
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
