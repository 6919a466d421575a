"""`tw` itself: its groups, its help, its version, and how little it loads."""

import os
import subprocess
import sys
from importlib.metadata import version

import click
import pytest

from command_lines import Shell
from tw.cli.completion import read_tree
from tw.cli.root import imap, probe, root, serve
from tw.errors import EXIT_CODE_HELP


def _help(shell: Shell, line: str) -> str:
    assert shell.run(line) == 0
    out, err = shell.capsys.readouterr()
    assert err == ""
    assert isinstance(out, str)
    return out


def test_the_version_is_that_of_the_distribution(shell: Shell) -> None:
    assert _help(shell, "--version") == f"tw {version('tw-bench')}\n"
    assert _help(shell, "--version serve echo") == f"tw {version('tw-bench')}\n"


def test_help_lists_every_exit_code(shell: Shell) -> None:
    lines = _help(shell, "--help").splitlines()
    for code, text in EXIT_CODE_HELP.items():
        assert any(line.split() == [str(int(code)), *text.split()] for line in lines), code


@pytest.mark.parametrize(
    ("line", "commands"),
    [
        ("--help", ["serve", "probe", "imap", "report", "completion"]),
        ("serve -h", ["echo", "counter", "pubsub"]),
        ("probe -h", ["echo", "counter", "pubsub"]),
        ("imap -h", ["first-subject", "subjects", "mailboxes", "status", "watch", "check"]),
    ],
)
def test_help_lists_the_commands_in_their_order(shell: Shell, line: str, commands: list[str]) -> None:
    listed = _help(shell, line).partition("Commands:\n")[2].partition("\n\n")[0].splitlines()
    assert [row.split()[0] for row in listed] == commands
    assert all(len(row.split()) > 2 for row in listed), "each with a word about it"


@pytest.mark.parametrize("line", ["", "serve", "probe", "imap"])
def test_a_group_alone_is_a_usage_error_that_shows_its_help(shell: Shell, line: str) -> None:
    assert shell.run(line) == 2
    out, err = shell.capsys.readouterr()
    assert out == ""
    assert err.startswith(f"Usage: tw {line}".rstrip())
    assert "Commands:" in err


def test_a_group_with_options_alone_is_a_usage_error_in_one_line(shell: Shell) -> None:
    assert shell.refused("-v") == "missing command; try 'tw --help'"
    assert shell.refused("serve -q") == "missing command; try 'tw serve --help'"


@pytest.mark.parametrize("group", [root, serve, probe, imap], ids=lambda group: group.name)
def test_a_group_finds_each_of_its_commands_and_no_other(group: click.Group) -> None:
    ctx = click.Context(group)
    for name in group.list_commands(ctx):
        command = group.get_command(ctx, name)
        assert command is not None
        assert command.name == name
    assert group.get_command(ctx, "nothing") is None


def test_reading_the_tree_of_commands_prints_no_version_and_reads_no_settings(
    shell: Shell, capsys: pytest.CaptureFixture[str]
) -> None:
    """As completion does."""
    with root.make_context("tw", ["--version"], resilient_parsing=True):
        pass
    with root.make_context("tw", ["serve"], resilient_parsing=True) as ctx:
        echo = serve.get_command(ctx, "echo")
        assert echo is not None
        shell.config.write_text("not TOML")
        with echo.make_context("echo", ["--port", "x", "--json"], parent=ctx, resilient_parsing=True):
            pass
    assert capsys.readouterr() == ("", "")
    assert [command.name for command in read_tree(root).commands] == ["serve", "probe", "imap", "report", "completion"]


HEAVY = """
import sys
from tw.__main__ import main
try:
    main()
except SystemExit as exit:
    code = exit.code
loaded = {name.partition(".")[0] for name in sys.modules}
print(code, sorted(loaded & {"twisted", "rich", "httptools", "OpenSSL", "asyncio"}), file=sys.stderr)
"""


@pytest.mark.parametrize(
    "line",
    [
        "--help",
        "--version",
        "serve --help",
        "serve echo --help",
        "probe counter --help",
        "imap first-subject -h",
        "imap check -h",
        "report --help",
    ],
)
def test_help_and_version_load_nothing_heavy(line: str) -> None:
    done = subprocess.run([sys.executable, "-c", HEAVY, *line.split()], capture_output=True, text=True, check=True)
    assert done.stdout
    assert done.stderr == "0 []\n"


def test_the_help_of_the_whole_loads_nothing_of_a_single_command() -> None:
    script = HEAVY.replace('name.partition(".")[0] for', "name for").replace('"asyncio"', '"dataclasses", *COMMANDS')
    commands = "COMMANDS = ['tw.options', 'tw.settings', 'tw.cli.config', 'tw.cli.params', 'tw.cli.serve']"
    # Measured processes load more: coverage needs dataclasses itself.
    plain = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    command = [sys.executable, "-c", commands + script, "--help"]
    done = subprocess.run(command, capture_output=True, text=True, env=plain)
    assert done.stderr == "0 []\n"


def test_a_usage_error_loads_nothing_heavy() -> None:
    command = [sys.executable, "-c", HEAVY, "serve", "echo", "--port", "x"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[1] == "2 []"
