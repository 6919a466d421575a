"""The edge and signals, from the process's first moments to its last."""

import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tw.__main__ import main
from tw.errors import SIGNALS, ConnectError

TW = str(Path(sys.executable).parent / "tw")
COMMANDS = [[TW], [sys.executable, "-m", "tw"]]


@pytest.fixture(autouse=True)
def _surroundings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What `main` does to the handlers of signals is undone."""
    for name in os.environ:
        if name.startswith("TW_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", "/nonexistent")
    monkeypatch.setattr("sys.argv", ["tw", "serve", "echo"])
    before = {number: signal.getsignal(number) for number in SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def _main() -> int:
    with pytest.raises(SystemExit) as caught:
        main()
    assert isinstance(caught.value.code, int)
    return caught.value.code


def _raise(number: signal.Signals) -> int:
    signal.raise_signal(number)
    return 0


@pytest.mark.parametrize("command", COMMANDS, ids=["tw", "-m tw"])
def test_ctrl_c_while_click_loads_ends_the_command_without_a_word(command: list[str], tmp_path: Path) -> None:
    (tmp_path / "click.py").write_text("import signal\nsignal.raise_signal(signal.SIGINT)\nraise SystemExit(9)\n")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(command, env=environment, capture_output=True, timeout=30, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, b"", b"")


def test_importing_the_edge_into_another_program_leaves_its_signals_alone() -> None:
    script = "import signal, tw.__main__; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout == "True\n"


def test_main_exits_with_the_code_of_the_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(*_: object) -> int:
        raise ConnectError("refused")

    monkeypatch.setattr("tw.servers.serve_echo", fails)
    assert _main() == 3
    assert capsys.readouterr().err == "tw: refused\n"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_before_the_reactor_runs_is_a_code_and_nothing_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], number: signal.Signals, code: int
) -> None:
    monkeypatch.setattr("tw.servers.serve_echo", lambda *_: _raise(number))
    assert _main() == code
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("moment", ["tw.__main__._mend_streams", "tw.__main__._fail", "tw.__main__._flush"])
def test_a_signal_before_or_after_the_run_is_no_traceback(monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    def fails(*_: object) -> int:
        raise ConnectError("refused")

    monkeypatch.setattr("tw.servers.serve_echo", fails)
    monkeypatch.setattr(moment, lambda *_: _raise(signal.SIGTERM))
    assert _main() == 143


def test_once_the_run_is_over_nothing_is_raised_any_more() -> None:
    """The interpreter would print a traceback on its way out."""
    sys.argv = ["tw", "--version"]
    assert _main() == 0
    assert {signal.getsignal(number) for number in SIGNALS} == {signal.SIG_DFL}


def test_an_ignored_ctrl_c_stays_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a shell without job control starts what has `&` behind it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    monkeypatch.setattr("tw.servers.serve_echo", lambda *_: _raise(signal.SIGINT))
    assert _main() == 0
    assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN


def test_the_package_runs_as_a_module_too(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["tw", "--version"])
    monkeypatch.delitem(sys.modules, "tw.__main__")
    with pytest.raises(SystemExit) as caught:
        runpy.run_module("tw", run_name="__main__")
    assert caught.value.code == 0
    assert capsys.readouterr().out.startswith("tw ")
