"""The edge under `tw imap check --nagios`: whatever fails is one line on stdout, and one of Nagios's codes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest

from tw.__main__ import EarlySignal, run
from tw.cli.command import Session
from tw.errors import (
    AnswerTimeout,
    AuthError,
    ConnectError,
    Interrupted,
    LocalError,
    NothingThere,
    ProtocolError,
    TlsError,
    TwError,
    UsageError,
)

Fail = Callable[[BaseException], None]
Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def config(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The settings file that is read."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("TW_IMAP_USER", raising=False)
    (tmp_path / "tw").mkdir()
    return tmp_path / "tw" / "config.toml"


@pytest.fixture
def fail(monkeypatch: pytest.MonkeyPatch) -> Fail:
    """Let the run of `tw imap check` raise this."""

    def fail_with(error: BaseException) -> None:
        def fails(*_: Any) -> NoReturn:
            raise error

        monkeypatch.setattr("tw.mail_check.check", fails)

    return fail_with


def check(*args: str) -> int:
    return run(("imap", "check", *args), Session())


@pytest.mark.parametrize(
    ("error", "code", "state"),
    [
        (ConnectError("it broke", "here", "mend it"), 2, "CRITICAL"),
        (AnswerTimeout("it broke", "here", "mend it"), 2, "CRITICAL"),
        (TlsError("it broke", "here", "mend it"), 2, "CRITICAL"),
        (AuthError("it broke", "here", "mend it"), 2, "CRITICAL"),
        (ProtocolError("it broke", "here", "mend it"), 2, "CRITICAL"),
        (NothingThere("it broke", "here", "mend it"), 2, "CRITICAL"),
        (UsageError("it broke", "here", "mend it"), 3, "UNKNOWN"),
        (LocalError("it broke", "here", "mend it"), 3, "UNKNOWN"),
        (TwError("it broke", "here", "mend it"), 3, "UNKNOWN"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_failure_is_one_line_on_stdout_and_a_code_of_nagios(
    fail: Fail, capsys: Capture, error: TwError, code: int, state: str
) -> None:
    fail(error)
    assert check("--user", "me", "--nagios") == code
    assert capsys.readouterr() == (f"IMAP {state} - it broke (here); mend it\n", "")


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (Interrupted("SIGTERM"), "ended by SIGTERM"),
        (EarlySignal(15), "ended by SIGTERM"),
        (KeyboardInterrupt(), "ended by SIGINT"),
        (ValueError("|\n\x1b"), r"a bug in tw: ValueError: /\x0a\x1b; run it with -vv to see where, and report that"),
        (OSError(28, "No space"), "cannot write the output: No space left on device (stdout)"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_says_nothing_of_the_service_is_unknown(
    fail: Fail, capsys: Capture, error: BaseException, text: str
) -> None:
    fail(error)
    assert check("--user", "me", "--nagios") == 3
    assert capsys.readouterr() == (f"IMAP UNKNOWN - {text}\n", "")


@pytest.mark.parametrize(
    "args",
    [
        ("--nagios",),
        ("--nagios", "--bogus"),
        ("--bogus", "--nagios"),
        ("--port", "x", "--nagios"),
        ("--nagios", "--user", "me", "more"),
        ("--nagios", "--user", "me", "--max-age"),
        ("--nagios", "--user", "me", "--json"),
        ("--json", "--nagios", "--bogus"),
        ("--nagios", "--user", "me", "--expect-subject", "("),
        ("--nagios", "--accounts", "/nonexistent"),
        ("--nagios", "--config", "/nonexistent"),
        ("-q", "--nagios"),
    ],
    ids=" ".join,
)
def test_a_line_that_cannot_be_run_is_unknown_and_one_line(capsys: Capture, args: tuple[str, ...]) -> None:
    assert check(*args) == 3
    out, err = capsys.readouterr()
    assert out.startswith("IMAP UNKNOWN - ")
    assert (out.count("\n"), out.count("|"), err) == (1, 0, "")


def test_the_same_line_without_nagios_is_a_usage_error(capsys: Capture) -> None:
    assert check("--bogus") == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("tw: ")


def test_nagios_may_be_asked_for_by_a_variable_or_the_settings(
    config: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    config.write_text("[imap]\nnagios = true\n")
    assert check("--port", "x") == 3
    config.write_text("")
    monkeypatch.setenv("TW_IMAP_NAGIOS", "1")
    assert check("--bogus") == 3
    assert capsys.readouterr().out.count("IMAP UNKNOWN - ") == 2
    assert run(("imap", "status"), Session()) == 2, "another command is no plugin"


def test_a_traceback_goes_to_stderr_where_it_was_asked_for(fail: Fail, capsys: Capture) -> None:
    fail(ValueError("oops"))
    assert check("--user", "me", "--nagios", "-vv") == 3
    out, err = capsys.readouterr()
    assert out.count("\n") == 1
    assert err.startswith("Traceback ")


def test_a_full_disk_leaves_the_code(fail: Fail, monkeypatch: pytest.MonkeyPatch) -> None:
    fail(ConnectError("it broke"))
    with open("/dev/full", "w") as full:
        monkeypatch.setattr("sys.stdout", full)
        assert check("--user", "me", "--nagios") == 2
