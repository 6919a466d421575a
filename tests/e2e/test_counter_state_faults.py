"""A counter's state on a disk that fails: 503 and no lost number, until it can be written again; then it goes on."""

import json
import os
import re
import resource
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from e2e.harness import TIMEOUT_S, Server, serving
from e2e.programs import need

REQUEST = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"


def ask(server: Server, count: int) -> bytes:
    """The answers to so many requests in one segment, over a connection that was there before, or a new one."""
    with socket.create_connection(("127.0.0.1", server.port), TIMEOUT_S) as client:
        client.sendall(REQUEST * count)
        client.shutdown(socket.SHUT_WR)
        got = b""
        while data := client.recv(65_536):
            got += data
    assert len(re.findall(rb"^HTTP/1\.1 (?:200|503) ", got, re.MULTILINE)) == count
    return got


def numbers(answers: bytes) -> list[int]:
    return [int(number) for number in re.findall(rb"I am request #(\d+)\n", answers)]


def mount(*args: str) -> None:
    if subprocess.run(["mount", *args], check=False, capture_output=True).returncode != 0:
        # No program is missing: a container may forbid it, in CI as elsewhere.
        pytest.skip("mounting a file system is not allowed here")


@contextmanager
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB of its own."""
    need("mount", "umount")
    mount("-t", "tmpfs", "-o", "size=64k", "none", str(tmp_path))
    try:
        yield tmp_path
    finally:
        subprocess.run(["umount", "-l", str(tmp_path)], check=True)


def fault_and_recovery(server: Server, fail: Callable[[], object], mend: Callable[[], object], word: str) -> None:
    """Work, fail, ask in vain, mend, work: no number is lost or comes twice, and everyone is told."""
    seen = numbers(ask(server, 10))
    fail()
    answers = b""
    for _ in range(50):
        answers = ask(server, 1000)
        seen += numbers(answers)
        if b"HTTP/1.1 503" in answers:
            break
    assert answers.endswith(b"503 Service Unavailable: the state cannot be written\n")
    assert b"Retry-After: 10\r\n" in answers
    assert word.encode() not in answers  # what is wrong here is nobody else's business
    broken = server.wait_for("state")
    assert broken["ok"] is False
    assert word in broken["problem"].lower()
    for _ in range(3):
        assert numbers(ask(server, 100)) == []
    mend()
    seen += numbers(ask(server, 1000))
    mended = server.wait_for("state")
    assert (mended["ok"], mended["problem"]) == (True, None)
    assert seen == list(range(1, len(seen) + 1))
    summary = server.stop()
    assert summary["requests"] == len(seen)
    assert [event["event"] for event in server.events if event["event"] == "state"] == ["state"] * 2


def test_a_limit_of_the_system_that_forbids_writing(tmp_path: Path) -> None:
    """RLIMIT_FSIZE of the running server: every write to a file fails, as on a full disk, and needs no rights."""
    state = tmp_path / "state"
    with serving("counter", "--state", str(state)) as server:
        pid = server.process.pid
        _, most = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        fault_and_recovery(
            server,
            lambda: resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, most)),
            lambda: resource.prlimit(pid, resource.RLIMIT_FSIZE, (most, most)),
            "file too large",
        )
    assert os.listdir(tmp_path) == ["state"]
    assert json.loads(state.read_text())["next"] > 1000


def test_a_full_disk(tmp_path: Path) -> None:
    with disk(tmp_path) as place, serving("counter", "--state", str(place / "state")) as server:

        def fill() -> None:
            with suppress(OSError), (place / "ballast").open("wb", buffering=0) as ballast:
                while True:
                    ballast.write(bytes(1024))

        fault_and_recovery(server, fill, (place / "ballast").unlink, "no space left")


def test_a_disk_that_is_turned_read_only(tmp_path: Path) -> None:
    with disk(tmp_path) as place, serving("counter", "--state", str(place / "state")) as server:

        def turn_read_only() -> None:
            # The server holds the file open for writing, so the disk is busy; laid over itself it is not.
            mount("--bind", str(place), str(place))
            mount("-o", "remount,bind,ro", str(place))

        def turn_back() -> None:
            subprocess.run(["umount", str(place)], check=True)

        fault_and_recovery(server, turn_read_only, turn_back, "read-only")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_that_is_turned_read_only(tmp_path: Path) -> None:
    with serving("counter", "--state", str(tmp_path / "state")) as server:
        fault_and_recovery(server, lambda: tmp_path.chmod(0o500), lambda: tmp_path.chmod(0o700), "permission denied")
