"""The ready file: there with all of its text or not at all, and gone at the end if it was ours."""

import json
import os
import stat
from pathlib import Path

import pytest

from tw.errors import LocalError
from tw.services.ready import ReadyFile

EVENTS = [{"event": "listening", "port": 1}, {"event": "listening", "path": "/tmp/\u00e9\udcff"}]


def test_it_holds_one_object_a_line_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = tmp_path / "ready"
    ReadyFile(str(path)).write(EVENTS)
    text = path.read_text(encoding="utf-8")
    assert text.endswith("\n")
    assert [json.loads(line) for line in text.splitlines()] == EVENTS
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert os.listdir(tmp_path) == ["ready"]


def test_a_file_that_is_there_is_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "ready"
    path.write_text("what an earlier server has left, which is longer than the new text\n" * 10)
    with path.open() as reader:
        ReadyFile(str(path)).write(EVENTS[:1])
        assert reader.readline().startswith("what an earlier server")  # whoever had it open never sees half of it
    assert json.loads(path.read_text()) == EVENTS[0]


def test_a_bare_name_is_in_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ReadyFile("ready").write(EVENTS)
    assert os.listdir(tmp_path) == ["ready"]


def test_it_is_removed_once(tmp_path: Path) -> None:
    path = tmp_path / "ready"
    ready = ReadyFile(str(path))
    ready.write(EVENTS)
    ready.remove()
    assert not path.exists()
    path.write_text("another server's by now")
    ready.remove()
    assert path.exists()


def test_what_was_never_written_is_not_removed(tmp_path: Path) -> None:
    path = tmp_path / "ready"
    path.write_text("someone else's")
    ReadyFile(str(path)).remove()
    assert path.exists()


def test_one_that_is_gone_already_is_no_fault(tmp_path: Path) -> None:
    ready = ReadyFile(str(tmp_path / "ready"))
    ready.write(EVENTS)
    os.unlink(tmp_path / "ready")
    ready.remove()
    assert os.listdir(tmp_path) == []


def test_a_folder_that_is_not_there_is_a_local_error(tmp_path: Path) -> None:
    path = str(tmp_path / "none" / "ready")
    with pytest.raises(LocalError, match="cannot write the ready file: No such file or directory") as caught:
        ReadyFile(path).write(EVENTS)
    assert caught.value.where == path


def test_one_that_cannot_be_put_in_place_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "ready").mkdir()
    ready = ReadyFile(str(tmp_path / "ready"))
    with pytest.raises(LocalError, match="what is there is not a regular file"):
        ready.write(EVENTS)
    ready.remove()
    assert os.listdir(tmp_path) == ["ready"]


def test_one_that_fails_on_the_way_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*paths: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    open_before = len(os.listdir("/dev/fd"))
    ready = ReadyFile(str(tmp_path / "ready"))
    with pytest.raises(LocalError, match="No space left on device"):
        ready.write(EVENTS)
    ready.remove()
    assert os.listdir(tmp_path) == []
    assert len(os.listdir("/dev/fd")) == open_before


def test_a_pipe_and_a_link_are_refused_and_stay(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/dev/null")
    for name in ("pipe", "link"):
        before = os.lstat(tmp_path / name)
        ready = ReadyFile(str(tmp_path / name))
        with pytest.raises(LocalError, match="what is there is not a regular file") as caught:
            ready.write(EVENTS)
        assert caught.value.where == str(tmp_path / name)
        ready.remove()
        assert os.path.samestat(os.lstat(tmp_path / name), before)
    assert sorted(os.listdir(tmp_path)) == ["link", "pipe"]


@pytest.mark.parametrize("way", ["replaced", "removed and made anew"])
def test_another_servers_file_in_its_place_is_not_removed(tmp_path: Path, way: str) -> None:
    path = tmp_path / "ready"
    ready = ReadyFile(str(path))
    ready.write(EVENTS)
    if way == "replaced":
        (tmp_path / "new").write_text("another server's")
        os.replace(tmp_path / "new", path)
    else:
        path.unlink()
        path.write_text("another server's")
    open_before = len(os.listdir("/dev/fd"))
    ready.remove()
    assert path.read_text() == "another server's"
    assert len(os.listdir("/dev/fd")) == open_before - 1
