"""The completion scripts as the generator writes them. What real shells make of them is in e2e/test_completion.py."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from tw.cli.completion import SHELLS, Command, Option, Value, read_tree, script
from tw.cli.root import root

FILES = Path(__file__).parents[2] / "completions"


def walk(group: click.Group, *path: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command below the group, with the words that lead to it."""
    yield path, group
    ctx = click.Context(group)
    for name in group.list_commands(ctx):
        command = group.get_command(ctx, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from walk(command, *path, name)
        else:
            yield (*path, name), command


COMMANDS = {" ".join(path): command for path, command in walk(root, "tw")}


def names(command: click.Command) -> set[str]:
    """All names of all its options, `--help` included."""
    options = [param for param in command.params if isinstance(param, click.Option)]
    return {name for option in options for name in (*option.opts, *option.secondary_opts)} | {"-h", "--help"}


@pytest.mark.parametrize("shell", SHELLS)
def test_the_file_is_what_the_command_prints(shell: str) -> None:
    printed = CliRunner().invoke(root, ["completion", shell])
    assert printed.exit_code == 0
    stored = (FILES / f"tw.{shell}").read_text(encoding="utf-8")
    assert stored == printed.output, f"the commands changed; run: tw completion {shell} > completions/tw.{shell}"


def test_another_shell_is_a_usage_error() -> None:
    assert CliRunner().invoke(root, ["completion", "tcsh"]).exit_code == 2


@pytest.mark.parametrize("path", COMMANDS)
def test_bash_knows_every_option_of_every_command(path: str) -> None:
    branch = re.search(rf"^    {re.escape(shlex.quote(path))}\)\n(.*?);;", script("bash", root), re.M | re.S)
    assert branch is not None
    options = re.search(r"options=\((.*)\)", branch[1])
    assert options is not None
    assert set(shlex.split(options[1])) == names(COMMANDS[path])


@pytest.mark.parametrize("path", COMMANDS)
def test_zsh_knows_every_option_of_every_command(path: str) -> None:
    function = "_" + re.sub(r"\W", "_", path)
    body = re.search(rf"^{function}\(\) {{\n(.*?)^}}", script("zsh", root), re.M | re.S)
    assert body is not None
    specs = [re.match(r"(?:\*|\(.*?\))?(--?[\w-]+)", spec) for spec in _zsh_specs(body[1])]
    assert {spec[1] for spec in specs if spec} == names(COMMANDS[path])


def _zsh_specs(body: str) -> list[str]:
    """The arguments of the function's _arguments."""
    call = re.search(r"_arguments .*? : (.*?)&& ret=0", body, re.S)
    assert call is not None
    return shlex.split(call[1])


@pytest.mark.parametrize("path", COMMANDS)
def test_fish_knows_every_option_of_every_command(path: str) -> None:
    found = set()
    for line in script("fish", root).splitlines():
        condition = re.match(r"complete -c tw(?: -n (\w+|'[^']*'))? -[sl] ", line)
        if condition and (condition[1] is None or condition[1].strip("'") == f"__tw_at {path}"):
            given = line[condition.end() - 4 :].partition(" -d ")[0]
            found |= {f"{'-' if kind == 's' else '--'}{name}" for kind, name in re.findall(r" -([sl]) (\S+)", given)}
    assert found == names(COMMANDS[path])


@pytest.mark.parametrize("shell", SHELLS)
def test_every_command_and_every_fixed_value_is_in_the_script(shell: str) -> None:
    text = script(shell, root)
    for path, command in COMMANDS.items():
        assert all(re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text) for word in path.split())
        for param in command.params:
            if isinstance(param.type, click.Choice):
                assert " ".join(param.type.choices) in text, (path, param)


def test_the_tree_tells_files_fixed_values_and_free_texts_apart() -> None:
    params: list[click.Parameter] = [
        click.Option(["-p", "--path"], type=click.Path()),
        click.Option(["--file"], type=click.File(), multiple=True),
        click.Option(["--way"], type=click.Choice(["a", "b"]), help="Which  way\nto go."),
        click.Option(["--port"], type=int, metavar="N"),
        click.Option(["--on/--off"]),
        click.Option(["-n"], count=True),
        click.Argument(["target"]),
    ]
    tree = read_tree(click.Group("tw", params=params, add_help_option=False))
    assert tree.options == (
        Option(("-p", "--path"), "", False, Value("PATH", (), True)),
        Option(("--file",), "", True, Value("FILENAME", (), True)),
        Option(("--way",), "Which way to go.", False, Value("CHOICE", ("a", "b"), False)),
        Option(("--port",), "", False, Value("N", (), False)),
        Option(("--on", "--off"), "", False, None),
        Option(("-n",), "", True, None),
    )
    assert tree.arguments == (Value("TARGET"),)


def test_an_argument_that_is_repeated_is_completed_in_all_places_from_its_own_on() -> None:
    params: list[click.Parameter] = [click.Argument(["way"]), click.Argument(["files"], type=click.Path(), nargs=-1)]
    command = click.Command("tw", params=params, add_help_option=False)
    tree = read_tree(click.Group("tw", commands={"sub": command}, add_help_option=False))
    assert tree.commands[0].arguments == (Value("WAY"), Value("FILES", file=True, repeated=True))
    group = click.Group("tw", commands={"sub": command})
    assert re.search(r"0\) takes=text ;;\n +\[0-9\]\*\) takes=file ;;", script("bash", group))
    assert "'1::WAY:()'" in script("zsh", group)
    assert "'*:FILES:_files'" in script("zsh", group)
    assert "complete -c tw -n '__tw_at tw sub any' -F" in script("fish", group)


def test_what_is_hidden_from_help_is_hidden_from_completion() -> None:
    group = click.Group("tw", add_help_option=False, params=[click.Option(["--secret"], hidden=True)])
    group.add_command(click.Command("inner", hidden=True))
    group.add_command(click.Command("seen", add_help_option=False))
    assert read_tree(group) == Command(("tw",), "", (), (), (Command(("tw", "seen"), "", (), (), ()),))


def strange(text: str) -> click.Group:
    """A tree whose texts are all `text`."""
    options: list[click.Parameter] = [
        click.Option(["--flag"], is_flag=True, help=text),
        click.Option(["--take"], metavar=text, help=text),
    ]
    group = click.Group("tw", params=options, add_help_option=False)
    group.add_command(click.Command("sub", short_help=text, add_help_option=False))
    return group


@pytest.mark.parametrize(
    ("text", "option", "command"),
    [
        ("it's", "it's", "it's"),
        ("[x]", r"\[x\]", "[x]"),
        ("a:b", "a:b", "a:b"),
        ("a\\b", r"a\\b", r"a\\b"),
        ('"$HOME" `x` %F', '"$HOME" `x` %F', '"$HOME" `x` %F'),
    ],
)
def test_zsh_help_texts_are_quoted_for_zsh_and_escaped_for_its_functions(text: str, option: str, command: str) -> None:
    written = script("zsh", strange(text))
    label = text.replace("\\", r"\\").replace(":", r"\:")
    assert shlex.quote(f"--flag[{option}]") in written
    assert shlex.quote(f"--take=[{option}]:{label}: ") in written
    assert shlex.quote(f"sub:{command}") in written


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("it's", r"'it\'s'"),
        ("[x]:(y)", "'[x]:(y)'"),
        ("a\\b", r"'a\\b'"),
        ('"$HOME" `x` @names@', "'\"$HOME\" `x` @names@'"),
    ],
)
def test_fish_help_texts_are_quoted(text: str, quoted: str) -> None:
    lines = script("fish", strange(text)).splitlines()
    assert f"complete -c tw -n '__tw_at tw' -l flag -d {quoted}" in lines
    assert f"complete -c tw -n '__tw_at tw' -l take -r -f -d {quoted}" in lines
    assert f"complete -c tw -n '__tw_at tw' -a sub -d {quoted}" in lines


def test_bash_shows_no_help_texts() -> None:
    assert script("bash", strange("$(touch /tmp/x) ' \" \\")) == script("bash", strange("plain"))


def test_fixed_values_are_quoted_for_each_shell() -> None:
    group = click.Group("tw", params=[click.Option(["--way"], type=click.Choice(["a b", "c'd", "$e"]))])
    assert """choices=('a b' 'c'"'"'d' '$e')""" in script("bash", group)
    assert shlex.quote(r"--way=:CHOICE:(a\ b c\'d \$e)") in script("zsh", group)
    assert r"-a '\'a b\' \'c\\\'d\' \'$e\''" in script("fish", group)
