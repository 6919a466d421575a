"""What the counter probe makes of the numbers behind a real nginx and a real HAProxy."""

from contextlib import ExitStack
from pathlib import Path

import pytest

from e2e.counters import balancer, counters, haproxy_before, nginx_before, probed, probing, shares
from e2e.harness import serving, tw
from tw.services.state import FIRST_BLOCK

both = pytest.mark.parametrize("program", ["nginx", "haproxy"])


def clean(numbers: dict[str, object]) -> bool:
    return not any(numbers[name] for name in ("gaps", "duplicates", "resets", "unanswered"))


@both
@pytest.mark.parametrize("named", [True, False], ids=["named", "unnamed"])
def test_one_server_behind_a_proxy_is_one(program: str, named: bool) -> None:
    with counters(7) as (server,), balancer(program, [server.target], named=named) as target:
        ran = probed(target, 20)
    report = ran.json
    assert (ran.code, report["ok"], report["received"]) == (0, True, 20), ran
    assert (clean(report["numbers"]), report["numbers"]["instances"], report["numbers"]["doubtful"]) == (True, 1, 0)
    assert shares(report) == [(20, 7, 26, 0)]
    assert (report["numbers"]["shares"][0]["instance"] is not None) == named


@both
@pytest.mark.parametrize("starts", [(1, 1), (1, 1000), (4, 1), (1, 1, 1), (500, 1, 20)], ids=str)
@pytest.mark.parametrize("named", [True, False], ids=["named", "unnamed"])
def test_servers_in_turn_are_told_apart_with_or_without_their_names(
    program: str, starts: tuple[int, ...], named: bool
) -> None:
    each = 6
    with counters(*starts) as servers:
        with balancer(program, [server.target for server in servers], named=named) as target:
            ran = probed(target, each * len(starts))
    report = ran.json
    assert (ran.code, report["ok"], report["duplicated"], report["reordered"]) == (0, True, 0, 0), ran
    assert (clean(report["numbers"]), report["numbers"]["instances"]) == (True, len(starts))
    assert sorted(shares(report)) == sorted((each, start, start + each - 1, 0) for start in starts)
    assert {share["share"] for share in report["numbers"]["shares"]} == {round(1 / len(starts), 6)}


def test_the_summary_has_a_line_for_each() -> None:
    with counters(1, 100) as servers, balancer("haproxy", [server.target for server in servers]) as target:
        ran = tw("probe", "counter", target, "--count", "4", "--interval", "0")
    assert ran.code == 0, ran
    lines = [line.strip() for line in ran.out.splitlines()]
    assert "0 gaps, 0 duplicates, 0 resets, 2 instances" in lines
    told = sorted(line.partition(": ")[2] for line in lines if line.startswith("instance "))
    assert told == ["2 answers (50.0 %), 1 to 2, 0 gaps", "2 answers (50.0 %), 100 to 101, 0 gaps"]


CACHE = ("proxy_cache answers", "proxy_cache_valid 200 10m", "proxy_ignore_headers Cache-Control")
HIDE = ("proxy_hide_header X-Instance", "proxy_hide_header X-Request-Number")


@pytest.mark.parametrize("more", [(), HIDE], ids=["named", "unnamed"])
def test_a_cache_gives_duplicates_and_no_more_instances(more: tuple[str, ...], tmp_path: Path) -> None:
    zone = f"proxy_cache_path {tmp_path}/cache keys_zone=answers:1m;"
    with counters(1) as (server,), nginx_before([server.target], *CACHE, *more, http=zone) as target:
        ran = probed(target, 12)
    report = ran.json
    assert (ran.code, report["ok"], report["duplicated"], report["lost"]) == (1, False, 11, 0), ran
    assert (report["numbers"]["instances"], report["numbers"]["first"], report["numbers"]["last"]) == (1, 1, 1)
    assert report["numbers"]["doubtful"] == (11 if more else 0)


def test_a_cache_that_says_so_leaves_no_doubt() -> None:
    """HAProxy's sends `Age` with what it had stored (RFC 9111, 5.1)."""
    rules = (
        "http-request cache-use answers",
        "http-response set-header Cache-Control max-age=600",
        "http-response cache-store answers",
        "http-response del-header X-Instance",
        "http-response del-header X-Request-Number",
    )
    section = "cache answers\n    total-max-size 1\n    max-age 600\n"
    with counters(1) as (server,), haproxy_before([server.target], *rules, section=section) as target:
        ran = probed(target, 4)
    report = ran.json
    assert (ran.code, report["duplicated"]) == (1, 3), ran
    assert (report["numbers"]["instances"], report["numbers"]["doubtful"]) == (1, 0)


@both
@pytest.mark.parametrize("named", [True, False], ids=["named", "unnamed"])
def test_a_server_that_dies_leaves_the_rest_to_the_other_one(program: str, named: bool) -> None:
    with counters(1, 1) as servers:
        places = [server.target for server in servers]
        with balancer(program, places, named=named) as target, probing(target, 100_000) as probe:
            for _ in range(5):
                servers[0].wait_for("request")
            servers[0].process.kill()
            seen = 5 + servers[0].stdout.read().count(b'"event": "request"')
            for _ in range(seen + 50):  # it had as many, and goes on alone
                servers[1].wait_for("request")
            report = probe.interrupt()
    # Whoever of the two programs had the request under way asks the other server.
    assert (report["lost"], report["errors"]) == (0, {}), report
    assert (clean(report["numbers"]), report["numbers"]["instances"]) == (True, 2)
    died, lived = sorted(answers for answers, *_ in shares(report))
    assert (died >= 4, lived > died + 40, died + lived) == (True, True, report["received"])


@pytest.mark.parametrize("crash", [False, True], ids=["stop", "crash"])
def test_a_restart_that_keeps_the_count_is_another_instance_and_no_gap(crash: bool, tmp_path: Path) -> None:
    place = ("--listen", f"unix:{tmp_path}/s")
    options = ("--access-log", "--state", f"{tmp_path}/state")
    with nginx_before([f"unix:{tmp_path}/s"]) as target, ExitStack() as stack:
        with serving("counter", *options, place=place) as first:
            probe = stack.enter_context(probing(target, 100_000))
            for _ in range(5):
                first.wait_for("request")
            first.process.kill() if crash else first.process.terminate()
            first.process.wait()
        with serving("counter", *options, place=place) as second:
            for _ in range(5):
                second.wait_for("request")
            report = probe.interrupt()
    numbers = report["numbers"]
    # While there was no server nginx said so itself.
    assert set(report["errors"]) <= {"status 502"}, report
    assert (numbers["gaps"], numbers["duplicates"], numbers["resets"], numbers["instances"]) == (0, 0, 0, 2)
    (_, first_number, last, _), (_, again, _, _) = shares(report)
    assert (first_number, again > last) == (1, True)
    assert not crash or again % FIRST_BLOCK == 1  # the next block's first


def test_a_restart_from_the_beginning_is_a_reset(tmp_path: Path) -> None:
    place = ("--listen", f"unix:{tmp_path}/s")
    with nginx_before([f"unix:{tmp_path}/s"]) as target, ExitStack() as stack:
        with serving("counter", "--access-log", place=place) as first:
            probe = stack.enter_context(probing(target, 100_000))
            for _ in range(5):
                first.wait_for("request")
            first.process.kill()
            first.process.wait()
        with serving("counter", "--access-log", place=place) as second:
            for _ in range(5):
                second.wait_for("request")
            report = probe.interrupt()
    numbers = report["numbers"]
    assert (numbers["gaps"], numbers["duplicates"], numbers["resets"], numbers["instances"]) == (0, 0, 1, 2), report
