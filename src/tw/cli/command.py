"""click's commands with what every command of `tw` has: global options, named variables, settings, one-line errors."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource, augment_usage_errors

from tw.errors import UsageError

if TYPE_CHECKING:
    from tw.options import CommonOptions

TYPED_ONLY = frozenset({"insecure"})
"""Options that count only when typed: no environment variable and no settings file may weaken a check."""

EVERYWHERE = frozenset({"verbosity", "quiet", "color", "reactor", "config", "no_config"})


RANKS = {
    ParameterSource.COMMANDLINE: 3,
    ParameterSource.ENVIRONMENT: 2,
    ParameterSource.DEFAULT_MAP: 1,
}
"""Which source of a value wins; one that is not here is a default."""


@dataclass
class Session:
    """What the edge must know although parsing may fail half-way. It is click's `ctx.obj`.

    `common` holds the global options, whichever level they were given at; `ranks` where each came from.
    """

    common: dict[str, Any] = field(default_factory=dict)
    ranks: dict[str, int] = field(default_factory=dict)
    json_client: bool = False
    """Whether a client was asked for JSON: one object is then due on stdout, whatever fails."""

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
    source = ctx.get_parameter_source(name)
    rank = RANKS.get(source, 0) if source is not None else 0
    before = session.ranks.get(name, -1)
    if rank < before:
        return
    if name == "verbosity" and rank == before == RANKS[ParameterSource.COMMANDLINE]:
        value += session.common[name]
    session.common[name] = value
    session.ranks[name] = rank


def keep_json(ctx: click.Context, _param: click.Parameter, value: bool) -> bool:
    """The callback of a client's `--json`: the edge must know of it also when the rest does not parse."""
    session_of(ctx).json_client = value
    return value


def global_options() -> list[click.Option]:
    """The options that are accepted at every level."""
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
            type=click.Path(),
            envvar="TW_CONFIG",
            metavar="FILE",
            help="Settings file instead of $XDG_CONFIG_HOME/tw/config.toml.",
            **common,
        ),
        click.Option(["--no-config"], is_flag=True, envvar="TW_NO_CONFIG", help="Read no settings file.", **common),
    ]


class TwCommand(click.Command):
    """A command whose options have variables and settings of their own, in `section` (`serve.echo`, `imap`)."""

    def __init__(self, *args: Any, section: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.section = section
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
                self._expect_json(ctx, args)
                _read_settings(ctx, args)
            return super().parse_args(ctx, args)

    def _expect_json(self, ctx: click.Context, args: list[str]) -> None:
        """Tell the edge that JSON is wanted before anything can fail; `keep_json` settles it."""
        import os

        for param in self.params:
            if isinstance(param, click.Option) and param.callback is keep_json:
                wanted = "--json" in args or _truth(os.environ.get(str(param.envvar), ""))
                session_of(ctx).json_client = wanted


class TwGroup(click.Group):
    """A group whose subcommands are imported when they are asked for, so that `--help` loads nothing else.

    `lazy` maps a name to (module, attribute, one line of help).
    """

    command_class = TwCommand

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


def known_settings(root: click.Group) -> dict[str, frozenset[str]]:
    """Every table that a settings file may hold, with its keys; "" is the file's top."""
    tables: dict[str, frozenset[str]] = {"": frozenset(_top_options(root))}
    ctx = click.Context(root)
    pending: list[click.Command] = [root]
    while pending:
        command = pending.pop()
        if isinstance(command, click.Group):
            pending.extend(filter(None, (command.get_command(ctx, name) for name in command.list_commands(ctx))))
        elif isinstance(command, TwCommand) and command.section:
            tables[command.section] = tables.get(command.section, frozenset()) | frozenset(_options(command))
    return tables


def _options(command: TwCommand) -> dict[str, click.Option]:
    return {
        setting_name(param): param
        for param in command.params
        if isinstance(param, click.Option) and param.name not in EVERYWHERE | TYPED_ONLY and param.name != "help"
    }


def _top_options(command: click.Command) -> dict[str, click.Option]:
    """The global options that a settings file may hold."""
    return {
        setting_name(param): param
        for param in command.params
        if isinstance(param, click.Option) and param.name in {"verbosity", "quiet", "color", "reactor"}
    }


def _read_settings(ctx: click.Context, args: list[str]) -> None:
    """Put the settings file's values below this command's options (click's default_map)."""
    import os
    from pathlib import Path

    typed, _, _ = ctx.command.make_parser(ctx).parse_args(list(args))
    config, skip = typed.get("config"), typed.get("no_config")
    if not config and not skip:
        # The groups above have kept theirs, from the command line or the environment.
        session = session_of(ctx)
        config, skip = session.common.get("config"), session.common.get("no_config")
        named, refused = session.ranks.get("config", 0), session.ranks.get("no_config", 0)
        if config and skip and not named == refused == RANKS[ParameterSource.COMMANDLINE]:
            config, skip = (config, False) if named > refused else (None, True)
    if config and skip:
        raise click.UsageError("--config beside --no-config", ctx)
    if skip or not isinstance(ctx.command, TwCommand):
        return
    from tw import settings

    path = Path(str(config)) if config else settings.default_path(os.environ)
    # Not Path.exists: it raises where a directory on the way may not be searched (`sudo -u` with another's HOME).
    if not config and not os.path.exists(path):
        return
    tables = settings.load(path, known_settings(_root(ctx)), required=bool(config))
    options = _options(ctx.command)
    top = _top_options(ctx.command)
    # A table may be shared: not every key of it is an option of this command.
    found = [(options[key], value) for key, value in tables.get(ctx.command.section, {}).items() if key in options]
    found += [(top[key], value) for key, value in tables[""].items()]
    ctx.default_map = {option.name or "": _shaped(option, value, str(path)) for option, value in found}


def _truth(text: str) -> bool:
    return text.strip().lower() in {"1", "true", "t", "yes", "y", "on"}


def _root(ctx: click.Context) -> click.Group:
    command = ctx.find_root().command
    assert isinstance(command, click.Group)
    return command


def _shaped(option: click.Option, value: Any, where: str) -> Any:
    """The value as click takes a default, or UsageError where it cannot be one of the option's."""
    problem = ""
    if isinstance(value, list) and not option.multiple:
        problem = "takes one value, not a list"
    elif option.is_flag and not isinstance(value, bool):
        problem = "is true or false"
    elif isinstance(value, bool) and not option.is_flag and not option.count:
        problem = "is not a truth value"
    elif isinstance(value, float) and isinstance(option.type, click.IntRange):
        problem = "is a whole number"
    if problem:
        raise UsageError(f"the setting {setting_name(option)!r} {problem}", where, "mend its value")
    return [value] if option.multiple and not isinstance(value, list) else value


def command(name: str, section: str, **kwargs: Any) -> Callable[[Callable[..., Any]], TwCommand]:
    """`click.command` for a TwCommand in `section`."""
    return click.command(name, cls=TwCommand, section=section, **kwargs)


def typed(ctx: click.Context, name: str) -> bool:
    """Whether the option was typed on the command line."""
    return ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE


def given(ctx: click.Context, name: str) -> bool:
    """Whether the option was given at all: typed, in the environment, or in the settings file."""
    return ctx.get_parameter_source(name) not in (None, ParameterSource.DEFAULT)
