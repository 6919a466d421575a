"""The completion script of bash."""

import shlex

from tw.cli.completion import Command, Value, filled, indented

_SCRIPT = r"""# bash completion of tw, written by `tw completion bash`. It needs nothing but bash 4.

_tw_names() { # the subcommands and the options of the command $1
    commands=() options=()
    case $1 in
@names@
    esac
}

_tw_takes() { # what the option $2 of the command $1 takes, or its argument number $2: nothing, text, file or words
    takes=nothing choices=()
    case $1 in
@takes@
    esac
}

_tw() {
    local IFS=$' \t\n' node=tw position=0 takes=nothing prefix='' cut='' ended='' rest=${COMP_LINE:0:COMP_POINT}
    local redirection='^[0-9]*(&>>?|>>?[&|]?|<<<?|<[&>]?)' current gap word i
    local -a words=() commands=() options=() choices=()
    COMPREPLY=()
    # Bash splits words at the = and : of COMP_WORDBREAKS; join again what stands together on the line.
    for ((i = 0; i <= COMP_CWORD; i++)); do
        gap=${rest%%[![:space:]]*}
        rest=${rest#"$gap"}
        word=${COMP_WORDS[i]}
        [[ $i -lt $COMP_CWORD ]] || word=$rest
        rest=${rest#"$word"}
        if [[ -n $gap || $i -eq 0 ]]; then words+=("$word"); else words[${#words[@]} - 1]+=$word; fi
    done
    current=${words[${#words[@]} - 1]}
    unset "words[${#words[@]} - 1]" 'words[0]'
    _tw_names "$node"
    for word in ${words[@]+"${words[@]}"}; do
        if [[ $takes != nothing ]]; then
            takes=nothing
        elif [[ $word =~ $redirection ]]; then
            [[ $word != "${BASH_REMATCH[0]}" ]] || takes=file
        elif [[ -z $ended && $word == -- ]]; then
            ended=yes
        elif [[ -z $ended && $word == --* ]]; then
            [[ $word == *=* ]] || _tw_takes "$node" "$word"
        elif [[ -z $ended && $word == -?* ]]; then
            for ((i = 1; i < ${#word}; i++)); do
                _tw_takes "$node" "-${word:i:1}"
                [[ $takes == nothing ]] || break
            done
            [[ $i -ge ${#word}-1 ]] || takes=nothing
        elif [[ ${#commands[@]} -gt 0 ]]; then
            node+=" $word"
            _tw_names "$node"
        else
            position=$((position + 1))
        fi
    done
    word=$current
    if [[ $takes != nothing ]]; then
        :
    elif [[ $current =~ $redirection ]]; then
        takes=file current=${current#"${BASH_REMATCH[0]}"} word=$current
    elif [[ -z $ended && $current == --*=* ]]; then
        _tw_takes "$node" "${current%%=*}"
        prefix=${current%%=*}= current=${current#*=}
    elif [[ -z $ended && $current == -* ]]; then
        takes=words choices=(${options[@]+"${options[@]}"})
    elif [[ ${#commands[@]} -gt 0 ]]; then
        takes=words choices=("${commands[@]}")
    else
        _tw_takes "$node" "$position"
    fi
    # Readline replaces only what follows the last of these.
    [[ $COMP_WORDBREAKS != *=* || $word != *=* ]] || cut=${word%"${word##*=}"}
    [[ $COMP_WORDBREAKS != *:* || ${word#"$cut"} != *:* ]] || cut=${word%"${word##*:}"}
    if [[ $takes == file ]]; then
        # Where compgen finds nothing (it knows no quotes and no variables), bash completes as it does for any command.
        compopt -o filenames -o bashdefault -o default 2>/dev/null
        while IFS= read -r word; do
            [[ -z $word ]] || COMPREPLY+=("$word")
        done <<<"$(compgen -f -- "$current")"
    else
        for word in ${choices[@]+"${choices[@]}"}; do
            [[ $word == "$current"* ]] || continue
            printf -v word %q "$word"
            COMPREPLY+=("$word")
        done
    fi
    for ((i = 0; i < ${#COMPREPLY[@]}; i++)); do
        word=$prefix${COMPREPLY[i]}
        COMPREPLY[i]=${word#"$cut"}
    done
}

complete -F _tw tw
"""


def script(tree: Command) -> str:
    """The script, for bash 4 and later."""
    names, takes = [], []
    for command in tree.family():
        pattern = shlex.quote(" ".join(command.path))
        names.append(f"{pattern})")
        if command.commands:
            names.append(f"    commands=({shlex.join(below.name for below in command.commands)})")
        names.append(f"    options=({shlex.join(name for option in command.options for name in option.names)})")
        names.append("    ;;")
        takes += [f"{pattern})", "    case $2 in", *(f"    {line}" for line in _takes(command)), "    esac", "    ;;"]
    return filled(_SCRIPT, names=indented(names, 1), takes=indented(takes, 1))


def _takes(command: Command) -> list[str]:
    """A line for each kind of value, with the options and the numbers of the arguments that take it."""
    takers: dict[str, list[str]] = {}
    last = []
    for option in command.options:
        if option.value is not None:
            takers.setdefault(_kind(option.value), []).extend(option.names)
    for number, argument in enumerate(command.arguments):
        if argument.repeated:
            last = [f"[0-9]*) {_kind(argument)} ;;"]
        else:
            takers.setdefault(_kind(argument), []).append(str(number))
    return [f"{' | '.join(shlex.quote(name) for name in names)}) {kind} ;;" for kind, names in takers.items()] + last


def _kind(value: Value) -> str:
    if value.words:
        return f"takes=words choices=({shlex.join(value.words)})"
    return "takes=file" if value.file else "takes=text"
