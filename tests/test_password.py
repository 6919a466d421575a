"""Where a password comes from, and that it goes nowhere else."""

import io
import os
import pickle
import signal
import sys
import time
import traceback
from pathlib import Path
from types import FrameType
from typing import Any

import pexpect
import pytest

from tw import password
from tw.errors import LocalError, TwError, UsageError
from tw.password import MAX_PASSWORD_BYTES, VARIABLE, PasswordSources, read_credentials
from tw.secret import Secret


def _read(file: str | None = None, command: str | None = None, timeout_s: float = 30.0, **environ: str) -> str:
    sources = PasswordSources(file=file, command=command)
    found = read_credentials(sources, host="", user="alice", environ=environ, timeout_s=timeout_s)
    assert found.user == "alice"
    return found.password.reveal()


def _stdin(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))


def _written(tmp_path: Path, content: bytes) -> str:
    path = tmp_path / "password"
    path.write_bytes(content)
    return str(path)


def test_a_file_goes_before_a_command_and_that_before_the_environment(tmp_path: Path) -> None:
    file = _written(tmp_path, b"of the file")
    assert _read(file, "echo of the command", **{VARIABLE: "of the environment"}) == "of the file"
    assert _read(None, "echo of the command", **{VARIABLE: "of the environment"}) == "of the command"
    assert _read(None, None, **{VARIABLE: "of the environment"}) == "of the environment"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"pw", "pw"),
        (b"pw\n", "pw"),
        (b"pw\r\n", "pw"),
        (b"pw\n\n", "pw\n"),
        (b" p w \n", " p w "),
        ("pÄß€".encode(), "pÄß€"),
        (b"a" * MAX_PASSWORD_BYTES, "a" * MAX_PASSWORD_BYTES),
    ],
)
def test_one_line_end_is_cut_off_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, expected: str
) -> None:
    file = _written(tmp_path, content)
    _stdin(monkeypatch, content)
    assert _read(file) == _read("-") == _read(command=f"cat {file}") == expected


def test_the_variable_is_named_in_the_contract_and_taken_as_it_is() -> None:
    assert VARIABLE == "TW_IMAP_PASSWORD"
    assert _read(**{VARIABLE: "pw\n"}) == "pw\n"


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"hunter2\xff", "the password is not UTF-8"),
        (b"hunter2" * MAX_PASSWORD_BYTES, f"a password of over {MAX_PASSWORD_BYTES} bytes"),
        (b"a" * (MAX_PASSWORD_BYTES + 1), f"a password of over {MAX_PASSWORD_BYTES} bytes"),
    ],
    ids=["not UTF-8", "far too long", "one byte too long"],
)
def test_what_cannot_be_a_password_is_refused_from_every_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, what: str
) -> None:
    file = _written(tmp_path, content)
    _stdin(monkeypatch, content)
    for source, where in (({"file": file}, file), ({"file": "-"}, "stdin"), ({"command": f"cat {file}"}, None)):
        with pytest.raises(LocalError) as caught:
            _read(**source)
        assert (caught.value.what, caught.value.where) == (what, where or "--password-command")
        assert "hunter2" not in _all_of(caught.value)


def test_a_device_without_an_end_is_not_read_into_memory() -> None:
    with pytest.raises(LocalError, match="a password of over"):
        _read("/dev/zero")


@pytest.mark.parametrize(("name", "why"), [("missing", "No such file or directory"), (".", "Is a directory")])
def test_a_file_that_cannot_be_read_is_named_with_the_reason(tmp_path: Path, name: str, why: str) -> None:
    path = str(tmp_path / name)
    with pytest.raises(LocalError) as caught:
        _read(path)
    assert str(caught.value) == f"cannot read the password file: {why} ({path})"


@pytest.mark.parametrize(
    ("command", "what"),
    [
        ("exit 3 # hunter2", "the password command failed: exit 3"),
        ("echo hunter2; exit 1", "the password command failed: exit 1"),
        ("kill -KILL $$ # hunter2", "the password command failed: signal 9"),
        ("true hunter2", "the password command printed nothing"),
        ("echo; echo ' ' # hunter2", "the password command printed nothing"),
        ("echo hunter2 \0", "cannot be run: ValueError"),
        ("echo hunter2" + "2" * 5_000_000, "cannot be run: OSError"),
    ],
    ids=["fails", "fails with output", "killed", "prints nothing", "prints white space", "a NUL", "too long"],
)
def test_a_failing_command_is_told_without_its_text(command: str, what: str) -> None:
    with pytest.raises(LocalError) as caught:
        _read(command=command)
    assert str(caught.value) == f"{what} (--password-command); try it by hand"
    assert "hunter2" not in _all_of(caught.value)


@pytest.mark.parametrize("command", ["sleep 60 # hunter2", "exec >&-; sleep 60", "echo hunter2; sleep 60"])
def test_a_command_that_takes_too_long_is_ended(command: str) -> None:
    started_s = time.monotonic()
    with pytest.raises(LocalError) as caught:
        _read(command=command, timeout_s=0.05)
    assert str(caught.value) == "no password within 0.05 s (--password-command); try it by hand, or raise --timeout"
    assert "hunter2" not in _all_of(caught.value)
    assert time.monotonic() - started_s < 30, "it was waited for"


@pytest.mark.parametrize("command", ["echo pw; sleep 60 &", "sleep 60 & echo pw", "sleep 60 & sleep 0.1; echo pw"])
def test_what_a_command_leaves_in_the_background_is_not_waited_for(command: str) -> None:
    started_s = time.monotonic()
    assert _read(command=command, timeout_s=50) == "pw"
    assert time.monotonic() - started_s < 30, "it was waited for"


def test_a_command_that_ends_without_a_word_is_not_waited_for_either() -> None:
    started_s = time.monotonic()
    with pytest.raises(LocalError, match="printed nothing"):
        _read(command="sleep 60 &", timeout_s=50)
    assert time.monotonic() - started_s < 30, "it was waited for"


def test_a_command_that_never_stops_printing_is_ended_at_the_limit() -> None:
    with pytest.raises(LocalError) as caught:
        _read(command="yes", timeout_s=60)
    assert caught.value.what == f"a password of over {MAX_PASSWORD_BYTES} bytes"


def test_a_signal_while_the_command_runs_ends_the_command_too(tmp_path: Path) -> None:
    """The edge turns signals into exceptions that are no Exception; `with` alone would wait for the command."""

    class Told(BaseException):
        pass

    def interrupt(_number: int, frame: FrameType | None) -> None:
        # Not while the command is being started: only what waits for it can end it.
        if frame is not None and frame.f_code.co_filename == password.__file__:
            signal.signal(signal.SIGUSR1, signal.SIG_IGN)
            raise Told

    signals = "for _ in $(seq 1000); do kill -USR1 $PPID; sleep 0.01; done; sleep 60"
    before = signal.signal(signal.SIGUSR1, interrupt)
    started_s = time.monotonic()
    try:
        with pytest.raises(Told):
            _read(command=f"echo $$ > {tmp_path}/pid; {signals}")
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert time.monotonic() - started_s < 30, "it was waited for"
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_what_a_command_says_on_stderr_reaches_the_person(capfd: pytest.CaptureFixture[str]) -> None:
    assert _read(command="echo unlock me >&2; echo pw") == "pw"
    assert capfd.readouterr() == ("", "unlock me\n")


def test_without_any_source_and_without_a_terminal_the_sources_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    _stdin(monkeypatch, b"pw\n")
    with pytest.raises(UsageError) as caught:
        _read()
    assert caught.value.what == "no password, and no terminal to ask on"
    for way in ("--password-file", "--password-fd", "--password-command", VARIABLE, "--netrc", "--keyring"):
        assert way in caught.value.hint


PROMPT = """
import sys
from tw.errors import TwError
from tw.password import PasswordSources, read_credentials
ask = "Password of \\x1b[2J\\u202eß: "
try:
    found = read_credentials(PasswordSources(), host="", user="alice", environ={}, timeout_s=1, prompt=ask)
    print(ascii(found.password.reveal()))
except TwError as error:
    print(int(error.exit_code), error)
except KeyboardInterrupt:
    print("interrupted")
"""


def _asked(tmp_path: Path, typed: bytes) -> tuple[bytes, str]:
    """What a terminal showed while `typed` was typed at the prompt, and what came of it."""
    result = tmp_path / "result"
    child = pexpect.spawn("/bin/sh", ["-c", '"$0" -c "$1" > "$2"', sys.executable, PROMPT, str(result)], timeout=30)
    child.expect_exact(r"Password of \x1b[2J\u202eß: ".encode())
    child.send(typed)
    child.expect(pexpect.EOF)
    child.close()
    shown: bytes = child.before
    return shown, result.read_text().strip()


def test_the_prompt_shows_nothing_of_what_is_typed_and_leaves_stdout_alone(tmp_path: Path) -> None:
    assert _asked(tmp_path, "pÄ ss\n".encode()) == (b"\r\n", r"'p\xc4 ss'")


def test_the_end_of_the_input_at_the_prompt_is_no_password(tmp_path: Path) -> None:
    shown, result = _asked(tmp_path, b"\x04")
    assert shown == b"\r\n"
    assert result.startswith("2 no password given; use --password-file")


def test_ctrl_c_at_the_prompt_leaves_the_line(tmp_path: Path) -> None:
    assert _asked(tmp_path, b"\x03") == (b"\r\n", "interrupted")


def test_a_typed_password_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    _, result = _asked(tmp_path, b"p\xff\n")
    assert result == "9 the password is not UTF-8 (the terminal); type it in a UTF-8 terminal"


def test_a_secret_shows_in_no_form_of_print_and_cannot_be_carried_away() -> None:
    secret = Secret("hunter2")
    for text in (repr(secret), str(secret), f"{secret}", "%s %r" % (secret, [secret]), str({"password": secret})):  # noqa: UP031
        assert "hunter2" not in text
        assert "***" in text
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match="not to be pickled"):
            pickle.dumps(secret, protocol)
    with pytest.raises(TypeError):
        vars(secret)
    assert secret.reveal() == "hunter2"


def _all_of(error: TwError) -> str:
    """Everything that `-vv` would show of it."""
    told: Any = traceback.format_exception(error)
    return "".join(told) + str(error) + repr(error)


@pytest.mark.parametrize("content", [b"", b"\n", b"\r\n"])
def test_an_empty_file_is_a_secret_that_was_never_set(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(LocalError, match="the password is empty"):
        _read(_written(tmp_path, content))


def test_a_variable_that_is_set_to_nothing_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    _stdin(monkeypatch, b"")
    with pytest.raises(UsageError, match="no password"):
        _read(**{VARIABLE: ""})
