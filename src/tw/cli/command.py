"""click's commands with what every command of `tw` has: global options, named variables, settings, one-line errors."""

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any

import click
from click import formatting
from click.core import ParameterSource, augment_usage_errors

from tw.cli.texts import FILE

if TYPE_CHECKING:
    from tw.options import CommonOptions

TYPED_ONLY = frozenset({"insecure"})
"""Options that count only when typed: no environment variable and no settings file may weaken a check."""

EVERYWHERE = frozenset({"verbosity", "quiet", "color", "reactor", "config", "no_config"})


TYPED = 3
RANKS: dict[ParameterSource | None, int] = {
    ParameterSource.COMMANDLINE: TYPED,
    ParameterSource.ENVIRONMENT: 2,
    ParameterSource.DEFAULT_MAP: 1,
}
"""Which source of a value wins; one that is not here is a default."""


class Session:
    """What the edge must know although parsing may fail half-way. It is click's `ctx.obj`.

    `common` holds the global options, whichever level they were given at; `ranks` where each came from. `json_forms`:
    the options that ask a client for JSON; one object is then due on stdout, whatever fails. `nagios`: whether one line
    and an exit code are, as Nagios reads them.
    """

    def __init__(self) -> None:
        self.common: dict[str, Any] = {}
        self.ranks: dict[str, int] = {}
        self.json_forms: set[str] = set()
        self.nagios = False

    @property
    def json_client(self) -> bool:
        """Whether a client was asked for JSON."""
        return bool(self.json_forms)

    def options(self) -> "CommonOptions":
        """The global options, as the runs take them."""
        from tw.options import CommonOptions

        names = ("verbosity", "quiet", "color", "reactor")
        return CommonOptions(**{name: self.common[name] for name in names if name in self.common})


def session_of(ctx: click.Context) -> Session:
    return ctx.ensure_object(Session)


def _keep(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    """Keep a global option: typed before environment before settings, the innermost level first; `-v` adds up."""
    session = session_of(ctx)
    name = param.name or ""
    came = rank(ctx, name)
    before = session.ranks.get(name, -1)
    if came < before:
        return
    if name == "verbosity" and came == before == TYPED:
        value += session.common[name]
    session.common[name] = value
    session.ranks[name] = came


def keep_json(ctx: click.Context, param: click.Parameter, value: bool) -> bool:
    """The callback of a client's `--json…`: the edge must know of it also when the rest does not parse."""
    forms = session_of(ctx).json_forms
    (forms.add if value else forms.discard)(str(param.name))
    return value


def keep_nagios(ctx: click.Context, _param: click.Parameter, value: bool) -> bool:
    """The callback of `--nagios`, likewise."""
    session_of(ctx).nagios = value
    return value


@cache
def global_options() -> list[click.Option]:
    """The options that are accepted at every level: the same objects, since making them is a good part of a start."""
    common: dict[str, Any] = {"expose_value": False, "callback": _keep, "is_eager": True, "show_envvar": True}
    return [
        click.Option(
            ["-v", "--verbose", "verbosity"],
            count=True,
            envvar="TW_VERBOSE",
            help="Say more; -vv shows tracebacks.",
            **common,
        ),
        click.Option(["-q", "--quiet"], is_flag=True, envvar="TW_QUIET", help="Say only what was asked for.", **common),
        click.Option(
            ["--color"],
            type=click.Choice(["auto", "always", "never"]),
            default="auto",
            envvar="TW_COLOR",
            help="Colour on a terminal (auto), always or never. NO_COLOR is obeyed.",
            **common,
        ),
        click.Option(
            ["--reactor"],
            type=click.Choice(["auto", "stock"]),
            default="auto",
            envvar="TW_REACTOR",
            help="The lean epoll reactor where it works (auto), or Twisted's own (stock).",
            **common,
        ),
        click.Option(
            ["--config"],
            type=FILE,
            envvar="TW_CONFIG",
            metavar="FILE",
            help="Settings file instead of $XDG_CONFIG_HOME/tw/config.toml.",
            **common,
        ),
        click.Option(["--no-config"], is_flag=True, envvar="TW_NO_CONFIG", help="Read no settings file.", **common),
    ]


class TwContext(click.Context):
    """click's, which finds out a terminal's width without `shutil`: that costs 5 % of `tw --help`."""

    def make_formatter(self) -> click.HelpFormatter:
        if self.terminal_width is None and formatting.FORCED_WIDTH is None:
            # The width that click would take, as `shutil.get_terminal_size` finds it.
            self.terminal_width = max(min(_columns(), self.max_content_width or 80) - 2, 50)
        return super().make_formatter()


def _columns() -> int:
    with suppress(KeyError, ValueError):
        if (columns := int(os.environ["COLUMNS"])) > 0:
            return columns
    stdout = sys.__stdout__
    if stdout is None:
        return 80
    try:
        return os.get_terminal_size(stdout.fileno()).columns or 80
    except (OSError, ValueError):
        return 80


class TwCommand(click.Command):
    """A command whose options have variables and settings of their own, in `section` (`serve.echo`, `imap`).

    One that takes secrets is `discreet`: it does not repeat the arguments that are too many, since one of them may be
    the rest of a secret that was not quoted.
    """

    context_class = TwContext

    def __init__(self, *args: Any, section: str = "", discreet: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.section = section
        self.allow_extra_args = discreet
        for param in self.params:
            if isinstance(param, click.Option) and section and param.name not in TYPED_ONLY and param.envvar is None:
                prefix = section.replace(".", "_").upper()
                param.envvar = f"TW_{prefix}_{setting_name(param).replace('-', '_').upper()}"
                param.show_envvar = True
        self.params.extend(global_options())

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        # click itself says of some errors only what is wrong, not in which command.
        with augment_usage_errors(ctx):
            if not ctx.resilient_parsing:
                from tw.cli.config import read_settings

                self._expect_forms(ctx, args)
                read_settings(ctx, args)
            rest = super().parse_args(ctx, args)
            if rest and not ctx.resilient_parsing:
                ctx.fail("got more arguments than it takes (quote a value that has spaces in it)")
            return rest

    def _expect_forms(self, ctx: click.Context, args: list[str]) -> None:
        """Tell the edge that JSON or Nagios's line is wanted before anything can fail; the callbacks settle it."""
        for param in self.params:
            if isinstance(param, click.Option) and param.callback in (keep_json, keep_nagios):
                wanted = param.opts[0] in args or _truth(os.environ.get(str(param.envvar), ""))
                param.callback(ctx, param, wanted)


class TwGroup(click.Group):
    """A group whose subcommands are imported when they are asked for, so that `--help` loads nothing else.

    `lazy` maps a name to (module, attribute, one line of help).
    """

    command_class = TwCommand
    context_class = TwContext

    def __init__(self, *args: Any, lazy: dict[str, tuple[str, str, str]] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lazy = lazy or {}
        self.params.extend(global_options())

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.lazy) + list(self.commands)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in self.lazy:
            from importlib import import_module

            module, attribute, _ = self.lazy[cmd_name]
            command: click.Command = getattr(import_module(module), attribute)
            return command
        return super().get_command(ctx, cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = [(name, text) for name, (_, _, text) in self.lazy.items()]
        rows += [(name, command.get_short_help_str(90)) for name, command in self.commands.items()]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        session_of(ctx)
        with augment_usage_errors(ctx):
            return super().parse_args(ctx, args)


def setting_name(param: click.Parameter) -> str:
    """The option's name in a settings file: its long name, without the dashes in front."""
    longest = max(param.opts, key=len)
    return longest.lstrip("-")


def _truth(text: str) -> bool:
    return text.strip().lower() in {"1", "true", "t", "yes", "y", "on"}


def command(name: str, section: str, **kwargs: Any) -> Callable[[Callable[..., Any]], TwCommand]:
    """`click.command` for a TwCommand in `section`."""
    return click.command(name, cls=TwCommand, section=section, **kwargs)


def typed(ctx: click.Context, name: str) -> bool:
    """Whether the option was typed on the command line."""
    return rank(ctx, name) == TYPED


def rank(ctx: click.Context, *names: str) -> int:
    """How high the highest source among those of the options ranks; 0 is a default."""
    return max(RANKS.get(ctx.get_parameter_source(name), 0) for name in names)


def given(ctx: click.Context, name: str) -> bool:
    """Whether the option was given at all: typed, in the environment, or in the settings file."""
    return rank(ctx, name) > 0
