"""What happens when a standard stream takes no more: a reader that left, a full disk."""

import errno
import fcntl
import io
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

import pytest

from tw.display import JsonDisplay, TextDisplay, make_display
from tw.errors import LocalError
from tw.options import CommonOptions
from tw.output import Output, silence

needs_dev_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")


@pytest.fixture
def left() -> Iterator[TextIO]:
    """A pipe whose reader is gone."""
    read, write = os.pipe()
    os.close(read)
    with open(write, "w", encoding="utf-8") as stream:
        yield stream


@pytest.fixture
def full() -> Iterator[TextIO]:
    with open("/dev/full", "w", encoding="utf-8") as stream:
        yield stream


def _is_nothing(stream: TextIO) -> bool:
    return os.fstat(stream.fileno()).st_rdev == os.stat(os.devnull).st_rdev


@pytest.mark.parametrize("write", [lambda output: output.line("x"), lambda output: output.raw(b"x")])
def test_a_reader_that_left_ends_the_run_quietly(left: TextIO, write: Callable[[Output], None]) -> None:
    told: list[str] = []
    output = Output(left, lambda: told.append("failed"))
    open_before = len(os.listdir("/dev/fd"))
    write(output)
    write(output)
    assert len(os.listdir("/dev/fd")) == open_before
    assert (output.broken, output.failure, told) == (True, None, ["failed"])
    assert _is_nothing(left), "the last flush must not fail again"


@needs_dev_full
@pytest.mark.parametrize("write", [lambda output: output.line("x"), lambda output: output.raw(b"x")])
def test_a_full_disk_is_an_error_told_once(full: TextIO, write: Callable[[Output], None]) -> None:
    told: list[str] = []
    output = Output(full, lambda: told.append("failed"))
    write(output)
    write(output)
    assert isinstance(output.failure, LocalError)
    assert str(output.failure) == "cannot write the output: No space left on device (stdout)"
    assert told == ["failed"]
    assert _is_nothing(full)


def test_a_stream_without_a_descriptor_is_left_alone_when_it_breaks() -> None:
    class Broken(io.StringIO):
        def write(self, text: str, /) -> int:
            raise OSError(errno.EPIPE, "gone")

    told: list[str] = []
    output = Output(Broken(), lambda: told.append("failed"))
    output.line("x")
    assert (output.broken, output.failure, told) == (True, None, ["failed"])


def test_a_closed_stream_can_be_silenced_too(left: TextIO) -> None:
    left.close()
    silence(left)
    assert left.closed


def test_an_output_that_works_gives_every_line_at_once(tmp_path: Path) -> None:
    with open(tmp_path / "out", "w", encoding="utf-8") as stream:
        output = Output(stream)
        output.line("a")
        output.text("b")
        output.raw(b"c\n")
        assert (tmp_path / "out").read_text() == "a\nbc\n"
    assert not output.broken


def test_a_failure_without_anyone_to_tell_is_kept(left: TextIO) -> None:
    output = Output(left)
    output.line("x")
    assert output.broken


def test_a_display_writes_to_the_standard_streams_of_the_moment(capsys: pytest.CaptureFixture[str]) -> None:
    make_display(CommonOptions(), as_json=False).out.line("x")
    make_display(CommonOptions(), as_json=True).out.line("{}")
    assert capsys.readouterr() == ("x\n{}\n", "")


def test_json_was_asked_for_or_not() -> None:
    assert isinstance(make_display(CommonOptions(), as_json=True, stdout=io.StringIO()), JsonDisplay)
    assert isinstance(make_display(CommonOptions(), as_json=False, stdout=io.StringIO()), TextDisplay)


@pytest.mark.parametrize("as_json", [True, False])
def test_a_display_stamps_by_the_clock_on_the_wall(as_json: bool) -> None:
    before_s = time.time()
    now_s = make_display(CommonOptions(), as_json=as_json, stdout=io.StringIO()).now()
    assert before_s <= now_s <= time.time()


# What does not block, and what takes a part --------------------------------------------------------------------------


def _buffered(descriptor: int) -> TextIO:
    return open(descriptor, "w", encoding="utf-8")


def _unbuffered(descriptor: int) -> TextIO:
    """As standard output is under PYTHONUNBUFFERED."""
    return io.TextIOWrapper(open(descriptor, "wb", buffering=0), encoding="utf-8", write_through=True)


LONG = "é\n" * 300_000  # more than any pipe takes at once


@pytest.mark.parametrize("opened", [_buffered, _unbuffered])
@pytest.mark.parametrize(
    "write", [lambda output: output.text(LONG), lambda output: output.raw(LONG.encode())], ids=["text", "raw"]
)
def test_a_pipe_that_does_not_block_gets_everything(
    opened: Callable[[int], TextIO], write: Callable[[Output], None]
) -> None:
    read, write_end = os.pipe()
    fcntl.fcntl(write_end, fcntl.F_SETFL, os.O_NONBLOCK)
    got: list[bytes] = []

    def take() -> None:
        with open(read, "rb") as pipe:
            got.append(pipe.read())

    reader = threading.Thread(target=take)
    with opened(write_end) as stream:
        output = Output(stream)
        output.text("first ")
        reader.start()
        write(output)
        output.line("last")
        assert (output.broken, output.failure) == (False, None)
    reader.join()
    assert b"".join(got) == f"first {LONG}last\n".encode()


@needs_dev_full
@pytest.mark.parametrize("write", [lambda output: output.line("x"), lambda output: output.raw(b"x")])
def test_a_full_disk_is_an_error_without_a_buffer_too(write: Callable[[Output], None]) -> None:
    with _unbuffered(os.open("/dev/full", os.O_WRONLY)) as stream:
        output = Output(stream)
        write(output)
        assert str(output.failure) == "cannot write the output: No space left on device (stdout)"


class Grudging(io.RawIOBase):
    """Takes three bytes at a time, and each time says first, in one way or the other, that it would block."""

    def __init__(self, refusal: BlockingIOError | None) -> None:
        self.got = b""
        self.refusal = refusal
        self.refused = False

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self.room

    room = -1  # a descriptor that can be written to

    def write(self, data: object, /) -> int | None:
        self.refused = not self.refused
        if self.refused and self.refusal:
            raise self.refusal
        if self.refused:
            return None
        part = bytes(data)[:3]
        self.got += part
        return len(part)


@pytest.mark.parametrize("refusal", [None, BlockingIOError(errno.EAGAIN, "not now")])
def test_what_takes_a_part_is_given_the_rest(refusal: BlockingIOError | None) -> None:
    sink = Grudging(refusal)
    with open(os.devnull, "w") as null:
        sink.room = null.fileno()
        output = Output(io.TextIOWrapper(sink, encoding="utf-8", write_through=True))
        output.line("a line")
        output.raw(b"and bytes")
        assert (sink.got, output.broken) == (b"a line\nand bytes", False)
