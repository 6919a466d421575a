"""The completion script of fish."""

import re

from tw.cli.completion import Command, Option, Value, escaped, filled, indented

_SCRIPT = r"""# fish completion of tw, written by `tw completion fish`.

function __tw_takes_value # whether the option $argv[2] of the command $argv[1] takes a value
    switch $argv[1]
@takes@
    end
    return 1
end

function __tw_at # whether the cursor stands below the command $argv; the last word may be a number of arguments, or any
    set -l node tw
    set -l position 0
    set -l state options
    set -l tokens (commandline -opc)
    while string match -q -- '*=*' $tokens[1]
        set -e tokens[1]
    end
    set -e tokens[1]
    for token in $tokens
        if test $state = value
            set state options
        else if test $state = options -a "$token" = --
            set state ended
        else if test $state = options; and string match -q -- '--*' $token
            __tw_takes_value $node $token; and set state value
        else if test $state = options; and string match -q -- '-?*' $token
            set -l letters (string split '' -- (string sub -s 2 -- $token))
            while set -q letters[1]; and not __tw_takes_value $node -$letters[1]
                set -e letters[1]
            end
            test (count $letters) = 1; and set state value
        else if contains -- $node @groups@
            set node "$node $token"
        else
            set position (math $position + 1)
        end
    end
    test "$argv" = $node -o "$argv" = "$node $position" -o "$argv" = "$node any"
end

complete -c tw -e
complete -c tw -f
@completions@
"""


def script(tree: Command) -> str:
    """The script, for fish 3.1 and later."""
    family = tree.family()
    everywhere = [option for option in tree.options if all(option in command.options for command in family)]
    takes, lines = [], [f"complete -c tw {_option(option)}" for option in everywhere]
    for command in family:
        names = [_quoted(name) for option in command.options if option.value is not None for name in option.names]
        if names:
            takes.append(f"case {_quoted(' '.join(command.path))}")
            takes.append(f"    contains -- $argv[2] {' '.join(names)}; and return")
        start = f"complete -c tw -n {_at(command)}"
        lines += [f"{start} -a {_quoted(_quoted(below.name))} -d {_quoted(below.help)}" for below in command.commands]
        for number, argument in enumerate(command.arguments):
            place = "any" if argument.repeated else str(number)
            lines.append(f"complete -c tw -n {_at(command, place)} {_value(argument)}")
        lines += [f"{start} {_option(option)}" for option in command.options if option not in everywhere]
    groups = " ".join(_quoted(" ".join(command.path)) for command in family if command.commands)
    return filled(_SCRIPT, takes=indented(takes, 1), groups=groups, completions="\n".join(lines))


def _at(command: Command, *more: str) -> str:
    return _quoted(" ".join(["__tw_at", *command.path, *more]))


def _option(option: Option) -> str:
    parts = [f"-{'l' if name.startswith('--') else 's'} {_quoted(name.lstrip('-'))}" for name in option.names]
    if option.value is not None:
        parts.append(f"-r {_value(option.value)}")
    if option.help:
        parts.append(f"-d {_quoted(option.help)}")
    return " ".join(parts)


def _value(value: Value) -> str:
    """What -a gets is read again as fish code when it is used, so its words are quoted twice."""
    if value.words:
        return f"-f -a {_quoted(' '.join(_quoted(word) for word in value.words))}"
    return "-F" if value.file else "-f"


def _quoted(text: str) -> str:
    return text if re.fullmatch(r"[\w./@%+-]+", text, re.ASCII) else f"'{escaped(text, chr(39))}'"
