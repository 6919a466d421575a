"""The completion script of zsh: a function for each command, built on the _arguments of zsh's own completion system."""

import re
import shlex
from collections.abc import Sequence

from tw.cli.completion import Command, Option, Value, escaped, filled, indented

_SCRIPT = r"""#compdef tw
# zsh completion of tw, written by `tw completion zsh`. Save it as `_tw` in a directory of $fpath, or source it.

@functions@

if [[ "${funcstack[1]-}" == _tw ]]; then
    _tw "$@"
elif (( ${+functions[compdef]} )); then
    compdef _tw tw
else
    print -u2 'tw completion: run `autoload -Uz compinit; compinit` first'
fi
"""

_BELOW = r"""
    case $state in
        commands)
            local -a commands=(
@commands@
            )
            _describe -t commands @title@ commands && ret=0
            ;;
        below)
            case $words[1] in
@below@
            esac
            ;;
    esac"""


def script(tree: Command) -> str:
    """The script, to be autoloaded as `_tw` or sourced."""
    return filled(_SCRIPT, functions="\n\n".join(_function(command) for command in reversed(tree.family())))


def _function(command: Command) -> str:
    specs = [spec for option in command.options for spec in _option(option)]
    flags = "-s -S -C"
    after = ""
    if command.commands:
        flags += " -A '-*'"
        specs += ["1:command:->commands", "*:: :->below"]
        after = filled(
            _BELOW,
            title=shlex.quote(f"{' '.join(command.path)} command"),
            commands=indented((_described(below) for below in command.commands), 4),
            below=indented((_branch(below) for below in command.commands), 4),
        )
    else:
        places = [f"{number}:" for number in range(1, len(command.arguments) + 1)]
        specs += [
            f"{'*' if argument.repeated else place}:{_value(argument, free='()')}"
            for place, argument in zip(places, command.arguments, strict=True)
        ]
    lines = [
        'local curcontext="$curcontext" context state state_descr line ret=1',
        "typeset -A opt_args",
        f"_arguments {flags} : \\",
        *(f"    {shlex.quote(spec)} \\" for spec in specs),
        "    && ret=0",
    ]
    return f"{_function_name(command.path)}() {{\n{indented(lines, 1)}{after}\n    return ret\n}}"


def _branch(command: Command) -> str:
    return f"{shlex.quote(command.name)}) {_function_name(command.path)} && ret=0 ;;"


def _function_name(path: Sequence[str]) -> str:
    return "_" + "_".join(path).replace("-", "_")


def _option(option: Option) -> list[str]:
    """The specs of one option, one for each name; the names exclude one another."""
    before = "*" if option.repeatable else f"({' '.join(option.names)})" if len(option.names) > 1 else ""
    text = f"[{escaped(option.help, '[]')}]" if option.help else ""
    if option.value is None:
        return [f"{before}{name}{text}" for name in option.names]
    value = _value(option.value)
    return [f"{before}{name}{'=' if name.startswith('--') else '+'}{text}:{value}" for name in option.names]


def _value(value: Value, free: str = " ") -> str:
    """A message and an action of _arguments.

    `free` is the action that completes nothing: a space shows the message. It does so in the place of an argument while
    an option is typed as well, which then is not inserted; so an argument has no words, `()`, instead.
    """
    action = free
    if value.words:
        action = f"({' '.join(_word(word) for word in value.words)})"
    elif value.file:
        action = "_files"
    return f"{escaped(value.label, ':')}:{action}"


def _described(command: Command) -> str:
    return shlex.quote(f"{escaped(command.name, ':')}:{escaped(command.help, '')}")


def _word(text: str) -> str:
    """A word of an action, which zsh evaluates after _arguments has taken the backslashes before colons."""
    return re.sub(r"[^\w.,/@%+-]", r"\\\g<0>", text, flags=re.ASCII)
