"""A password from a descriptor or a FIFO, a token from a command, and which source goes first."""

import os
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tw import password
from tw.errors import LocalError, TwError, UsageError
from tw.password import MAX_PASSWORD_BYTES, VARIABLE, Credentials, PasswordSources, read_credentials, read_token
from tw.secret import Secret


def _read(timeout_s: float = 30.0, environ: dict[str, str] | None = None, **sources: Any) -> str:
    chosen = PasswordSources(**sources)
    return read_credentials(
        chosen, host="h", user="alice", environ=environ or {}, timeout_s=timeout_s
    ).password.reveal()


def _all_of(error: TwError) -> str:
    """Everything that `-vv` would show of it."""
    return "".join(traceback.format_exception(error)) + str(error) + repr(error)


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def test_the_first_source_given_wins_in_one_fixed_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pipe: tuple[int, int]
) -> None:
    (tmp_path / "file").write_text("of the file")
    (tmp_path / "netrc").write_text("machine h login alice password of-netrc")
    (tmp_path / "netrc").chmod(0o600)
    os.write(pipe[1], b"of the descriptor\n")
    ring = SimpleNamespace(get_password=lambda *_: "of the keyring")
    monkeypatch.setitem(sys.modules, "keyring", ring)
    monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr("getpass.getpass", lambda *_, **__: "of the prompt")
    sources: dict[str, Any] = {
        "file": str(tmp_path / "file"),
        "fd": pipe[0],
        "command": "echo of the command",
        "environ": {VARIABLE: "of the environment"},
        "netrc_file": str(tmp_path / "netrc"),
        "keyring": True,
    }
    found = []
    while sources:
        found.append(_read(**sources))
        sources.pop(next(iter(sources)))
    assert [*found, _read()] == [
        "of the file",
        "of the descriptor",
        "of the command",
        "of the environment",
        "of-netrc",
        "of the keyring",
        "of the prompt",
    ]


@pytest.mark.parametrize("broken", [{"file": "/nowhere"}, {"fd": 987}, {"command": "exit 1"}, {"netrc_file": "/none"}])
def test_a_source_that_was_asked_for_and_fails_does_not_lead_on(
    monkeypatch: pytest.MonkeyPatch, broken: dict[str, Any]
) -> None:
    monkeypatch.setitem(sys.modules, "keyring", SimpleNamespace(get_password=lambda *_: "of the keyring"))
    with pytest.raises(LocalError):
        _read(**broken, keyring=True)


def test_a_password_without_a_user_is_told_before_anybody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: pytest.fail("a prompt")))
    for environ in ({}, {VARIABLE: "hunter2"}):
        with pytest.raises(UsageError) as caught:
            read_credentials(PasswordSources(), host="h", user="", environ=environ, timeout_s=1)
        assert str(caught.value) == "no user; give --user, or name a login in netrc"


def test_neither_a_command_nor_a_password_shows_in_what_holds_them() -> None:
    assert "hunter2" not in repr(PasswordSources(command="echo hunter2", netrc=True))
    assert repr(Credentials(user="a", password=Secret("hunter2"))) == "Credentials(user='a', password=Secret(***))"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"pw", "pw"),
        (b"pw\n", "pw"),
        (b"pw\r\n", "pw"),
        (b"pw\r", "pw"),
        (b" p\rw \n", " p\rw "),
        (b"pw\nmore\n", "pw"),
        ("pÄß€\n".encode(), "pÄß€"),
        (b"a" * (MAX_PASSWORD_BYTES - 1) + b"\n", "a" * (MAX_PASSWORD_BYTES - 1)),
    ],
)
def test_a_descriptor_gives_its_first_line_without_the_end(content: bytes, expected: str) -> None:
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as there, os.fdopen(writer, "wb") as here:
        thread = threading.Thread(target=lambda: (here.write(content), here.close()))
        thread.start()
        assert _read(fd=reader) == expected
        thread.join()
        assert there.read() == content.partition(b"\n")[2], "what follows is another's"


def test_the_end_of_a_descriptor_is_not_waited_for_and_it_stays_open(pipe: tuple[int, int]) -> None:
    os.write(pipe[1], b"one\ntwo\n")
    assert [_read(fd=pipe[0]), _read(fd=pipe[0])] == ["one", "two"]


def test_a_password_may_come_in_pieces_and_from_a_socket() -> None:
    here, there = socket.socketpair()
    with here, there:
        there.sendall(b"one, ")
        thread = threading.Thread(target=there.sendall, args=[b"two\n"])
        thread.start()
        assert _read(fd=here.fileno()) == "one, two"
        thread.join()


def test_what_another_reader_takes_away_is_waited_for(pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    os.set_blocking(pipe[0], False)
    os.write(pipe[1], b"pw\n")
    read, taken = os.read, []

    def outrun(fd: int, size: int) -> bytes:
        if size == 0 or taken:
            return read(fd, size)
        taken.append(read(fd, 100))
        try:
            return read(fd, size)
        finally:
            os.write(pipe[1], taken[0])

    monkeypatch.setattr(password.os, "read", outrun)
    assert _read(fd=pipe[0]) == "pw"


@pytest.mark.parametrize("fd", [1, 2])
def test_an_output_is_no_source(fd: int) -> None:
    with pytest.raises(UsageError) as caught:
        _read(fd=fd)
    assert str(caught.value) == f"no password comes from an output (--password-fd {fd}); use 0, or 3 and up"


def test_a_descriptor_that_cannot_be_read_is_named_with_the_reason(tmp_path: Path, pipe: tuple[int, int]) -> None:
    directory = os.open(tmp_path, os.O_RDONLY)
    try:
        reasons = [(directory, "Is a directory")]
        reasons += [(fd, "Bad file descriptor") for fd in (987, -1, 2**31 - 1, 2**31, 2**64, pipe[1])]
        for fd, why in reasons:
            with pytest.raises(LocalError) as caught:
                _read(fd=fd)
            hint = f"is it open for reading, as with {fd}<FILE?"
            assert str(caught.value) == f"cannot read the password: {why} (--password-fd {fd}); {hint}"
    finally:
        os.close(directory)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"hunter2\xff\n", "the password is not UTF-8"),
        (b"hunter2\xed\xa0\x80\n", "the password is not UTF-8"),
        (b"hunter2" * MAX_PASSWORD_BYTES, f"a password of over {MAX_PASSWORD_BYTES} bytes"),
        (b"a" * MAX_PASSWORD_BYTES + b"\n", f"a password of over {MAX_PASSWORD_BYTES} bytes"),
        (b"", "the password is empty"),
        (b"\r\nhunter2", "the password is empty"),
    ],
    ids=["not UTF-8", "a surrogate", "far too long", "one byte too long", "empty", "an empty line"],
)
def test_what_cannot_be_a_password_is_refused_from_a_descriptor(tmp_path: Path, content: bytes, what: str) -> None:
    (tmp_path / "file").write_bytes(content)
    with (tmp_path / "file").open("rb") as file:
        with pytest.raises(LocalError) as caught:
            _read(fd=file.fileno())
        assert (caught.value.what, caught.value.where) == (what, f"--password-fd {file.fileno()}")
    assert "hunter2" not in _all_of(caught.value)


READ = """
import sys
from tw.password import PasswordSources, read_credentials
sources = PasswordSources(**eval(sys.argv[1]))
print(read_credentials(sources, host="h", user="a", environ={}, timeout_s=30).password.reveal())
"""


def _in_a_process(sources: dict[str, Any], **how: Any) -> str:
    run = [sys.executable, "-c", READ, repr(sources)]
    return subprocess.run(run, check=True, capture_output=True, timeout=60, text=True, **how).stdout


def test_a_descriptor_is_inherited_and_0_is_stdin(pipe: tuple[int, int]) -> None:
    os.write(pipe[1], b"inherited\n")
    assert _in_a_process({"fd": pipe[0]}, pass_fds=[pipe[0]]) == "inherited\n"
    assert _in_a_process({"fd": 0}, input="of stdin\n") == "of stdin\n"


@pytest.mark.parametrize(
    "arguments", ["\"{'fd': 7}\" 7< <(echo pw)", "\"{'file': '\"<(echo pw)\"'}\""], ids=["fd", "file"]
)
def test_a_shells_process_substitution_is_a_descriptor_or_a_file(arguments: str) -> None:
    run = ["bash", "-c", f'"$0" -c "$1" {arguments}', sys.executable, READ]
    assert subprocess.run(run, check=True, capture_output=True, timeout=60).stdout == b"pw\n"


@pytest.mark.parametrize("source", ["file", "netrc_file"])
@pytest.mark.parametrize("writer", [False, True], ids=["nobody", "somebody silent"])
def test_a_fifo_that_nobody_writes_to_is_not_waited_for_for_ever(tmp_path: Path, source: str, writer: bool) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    end = os.open(path, os.O_RDWR) if writer else None
    started_s = time.monotonic()
    with pytest.raises(LocalError) as caught:
        _read(**{source: str(path)}, timeout_s=0.05)
    noun = {"file": "password", "netrc_file": "netrc file"}[source]
    assert str(caught.value) == f"no {noun} within 0.05 s ({path}); try it by hand, or raise --timeout"
    assert time.monotonic() - started_s < 30, "it was waited for"
    if end is not None:
        os.close(end)


def test_a_descriptor_that_nobody_writes_to_is_not_waited_for_for_ever(pipe: tuple[int, int]) -> None:
    os.write(pipe[1], b"hunter2")
    with pytest.raises(LocalError) as caught:
        _read(fd=pipe[0], timeout_s=0.05)
    assert caught.value.what == "no password within 0.05 s"
    assert caught.value.where == f"--password-fd {pipe[0]}"
    assert "hunter2" not in _all_of(caught.value)


@pytest.mark.parametrize(
    ("written", "expected"), [([b"pw\n"], "pw"), ([b"p", b"w\r\n"], "pw"), ([b"p\n", b"w"], "p\nw")]
)
def test_a_fifo_is_read_to_its_end_whoever_came_first(tmp_path: Path, written: list[bytes], expected: str) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)

    def write() -> None:
        with path.open("wb", buffering=0) as file:  # it waits for the reader
            for piece in written:
                file.write(piece)

    thread = threading.Thread(target=write)
    thread.start()
    assert _read(file=str(path)) == expected
    thread.join()


@pytest.mark.parametrize("printed", ["ya29.a0_-~+/=", "ya29.a0_-~+/=\\n", " \\t\\r\\n ya29.a0_-~+/= \\n\\n"])
def test_a_token_comes_without_the_white_space_around_it(printed: str) -> None:
    assert read_token(f"printf '{printed}'", 30).reveal() == "ya29.a0_-~+/="


@pytest.mark.parametrize(
    ("command", "what", "hint"),
    [
        ("exit 3 # hunter2", "the token command failed: exit 3", "try it by hand"),
        ("echo hunter2; kill -KILL $$", "the token command failed: signal 9", "try it by hand"),
        ("echo ' ' # hunter2", "the token command printed nothing", "try it by hand"),
        ("echo hunter2 \0", "cannot be run: ValueError", "try it by hand"),
        ("printf 'hunter2\\377'", "the token is not UTF-8", "store it as UTF-8"),
        ("echo hunter2; yes", f"a token of over {MAX_PASSWORD_BYTES} bytes", "is it the right one?"),
        ("echo hunter2; exec >&-; sleep 60", "no token within 0.05 s", "try it by hand, or raise --timeout"),
        ("echo hunter2; sleep 60", "no token within 0.05 s", "try it by hand, or raise --timeout"),
    ],
)
def test_a_failing_command_for_a_token_is_named_without_its_text(command: str, what: str, hint: str) -> None:
    with pytest.raises(LocalError) as caught:
        read_token(command, 0.05 if "sleep" in command else 60)
    assert str(caught.value) == f"{what} (--token-command); {hint}"
    assert "hunter2" not in _all_of(caught.value)
