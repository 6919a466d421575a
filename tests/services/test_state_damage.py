"""A state that is none, and places where there can be none: an error, and nothing is touched."""

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tw.errors import ExitCode, LocalError
from tw.services.lockedfile import CONTENT_LIMIT_BYTES
from tw.services.state import NUMBER_LIMIT, NumberFile, format_state, parse_state

GOOD = format_state(1001, 1234)


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
        GOOD.replace(b"1001", b"1000"),
        GOOD.replace(b"1001", b"01001"),
        GOOD.replace(b'"start": 1001, ', b""),
        format_state(1235, 1234),  # a first number above the next one
        format_state(NUMBER_LIMIT + 1, NUMBER_LIMIT + 1),
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


@given(st.integers(0, NUMBER_LIMIT), st.integers(0, NUMBER_LIMIT))
def test_a_state_comes_back_where_its_first_number_is_not_above_the_next(start: int, number: int) -> None:
    content = format_state(start, number)
    if start <= number:
        assert parse_state(content, "state") == (start, number)
    else:
        with pytest.raises(LocalError, match="damaged"):
            parse_state(content, "state")


@given(st.integers(0, 200), st.integers(0, 255), st.integers(0, NUMBER_LIMIT), st.data())
def test_a_changed_byte_is_noticed(at: int, byte: int, number: int, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, number))
    content = bytearray(format_state(start, number))
    at %= len(content)
    if content[at] == byte:
        assert parse_state(bytes(content), "state") == (start, number)
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
