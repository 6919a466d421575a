"""`tw completion SHELL`, and what there is to complete: the command tree, read from click once, by the generator.

The scripts are static. A Tab starts no `tw`, so it answers at once and works where `tw` itself is slow or missing.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from textwrap import indent

import click

from tw.cli.command import TwCommand, TwGroup

SHELLS = ("bash", "zsh", "fish")

EPILOG = """\b
To install it:
  bash  source <(tw completion bash)    in ~/.bashrc
  zsh   source <(tw completion zsh)     in ~/.zshrc, after compinit; or save it as _tw in a directory of $fpath
  fish  tw completion fish > ~/.config/fish/completions/tw.fish"""


@dataclass(frozen=True)
class Value:
    """What stands in one place of a command line: one of `words`, a file, or a text that nobody can guess. An argument
    may be `repeated`: then it stands in all places from its own on."""

    label: str
    words: tuple[str, ...] = ()
    file: bool = False
    repeated: bool = False


@dataclass(frozen=True)
class Option:
    """One option with all its names, in the order of its definition. Without a `value` it is a flag."""

    names: tuple[str, ...]
    help: str
    repeatable: bool
    value: Value | None


@dataclass(frozen=True)
class Command:
    """One command or group; `path` starts with the name of the program."""

    path: tuple[str, ...]
    help: str
    options: tuple[Option, ...]
    arguments: tuple[Value, ...]
    commands: tuple["Command", ...]

    @property
    def name(self) -> str:
        return self.path[-1]

    def family(self) -> list["Command"]:
        """This command and all below it, in the order of `--help`."""
        return [self, *(each for command in self.commands for each in command.family())]


def read_tree(root: click.Group) -> Command:
    """Everything that can be completed below `root`; this imports every subcommand. Hidden things stay hidden."""
    return _read(root, (root.name or "tw",), "", None)


def _read(command: click.Command, path: tuple[str, ...], summary: str, parent: click.Context | None) -> Command:
    ctx = command.context_class(command, info_name=path[-1], parent=parent, **command.context_settings)
    params = command.get_params(ctx)
    below = []
    if isinstance(command, click.Group):
        for name in command.list_commands(ctx):
            child = command.get_command(ctx, name)
            if child is not None and not child.hidden:
                below.append(_read(child, (*path, name), _summary(command, name, child), ctx))
    return Command(
        path=path,
        help=_one_line(summary),
        options=tuple(_option(param) for param in params if isinstance(param, click.Option) and not param.hidden),
        arguments=tuple(_value(param) for param in params if isinstance(param, click.Argument)),
        commands=tuple(below),
    )


def _summary(group: click.Group, name: str, command: click.Command) -> str:
    """The line that the group's `--help` has for the command."""
    if isinstance(group, TwGroup) and name in group.lazy:
        return group.lazy[name][2]
    return command.get_short_help_str(limit=100)


def _option(option: click.Option) -> Option:
    return Option(
        names=(*option.opts, *option.secondary_opts),
        help=_one_line(option.help or ""),
        repeatable=option.multiple or option.count,
        value=None if option.is_flag or option.count else _value(option),
    )


def _value(param: click.Parameter) -> Value:
    kind = param.type
    is_argument = isinstance(param, click.Argument)
    label = _one_line(param.metavar or (param.name or "" if is_argument else kind.name).upper())
    return Value(
        # What `[TARGET]...` says of how often is for a usage line: it stands for one place here.
        label=label.strip("[].") if is_argument else label,
        words=tuple(str(word) for word in kind.choices) if isinstance(kind, click.Choice) else (),
        file=isinstance(kind, click.Path | click.File),
        repeated=is_argument and param.nargs < 0,
    )


def _one_line(text: str) -> str:
    return " ".join(text.replace("\b", " ").split())


def filled(template: str, **parts: str) -> str:
    """The template with each @name@ replaced."""
    return re.sub(r"@(\w+)@", lambda match: parts[match[1]], template)


def indented(lines: Iterable[str], steps: int) -> str:
    return indent("\n".join(lines), "    " * steps)


def escaped(text: str, special: str) -> str:
    """The text with a backslash before each backslash and each of the special characters."""
    return re.sub(f"([{re.escape(special)}\\\\])", r"\\\1", text)


@click.command("completion", cls=TwCommand, help="Print the completion script of a shell.", epilog=EPILOG)
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(ctx: click.Context, /, *, shell: str) -> None:
    root = ctx.find_root().command
    assert isinstance(root, click.Group)
    click.echo(script(shell, root), nl=False)


def script(shell: str, root: click.Group) -> str:
    """The completion script of `shell` for the commands of `root`."""
    from importlib import import_module

    text: str = import_module(f"tw.cli.completion_{shell}").script(read_tree(root))
    return text
