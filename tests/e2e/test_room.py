"""A load run that this machine has no room for is refused before it begins, and told which limit to raise."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from e2e.harness import TIMEOUT_S, TW, Ran, environment

LOAD = ("--connections", "500", "--count", "500")


def within_limits(limits: str, *args: str, program: tuple[str, ...] = ()) -> Ran:
    """`tw` in a shell that has set these limits; `program` is what starts the shell."""
    done = subprocess.run(
        [*program, "sh", "-c", f'{limits} && exec "$@"', "sh", TW, *args],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=environment(),
        timeout=TIMEOUT_S,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def test_too_many_open_files_are_found_before_the_run_starts() -> None:
    ran = within_limits("ulimit -n 64", "probe", "echo", "--self", *LOAD)
    assert (ran.code, ran.out) == (9, "")
    found = re.fullmatch(
        r"tw: cannot open 500 connections: the hard limit is 64 files \(RLIMIT_NOFILE\); raise it: prlimit --pid \$\$ "
        r"--nofile=(\d+) as root, for this shell; `\* hard nofile \1` in /etc/security/limits.conf, from the next "
        r"login on; or LimitNOFILE=\1 in a systemd unit",
        ran.error_line,
    )
    assert found is not None, ran
    assert within_limits(f"ulimit -n {found[1]}", "probe", "echo", "--self", *LOAD).code == 0


def test_it_is_one_object_of_json_as_well() -> None:
    ran = within_limits("ulimit -n 64", "probe", "echo", "--self", *LOAD, "--json")
    assert ran.code == 9
    assert json.loads(ran.out)["error"] | {"message": ""} == {"kind": "local", "exit": 9, "message": ""}


@pytest.mark.parametrize("reactor", ["auto", "stock"])
def test_a_soft_limit_is_raised_and_the_server_beside_it_takes_all(reactor: str) -> None:
    ran = within_limits("ulimit -Sn 64", "probe", "echo", "--self", *LOAD, "--json", "--reactor", reactor)
    assert (ran.code, ran.err) == (0, "")
    assert (ran.json["received"], ran.json["errors"]) == (500, {})


@pytest.fixture
def own_net() -> tuple[str, ...]:
    """What runs a command in a network of its own."""
    command = ("unshare", "--net", "--map-root-user")
    try:
        subprocess.run([*command, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as problem:
        pytest.skip(f"no network namespaces here: {problem}")
    return command


def test_who_can_only_meet_itself_is_refused(own_net: tuple[str, ...]) -> None:
    """With one local port, the kernel connects whoever dials it to itself."""
    script = "ip link set lo up && echo '40000 40000' > /proc/sys/net/ipv4/ip_local_port_range"
    ran = within_limits(script, "probe", "echo", ":40000", "--count", "1", program=own_net)
    assert ran.code == 3
    assert ran.error_line == "tw: connection refused (127.0.0.1:40000); is the server running there?"


def test_more_connections_than_ports_are_refused_and_a_unix_socket_has_none(
    tmp_path: Path, own_net: tuple[str, ...]
) -> None:
    ports = "echo '50000 50099' > /proc/sys/net/ipv4/ip_local_port_range"
    ran = within_limits(ports, "probe", "echo", "--connections", "101", program=own_net)
    assert ran.code == 9
    assert ran.error_line.startswith("tw: cannot open 101 connections: one source address has 100 ports (net.ipv4.")
    ran = within_limits(ports, "probe", "echo", "--connections", "100", program=own_net)
    assert ran.code == 3  # nobody listens there, as it finds out
    ran = within_limits(ports, "probe", "echo", f"unix:{tmp_path}/s", "--connections", "101", program=own_net)
    assert ran.code == 3
