"""A disk that is full or cannot do everything: no number without its place on it, and nothing left behind."""

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from state_files import STEPS, failing, next_in, refused, take
from tw.errors import LocalError
from tw.services.state import FIRST_BLOCK, NumberFile, format_state


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
    path.write_bytes(format_state(1, 5))
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", failing(os.replace, [1]))
        assert refused(lambda: NumberFile(str(path)))
    assert path.read_bytes() == format_state(1, 5)
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
        path.write_bytes(format_state(1, 5))
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
