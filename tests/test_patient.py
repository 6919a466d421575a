"""A server's output: it waits for no reader, keeps what fits, and says what it has dropped."""

import io
import os
import select
import threading
from collections.abc import Callable, Iterator

import pytest
from twisted.internet.task import Clock

from small_pipe import Pipe
from tw import patient
from tw.errors import LocalError
from tw.patient import KEPT_BYTES, PatientOutput

LINE = "x" * 999


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe(Clock())
    yield made
    made.close()


def test_a_line_is_out_at_once_where_somebody_reads(pipe: Pipe) -> None:
    pipe.output.line("Grüße")
    assert pipe.read() == "Grüße\n".encode()
    assert pipe.clock.getDelayedCalls() == []


def test_what_is_not_read_is_kept_and_comes_in_order(pipe: Pipe) -> None:
    for number in range(100):
        pipe.output.line(f"{number} {LINE}")
    assert len(pipe.clock.getDelayedCalls()) == 1
    assert pipe.read().decode().splitlines() == [f"{number} {LINE}" for number in range(100)]
    assert pipe.clock.getDelayedCalls() == []


def _kernel_has_writes_that_do_not_wait() -> bool:
    read, write = os.pipe()
    try:
        return os.pwritev(write, [b"x"], -1, os.RWF_NOWAIT) == 1
    except OSError:
        return False
    finally:
        os.close(read)
        os.close(write)


@pytest.mark.skipif(not _kernel_has_writes_that_do_not_wait(), reason="Linux before 6.4")
def test_who_has_the_same_pipe_and_is_faster_holds_nobody_up(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    """Several processes log to one stderr: between the look and the write another one may fill it."""
    has_room: Callable[[float], bool] = pipe.output._has_room
    first = iter([b"z" * select.PIPE_BUF])

    def taken_by_another(wait_s: float) -> bool:
        found = has_room(wait_s)
        if found and (other := next(first, b"")):
            os.write(pipe.stream.fileno(), other)
        return found

    monkeypatch.setattr(pipe.output, "_has_room", taken_by_another)
    writing = threading.Thread(target=pipe.output.line, args=("ours",))
    writing.start()
    writing.join(5)
    is_stuck = writing.is_alive()
    assert pipe.read() == b"z" * select.PIPE_BUF + b"ours\n"
    assert not is_stuck


def test_a_line_longer_than_a_pipe_comes_whole(pipe: Pipe) -> None:
    pipe.output.line("y" * 20_000)
    assert pipe.read() == b"y" * 20_000 + b"\n"


def test_what_is_too_much_is_dropped_whole_and_counted(pipe: Pipe) -> None:
    count = 2 * KEPT_BYTES // 1000
    for number in range(count):
        pipe.output.line(f"{number:06} {LINE}")
    kept = pipe.read().decode().splitlines()
    assert len("\n".join(kept)) <= KEPT_BYTES + 3 * select.PIPE_BUF
    pipe.output.line("later")
    *_, notice, last = (*kept, *pipe.read().decode().splitlines())
    assert kept == [f"{number:06} {LINE}" for number in range(len(kept))]
    assert (notice, last) == (f"dropped {count - len(kept)}", "later")


def test_the_last_words_wait_for_a_moment(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patient, "PARTING_S", 0.05)
    for _ in range(10):
        pipe.output.line(LINE)
    pipe.output.finish()  # nobody reads: it comes back all the same
    assert pipe.read().count(b"\n") == 10


def test_at_the_end_it_says_what_was_dropped(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patient, "KEPT_BYTES", 5_000)
    for _ in range(20):
        pipe.output.line(LINE)
    read: list[bytes] = []
    has_room: Callable[[float], bool] = pipe.output._has_room

    def reading(wait_s: float) -> bool:
        if not has_room(0.0):
            read.append(os.read(pipe.read_fd, 65_536))
        return has_room(wait_s)

    monkeypatch.setattr(pipe.output, "_has_room", reading)
    pipe.output.finish()
    text = b"".join(read) + pipe.read()
    assert text.splitlines()[-1].startswith(b"dropped ")
    assert text.count(b"x\n") + int(text.split()[-1]) == 20


def test_a_reader_that_has_left_ends_it_quietly(pipe: Pipe) -> None:
    ended: list[bool] = []
    pipe.output.on_failure = lambda: ended.append(True)
    os.close(pipe.read_fd)
    pipe.read_fd = os.open(os.devnull, os.O_RDONLY)
    pipe.output.line("x")
    pipe.output.line("y")
    assert (ended, pipe.output.failure) == ([True], None)


def test_a_full_disk_is_an_error() -> None:
    with open("/dev/full", "w") as full:
        output = PatientOutput(full, Clock().callLater, str)  # type: ignore[arg-type]
        output.line("x")
        assert isinstance(output.failure, LocalError)
        output.finish()


def test_a_last_line_comes_after_all_that_is_kept(pipe: Pipe) -> None:
    for number in range(20):
        pipe.output.line(f"{number} {LINE}")
    with pipe.read_to_its_end() as read:
        pipe.output.last_line("the last")
    assert b"".join(read).decode().splitlines() == [*(f"{number} {LINE}" for number in range(20)), "the last"]


def test_a_last_line_comes_although_others_were_dropped(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patient, "KEPT_BYTES", 5_000)
    for _ in range(20):
        pipe.output.line(LINE)
    with pipe.read_to_its_end() as read:
        pipe.output.last_line("the last")
    *kept, notice, last = b"".join(read).decode().splitlines()
    assert last == "the last"
    assert notice == f"dropped {20 - len(kept)}"


def test_a_last_line_does_not_wait_for_a_reader_that_has_left(pipe: Pipe) -> None:
    for _ in range(10):
        pipe.output.line(LINE)
    os.close(pipe.read_fd)
    pipe.read_fd = os.open(os.devnull, os.O_RDONLY)
    pipe.output.last_line("the last")
    assert pipe.output.broken


def test_what_is_only_in_memory_takes_a_last_line() -> None:
    memory = io.StringIO()
    PatientOutput(memory, Clock().callLater, str).last_line("x")  # type: ignore[arg-type]
    assert memory.getvalue() == "x\n"
