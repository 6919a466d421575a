"""The edge: one line and one exit code for everything that goes wrong, and JSON for those who asked for it."""

import json
import os
import signal
from collections.abc import Callable
from typing import Any, NoReturn

import click
import pytest

from tw.__main__ import EarlySignal, run
from tw.cli.command import Session
from tw.errors import (
    AnswerTimeout,
    AuthError,
    ConnectError,
    ExitCode,
    Interrupted,
    LocalError,
    NothingThere,
    ProtocolError,
    TlsError,
    TwError,
    UsageError,
)

Fail = Callable[[BaseException], None]


@pytest.fixture(autouse=True)
def _surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("TW_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", "/nonexistent")


@pytest.fixture
def fail(monkeypatch: pytest.MonkeyPatch) -> Fail:
    """Let the run of `tw serve echo` and of `tw probe echo` raise this."""

    def fail_with(error: BaseException) -> None:
        def fails(*_: Any) -> NoReturn:
            raise error

        monkeypatch.setattr("tw.servers.serve_echo", fails)
        monkeypatch.setattr("tw.clients.probe_echo", fails)

    return fail_with


def _run(*args: str) -> int:
    return run(args, Session())


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (UsageError, 2),
        (ConnectError, 3),
        (AnswerTimeout, 4),
        (TlsError, 5),
        (AuthError, 6),
        (ProtocolError, 7),
        (NothingThere, 8),
        (LocalError, 9),
        (TwError, 70),
    ],
)
def test_an_error_is_one_line_and_its_exit_code(
    fail: Fail, capsys: pytest.CaptureFixture[str], kind: type[TwError], code: int
) -> None:
    fail(kind("it broke", "here", "mend it"))
    assert _run("serve", "echo", "--json") == code
    assert capsys.readouterr() == ("", "tw: it broke (here); mend it\n"), "a server's JSON is events alone"
    assert _run("probe", "echo") == code
    assert capsys.readouterr() == ("", "tw: it broke (here); mend it\n")


def test_a_failing_client_gives_one_object_where_json_was_asked_for(
    fail: Fail, capsys: pytest.CaptureFixture[str]
) -> None:
    fail(ConnectError("refused", "h:1"))
    assert _run("probe", "echo", "--json") == 3
    out, err = capsys.readouterr()
    assert err == "tw: refused (h:1)\n"
    assert out.count("\n") == 1
    assert json.loads(out) == {
        "v": 1,
        "ok": False,
        "error": {"kind": "connect", "exit": 3, "message": "refused (h:1)"},
    }


def test_a_failing_stream_ends_in_an_object_with_the_reports_name(
    fail: Fail, capsys: pytest.CaptureFixture[str]
) -> None:
    fail(ConnectError("refused"))
    assert _run("probe", "echo", "--json-stream") == 3
    error = {"kind": "connect", "exit": 3, "message": "refused"}
    assert json.loads(capsys.readouterr().out) == {"v": 1, "event": "report", "ok": False, "error": error}


def test_an_error_that_is_in_the_report_already_gives_no_second_object(
    fail: Fail, capsys: pytest.CaptureFixture[str]
) -> None:
    error = ConnectError("refused")
    error.reported = True
    fail(error)
    assert _run("probe", "echo", "--json") == 3
    assert capsys.readouterr() == ("", "tw: refused\n")


@pytest.mark.parametrize(
    ("args", "env"),
    [
        (["--json", "--count", "x"], {}),
        (["--count", "x", "--json"], {}),
        (["--json", "--bogus"], {}),
        (["--bogus", "--json"], {}),
        (["--json", "--self", "h:1"], {}),
        (["--json", "a", "b"], {}),
        (["--json-stream", "--bogus"], {}),
        (["--count", "x", "--json-stream"], {}),
        ([], {"TW_PROBE_ECHO_JSON_STREAM": "1", "TW_PROBE_ECHO_COUNT": "x"}),
        (["--count", "x"], {"TW_PROBE_ECHO_JSON": "1"}),
        (["--bogus"], {"TW_PROBE_ECHO_JSON": "yes"}),
        (["--json"], {"TW_PROBE_ECHO_COUNT": "x"}),
        (["--json"], {"TW_CONFIG": "/dev/zero"}),
    ],
)
def test_a_usage_error_of_a_client_is_an_object_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], args: list[str], env: dict[str, str]
) -> None:
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert _run("probe", "echo", *args) == 2
    out, err = capsys.readouterr()
    document = json.loads(out)
    assert (document["ok"], document["error"]["kind"], document["error"]["exit"]) == (False, "usage", 2)
    assert err == f"tw: {document['error']['message']}\n"


@pytest.mark.parametrize(
    "args",
    [
        ["probe", "echo", "--count", "x"],
        ["probe", "echo", "--", "--json", "b"],
        ["probe", "pubsub", "--publish", "--json", "--count", "x"],
        ["serve", "echo", "--json", "--port", "x"],
        ["serve", "echo", "--json", "--bogus"],
        ["completion", "--json"],
    ],
)
def test_without_a_client_that_was_asked_for_json_stdout_stays_empty(
    capsys: pytest.CaptureFixture[str], args: list[str]
) -> None:
    assert _run(*args) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("tw: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("args", "line"),
    [
        (["nope"], "no such command 'nope'; try 'tw --help'"),
        (["serve", "nope"], "no such command 'nope'; try 'tw serve --help'"),
        (["serve", "echo", "--port"], "option '--port' requires an argument; try 'tw serve echo --help'"),
        (["--color"], "option '--color' requires an argument; try 'tw --help'"),
        (["serve", "echo", "a\nb"], "got unexpected extra argument (a b); try 'tw serve echo --help'"),
    ],
)
def test_a_usage_error_is_one_line_with_the_way_to_the_help(
    capsys: pytest.CaptureFixture[str], args: list[str], line: str
) -> None:
    assert _run(*args) == 2
    assert capsys.readouterr() == ("", f"tw: {line}\n")


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (click.ClickException("TLS is off."), "TLS is off"),
        (click.ClickException("A word"), "a word"),
        (click.ClickException("No way"), "no way"),
    ],
)
def test_a_message_of_clicks_starts_small_unless_it_starts_with_a_name(
    fail: Fail, capsys: pytest.CaptureFixture[str], error: click.ClickException, line: str
) -> None:
    fail(error)
    assert _run("serve", "echo") == 2
    assert capsys.readouterr().err == f"tw: {line}\n"


@pytest.mark.parametrize("verbose", [[], ["-v"]])
def test_a_bug_is_one_line_that_no_stranger_can_write_on(
    fail: Fail, capsys: pytest.CaptureFixture[str], verbose: list[str]
) -> None:
    fail(ZeroDivisionError("a\x1b[2J\nb"))
    assert _run(*verbose, "serve", "echo") == 70
    said = "a bug in tw: ZeroDivisionError: a\\x1b[2J\\x0ab; run it with -vv to see where, and report that"
    assert capsys.readouterr() == ("", f"tw: {said}\n")


@pytest.mark.parametrize("verbose", [["-vv"], ["-v", "-v"], ["-vvv"]])
def test_two_v_show_the_traceback_of_a_bug_made_safe(
    fail: Fail, capsys: pytest.CaptureFixture[str], verbose: list[str]
) -> None:
    fail(ZeroDivisionError("a\x1b[2Jb"))
    assert _run(*verbose, "serve", "echo") == 70
    err = capsys.readouterr().err
    assert "Traceback (most recent call last):\n" in err
    assert err.count("ZeroDivisionError: a\\x1b[2Jb\n") == 1
    assert err.splitlines()[-1].startswith("tw: a bug in tw: ZeroDivisionError: ")
    assert "\x1b" not in err


def test_an_error_is_one_line_that_no_stranger_can_write_on(fail: Fail, capsys: pytest.CaptureFixture[str]) -> None:
    fail(ConnectError("a\x1b[2J\nb", "c\rd", "e\u202ef"))
    assert _run("serve", "echo") == 3
    assert capsys.readouterr() == ("", "tw: a\\x1b[2J\\x0ab (c\\x0dd); e\\u202ef\n")


def test_what_was_typed_behind_a_bad_value_counts_for_its_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("serve", "echo", "--port", "x", "-vv") == 2
    assert capsys.readouterr().err.startswith("tw.errors.UsageError: invalid value")


def test_two_v_show_what_is_underneath_an_error_made_safe(fail: Fail, capsys: pytest.CaptureFixture[str]) -> None:
    error = ConnectError("refused")
    error.__cause__ = ConnectionRefusedError("said \x1b[2J")
    fail(error)
    assert _run("serve", "echo", "-vv") == 3
    err = capsys.readouterr().err
    assert "ConnectionRefusedError: said \\x1b[2J\n" in err
    assert err.endswith("tw: refused\n")


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), click.Abort(), EarlySignal(signal.SIGINT), Interrupted("SIGINT")]
)
def test_ctrl_c_is_130_and_nothing_is_said(
    fail: Fail, capsys: pytest.CaptureFixture[str], error: BaseException
) -> None:
    fail(error)
    assert _run("probe", "echo") == 130
    assert capsys.readouterr() == ("", "")


def test_an_early_sigterm_is_143_and_json_tells_of_it(fail: Fail, capsys: pytest.CaptureFixture[str]) -> None:
    fail(EarlySignal(signal.SIGTERM))
    assert _run("probe", "echo", "--json") == 143
    out, err = capsys.readouterr()
    assert json.loads(out)["error"] == {"kind": "interrupted", "exit": 143, "message": "ended by SIGTERM"}
    assert err == ""


@pytest.mark.parametrize(("result", "code"), [(0, 0), (1, 1), (ExitCode.TLS, 5), (None, 0)])
def test_what_a_run_gives_is_the_exit_code(monkeypatch: pytest.MonkeyPatch, result: Any, code: int) -> None:
    monkeypatch.setattr("tw.servers.serve_echo", lambda *_: result)
    assert _run("serve", "echo") == code
