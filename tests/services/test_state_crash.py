"""Servers that are killed: no number comes twice, and the next one sweeps up."""

import fcntl
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from state_files import STEPS
from tw.services.state import NumberFile


def test_what_a_killed_server_left_is_swept_up_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "state"
    numbers = NumberFile(str(path))
    prefix = numbers._file._prefix
    numbers.close()
    dead, alive, foreign = (tmp_path / name for name in (f"{prefix}1.tmp", f"{prefix}2.tmp", ".tw-other.tmp"))
    for file in (dead, alive, foreign):
        file.write_text("x")
    with alive.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        NumberFile(str(path)).close()
    assert (dead.exists(), alive.exists(), foreign.exists()) == (False, True, True)


SERVER = """
import os, signal, sys
sys.path.insert(0, sys.argv[1])
step, at = sys.argv[3], int(sys.argv[4])
if step:
    real = getattr(os, step)
    def call(*args, **keywords):
        global at
        at -= 1
        if at < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*args, **keywords)
    setattr(os, step, call)
write = real if step == "write" else os.write
from tw.services.state import NumberFile
numbers = NumberFile(sys.argv[2])
while True:
    write(1, b"%d\\n" % numbers.take())
"""


def serve_until_killed(path: Path, step: str, at: int, enough: int) -> list[int]:
    """Numbers that a server handed out before `kill -9`: at a certain system call, or after `enough` of them."""
    source = str(Path(__file__).parents[2] / "src")
    command = [sys.executable, "-S", "-c", SERVER, source, str(path), step, str(at)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, bufsize=0) as server:
        assert server.stdout is not None
        data = b""
        while chunk := server.stdout.read(65_536):
            data += chunk
            if data.count(b"\n") >= enough:
                server.kill()
        server.wait()
    assert server.returncode == -signal.SIGKILL
    return [int(line) for line in data.split(b"\n")[:-1]]


def test_kill_9_repeats_no_number(tmp_path: Path) -> None:
    """At every system call of a start and of the first blocks, and then at whatever moment it comes."""
    path = tmp_path / "state"
    moments = [(step, at, 10**9) for step in STEPS for at in range(6)]
    moments += [("", 0, enough) for enough in range(1, 3000, 173)]
    last = 0
    for step, at, enough in moments:
        numbers = serve_until_killed(path, step, at, enough)
        assert numbers == sorted(set(numbers))
        if numbers:
            assert numbers[0] > last
            last = numbers[-1]
    assert last > 3000
    NumberFile(str(path)).close()
    assert [entry.name for entry in tmp_path.iterdir()] == ["state"]


@pytest.mark.parametrize("step", [*STEPS[:-1], "link", "unlink"])
def test_kill_9_while_the_file_is_made_leaves_a_whole_one_or_none(tmp_path: Path, step: str) -> None:
    path = tmp_path / "state"
    assert serve_until_killed(path, step, 0, 10**9) == []
    assert path.exists() == (step == "unlink")
    for _ in range(2):  # where there was no file, the second start finds what was left behind
        numbers = NumberFile(str(path))
        assert numbers.take() in (1, 2)
        numbers.close()
    assert [entry.name for entry in tmp_path.iterdir()] == ["state"]
