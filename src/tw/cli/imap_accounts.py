"""The file of `tw imap check --accounts`: a table of options for each account, over those of the command line."""

import os
import tomllib
from collections.abc import Callable, Container, Iterable
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from tw.cli.command import TYPED_ONLY, TwCommand, setting_name
from tw.cli.config import shaped
from tw.cli.texts import worded
from tw.errors import LocalError, UsageError
from tw.settings import checked

T = TypeVar("T")

MAX_FILE_BYTES = 4 * 1024 * 1024
"""Some 20,000 accounts; a device or a log named by mistake is not read into memory."""

NOT_OF_ONE = frozenset({"accounts_file", "jobs", "nagios", "json", "trace"})
"""Options of the run as a whole."""

PLACES = ("host", "port", "endpoint", "tunnel")
SECRETS = (
    "password_file",
    "password_fd",
    "password_command",
    "netrc",
    "netrc_file",
    "keyring",
    "token_command",
)


def read_accounts(
    ctx: click.Context,
    path: str,
    options: dict[str, Any],
    build: Callable[[click.Context, dict[str, Any]], T],
) -> tuple[T, ...]:
    """What `build` makes of each `[[account]]` of the file at `path`.

    It gets a context that tells where each value came from, and the values. What an account does not say is as
    `options` have it, from the command line and below. Raises LocalError for a file that cannot be read, and UsageError
    for one that is not of this form or asks for what makes no sense, before anything is asked of any server.
    """
    built = []
    for number, table in enumerate(_tables(path), 1):
        where = f"{path}, account {number}"
        account, values = _account(ctx, options, _settled(ctx, table, where))
        try:
            built.append(build(account, values))
        except UsageError as error:
            raise UsageError(error.what, ", ".join(filter(None, (where, error.where))), error.hint) from error
        except click.UsageError as error:
            raise UsageError(error.message, where, "leave one of them out") from error
    return tuple(built)


def _tables(path: str) -> list[dict[str, Any]]:
    try:
        with open(path, "rb") as file:
            text = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise LocalError(f"cannot read the accounts: {os.strerror(error.errno or 0)}", path) from error
    if len(text) > MAX_FILE_BYTES:
        raise UsageError(f"accounts of over {MAX_FILE_BYTES} bytes", path, "is it the right file?")
    try:
        document = tomllib.loads(text.decode())
    except (ValueError, RecursionError) as error:
        raise UsageError(f"not TOML: {error}", path, "see https://toml.io for its form") from error
    tables = document.pop("account", None)
    if document:
        raise UsageError(f"unknown {next(iter(document))!r}", path, "its tables are [[account]]")
    if not isinstance(tables, list) or not tables or not all(isinstance(table, dict) for table in tables):
        raise UsageError("no account", path, 'write [[account]] and below it user = "alice", and so on')
    return tables


def _settled(ctx: click.Context, table: dict[str, Any], where: str) -> dict[str, Any]:
    """The values of one account, by the names of their options. Raises UsageError."""
    named = {
        setting_name(param): param
        for param in ctx.command.params
        if isinstance(param, click.Option) and param.expose_value
    }
    known = {key: param for key, param in named.items() if param.name not in NOT_OF_ONE | TYPED_ONLY}
    values = {}
    for key, value in table.items():
        param = known.get(key)
        if param is None:
            raise UsageError(f"unknown key {key!r}", where, _advice(key, named, known))
        if key == "security" and value == "plain":
            raise UsageError("security plain counts only when typed", where, "add --security plain to the command")
        try:
            values[param.name or ""] = param.type_cast_value(ctx, shaped(param, checked(value, key, where), where))
        except click.BadParameter as error:
            raise UsageError(f"{key}: {worded(error.message.rstrip('.'))}", where, "mend its value") from error
    return values


def _advice(key: str, named: Container[str], known: Iterable[str]) -> str:
    if key == "password":
        return "name a password-file, a password-command or netrc: this file is no place for secrets"
    if key in named:
        return f"type --{key}: it is for all of them"
    from difflib import get_close_matches

    near = get_close_matches(key, known, 1)
    return f"did you mean {near[0]!r}?" if near else "see tw imap check --help"


def _account(
    ctx: click.Context, options: dict[str, Any], values: dict[str, Any]
) -> tuple[click.Context, dict[str, Any]]:
    assert isinstance(ctx.command, TwCommand)
    account = click.Context(ctx.command, parent=ctx.parent, info_name=ctx.info_name, obj=ctx.obj)
    replaced = _replaced(values)
    merged: dict[str, Any] = {}
    for param in ctx.command.params:
        name = param.name or ""
        if name in values:
            merged[name] = values[name]
            account.set_parameter_source(name, ParameterSource.COMMANDLINE)
        elif name in replaced:
            merged[name] = _unset(account, param)
            account.set_parameter_source(name, ParameterSource.DEFAULT)
        elif name in options:
            merged[name] = options[name]
            account.set_parameter_source(name, ctx.get_parameter_source(name) or ParameterSource.DEFAULT)
    return account, merged


def _unset(account: click.Context, param: click.Parameter) -> Any:
    """The value of an option that nobody gave, whatever the settings file says: this context has none below it."""
    if isinstance(param, click.Option) and param.is_flag:
        return False
    return param.get_default(account) if param.name == "host" else None


def _replaced(values: dict[str, Any]) -> frozenset[str]:
    """The options beside which what an account says would make no sense: it names a place or a secret of its own."""
    replaced: set[str] = set()
    if "endpoint" in values or "tunnel" in values:
        replaced.update(PLACES)
    elif "host" in values:
        replaced.update(("endpoint", "tunnel"))
    if any(name in values for name in SECRETS):
        replaced.update(SECRETS)
    return frozenset(replaced)
