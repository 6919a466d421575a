"""`tw probe pubsub --publishers P --subscribers S`: what a real path does to one subscriber shows in its row alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from e2e.badpeers import descriptors
from e2e.haproxy import haproxy
from e2e.harness import Ran, Server, serving, tw
from e2e.proxy import Harm, by_line, proxy, untouched

FAULTS = ("lost", "duplicated", "reordered", "corrupted")


def _faults(row: dict[str, Any]) -> tuple[int, ...]:
    return tuple(row[name] for name in FAULTS)


def test_every_line_reaches_every_subscriber() -> None:
    with serving("pubsub") as server:
        ran = tw(
            "probe", "pubsub", server.target, "--publishers", "3", "--subscribers", "4", "--count", "500", "--json"
        )
        assert server.stop()["connections"] == 7
    report = ran.json
    assert (ran.code, report["ok"], report["published"], report["delivered"]) == (0, True, 500, 2000)
    matrix = report["matrix"]
    assert [each["published"] for each in matrix["publishers"]] == [167, 167, 166]
    assert len({each["local"] for each in (*matrix["publishers"], *matrix["subscribers"])}) == 7
    assert [_faults(pair) for pair in matrix["pairs"]] == [(0, 0, 0, 0)] * 12
    assert all(0 < pair["p50_ms"] <= pair["p99_ms"] <= pair["max_ms"] for pair in matrix["pairs"])


@pytest.mark.parametrize("tls", [(), ("--tls",)], ids=["plain", "tls"])
def test_the_tool_against_itself_in_an_open_loop(tls: tuple[str, ...]) -> None:
    options = ("--publishers", "2", "--subscribers", "3", "--rate", "500", "--count", "300", "--warmup", "200ms")
    report = tw("probe", "pubsub", "--self", *tls, *options, "--json").json
    assert (report["ok"], report["delivered"], report["pacing"]) == (True, 900, "open")
    assert report["warmup"]["sent"] == 100
    assert report["warmup"]["received"] == 300
    assert report["service_ms"]["min"] > 0


def test_many_subscribers_are_opened_at_a_rate_and_all_get_everything() -> None:
    with descriptors(1200) as allowed, serving("pubsub") as server:
        if not allowed:
            pytest.skip("not so many open files here")
        options = ("--publishers", "2", "--subscribers", "400", "--count", "40", "--connect-rate", "2000")
        ran = tw("probe", "pubsub", server.target, *options)
    assert ran.code == 0, ran
    assert "subscribers: 400 of 400 got everything of 2 publishers" in ran.out.splitlines()


# Harm -----------------------------------------------------------------------------------------------------------------


class _HarmOne:
    """Harms one connection: the first that gets a line. Lines 5, 7, 9 and 12 are lost, doubled, late and changed."""

    def __init__(self) -> None:
        self._harmed = False
        self._late: list[bytes] = []

    def __call__(self) -> Harm:
        mine = False

        def change(line: bytes) -> list[bytes]:
            nonlocal mine
            if b"-0000000001" in line and not self._harmed:
                mine = self._harmed = True
            return self._harm(line) if mine else [line]

        return by_line(change)

    def _harm(self, line: bytes) -> list[bytes]:
        if b"-0000000005" in line:
            return []
        if b"-0000000007" in line:
            return [line, line]
        if b"-0000000009" in line:
            self._late.append(line)
            return []
        if b"-0000000012" in line:
            return [line[:-2] + b"!\n"]
        late, self._late = self._late, []
        return [line, *late]


def test_what_a_proxy_does_to_one_subscriber_shows_in_its_row_alone() -> None:
    # Without its own lines the publisher gets none, and no harm.
    with serving("pubsub", "--no-echo") as server, proxy(server.port, _HarmOne()) as target:
        options = ("--subscribers", "3", "--rate", "200", "--count", "40", "--timeout", "2s")
        report = tw("probe", "pubsub", target, *options, "--json")
        table = tw("probe", "pubsub", server.target, *options)
    matrix = report.json["matrix"]
    assert sorted(map(_faults, matrix["subscribers"])) == [(0, 0, 0, 0), (0, 0, 0, 0), (1, 1, 1, 1)]
    assert sorted(map(_faults, matrix["pairs"])) == [(0, 0, 0, 0), (0, 0, 0, 0), (1, 1, 1, 1)]
    assert (report.code, matrix["whole_subscribers"], report.json["received"]) == (1, 2, 118)
    assert table.code == 0


def test_a_proxy_that_does_no_harm_changes_nothing() -> None:
    with serving("pubsub") as server, proxy(server.port, untouched, split=7) as target:
        ran = tw("probe", "pubsub", target, "--publishers", "2", "--subscribers", "2", "--count", "50")
    assert ran.code == 0, ran


def test_two_servers_behind_a_balancer_that_know_nothing_of_each_other_are_found_out() -> None:
    with serving("pubsub") as server, serving("pubsub") as other:
        both = f"{server.target}\n    server other {other.target}"
        with haproxy(both, "") as port:
            options = ("--publishers", "2", "--subscribers", "2", "--count", "20", "--connect-rate", "50")
            report = tw("probe", "pubsub", f":{port}", *options, "--timeout", "1s", "--json")
    pairs = {(pair["publisher"], pair["subscriber"]): pair for pair in report.json["matrix"]["pairs"]}
    # In turn: the first of each are at one server, the second ones at the other.
    assert {place for place, pair in pairs.items() if pair["joined"]} == {(1, 1), (2, 2)}
    assert {place: (pair["delivered"], pair["lost"]) for place, pair in pairs.items()} == {
        (1, 1): (10, 0), (2, 1): (0, 10), (1, 2): (0, 10), (2, 2): (10, 0),
    }  # fmt: skip
    assert (report.code, report.json["errors"]) == (1, {"not joined": 2})


# Slow on purpose ------------------------------------------------------------------------------------------------------

SLOW = ("--subscribers", "3", "--count", "8000", "--size", "1000", "--timeout", "20s")
"""8 MB, of which the slow one reads little: more than the kernel (4 MB) and the backlog hold."""

WINDOW = ("--window", "300", "--read-rate", "20k")
"""Nothing is published that the others are too far behind for, however long they do not get to run."""


@contextmanager
def _slow_run(policy: str, *pace: str) -> Iterator[tuple[Server, Ran, list[dict[str, Any]]]]:
    """The run, and its subscribers; the last of them is the slow one."""
    with serving("pubsub", "--slow", policy, "--backlog", "512k") as server:
        ran = tw("probe", "pubsub", server.target, *SLOW, *pace, "--json")
        subscribers = ran.json["matrix"]["subscribers"]
        assert [row["slow"] for row in subscribers] == [False, False, True]
        assert [_faults(row) for row in subscribers[:2]] == [(0, 0, 0, 0)] * 2
        yield server, ran, subscribers


def test_a_slow_subscriber_is_disconnected_and_named_with_the_servers_last_word() -> None:
    with _slow_run("disconnect", *WINDOW) as (server, ran, (*_, slow)):
        assert server.stop()["slow_consumers"] == 1
    assert (ran.code, ran.json["errors"]) == (1, {"subscriber left": 1})
    assert not slow["connected"]
    assert slow["left_reason"] == "<tw> disconnected: more than 524288 bytes behind"
    assert slow["lost"] == 8000 - slow["delivered"] > 0


def test_a_slow_subscriber_has_lost_exactly_what_the_server_says_it_dropped() -> None:
    with _slow_run("drop", *WINDOW) as (server, ran, (*_, slow)):
        summary = server.stop()
    assert (ran.code, ran.json["errors"]) == (1, {})
    assert slow["lost"] == slow["dropped_notices"] == summary["dropped_lines"] > 0
    assert _faults(slow)[1:] == (0, 0, 0)


def test_publishers_wait_for_a_slow_subscriber_and_it_gets_everything_late() -> None:
    with _slow_run("block", "--read-rate", "500k", "--rate", "8000") as (server, ran, (eager, _, slow)):
        summary = server.stop()
    assert ran.code == 0, ran
    assert (slow["delivered"], summary["dropped_lines"]) == (8000, 0)
    assert summary["pauses"] >= 1
    assert slow["p50_ms"] > eager["p50_ms"]
