"""Where an option's value comes from: the command line, the environment, the settings file, the default."""

from dataclasses import dataclass
from typing import Any

import pytest

from command_lines import Shell
from tw.cli.config import known_settings
from tw.cli.root import root


@dataclass
class Sources:
    """One option with a value from each source, and what comes of each of them and of the default."""

    command: str
    typed: str
    variable: str
    value: str
    setting: str
    field: str
    expected: list[Any]

    @property
    def config(self) -> str:
        table = "imap" if self.command.startswith("imap") else self.command.replace(" ", ".")
        return f"[{table}]\n{self.setting}\n"


ONE_OF_EACH_KIND = [
    Sources("serve echo", "--port 1", "TW_SERVE_ECHO_PORT", "2", "port = 3", "port", [1, 2, 3, 1234]),
    Sources("serve echo", "--host a", "TW_SERVE_ECHO_HOST", "b", "host = 'c'", "host", ["a", "b", "c", "127.0.0.1"]),
    Sources(
        "serve counter",
        "--drain-timeout 1s",
        "TW_SERVE_COUNTER_DRAIN_TIMEOUT",
        "2m",
        "drain-timeout = 0.5",
        "drain_timeout_s",
        [1.0, 120.0, 0.5, 5.0],
    ),
    Sources(
        "serve pubsub",
        "--max-line 1k",
        "TW_SERVE_PUBSUB_MAX_LINE",
        "2",
        "max-line = '3M'",
        "max_line_bytes",
        [1024, 2, 3 * 1024**2, 65_536],
    ),
    Sources("probe echo", "--count 1", "TW_PROBE_ECHO_COUNT", "2", "count = 3", "count", [1, 2, 3, 5]),
    Sources(
        "imap first-subject --user me",
        "--security tls",
        "TW_IMAP_SECURITY",
        "starttls",
        "security = 'starttls'",
        "security",
        ["tls", "starttls", "starttls", "tls"],
    ),
    Sources("imap first-subject", "--user a", "TW_IMAP_USER", "b", "user = 5", "user", ["a", "b", "5"]),
    Sources("serve pubsub", "--crlf", "TW_SERVE_PUBSUB_CRLF", "0", "crlf = true", "crlf", [True, False, True, False]),
    Sources("probe echo", "--json", "TW_PROBE_ECHO_JSON", "no", "json = true", "json", [True, False, True, False]),
    Sources(
        "serve echo",
        "--listen tcp:1 --listen 'tcp:2 a'",
        "TW_SERVE_ECHO_LISTEN",
        "tcp:3\ntcp:4 b\n",
        "listen = ['tcp:5', 'tcp:6']",
        "listen",
        [("tcp:1", "tcp:2 a"), ("tcp:3", "tcp:4 b"), ("tcp:5", "tcp:6"), ()],
    ),
    Sources(
        "probe counter",
        "-H 'A: 1'",
        "TW_PROBE_COUNTER_HEADER",
        "B: 2\nC: 3",
        "header = 'D: 4'",
        "headers",
        [(("A", "1"),), (("B", "2"), ("C", "3")), (("D", "4"),), ()],
    ),
]


@pytest.mark.parametrize("case", ONE_OF_EACH_KIND, ids=lambda case: case.typed.split()[0])
def test_typed_goes_before_the_environment_before_the_file_before_the_default(shell: Shell, case: Sources) -> None:
    runs = [
        (f"{case.command} {case.typed}", {case.variable: case.value}, case.config),
        (case.command, {case.variable: case.value}, case.config),
        (case.command, None, case.config),
        (case.command, None, None),
    ]
    came = [shell.start(*run).value(case.field) for run in runs[: len(case.expected)]]
    assert came == case.expected


def test_one_text_in_the_file_is_a_list_of_one(shell: Shell) -> None:
    config = "[serve.echo]\nlisten = 'tcp:5'\n[probe.pubsub]\npublish = 'a b'"
    assert shell.start("serve echo", config=config).options.listen == ("tcp:5",)
    assert shell.start("probe pubsub", config=config).options.publish == ("a b",)


@pytest.mark.parametrize("level", ["tw {} serve echo", "tw serve {} echo", "tw serve echo {}"])
@pytest.mark.parametrize(
    ("typed", "name", "value"),
    [
        ("-v", "verbosity", 1),
        ("-vv", "verbosity", 2),
        ("--verbose --verbose --verbose", "verbosity", 3),
        ("-q", "quiet", True),
        ("--quiet", "quiet", True),
        ("--color always", "color", "always"),
        ("--reactor stock", "reactor", "stock"),
    ],
)
def test_a_global_option_counts_at_every_level(shell: Shell, level: str, typed: str, name: str, value: Any) -> None:
    started = shell.start(level.format(typed).removeprefix("tw "))
    assert getattr(started.common, name) == value
    assert getattr(shell.start("serve echo").common, name) != value


def test_v_adds_up_over_the_levels(shell: Shell) -> None:
    assert shell.start("-v serve -vv echo -v").common.verbosity == 4


def test_the_innermost_of_several_global_options_counts(shell: Shell) -> None:
    assert shell.start("--color never serve --color auto echo --color always").common.color == "always"
    assert shell.start("--color never serve echo").common.color == "never"


@pytest.mark.parametrize(
    ("typed", "variable", "value", "setting", "expected"),
    [
        ("-v", "TW_VERBOSE", "2", "verbose = 3", ["verbosity", 1, 2, 3, 0]),
        ("-v", "TW_VERBOSE", "2", "verbose = true", ["verbosity", 1, 2, 1, 0]),
        ("-q", "TW_QUIET", "no", "quiet = true", ["quiet", True, False, True, False]),
        ("--color auto", "TW_COLOR", "never", "color = 'always'", ["color", "auto", "never", "always", "auto"]),
        ("--reactor auto", "TW_REACTOR", "stock", "reactor = 'stock'", ["reactor", "auto", "stock", "stock", "auto"]),
    ],
)
def test_a_global_option_has_the_same_sources_in_the_same_order(
    shell: Shell, typed: str, variable: str, value: str, setting: str, expected: list[Any]
) -> None:
    name, *values = expected
    runs = [
        shell.start(f"{typed} serve echo", {variable: value}, setting),
        shell.start("serve echo", {variable: value}, setting),
        shell.start("serve echo", None, setting),
        shell.start("serve echo"),
    ]
    assert [getattr(run.common, name) for run in runs] == values


def test_insecure_counts_only_when_typed(shell: Shell) -> None:
    for command, variable in (
        ("probe echo", "TW_PROBE_ECHO_INSECURE"),
        ("imap first-subject --user me", "TW_IMAP_INSECURE"),
    ):
        assert shell.start(f"{command} --insecure").value("verify").insecure
        assert not shell.start(command, {variable: "1"}).value("verify").insecure
    assert shell.refused("probe echo", config="[probe.echo]\ninsecure = true").startswith(
        "unknown key 'probe.echo.insecure'"
    )


@pytest.mark.parametrize(
    ("setting", "problem"),
    [
        ("[serve.echo]\nport = [ '1' ]", "the setting 'port' takes one value, not a list"),
        ("[serve.echo]\nudp = 'yes'", "the setting 'udp' is true or false"),
        ("[serve.echo]\nudp = 1", "the setting 'udp' is true or false"),
        ("[serve.echo]\nudp = ['a']", "the setting 'udp' takes one value, not a list"),
        ("[serve.echo]\nport = true", "the setting 'port' is not a truth value"),
        ("[serve.echo]\nlisten = true", "the setting 'listen' is not a truth value"),
        ("[serve.echo]\nport = 80.9", "the setting 'port' is a whole number"),
        ("quiet = ['a']", "the setting 'quiet' takes one value, not a list"),
        ("color = true", "the setting 'color' is not a truth value"),
        ("verbose = 1.5", "the setting 'verbose' is a whole number"),
    ],
)
def test_a_setting_of_the_wrong_shape_names_itself_and_the_file(shell: Shell, setting: str, problem: str) -> None:
    assert shell.refused("serve echo", config=setting) == f"{problem} ({shell.config}); mend its value"


@pytest.mark.parametrize(
    ("env", "config", "place"),
    [
        ({"TW_SERVE_ECHO_PORT": "70000"}, None, "from TW_SERVE_ECHO_PORT"),
        (None, "[serve.echo]\nport = 70000", "from the settings file"),
        ({"TW_COLOR": "pink"}, None, "from TW_COLOR"),
        (None, "color = 'pink'", "from the settings file"),
    ],
)
def test_a_bad_value_that_nobody_typed_says_where_it_is_from(
    shell: Shell, env: dict[str, str] | None, config: str | None, place: str
) -> None:
    assert f"({place}); try 'tw" in shell.refused("serve echo", env, config)


def test_a_bad_value_that_was_typed_does_not_point_elsewhere(shell: Shell) -> None:
    said = shell.refused("serve echo --port x", {"TW_SERVE_ECHO_PORT": "1"})
    assert said == "invalid value for '--port': 'x' is not a whole number; try 'tw serve echo --help'"


def test_an_unknown_key_of_another_command_is_an_error_too(shell: Shell) -> None:
    said = shell.refused("serve echo", config="[imap]\nhots = 'h'")
    assert said == f"unknown key 'imap.hots' ({shell.config}); did you mean 'host'?"


def test_every_command_has_a_table_and_only_those_have_one() -> None:
    tables = known_settings(root)
    servers = {"serve.echo", "serve.counter", "serve.pubsub"}
    probes = {"probe.echo", "probe.counter", "probe.pubsub"}
    assert set(tables) == {"", "imap", "report"} | servers | probes
    assert tables[""] == {"verbose", "quiet", "color", "reactor"}
    assert all({"port", "host", "listen", "tls-cert", "drain-timeout"} <= tables[name] for name in servers)
    assert all({"count", "timeout", "self", "ipv4"} <= tables[name] for name in probes)
    assert {"user", "endpoint", "password-command"} <= tables["imap"]
    # typed only, of the whole, or no setting
    assert not set().union(*tables.values()) & {"insecure", "config", "no-config", "help", "version", "target"}
