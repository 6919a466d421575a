"""Descriptors that run out, and the limit that is raised."""

import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from e2e.harness import until
from e2e.limited import Clients, limited

EMFILE_WARNING = "tw: too many open files: further connections wait until one ends; raise the limit (ulimit -n)\n"


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as made:
        yield made


@pytest.mark.parametrize("reactor", ["auto", "stock"])
def test_out_of_descriptors_the_server_waits_warns_once_and_comes_back(
    reactor: str, tmp_path: Path, stack: ExitStack
) -> None:
    errors = tmp_path / "err"
    options = ("--max-connections", "1000", "--reactor", reactor, "--state", str(tmp_path / "state"))
    with limited("ulimit -n 64", "counter", *options, errors=errors) as server:
        clients = Clients(server, stack)
        many = [clients.connect() for _ in range(100)]
        until(lambda: EMFILE_WARNING in errors.read_text())
        held = server.descriptors()
        assert held < 64  # the last ones are left for files
        before_s = server.cpu_s()
        time.sleep(2)  # two retries; a server that spins would take all of it
        assert server.cpu_s() - before_s < 0.5
        assert server.descriptors() == held
        statuses = []
        for client in many:  # each in its turn: those who wait come in as those before them leave
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            statuses.append(client.recv(1000).partition(b"\r\n")[0])
            client.close()
        assert statuses == [b"HTTP/1.1 200 OK"] * 100
        summary = server.stop()
        assert (summary["connections"], summary["requests"], summary["errors"]) == (100, 100, 0)
        lines = errors.read_text()
        assert lines.count(EMFILE_WARNING) == 1
        assert lines.count("\n") == 2
        assert lines.startswith("tw: room for 14 connections, not 1000: 64 descriptors are allowed; ")


def test_the_soft_limit_is_raised_to_what_is_needed(tmp_path: Path) -> None:
    errors = tmp_path / "err"
    with limited("ulimit -Sn 64; ulimit -Hn 5000", "echo", "--max-connections", "1000", errors=errors) as server:
        limits = Path(f"/proc/{server.process.pid}/limits").read_text()
        (files,) = [line.split() for line in limits.splitlines() if line.startswith("Max open files")]
        assert files[3:5] == ["1050", "5000"]
        server.stop(signal.SIGINT)
    assert errors.read_text() == ""


def test_a_hard_limit_that_does_not_suffice_is_warned_of_once(tmp_path: Path) -> None:
    errors = tmp_path / "err"
    with limited("ulimit -n 300", "echo", "--max-connections", "1000", errors=errors) as server:
        server.stop()
    assert errors.read_text() == (
        "tw: room for 250 connections, not 1000: 300 descriptors are allowed; raise the hard limit (ulimit -Hn 1050)"
        " or lower --max-connections\n"
    )
