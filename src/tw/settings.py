"""Where a value comes from when it was not typed: `config.toml`. (Environment variables are named by each option.)

Tables are `[serve.echo]`, `[probe.counter]`, `[imap]`; keys are the options' long names. Unknown ones are errors, so
that a typing slip never passes for a setting.
"""

import os
from collections.abc import Mapping
from typing import TypeAlias

from tw.errors import LocalError, UsageError

Value: TypeAlias = str | int | float | bool | list[str]
Table: TypeAlias = dict[str, Value]

MAX_CONFIG_BYTES = 1024 * 1024
"""No configuration of `tw` comes near; a device or a log named by mistake is not read into memory."""


def default_path(environ: Mapping[str, str]) -> str:
    """`$XDG_CONFIG_HOME/tw/config.toml`, or the same below `~/.config` (XDG base directories)."""
    base = environ.get("XDG_CONFIG_HOME", "")
    # `expanduser` alone raises where neither HOME nor the password database knows the user, as in containers.
    home = environ.get("HOME") or os.path.expanduser("~")
    return os.path.join(base if base.startswith("/") else f"{home}/.config", "tw", "config.toml")


def load(path: str, known: Mapping[str, frozenset[str]], *, required: bool) -> dict[str, Table]:
    """The tables of the file at `path`, by dotted name ("" is the top of the file).

    `known` maps each table to its keys. A missing file is an empty configuration unless `required`.
    Raises UsageError for an unknown table or key or a value of the wrong shape, LocalError for an unreadable file.
    """
    try:
        with open(path, "rb") as file:
            text = file.read(MAX_CONFIG_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError) as error:
        if not required:
            return {}
        raise LocalError("no such configuration file", path, "check --config and TW_CONFIG") from error
    except OSError as error:
        raise LocalError(f"cannot read the configuration: {os.strerror(error.errno or 0)}", path) from error
    if len(text) > MAX_CONFIG_BYTES:
        raise UsageError(f"a configuration of over {MAX_CONFIG_BYTES} bytes", path, "is it the right file?")
    import tomllib  # here, since most runs have no such file

    try:
        document = tomllib.loads(text.decode())
    except (ValueError, RecursionError) as error:
        # ValueError: bad TOML, bad UTF-8, or an integer of thousands of digits, which Python refuses to read.
        raise UsageError(f"not TOML: {error}", path, "see https://toml.io for its form") from error
    return _checked(document, known, path)


def _checked(document: dict[str, object], known: Mapping[str, frozenset[str]], where: str) -> dict[str, Table]:
    tables: dict[str, Table] = {}
    pending: list[tuple[str, dict[str, object]]] = [("", document)]
    while pending:
        name, content = pending.pop()
        table: Table = {}
        for key, value in content.items():
            dotted = f"{name}.{key}" if name else key
            if isinstance(value, dict):
                if not any(table_name == dotted or table_name.startswith(dotted + ".") for table_name in known):
                    raise _unknown(
                        f"table [{dotted}]", dotted, [table_name for table_name in known if table_name], where
                    )
                pending.append((dotted, value))
            elif key not in known.get(name, frozenset()):
                raise _unknown(f"key {dotted!r}", key, list(known.get(name, ())), where)
            else:
                table[key] = checked(value, dotted, where)
        tables[name] = table
    return tables


def _unknown(what: str, name: str, names: list[str], where: str) -> UsageError:
    from difflib import get_close_matches

    near = get_close_matches(name, names, 1)
    hint = f"did you mean {near[0]!r}?" if near else f"known here: {', '.join(sorted(names)) or 'none'}"
    return UsageError(f"unknown {what}", where, hint)


def checked(value: object, dotted: str, where: str) -> Value:
    """The value of a key, or UsageError for what is none here: TOML has tables and dates, too."""
    texts = value if isinstance(value, list) else [value]
    if any(isinstance(text, str) and "\0" in text for text in texts):
        # No argument and no variable can hold one, so nothing behind this expects it.
        raise UsageError(f"a NUL in {dotted!r}", where, "mend its value")
    if isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return value
    raise UsageError(f"{dotted!r} is neither text, number, truth value nor a list of texts", where, "mend its value")
