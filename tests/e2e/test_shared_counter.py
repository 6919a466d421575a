"""Counters that share a real Redis: numbers unique over all of them, whatever is killed."""

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from e2e.certificates import make_certificates
from e2e.haproxy import haproxy
from e2e.harness import TIMEOUT_S, TW, Server, environment, serving, tw, until
from e2e.redis import Redis, redis
from ports import held_port
from tw.net.redis import ANSWER_S
from tw.probe_options import ProbeCounterOptions


def url(server: Redis, user: str = "", key: str = "n") -> str:
    return f"unix://{user}{server.path}?key={key}"


@contextmanager
def nodes(server: Redis, count: int, *args: str) -> Iterator[list[Server]]:
    with ExitStack() as stack:
        yield [stack.enter_context(serving("counter", "--via", url(server), *args)) for _ in range(count)]


def asked(server: Server) -> tuple[int, str | None, str]:
    """One request of curl's: status, number, Retry-After."""
    form = "%{http_code} %header{x-request-number} %header{retry-after}"
    done = subprocess.run(
        ["curl", "-s", "-o", "/dev/null", "-w", form, f"http://{server.target}/"],
        capture_output=True,
        timeout=TIMEOUT_S,
        check=True,
    )
    status, number, after = done.stdout.decode().split(" ")
    return int(status), number or None, after


def loaded(server: Server, *args: str, form: str = "--json") -> subprocess.Popen[bytes]:
    """A probe that asks for a while."""
    return subprocess.Popen(
        [TW, "probe", "counter", server.target, "--connections", "4", form, *args],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        env=environment(),
    )


def report(process: subprocess.Popen[bytes]) -> Any:
    out, _ = process.communicate(timeout=TIMEOUT_S)
    return json.loads(out.splitlines()[-1])


def until_answered(process: subprocess.Popen[bytes]) -> None:
    """Until a probe that tells how it goes on has had answers."""
    assert process.stdout is not None
    while not json.loads(process.stdout.readline())["received"]:
        pass


@pytest.mark.parametrize("lease", [(), ("--lease", "500")])
def test_behind_a_balancer_two_servers_are_one_counter(tmp_path: Path, lease: tuple[str, ...]) -> None:
    with redis(tmp_path) as server, nodes(server, 2, *lease) as (one, two):
        with haproxy(one.target, "", more=f"server other {two.target}") as port:
            args = ("--connections", "4", "--count", "4000", "--json")
            ran = tw("probe", "counter", f"127.0.0.1:{port}", *args)
        assert ran.code == 0, ran
        numbers = ran.json["numbers"]
        assert (numbers["instances"], numbers["duplicates"], ran.json["received"]) == (2, 0, 4000)
        if not lease:
            # The first answer to arrive is one of those to the first requests.
            assert numbers["first"] <= 4
            assert server.says("GET", "n") == "4000"
        requests = [node.stop()["requests"] for node in (one, two)]
        assert sum(requests) == 4000
        assert min(requests) > 0


def test_a_node_that_is_killed_leaves_a_gap_and_the_other_counts_on(tmp_path: Path) -> None:
    with redis(tmp_path) as server, nodes(server, 2) as (one, two):
        loads = [loaded(node, "--duration", "10m", form="--json-stream") for node in (one, two)]
        for load in loads:
            until_answered(load)
        one.process.kill()
        one.process.wait()
        before = int(server.says("GET", "n"))
        until(lambda: int(server.says("GET", "n")) > before + 500)
        for load in loads:
            load.send_signal(signal.SIGINT)
        dead, alive = map(report, loads)
        two.wait_until_idle()  # it may count what was asked for as the load was ended
        assert (alive["lost"], alive["errors"]) == (0, {}), alive
        assert dead["errors"], dead
        assert dead["numbers"]["duplicates"] == alive["numbers"]["duplicates"] == 0
        given = dead["received"] + alive["received"]
        counted = int(server.says("GET", "n"))
        assert given <= counted, "nobody had a number that was not counted"
        assert asked(two)[:2] == (200, str(counted + 1))


@pytest.mark.parametrize("lease", [(), ("--lease", "50")])
def test_redis_is_killed_and_comes_back_under_load(tmp_path: Path, lease: tuple[str, ...]) -> None:
    with redis(tmp_path) as server, nodes(server, 2, *lease) as (one, two):
        loads = [loaded(node, "--duration", "4") for node in (one, two)]
        until(lambda: int(server.says("GET", "n")) > 500)
        server.kill()
        assert not one.wait_for("via")["ok"]
        until(lambda: asked(one)[0] == 503)  # what is left of a lease is its own
        status, number, after = asked(one)
        assert (status, number) == (503, None)
        assert int(after) > 0
        server.start()
        assert one.wait_for("via")["ok"]
        reports = [report(each) for each in loads]
        for each in reports:
            assert each["numbers"]["duplicates"] == each["reordered"] == 0, each
        given = sum(node.stop()["requests"] for node in (one, two))
        assert given <= int(server.says("GET", "n"))


def test_numbers_of_two_servers_are_apart_through_it_all(tmp_path: Path) -> None:
    """Every single one, as curl gets it."""
    with redis(tmp_path) as server, nodes(server, 2) as both:
        numbers = [asked(node)[1] for node in both for _ in range(3)]
        server.kill()
        for node in both:
            assert not node.wait_for("via")["ok"]
        assert [asked(node)[0] for node in both] == [503, 503]
        server.start()
        for node in both:
            assert node.wait_for("via")["ok"]
        numbers += [asked(node)[1] for node in both for _ in range(3)]
        assert [int(number or -1) for number in numbers] == list(range(1, 13))


def test_a_paused_redis_is_a_503_in_time(tmp_path: Path) -> None:
    with redis(tmp_path) as server, nodes(server, 1) as (node,):
        server.pause()
        assert asked(node)[0] == 503
        assert ProbeCounterOptions().timeout_s / 2 > ANSWER_S, "a probe would have given up"
        server.go_on()
        event = node.wait_for("via")
        while not event["ok"]:
            event = node.wait_for("via")
        assert asked(node)[0] == 200


def test_a_paused_redis_is_noticed_though_nobody_asks(tmp_path: Path) -> None:
    with redis(tmp_path) as server, nodes(server, 1) as (node,):
        server.pause()
        assert not node.wait_for("via")["ok"]
        assert asked(node)[0] == 503
        server.go_on()
        assert node.wait_for("via")["ok"]
        assert asked(node)[0] == 200


def test_redis_and_its_servers_may_both_start_again(tmp_path: Path) -> None:
    with redis(tmp_path) as server:
        for first in ("100", "101", "102"):
            with nodes(server, 1, "--start", "100") as (node,):
                assert asked(node)[1] == first
                node.stop()
            server.kill()
            server.start()


# Logging in ----------------------------------------------------------------------------------------------------------


def test_a_user_of_redis_is_logged_in_from_a_file_or_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("pass word\n")
    with redis(tmp_path) as server:
        server.says("ACL", "SETUSER", "joe", "on", ">pass word", "~n", "+incrby", "+set", "+ping")
        server.says("CONFIG", "SET", "requirepass", "other")
        args = ("--via", url(server, "joe@"), "--via-password-file", str(file), "--access-log")
        with serving("counter", *args) as node:
            assert asked(node)[1] == "1"
            assert "pass word" not in str(node.events)
        ran = tw("serve", "counter", "--port", "0", "--via", url(server), env={"TW_VIA_PASSWORD": "wrong"})
        assert (ran.code, "WRONGPASS" in ran.error_line, "wrong" in ran.error_line.replace("WRONG", "")) == (
            6,
            True,
            False,
        )
        ran = tw("serve", "counter", "--port", "0", "--via", url(server))
        assert (ran.code, "TW_VIA_PASSWORD" in ran.error_line) == (6, True)
        env = {"TW_VIA_PASSWORD": "other"}
        ran = tw("serve", "counter", "--port", "0", "--duration", "10ms", "--via", url(server), env=env)
        assert ran.code == 0, ran


def over_tls(stack: ExitStack, directory: Path, *options: str) -> int:
    """The port where a Redis speaks TLS, until the stack ends."""
    port = stack.enter_context(held_port())
    stack.enter_context(redis(directory, "--tls-port", str(port), *options))
    return port


def test_over_tls_redis_is_verified(tmp_path: Path) -> None:
    made = make_certificates(tmp_path, "localhost")
    other = tmp_path / "other"
    other.mkdir()
    stranger = make_certificates(other, "localhost")
    tls = ("--tls-cert-file", made.cert, "--tls-key-file", made.key, "--tls-auth-clients", "no")
    with ExitStack() as stack:
        port = over_tls(stack, tmp_path, *tls)
        via = ("--port", "0", "--via", f"rediss://localhost:{port}?key=n")
        with serving("counter", *via[2:], "--via-ca-file", made.ca) as node:
            assert asked(node)[1] == "1"
        ran = tw("serve", "counter", *via, "--via-ca-file", stranger.ca)
        assert ran.code == 5, ran
        assert ran.error_line.count("localhost") == 1
        assert ran.error_line.endswith("; name its authority with --via-ca-file")
        ran = tw("serve", "counter", *via)
        assert ran.code == 5, ran
        ran = tw("serve", "counter", "--port", "0", "--via", f"rediss://127.0.0.1:{port}", "--via-ca-file", made.ca)
        assert ran.code == 5, "another name"
        assert ran.error_line.endswith("; name the server as its certificate does")


def test_where_redis_asks_for_a_certificate_no_option_is_named_that_there_is_not(tmp_path: Path) -> None:
    made = make_certificates(tmp_path, "localhost")
    with ExitStack() as stack:
        tls = ("--tls-cert-file", made.cert, "--tls-key-file", made.key, "--tls-ca-cert-file", made.ca)
        port = over_tls(stack, tmp_path, *tls)
        ran = tw("serve", "counter", "--port", "0", "--via", f"rediss://localhost:{port}", "--via-ca-file", made.ca)
        assert ran.code == 5, ran
        assert "client certificate" in ran.error_line
        assert ran.error_line.endswith("; tw has none for Redis: let it ask for none (tls-auth-clients no)")


# What cannot be used -------------------------------------------------------------------------------------------------


def test_a_key_of_another_type_is_left_alone(tmp_path: Path) -> None:
    with redis(tmp_path) as server:
        server.says("LPUSH", "list", "x")
        server.says("SET", "text", "x")
        for key in ("list", "text"):
            ran = tw("serve", "counter", "--port", "0", "--via", url(server, key=key))
            assert (ran.code, "the key holds something else" in ran.error_line) == (9, True)
        assert server.says("LRANGE", "list", "0", "-1") == "x"


def test_a_redis_that_is_not_there_is_exit_3(tmp_path: Path) -> None:
    ran = tw("serve", "counter", "--port", "0", "--via", f"unix://{tmp_path}/none?key=n")
    assert (ran.code, "no such file" in ran.error_line) == (3, True)
    with held_port() as port:
        ran = tw("serve", "counter", "--port", "0", "--via", f"redis://127.0.0.1:{port}")
    assert (ran.code, "connection refused" in ran.error_line) == (3, True)


@pytest.mark.parametrize(
    "args",
    [
        ("--via", "http://h"),
        ("--via", "redis://joe:hunter2@h"),
        ("--via", "redis://h?stream=n"),
        ("--via", "redis://h", "--state", "file"),
        ("--via", "redis://h", "--describe"),
        ("--via", "redis://h", "--delay", "5ms"),
        ("--via", "redis://h", "--via-ca-file", "ca.pem"),
        ("--via-ca-file", "ca.pem"),
        ("--via-password-file", "file"),
        ("--lease", "5"),
        ("--via", "redis://h", "--lease", "0"),
    ],
)
def test_what_makes_no_sense_is_exit_2_in_one_line(args: tuple[str, ...]) -> None:
    ran = tw("serve", "counter", "--port", "0", *args)
    assert (ran.code, ran.out) == (2, "")
    assert "hunter2" not in ran.error_line
