"""A state has one owner at a time: locks, other people's files, modes and links."""

import errno
import fcntl
import os
import stat
from pathlib import Path

import pytest

from state_files import next_in, take
from tw.errors import ExitCode, LocalError
from tw.services.state import FIRST_BLOCK, NumberFile, format_state


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
    path.write_bytes(format_state(1, 5))
    flock = fcntl.flock
    seen: list[int] = []

    def replace_then_lock(fd: int, how: int) -> None:
        if not seen:
            other = tmp_path / "other"
            other.write_bytes(format_state(1, 500))
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
    path.write_bytes(format_state(1, 5))
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
        (real / "state").write_bytes(format_state(1, 30))
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
        (tmp_path / "new").write_bytes(format_state(1, 50))
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
    path.write_bytes(format_state(1, 8))
    numbers.discard()
    assert next_in(path) == 8
