"""The live view of a load run, with the installed `tw` on a real terminal."""

import os
import pty
import re
import subprocess
import termios
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pyte.modes import DECAWM

from e2e.harness import TIMEOUT_S, TW, Server, environment, serving, tw
from e2e.watched import Watched

LOAD = ("--connections", "5")
RATE = re.compile(r"^[\d,.]+/s")

Watch = Callable[..., Watched]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving("echo") as made:
        yield made


@pytest.fixture
def watch() -> Iterator[Watch]:
    """Starts `tw`, and ends it if a test does not."""
    started: list[Watched] = []

    def start(*args: str, **how: object) -> Watched:
        started.append(Watched(*args, **how))  # type: ignore[arg-type] # the test knows which argument takes what
        return started[-1]

    yield start
    for one in started:
        one.close()


def is_live(lines: list[str]) -> bool:
    """Whether a whole frame with answers in it is what there is to see."""
    return len(lines) == 4 and bool(RATE.match(lines[0])) and " answers" in lines[1] and "p99" in lines[2]


def test_a_load_is_seen_live_and_ends_in_its_summary_with_bars(server: Server, watch: Watch) -> None:
    run = watch("probe", "echo", server.target, *LOAD, "--duration", "1s")
    lines = run.finish()
    assert run.code == 0
    assert b" answers" in run.bytes
    assert b" left" in run.bytes
    assert lines[0].split() == ["echo", server.target, "ok"]
    assert any("█" in line and line.split()[-3].replace(".", "").isdigit() for line in lines)
    assert not any(RATE.match(line) for line in lines)


def test_the_warm_up_is_marked(server: Server, watch: Watch) -> None:
    run = watch("probe", "echo", server.target, *LOAD, "--duration", "1s", "--warmup", "1s")
    run.finish()
    assert run.code == 0
    warm_up, _, rest = run.bytes.rpartition(b"warming up")
    assert b"\x1b[?7l" in warm_up
    assert b"\x1b[?7l" in rest


def test_control_c_leaves_the_summary_on_a_clean_terminal(server: Server, watch: Watch) -> None:
    run = watch("probe", "echo", server.target, *LOAD, "--duration", "60s")
    run.wait_for(is_live, "a frame")
    run.interrupt()
    lines = run.finish()
    assert run.code == 130
    assert "ended by SIGINT" in lines[0]
    assert not any(RATE.match(line) for line in lines)
    assert run.bytes.rpartition(b"\x1b[?7l")[2].count(b"\x1b[J") == 2  # the last frame's own, and the view's end
    assert not run.screen.cursor.hidden
    assert DECAWM in run.screen.mode  # it breaks long lines, as it did before


def test_twenty_columns_are_enough(server: Server, watch: Watch) -> None:
    run = watch("probe", "echo", server.target, *LOAD, "--duration", "60s", columns=20)
    run.wait_for(lambda lines: len(lines) == 4 and lines[1] == "0 errors" and "p99" in lines[2], "a frame")
    run.interrupt()
    run.finish()
    assert run.code == 130


def test_a_terminal_without_utf_8_gets_ascii_alone(server: Server, watch: Watch) -> None:
    run = watch("probe", "echo", server.target, *LOAD, "--duration", "1s", PYTHONIOENCODING="latin-1")
    lines = run.finish()
    assert b" answers" in run.bytes
    assert run.bytes.isascii()
    assert any("####" in line for line in lines)


@pytest.mark.parametrize("flag", ["-q", "-v", "--json", "--json-stream"])
def test_who_asked_for_something_else_sees_no_frame(server: Server, watch: Watch, flag: str) -> None:
    run = watch("probe", "echo", server.target, *LOAD, "--duration", "500ms", flag)
    run.finish()
    assert run.code == 0
    assert b"\x1b[?7l" not in run.bytes


def test_a_job_in_the_background_does_not_draw(server: Server, watch: Watch) -> None:
    probe = f"{TW} probe echo {server.target} --connections 5 --duration 1s"
    run = watch("-c", f"set -m; {probe} & wait $!; echo over", program="/bin/bash")
    lines = run.finish()
    assert lines[-1] == "over"
    assert any(line.startswith("round trip") for line in lines)
    assert b"\x1b[?7l" not in run.bytes


def test_in_a_pipe_there_is_the_summary_and_nothing_else(server: Server) -> None:
    ran = tw("probe", "echo", server.target, *LOAD, "--duration", "500ms")
    assert ran.code == 0
    assert ran.out.startswith(f"echo {server.target}: ok\n")
    assert "\x1b" not in ran.out + ran.err
    assert ran.err == "" or "\nlimit: " in ran.out  # of which a busy machine is warned


def test_a_closed_stderr_is_no_hindrance(server: Server) -> None:
    command = f'exec "{TW}" probe echo {server.target} --connections 5 --duration 300ms 2>&-'
    done = subprocess.run(["sh", "-c", command], capture_output=True, env=environment(), timeout=TIMEOUT_S, check=False)
    assert done.returncode == 0
    assert done.stdout.startswith(f"echo {server.target}: ok".encode())


@pytest.mark.parametrize("stuck", ["stopped", "full"])
def test_a_terminal_that_takes_nothing_does_not_hold_up_the_run(server: Server, tmp_path: Path, stuck: str) -> None:
    """One was stopped (Ctrl-S), and one is full: the other end reads nothing. Were it waited for, this would hang."""
    reading, shown = pty.openpty()
    with open(tmp_path / "out", "w+b") as out:
        if stuck == "stopped":
            termios.tcflow(shown, termios.TCOOFF)
        else:
            fill(shown)
        done = subprocess.run(
            [TW, "probe", "echo", server.target, *LOAD, "--duration", "1s"],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=shown,
            env=environment(TERM="xterm"),
            timeout=TIMEOUT_S,
            check=False,
        )
        out.seek(0)
        lines = out.read().decode().splitlines()
    if stuck == "stopped":
        termios.tcflow(shown, termios.TCOON)
    os.close(reading)
    os.close(shown)
    assert done.returncode == 0
    assert lines[0] == f"echo {server.target}: ok"


def fill(terminal: int) -> None:
    os.set_blocking(terminal, False)
    try:
        while os.write(terminal, b"x" * 4096):
            pass
    except BlockingIOError:
        pass
    os.set_blocking(terminal, True)
