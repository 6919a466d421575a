"""Files that are written whole or not at all."""

import os
import threading
from pathlib import Path

import pytest

from tw.errors import LocalError
from tw.result_file import check_place, write_whole


def test_a_file_is_made_and_replaced_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = tmp_path / "r.xml"
    for data in (b"one", b"two"):
        write_whole(str(path), data, "it")
        assert path.read_bytes() == data
    assert os.listdir(tmp_path) == ["r.xml"]


def test_a_reader_of_the_old_file_keeps_it(tmp_path: Path) -> None:
    path = tmp_path / "r.xml"
    path.write_bytes(b"old")
    with path.open("rb") as reader:
        write_whole(str(path), b"new", "it")
        assert reader.read() == b"old"


def test_a_link_is_followed_and_the_files_mode_stays(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    real, link = tmp_path / "there" / "r.xml", tmp_path / "link"
    real.write_bytes(b"old")
    real.chmod(0o640)
    link.symlink_to(real)
    write_whole(str(link), b"new", "it")
    assert link.is_symlink()
    assert (real.read_bytes(), real.stat().st_mode & 0o777) == (b"new", 0o640)


def test_a_new_file_has_the_mode_that_the_umask_leaves(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_whole(str(tmp_path / "r"), b"", "it")
    finally:
        os.umask(before)
    assert (tmp_path / "r").stat().st_mode & 0o777 == 0o640


def test_a_pipe_is_written_into_and_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    check_place(str(pipe), "it")
    write_whole(str(pipe), b"data", "it")
    reader.join(30)
    assert read == [b"data"]
    assert pipe.is_fifo()


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("missing/r.xml", "there is no such folder"),
        ("folder", "it is a folder"),
        ("file/r.xml", "there is no such folder"),
    ],
)
def test_a_place_that_takes_no_file_is_told_before_anything_runs(tmp_path: Path, name: str, problem: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(LocalError, match=f"cannot write the file: {problem}") as refused:
        check_place(str(tmp_path / name), "the file")
    assert refused.value.where == str(tmp_path / name)
    with pytest.raises(LocalError, match="cannot write the file: "):
        write_whole(str(tmp_path / name), b"", "the file")


def test_a_place_that_may_not_be_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As root every place may be: what `access` says is made up here."""
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(LocalError, match="permission denied"):
        check_place(str(tmp_path / "r"), "the file")


def test_where_the_rename_fails_nothing_is_left_and_the_old_file_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "r"
    path.write_bytes(b"old")

    def full(*_: object) -> None:
        raise OSError(28, "no space")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(LocalError, match="no space left on device"):
        write_whole(str(path), b"new", "the file")
    assert os.listdir(tmp_path) == ["r"]
    assert path.read_bytes() == b"old"
