"""Names, hosts and files as they are typed, and set: none is empty."""

import click
import pytest

from cli.test_variables import COMMANDS
from command_lines import Shell
from tw.cli.texts import FILE, FILE_OR_STDIN, HOST, TEXT

MAY_BE_EMPTY = {"--publish", "--listen"}
"""A line may be; an endpoint string is refused by what reads it."""

VALUES = [
    (command, param)
    for command, found in COMMANDS.items()
    for param in found.params
    if not (isinstance(param, click.Option) and (param.is_flag or param.count)) and not set(param.opts) & MAY_BE_EMPTY
]


def _typed(param: click.Parameter) -> str:
    return f"{param.opts[-1]} ''" if isinstance(param, click.Option) else "''"


@pytest.mark.parametrize(("command", "param"), VALUES, ids=lambda value: getattr(value, "name", value))
def test_nothing_is_no_value_of_any_option(shell: Shell, command: str, param: click.Parameter) -> None:
    """It is a script's variable that was never set: `--host "$HOST"` must not open a server to the world."""
    said = shell.refused(f"{command} {_typed(param)}")
    assert said.startswith("invalid value for ")
    assert (
        param.opts[-1]
        if isinstance(param, click.Option)
        else param.make_metavar(click.Context(COMMANDS[""])).strip("[].")
    ) in said


@pytest.mark.parametrize(
    ("command", "setting"),
    [
        ("serve echo", "[serve.echo]\nhost = ''"),
        ("serve echo", "[serve.echo]\nready-file = ''"),
        ("serve counter", "[serve.counter]\nstate = ''"),
        ("probe echo", "[probe.echo]\nca-file = ''"),
        ("probe echo", "[probe.echo]\nbind = ''"),
        ("imap first-subject", "[imap]\nuser = ''"),
        ("imap first-subject", "[imap]\npin = ''"),
    ],
)
def test_nothing_is_no_setting_either(shell: Shell, command: str, setting: str) -> None:
    said = shell.refused(command, config=setting)
    name = setting.partition("\n")[2].partition(" ")[0]
    assert said.startswith(f"invalid value for '--{name}': an empty text (from the settings file); ")


def test_a_variable_that_is_set_to_nothing_is_not_set(shell: Shell) -> None:
    """So click has it for every option, numbers too; the next source then counts."""
    options = shell.start("serve echo", {"TW_SERVE_ECHO_HOST": "", "TW_SERVE_ECHO_PORT": ""}).options
    assert (options.host, options.port) == ("127.0.0.1", 1234)
    options = shell.start("serve echo", {"TW_SERVE_ECHO_HOST": ""}, "[serve.echo]\nhost = '::1'").options
    assert options.host == "::1"


def test_a_host_may_have_the_brackets_of_a_url(shell: Shell) -> None:
    typed = ("[::1]", "::1", "[fe80::1%eth0]", "a.example", "[a]", "[::1")
    assert [HOST.convert(text, None, None) for text in typed] == [
        "::1", "::1", "fe80::1%eth0", "a.example", "[a]", "[::1",
    ]  # fmt: skip
    assert shell.start("serve echo --host [::1]").options.host == "::1"
    assert shell.start("serve echo", None, "[serve.echo]\nhost = '[::]'").options.host == "::"
    assert shell.start("imap first-subject --user u --host [::1]").value("host") == "::1"
    assert shell.start("imap first-subject --user u", {"TW_IMAP_HOST": "[::1]"}).value("host") == "::1"
    assert shell.start("probe echo --bind [::1]").options.bind == "::1"


def test_a_text_is_taken_as_it_is() -> None:
    assert TEXT.convert(" a\tb ", None, None) == " a\tb "
    assert TEXT.convert(5, None, None) == "5"


@pytest.mark.parametrize("path", ["/nonexistent/x", "/", "/root/x", "./-"])
def test_what_is_at_a_file_s_name_is_for_its_reader_to_say(path: str) -> None:
    """With exit code 9, whether it is missing, a directory or unreadable."""
    assert FILE.convert(path, None, None) == FILE_OR_STDIN.convert(path, None, None) == path


def test_a_dash_is_stdin_or_refused_and_never_a_file_of_that_name(shell: Shell) -> None:
    assert shell.start("imap first-subject --user u --password-file -").value("password_file") == "-"
    for line in ("serve echo --ready-file", "serve counter --state", "serve echo --tls-key", "probe echo --ca-file"):
        option = line.split()[-1]
        said = shell.refused(f"{line} -")
        assert said.startswith(f"invalid value for '{option}': '-' is no file here; write ./- for one of that name")
