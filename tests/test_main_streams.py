"""The edge and the standard streams: closed ones, full ones, ones whose reader left, and threads that hang."""

import io
import json
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn, TextIO

import pytest

from tw.__main__ import main, run
from tw.cli.command import Session
from tw.errors import ConnectError

needs_dev_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")


@pytest.fixture(autouse=True)
def _surroundings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in os.environ:
        if name.startswith("TW_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", "/nonexistent")
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def left() -> Iterator[TextIO]:
    """A pipe whose reader is gone."""
    read, write = os.pipe()
    os.close(read)
    with open(write, "w", encoding="utf-8") as stream:
        yield stream


@pytest.fixture
def full() -> Iterator[TextIO]:
    stream = open("/dev/full", "w", encoding="utf-8")  # noqa: SIM115 - what it still holds cannot be written either
    yield stream
    with suppress(OSError):
        stream.close()


def _is_nothing(stream: TextIO) -> bool:
    return os.fstat(stream.fileno()).st_rdev == os.stat(os.devnull).st_rdev


def _main(monkeypatch: pytest.MonkeyPatch, *args: str) -> int:
    monkeypatch.setattr("sys.argv", ["tw", *args])
    with pytest.raises(SystemExit) as caught:
        main()
    assert isinstance(caught.value.code, int)
    return caught.value.code


def _serving(monkeypatch: pytest.MonkeyPatch, result: Any) -> None:
    """Let `tw serve echo` print this, unflushed, or raise it."""

    def serve(*_: Any) -> int:
        if isinstance(result, BaseException):
            raise result
        import sys

        sys.stdout.write(result)
        return 1

    monkeypatch.setattr("tw.servers.serve_echo", serve)


@pytest.mark.parametrize("args", [["--help"], ["--version"], ["completion", "bash"]])
def test_a_reader_that_left_is_no_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], left: TextIO, args: list[str]
) -> None:
    monkeypatch.setattr("sys.stdout", left)
    assert run(args, Session()) == 0
    assert _is_nothing(left), "the interpreter's last flush must not fail"
    assert _main(monkeypatch, *args) == 0
    assert capsys.readouterr().err == ""


@needs_dev_full
@pytest.mark.parametrize("args", [["--help"], ["--version"], ["completion", "bash"]])
def test_a_full_disk_is_one_line_and_9(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], full: TextIO, args: list[str]
) -> None:
    monkeypatch.setattr("sys.stdout", full)
    assert _main(monkeypatch, *args) == 9
    assert capsys.readouterr().err == "tw: cannot write the output: No space left on device (stdout)\n"


def test_a_broken_pipe_in_a_run_is_its_quiet_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _serving(monkeypatch, BrokenPipeError())
    assert run(["serve", "echo"], Session()) == 0
    assert capsys.readouterr().err == ""


def test_any_other_error_of_the_system_is_a_bug_where_nobody_foresaw_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _serving(monkeypatch, PermissionError(13, "no"))
    assert run(["serve", "echo"], Session()) == 70
    assert capsys.readouterr().err.startswith("tw: a bug in tw: PermissionError: ")


def test_the_last_flush_after_the_reader_left_keeps_the_code_and_is_quiet(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], left: TextIO
) -> None:
    _serving(monkeypatch, "x")
    monkeypatch.setattr("sys.stdout", left)
    assert _main(monkeypatch, "serve", "echo") == 1
    assert _is_nothing(left), "the interpreter's last flush must not fail"
    assert capsys.readouterr().err == ""


@needs_dev_full
@pytest.mark.parametrize(("result", "code"), [(0, 9), (1, 1)])
def test_the_last_flush_on_a_full_disk_is_told_and_is_9_where_all_else_went_well(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], full: TextIO, result: int, code: int
) -> None:
    monkeypatch.setattr("sys.stdout", full)
    monkeypatch.setattr("tw.servers.serve_echo", lambda *_: full.write("x") and result)
    assert _main(monkeypatch, "serve", "echo") == code
    assert _is_nothing(full), "the interpreter's last flush must not fail"
    assert capsys.readouterr().err == "tw: cannot write the output: No space left on device (stdout)\n"


@needs_dev_full
def test_a_failure_keeps_its_code_where_its_json_cannot_be_written(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], full: TextIO
) -> None:
    monkeypatch.setattr("sys.stdout", full)
    assert _main(monkeypatch, "probe", "echo", "--json", "--count", "x") == 2
    err = capsys.readouterr().err
    assert err.startswith("tw: invalid value for '--count'")
    assert err.count("\n") == 1


@needs_dev_full
@pytest.mark.parametrize("args", [["serve", "echo"], ["serve", "echo", "-vv"]])
def test_a_failure_keeps_its_code_where_its_line_cannot_be_written(
    monkeypatch: pytest.MonkeyPatch, full: TextIO, args: list[str]
) -> None:
    _serving(monkeypatch, ConnectError("refused"))
    monkeypatch.setattr("sys.stderr", full)
    assert _main(monkeypatch, *args) == 3


@needs_dev_full
def test_a_group_alone_keeps_its_code_where_its_help_cannot_be_written(
    monkeypatch: pytest.MonkeyPatch, full: TextIO
) -> None:
    monkeypatch.setattr("sys.stderr", full)
    assert _main(monkeypatch, "serve") == 2


def test_streams_that_the_shell_closed_are_nothing_rather_than_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """`tw … <&- >&- 2>&-`"""
    import sys

    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(sys, name, None)
    _serving(monkeypatch, "x")
    assert _main(monkeypatch, "serve", "echo") == 1
    assert _main(monkeypatch, "serve", "echo", "--bogus") == 2
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        assert stream.name == os.devnull
        stream.close()


def test_what_the_locale_lacks_comes_out_as_an_escape(monkeypatch: pytest.MonkeyPatch) -> None:
    data = io.BytesIO()
    with io.TextIOWrapper(data, encoding="ascii") as stream:
        monkeypatch.setattr("sys.stdout", stream)
        _serving(monkeypatch, "Grüße")
        assert _main(monkeypatch, "serve", "echo") == 1
        assert data.getvalue() == b"Gr\\xfc\\xdfe"


def test_a_stream_that_encodes_nothing_needs_no_mending(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr("sys.stdout", stream)
    _serving(monkeypatch, "Grüße")
    assert _main(monkeypatch, "serve", "echo") == 1
    assert stream.getvalue() == "Grüße"


def test_the_json_of_a_failure_is_utf_8_whatever_the_locale_is(monkeypatch: pytest.MonkeyPatch) -> None:
    data = io.BytesIO()
    with io.TextIOWrapper(data, encoding="latin-1") as stream:
        monkeypatch.setattr("sys.stdout", stream)
        assert _main(monkeypatch, "probe", "echo", "--json", "--count", "ü") == 2
        assert "'ü'" in json.loads(data.getvalue().decode("utf-8"))["error"]["message"]


def test_a_thread_that_hangs_does_not_keep_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a resolver's in `getaddrinfo` does: the interpreter would wait for it (DESIGN 4.10)."""

    class Left(BaseException):
        pass

    def leave(code: int) -> NoReturn:
        raise Left(code)

    monkeypatch.setattr("os._exit", leave)
    _serving(monkeypatch, ConnectError("refused"))
    monkeypatch.setattr("sys.argv", ["tw", "serve", "echo"])
    over = threading.Event()
    # The interpreter does not wait for a daemon.
    threads = [threading.Thread(target=over.wait, daemon=daemon) for daemon in (True, False)]
    try:
        threads[0].start()
        with pytest.raises(SystemExit):
            main()
        threads[1].start()
        with pytest.raises(Left) as caught:
            main()
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert caught.value.args == (3,)
