"""Room for a run's connections: the limit on files is raised, or the run is refused before it begins."""

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tw.errors import ExitCode, LocalError
from tw.net import room
from tw.net.descriptors import limits, raise_limit_to
from tw.net.room import MARGIN, descriptors_needed, local_ports, make_room_for, open_descriptors


@pytest.fixture
def hard() -> Iterator[int]:
    """The hard limit, which no test may lower; the soft one is as it was at the end."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield before[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def soft() -> int:
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def range_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    (tmp_path / "range").write_text(text)
    monkeypatch.setattr(room, "PORT_RANGE", tmp_path / "range")


@given(st.integers(1, 100_000), st.integers(0, 1000))
def test_each_connection_takes_a_descriptor_and_two_with_its_server_beside_it(connections: int, open_now: int) -> None:
    alone = descriptors_needed(connections, open_now=open_now, self_test=False)
    assert alone == connections + open_now + MARGIN
    assert descriptors_needed(connections, open_now=open_now, self_test=True) == alone + connections


@pytest.mark.parametrize("self_test", [False, True])
def test_a_limit_that_is_too_low_is_raised_to_what_is_needed(hard: int, self_test: bool) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (200, hard))
    needed = descriptors_needed(300, open_now=open_descriptors(), self_test=self_test)
    make_room_for(300, self_test=self_test)
    assert soft() == needed
    make_room_for(10, self_test=self_test)
    assert soft() == needed


def test_what_is_open_already_counts() -> None:
    before = open_descriptors()
    with open(os.devnull), open(os.devnull):
        assert open_descriptors() == before + 2


def test_a_hard_limit_that_does_not_suffice_is_named_with_what_would() -> None:
    """In a process of its own: who lowers the hard limit cannot raise it again."""
    lines = (
        "import resource",
        "from tw.errors import LocalError",
        "from tw.net.room import make_room_for",
        "resource.setrlimit(resource.RLIMIT_NOFILE, (90, 100))",
        "make_room_for(20, self_test=True)",
        "print(resource.getrlimit(resource.RLIMIT_NOFILE)[0] <= 90)",
        "try: make_room_for(200, self_test=False)",
        "except LocalError as error: print(error.args, int(error.exit_code))",
        "print(resource.getrlimit(resource.RLIMIT_NOFILE))",
    )
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=True, timeout=60
    )
    fits, refused, after = done.stdout.splitlines()
    assert fits == "True"
    assert refused.startswith("('cannot open 200 connections: the hard limit is 100 files', 'RLIMIT_NOFILE', ")
    assert "as root" in refused
    assert "limits.conf" in refused
    assert "LimitNOFILE=" in refused
    assert "ulimit -n" not in refused, "a shell cannot go beyond the hard limit"
    assert refused.endswith(f" {int(ExitCode.LOCAL)}")
    assert after == "(100, 100)"


def test_no_limit_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    monkeypatch.setattr(resource, "setrlimit", lambda *_: pytest.fail("nothing is to be raised"))
    assert limits() == (float("inf"), float("inf"))
    assert raise_limit_to(10**9) == float("inf")


def test_a_soft_limit_that_could_not_be_raised_is_the_shells_to_raise(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise ValueError("not allowed to raise maximum limit")

    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, resource.RLIM_INFINITY))
    monkeypatch.setattr(resource, "setrlimit", refuse)
    with pytest.raises(LocalError, match=r"the limit is 256 files \(RLIMIT_NOFILE\); raise it with ulimit -n \d+$"):
        make_room_for(300, self_test=False)


def test_a_limit_that_the_system_will_not_raise_stays_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise ValueError("not allowed to raise maximum limit")

    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, resource.RLIM_INFINITY))
    monkeypatch.setattr(resource, "setrlimit", refuse)
    assert raise_limit_to(300) == 256


# Ports ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "ports"),
    [("32768\t60999\n", 28_232), ("1024 1024", 1), ("9 8", 0), ("", None), ("1", None), ("1 2 3", None), ("a b", None)],
)
def test_the_range_of_ports_is_the_kernels(text: str, ports: int | None) -> None:
    assert local_ports(text) == ports


def test_more_connections_than_ports_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    range_of(tmp_path, monkeypatch, "50000\t50009\n")
    make_room_for(10, self_test=False)
    make_room_for(11, self_test=False, places=0)
    make_room_for(20, self_test=False, places=2)
    with pytest.raises(LocalError) as caught:
        make_room_for(11, self_test=False)
    assert str(caught.value) == (
        "cannot open 11 connections: one source address has 10 ports (net.ipv4.ip_local_port_range); widen the range"
        " with sysctl -w, or share the load among probes with a --bind of their own"
    )


def test_where_the_kernel_does_not_tell_its_range_nothing_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "PORT_RANGE", tmp_path / "none")
    make_room_for(11, self_test=False)
