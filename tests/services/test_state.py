"""The numbers: each once, in order, also across restarts, crashes and a disk that fills up."""

import errno
import fcntl
import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tw.errors import ExitCode, LocalError, UsageError
from tw.services.lockedfile import CONTENT_LIMIT_BYTES, LockedFile
from tw.services.state import (
    FIRST_BLOCK,
    LARGEST_BLOCK,
    NUMBER_LIMIT,
    NumberFile,
    Numbers,
    format_state,
    parse_state,
)


def take(numbers: Numbers, count: int) -> list[int]:
    return [numbers.take() for _ in range(count)]


def next_in(path: Path) -> int:
    return parse_state(path.read_bytes(), str(path))


# In memory -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("start", "first"), [(None, 1), (0, 0), (7, 7), (NUMBER_LIMIT - 3, NUMBER_LIMIT - 3)])
def test_numbers_count_from_the_first(start: int | None, first: int) -> None:
    assert take(Numbers(start), 3) == [first, first + 1, first + 2]


def test_numbers_end_where_a_signed_64_bit_integer_does() -> None:
    numbers = Numbers(NUMBER_LIMIT - 1)
    assert numbers.take() == 2**63 - 1
    with pytest.raises(LocalError, match="used up"):
        numbers.take()


@pytest.mark.parametrize("start", [-1, NUMBER_LIMIT])
def test_a_first_number_out_of_range_is_a_usage_error(start: int, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        Numbers(start)
    with pytest.raises(UsageError):
        NumberFile(str(tmp_path / "state"), start)
    assert not list(tmp_path.iterdir())


def test_every_start_is_another_instance(tmp_path: Path) -> None:
    path = str(tmp_path / "state")
    instances = set()
    for _ in range(3):
        numbers = NumberFile(path)
        instances |= {numbers.instance, Numbers().instance}
        numbers.close()
    assert len(instances) == 6
    assert all(len(instance) == 16 and int(instance, 16) >= 0 for instance in instances)


def test_no_number_is_taken_after_the_end(tmp_path: Path) -> None:
    for numbers in (Numbers(), NumberFile(str(tmp_path / "state"))):
        numbers.discard()
        with pytest.raises(LocalError):
            numbers.take()


# Across restarts -----------------------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 3 * FIRST_BLOCK), max_size=6))
@settings(max_examples=30, deadline=None)
def test_a_clean_restart_leaves_no_gap(tmp_path_factory: pytest.TempPathFactory, runs: list[int]) -> None:
    path = tmp_path_factory.mktemp("state") / "state"
    taken: list[int] = []
    for count in runs:
        numbers = NumberFile(str(path))
        taken += take(numbers, count)
        numbers.close()
    assert taken == list(range(1, len(taken) + 1))
    assert [entry.name for entry in path.parent.iterdir()] == (["state"] if runs else [])


def test_a_first_number_is_the_first_of_a_new_file(tmp_path: Path) -> None:
    path = tmp_path / "state"
    numbers = NumberFile(str(path), 100)
    assert next_in(path) == 100  # before anything is served: a crash now leaves no gap
    assert take(numbers, 2) == [100, 101]
    numbers.close()
    assert next_in(path) == 102
    numbers = NumberFile(str(path), 102)  # says the same as the file
    assert numbers.take() == 102
    numbers.close()


@pytest.mark.parametrize("start", [0, 1, 102])
def test_a_first_number_that_contradicts_the_file_is_a_usage_error(tmp_path: Path, start: int) -> None:
    path = tmp_path / "state"
    path.write_bytes(format_state(101))
    with pytest.raises(UsageError, match=f"--start {start} contradicts the state, whose next number is 101"):
        NumberFile(str(path), start)
    assert path.read_bytes() == format_state(101)
    NumberFile(str(path)).close()  # it is not locked


def test_the_file_is_a_line_of_json(tmp_path: Path) -> None:
    path = tmp_path / "state"
    NumberFile(str(path), 5).close()
    document = json.loads(path.read_text())
    assert (document["v"], document["next"]) == (1, 5)
    assert path.read_bytes().endswith(b"}\n")


def test_the_disk_is_written_once_a_block_and_blocks_grow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = NumberFile(str(tmp_path / "state"))
    writes: list[int] = []
    replace = LockedFile.replace
    monkeypatch.setattr(LockedFile, "replace", lambda file, content: (writes.append(1), replace(file, content)))
    take(numbers, FIRST_BLOCK)
    assert len(writes) == 1
    take(numbers, 2 * FIRST_BLOCK)
    assert len(writes) == 2
    take(numbers, 5 * LARGEST_BLOCK)
    assert len(writes) <= 17
    numbers.close()


def test_a_crash_leaves_a_gap_no_larger_than_the_run_and_one_block(tmp_path: Path) -> None:
    path = tmp_path / "state"
    numbers = NumberFile(str(path))
    for taken in range(1, 5 * FIRST_BLOCK):
        numbers.take()
        assert taken < next_in(path) <= 2 * taken + FIRST_BLOCK
    numbers.close()


def test_the_last_numbers_are_handed_out_and_then_no_more(tmp_path: Path) -> None:
    path = tmp_path / "state"
    numbers = NumberFile(str(path), NUMBER_LIMIT - 2)
    assert take(numbers, 2) == [NUMBER_LIMIT - 2, NUMBER_LIMIT - 1]
    with pytest.raises(LocalError, match="used up"):
        numbers.take()
    numbers.close()
    numbers = NumberFile(str(path))
    with pytest.raises(LocalError, match="used up"):
        numbers.take()
    numbers.close()


# A file that is no state ---------------------------------------------------------------------------------------------

GOOD = format_state(1234)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"1234\n",
        b"{}\n",
        GOOD[:-1],
        GOOD + GOOD,
        GOOD + b" ",
        GOOD.replace(b"1234", b"1235"),
        GOOD.replace(b"1234", b"01234"),
        GOOD.replace(b'"v": 1', b'"v": 2'),
        GOOD.replace(b"1234", str(NUMBER_LIMIT + 1).encode()),
        bytes(100),
        GOOD * CONTENT_LIMIT_BYTES,
    ],
)
def test_a_damaged_file_is_a_local_error_and_never_a_new_start(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "state"
    path.write_bytes(content)
    with pytest.raises(LocalError) as caught:
        NumberFile(str(path))
    assert caught.value.exit_code == ExitCode.LOCAL
    assert ("empty" if not content else "damaged") in caught.value.what
    assert path.read_bytes() == content
    assert [entry.name for entry in tmp_path.iterdir()] == ["state"]


@given(st.integers(0, len(GOOD) - 1), st.integers(0, 255), st.integers(0, NUMBER_LIMIT))
@settings(deadline=None)
def test_a_changed_byte_is_noticed(at: int, byte: int, number: int) -> None:
    content = bytearray(format_state(number))
    at %= len(content)
    if content[at] == byte:
        assert parse_state(bytes(content), "state") == number
    else:
        content[at] = byte
        with pytest.raises(LocalError):
            parse_state(bytes(content), "state")


@pytest.mark.parametrize("place", ["missing/state", "file/state", ".", "x" * 300, "loop", "nul\0"])
def test_a_place_that_cannot_be_written_is_a_local_error(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(LocalError) as caught:
        NumberFile(str(tmp_path / place))
    assert caught.value.exit_code == ExitCode.LOCAL
    assert "\0" not in str(caught.value)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["file", "loop"]


@pytest.mark.parametrize("device", ["/dev/full", "/dev/null"])
def test_a_device_is_a_local_error_and_stays_one(device: str) -> None:
    with pytest.raises(LocalError, match="not a regular file"):
        NumberFile(device)
    assert stat.S_ISCHR(os.stat(device).st_mode)


def test_a_fifo_is_a_local_error_and_hangs_nothing(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "state")
    with pytest.raises(LocalError, match="not a regular file"):
        NumberFile(str(tmp_path / "state"))


# Locking, modes, links -----------------------------------------------------------------------------------------------


def test_a_second_server_on_the_file_is_a_local_error_until_the_first_ends(tmp_path: Path) -> None:
    path = str(tmp_path / "state")
    first = NumberFile(path)
    for _ in range(3):
        take(first, FIRST_BLOCK)  # each block is a new inode
        with pytest.raises(LocalError, match="in use") as caught:
            NumberFile(path)
        assert caught.value.exit_code == ExitCode.LOCAL
    first.close()
    second = NumberFile(path)
    assert second.take() == 3 * FIRST_BLOCK + 1
    second.close()


def test_a_lock_on_a_file_that_was_replaced_meanwhile_counts_for_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "state"
    path.write_bytes(format_state(5))
    flock = fcntl.flock
    seen: list[int] = []

    def replace_then_lock(fd: int, how: int) -> None:
        if not seen:
            other = tmp_path / "other"
            other.write_bytes(format_state(500))
            other.rename(path)
        seen.append(fd)
        flock(fd, how)

    monkeypatch.setattr(fcntl, "flock", replace_then_lock)
    numbers = NumberFile(str(path))
    assert numbers.take() == 500
    numbers.close()


def test_a_file_that_is_removed_while_it_is_opened_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "state"
    path.write_bytes(format_state(5))
    flock = fcntl.flock

    def remove_then_lock(fd: int, how: int) -> None:
        path.unlink()
        monkeypatch.setattr(fcntl, "flock", flock)
        flock(fd, how)

    monkeypatch.setattr(fcntl, "flock", remove_then_lock)
    numbers = NumberFile(str(path), 9)
    assert numbers.take() == 9
    numbers.close()


def test_of_two_that_make_the_file_at_once_one_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "state"
    link = os.link
    others: list[NumberFile] = []

    def make_it_first(source: str, target: str) -> None:
        monkeypatch.setattr(os, "link", link)
        others.append(NumberFile(target))
        link(source, target)

    monkeypatch.setattr(os, "link", make_it_first)
    with pytest.raises(LocalError, match="in use"):
        NumberFile(str(path), 77)
    assert others[0].take() == 1
    others[0].close()
    assert [entry.name for entry in tmp_path.iterdir()] == ["state"]


def test_a_file_that_somebody_else_put_there_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "state"
    numbers = NumberFile(str(path))
    take(numbers, FIRST_BLOCK)
    path.unlink()
    other = NumberFile(str(path), 1000)
    for _ in range(2):
        with pytest.raises(LocalError, match="replaced"):
            numbers.take()
    with pytest.raises(LocalError, match="replaced"):
        numbers.close()
    assert other.take() == 1000
    other.close()
    assert next_in(path) == 1001


def test_a_file_that_was_removed_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "state"
    numbers = NumberFile(str(path))
    take(numbers, 3)
    path.unlink()
    numbers.close()
    assert next_in(path) == 4


def test_a_new_file_is_private_and_an_old_one_keeps_its_mode_and_owner(tmp_path: Path) -> None:
    path = tmp_path / "state"
    NumberFile(str(path)).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o640)
    if os.getuid() == 0:
        os.chown(path, 1, 2)
    numbers = NumberFile(str(path))
    take(numbers, 2 * FIRST_BLOCK)
    numbers.close()
    after = path.stat()
    assert stat.S_IMODE(after.st_mode) == 0o640
    assert os.getuid() != 0 or (after.st_uid, after.st_gid) == (1, 2)


@pytest.mark.parametrize("there", [True, False])
def test_a_symbolic_link_is_followed_and_stays(tmp_path: Path, there: bool) -> None:
    real = tmp_path / "real"
    real.mkdir()
    link = tmp_path / "link"
    link.symlink_to("real/state")
    if there:
        (real / "state").write_bytes(format_state(30))
    numbers = NumberFile(str(link))
    take(numbers, 2)
    numbers.close()
    assert link.is_symlink()
    assert next_in(real / "state") == (32 if there else 3)
    assert [entry.name for entry in tmp_path.iterdir() if entry.is_file()] == ["link"]


def test_where_there_are_no_hard_links_a_rename_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(source: str, target: str) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    path = tmp_path / "state"
    numbers = NumberFile(str(path))
    assert take(numbers, 2) == [1, 2]
    numbers.close()
    assert next_in(path) == 3

    def refuse_late(source: str, target: str) -> None:
        (tmp_path / "new").write_bytes(format_state(50))
        refuse(source, target)

    monkeypatch.setattr(os, "link", refuse_late)
    with pytest.raises(LocalError, match="not permitted"):
        NumberFile(str(tmp_path / "new"))
    assert next_in(tmp_path / "new") == 50


def test_a_run_that_took_nothing_can_be_undone(tmp_path: Path) -> None:
    path = tmp_path / "state"
    NumberFile(str(path), 5).discard()
    assert not list(tmp_path.iterdir())
    numbers = NumberFile(str(path), 5)
    numbers.take()
    numbers.discard()
    assert next_in(path) == 6
    NumberFile(str(path)).discard()  # there before: not this run's to remove
    assert next_in(path) == 6


def test_an_undone_run_removes_nobody_elses_file(tmp_path: Path) -> None:
    path = tmp_path / "state"
    numbers = NumberFile(str(path))
    path.unlink()
    path.write_bytes(format_state(8))
    numbers.discard()
    assert next_in(path) == 8


# Errors and crashes --------------------------------------------------------------------------------------------------

STEPS = ("open", "fchmod", "write", "fsync", "replace")
"""The system calls of a replacement, by their names in `os`."""


def failing(real: Callable[..., Any], left: list[int]) -> Callable[..., Any]:
    """Fails as a full disk does, at the call that `left` counts down to, and works again afterwards."""

    def call(*args: Any, **keywords: Any) -> Any:
        left[0] -= 1
        if left[0] == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(*args, **keywords)

    return call


def refused(call: Callable[[], object]) -> bool:
    """Whether it failed for want of space; every other failure is raised."""
    try:
        call()
    except LocalError as error:
        if "no space left on device" not in error.what:
            raise
        return True
    return False


@pytest.mark.parametrize("at", [1, 2])
@pytest.mark.parametrize("step", STEPS)
def test_a_full_disk_takes_no_number_leaves_nothing_and_later_works_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, at: int
) -> None:
    path = tmp_path / "state"
    numbers = NumberFile(str(path))
    taken = take(numbers, FIRST_BLOCK)
    with monkeypatch.context() as patch:
        left = [at]
        patch.setattr(os, step, failing(getattr(os, step), left))
        # The second `open` and `fsync` are the directory's, when the file is in place already; others are called once.
        assert refused(lambda: taken.append(numbers.take())) == (left[0] <= 0)
    assert [entry.name for entry in tmp_path.iterdir()] == ["state"]
    taken += take(numbers, 3 * FIRST_BLOCK)
    with pytest.raises(LocalError, match="in use"):
        NumberFile(str(path))
    numbers.close()
    assert taken == list(range(1, len(taken) + 1))
    assert next_in(path) == len(taken) + 1


@pytest.mark.parametrize("at", [1, 2, 3])
@pytest.mark.parametrize("step", [*STEPS, "link", "unlink"])
def test_a_new_file_that_cannot_be_made_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, at: int
) -> None:
    path = tmp_path / "state"
    with monkeypatch.context() as patch:
        patch.setattr(os, step, failing(getattr(os, step), [at]))
        failed = refused(lambda: NumberFile(str(path)).close())
    if failed and step != "unlink":
        assert not list(tmp_path.iterdir())
    numbers = NumberFile(str(path))
    assert numbers.take() == 1
    numbers.close()


def test_a_state_that_cannot_be_written_is_noticed_before_anything_is_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "state"
    path.write_bytes(format_state(5))
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", failing(os.replace, [1]))
        assert refused(lambda: NumberFile(str(path)))
    assert path.read_bytes() == format_state(5)
    numbers = NumberFile(str(path))
    assert numbers.take() == 5
    numbers.close()


@pytest.mark.parametrize("there", [True, False])
def test_a_number_is_on_the_disk_before_it_is_handed_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    """The content, then the name, then the directory that holds the name: what a power cut must not undo."""
    path = tmp_path / "state"
    if there:
        path.write_bytes(format_state(5))
    calls: list[str] = []

    def noting(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            is_directory = name == "fsync" and stat.S_ISDIR(os.fstat(args[0]).st_mode)
            calls.append("fsync directory" if is_directory else name)
            return real(*args)

        return call

    for name in ("write", "fsync", "link", "replace"):
        monkeypatch.setattr(os, name, noting(name, getattr(os, name)))
    numbers = NumberFile(str(path))
    assert calls == ["write", "fsync", "replace" if there else "link", "fsync directory"]
    calls.clear()
    numbers.take()
    assert calls == ["write", "fsync", "replace", "fsync directory"]
    numbers.close()


def test_a_file_system_without_fsync_of_directories_is_good_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fsync = os.fsync

    def refuse(fd: int) -> None:
        if stat.S_ISDIR(os.fstat(fd).st_mode):
            raise OSError(errno.EINVAL, "Invalid argument")
        fsync(fd)

    monkeypatch.setattr(os, "fsync", refuse)
    numbers = NumberFile(str(tmp_path / "state"))
    assert numbers.take() == 1
    numbers.close()


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
