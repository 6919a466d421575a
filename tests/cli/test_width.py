"""How wide help is written: as click would, found out more cheaply."""

import os
import subprocess
import sys

import click
import pytest
from click import formatting

from tw.cli.command import TwContext

COMMAND = click.Command("any")


@pytest.fixture(autouse=True)
def unforced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formatting, "FORCED_WIDTH", None)


@pytest.mark.parametrize("limit", [None, 110])
@pytest.mark.parametrize("columns", [None, "", "0", "-3", "wide", "10", "51", "79", "80", "100", "111", "500"])
def test_help_is_as_wide_as_clicks(columns: str | None, limit: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    if columns is not None:
        monkeypatch.setenv("COLUMNS", columns)
    ours = TwContext(COMMAND, max_content_width=limit).make_formatter()
    assert ours.width == click.Context(COMMAND, max_content_width=limit).make_formatter().width


def test_a_terminal_tells_its_width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setattr(os, "get_terminal_size", lambda fd: os.terminal_size((71, 20)))
    monkeypatch.setattr(sys, "__stdout__", sys.stderr)
    monkeypatch.setattr(sys.stderr, "fileno", lambda: 2, raising=False)
    assert TwContext(COMMAND).make_formatter().width == 69


def test_without_a_standard_output_it_is_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setattr(sys, "__stdout__", None)
    assert TwContext(COMMAND).make_formatter().width == 78


def test_a_width_that_is_set_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    assert TwContext(COMMAND, terminal_width=60).make_formatter().width == 60
    monkeypatch.setattr(formatting, "FORCED_WIDTH", 64)
    assert TwContext(COMMAND).make_formatter().width == 64


def test_help_does_not_pay_for_shutil() -> None:
    code = "import sys, atexit; sys.argv = ['tw', '--help']; from tw.__main__ import main\n"
    code += "atexit.register(lambda: print('shutil' in sys.modules, file=sys.stderr)); main()"
    ran = subprocess.run([sys.executable, "-S", "-c", PATHS + code], capture_output=True, text=True, check=True)
    assert ran.stderr.split() == ["False"]


# `site` may load anything, as an editable installation or a coverage hook does.
PATHS = f"import sys; sys.path[:] = {sys.path!r}\n"
