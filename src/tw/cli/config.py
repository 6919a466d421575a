"""The settings file below a command line: which keys it may have, and its values as click's defaults."""

import os
from pathlib import Path
from typing import Any

import click

from tw import settings
from tw.cli.command import EVERYWHERE, TYPED, TYPED_ONLY, TwCommand, session_of, setting_name
from tw.errors import UsageError


def read_settings(ctx: click.Context, args: list[str]) -> None:
    """Put the settings file's values below this command's options (click's default_map)."""
    config, skip = _choice(ctx, args)
    # An empty name, which the option itself refuses, comes a moment later.
    if skip or config == "" or not isinstance(ctx.command, TwCommand):
        return
    path = Path(config) if config is not None else settings.default_path(os.environ)
    # Not Path.exists: it raises where a directory on the way may not be searched (`sudo -u` with another's HOME).
    if config is None and not os.path.exists(path):
        return
    tables = settings.load(path, known_settings(_root(ctx)), required=config is not None)
    options = _options(ctx.command)
    top = _top_options(ctx.command)
    # A table may be shared: not every key of it is an option of this command.
    found = [(options[key], value) for key, value in tables.get(ctx.command.section, {}).items() if key in options]
    found += [(top[key], value) for key, value in tables[""].items()]
    ctx.default_map = {option.name or "": shaped(option, value, str(path)) for option, value in found}


def _choice(ctx: click.Context, args: list[str]) -> tuple[str | None, bool]:
    """The file that `--config` names, if any, and whether `--no-config` says to read none."""
    typed, _, _ = ctx.command.make_parser(ctx).parse_args(list(args))
    config, skip = typed.get("config"), bool(typed.get("no_config"))
    if config is None and not skip:
        # The groups above have kept theirs, from the command line or the environment.
        session = session_of(ctx)
        config, skip = session.common.get("config"), bool(session.common.get("no_config"))
        named, refused = session.ranks.get("config", 0), session.ranks.get("no_config", 0)
        if config is not None and skip and not named == refused == TYPED:
            config, skip = (config, False) if named > refused else (None, True)
    if config is not None and skip:
        raise click.UsageError("--config beside --no-config", ctx)
    return config, skip


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


def _root(ctx: click.Context) -> click.Group:
    command = ctx.find_root().command
    assert isinstance(command, click.Group)
    return command


def shaped(option: click.Option, value: Any, where: str) -> Any:
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
