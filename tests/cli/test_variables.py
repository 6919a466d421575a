"""Every option has a variable, and each of them reaches its option."""

from typing import Any

import click
import pytest

from command_lines import Shell
from tw.cli.command import TwCommand, TwGroup
from tw.cli.root import root
from tw.fault_options import FaultOptions
from tw.load_options import LoadOptions
from tw.matrix_options import MatrixOptions
from tw.survey_options import SurveyOptions
from tw.via_options import ViaOptions

GLOBAL = {
    "verbosity": "TW_VERBOSE",
    "quiet": "TW_QUIET",
    "color": "TW_COLOR",
    "reactor": "TW_REACTOR",
    "config": "TW_CONFIG",
    "no_config": "TW_NO_CONFIG",
}

SERVE: dict[str, tuple[str, Any]] = {
    "PORT": ("7", ("port", 7)),
    "HOST": ("::", ("host", "::")),
    "LISTEN": ("tcp:1\nunix:/a b", ("listen", ("tcp:1", "unix:/a b"))),
    "HANDSHAKE_TIMEOUT": ("2s", ("handshake_timeout_s", 2.0)),
    "DRAIN_TIMEOUT": ("0", ("drain_timeout_s", 0.0)),
    "DURATION": ("1m", ("duration_s", 60.0)),
    "MAX_CONNECTIONS": ("7", ("max_connections", 7)),
    "ON_FULL": ("wait", ("on_full", "wait")),
    "MAX_PER_HOST": ("7", ("max_per_host", 7)),
    "ACCEPT_RATE": ("7", ("accept_rate", 7)),
    "IDLE_TIMEOUT": ("1m", ("idle_timeout_s", 60.0)),
    "TCP_KEEPALIVE": ("0", ("tcp_keepalive_s", 0.0)),
    "ALLOW": ("::1\n10.0.0.0/8", ("allow", ("::1", "10.0.0.0/8"))),
    "DENY": ("::1", ("deny", ("::1",))),
    "READY_FILE": ("r", ("ready_file", "r")),
    "TLS_SELF_SIGNED": ("1", ("tls_self_signed", True)),
    "PROXY_PROTOCOL": ("1", ("proxy_protocol", True)),
    "PROXY_TRUST": ("10.0.0.0/8\n::1", ("proxy_trust", ("10.0.0.0/8", "::1"))),
    "JSON": ("1", ("json", True)),
    "ACCESS_LOG": ("1", ("access_log", True)),
}
PROBE: dict[str, tuple[str, Any]] = {
    "COUNT": ("7", ("count", 7)),
    "INTERVAL": ("0", ("interval_s", 0.0)),
    "TIMEOUT": ("250ms", ("timeout_s", 0.25)),
    "WAIT_FOR": ("1m", ("wait_for_s", 60.0)),
    "TLS": ("1", ("tls", True)),
    "IPV4": ("1", ("family", 4)),
    "IPV6": ("1", ("family", 6)),
    "BIND": ("127.0.0.2", ("bind", "127.0.0.2")),
    "SELF": ("1", ("self_test", True)),
    "CONNECTIONS": ("7", ("load", LoadOptions(connections=7, duration_s=10.0))),
    "RATE": ("2.5", ("load", LoadOptions(connections=10, rate_per_s=2.5, duration_s=10.0))),
    "DURATION": ("1m", ("load", LoadOptions(duration_s=60.0))),
    "WARMUP": ("2s", ("load", LoadOptions(duration_s=1.0, warmup_s=2.0))),
    "CONNECT_RATE": ("9", ("load", LoadOptions(duration_s=1.0, connect_rate_per_s=9.0))),
    "JSON": ("1", ("json", True)),
    "JSON_STREAM": ("1", ("json_stream", True)),
    "ASSERT": ("p99<1s\nloss=0", ("asserted", ("p99<1s", "loss=0"))),
    "JUNIT": ("j.xml", ("junit", "j.xml")),
    "HGRM": ("h.hgrm", ("hgrm", "h.hgrm")),
    "SEND_PROXY": ("v2", ("send_proxy", "v2")),
    "PROXY_SOURCE": ("[::1]:7", ("proxy_source", ("::1", 7))),
}
FAULTS: dict[str, tuple[str, Any]] = {
    "DELAY": ("2s:7", ("faults", FaultOptions(delay_s=2.0, delay_percent=7.0))),
    "JITTER": ("2s", ("faults", FaultOptions(delay_s=1.0, jitter_s=2.0))),
    "CLOSE_AFTER": ("1k", ("faults", FaultOptions(close_after_bytes=1024))),
    "RESET": ("0.1", ("faults", FaultOptions(reset_percent=0.1))),
    "CORRUPT": ("7%", ("faults", FaultOptions(corrupt_percent=7.0))),
    "TRUNCATE": ("100", ("faults", FaultOptions(truncate_percent=100.0))),
    "SEED": ("0", ("faults", FaultOptions(delay_s=1.0, seed=0))),
}
PATH: dict[str, tuple[str, Any]] = {
    "DIFF": ("1", ("survey", SurveyOptions(kind="diff"))),
    "FIND_IDLE_TIMEOUT": ("1", ("survey", SurveyOptions(kind="idle"))),
    "MAX_IDLE": ("9s", ("survey", SurveyOptions(kind="idle", max_idle_s=9.0))),
    "IDLE_PRECISION": ("2s", ("survey", SurveyOptions(kind="idle", precision_s=2.0))),
}
OWN: dict[str, dict[str, tuple[str, Any]]] = {
    "serve echo": {
        **SERVE,
        **FAULTS,
        "WORKERS": ("3", ("workers", 3)),
        "UDP": ("1", ("udp", True)),
        "DESCRIBE": ("1", ("describe", True)),
    },
    "serve counter": {
        **SERVE,
        **FAULTS,
        "STATUS": ("503:1\n429:.5", ("faults", FaultOptions(statuses=((503, 1.0), (429, 0.5))))),
        "WORKERS": ("256", ("workers", 256)),
        "START": ("0", ("start", 0)),
        "STATE": ("s", ("state", "s")),
        "VIA": ("redis://h/1?key=k", ("via", ViaOptions(url="redis://h/1?key=k"))),
        "VIA_CA_FILE": ("ca", ("via", ViaOptions(url="rediss://h", ca_file="ca"))),
        "VIA_PASSWORD_FILE": ("p", ("via", ViaOptions(url="rediss://h", password_file="p"))),
        "LEASE": ("9", ("lease", 9)),
        "HEADER_TIMEOUT": ("5s", ("header_timeout_s", 5.0)),
        "BODY_TIMEOUT": ("1m", ("body_timeout_s", 60.0)),
        "KEEPALIVE_TIMEOUT": ("1h", ("keepalive_timeout_s", 3600.0)),
        "SEND_TIMEOUT": ("250ms", ("send_timeout_s", 0.25)),
        "MAX_HEADER": ("8k", ("max_header_bytes", 8192)),
        "MAX_BODY": ("0", ("max_body_bytes", 0)),
        "DESCRIBE": ("1", ("describe", True)),
    },
    "serve pubsub": {
        **SERVE,
        "WORKERS": ("1", ("workers", 1)),
        "NO_PREFIX": ("1", ("prefix", False)),
        "NO_ECHO": ("1", ("echo", False)),
        "CRLF": ("1", ("crlf", True)),
        "MAX_LINE": ("1k", ("max_line_bytes", 1024)),
        "HISTORY": ("9", ("history_lines", 9)),
        "BACKLOG": ("1M", ("backlog_bytes", 1024**2)),
        "SLOW": ("drop", ("slow", "drop")),
        "VIA": ("redis://h/1?stream=s", ("via", ViaOptions(url="redis://h/1?stream=s"))),
        "VIA_CA_FILE": ("ca", ("via", ViaOptions(url="rediss://h", ca_file="ca"))),
        "VIA_PASSWORD_FILE": ("p", ("via", ViaOptions(url="rediss://h", password_file="p"))),
        "VIA_MAXLEN": ("9", ("via_maxlen", 9)),
    },
    "probe echo": {
        **PROBE,
        **PATH,
        "SIZE": ("20", ("size_bytes", 20)),
        "UDP": ("1", ("udp", True)),
        "INTERACTIVE": ("1", ("interactive", True)),
        "IDLE": ("2", ("idle_s", 2.0)),
    },
    "probe counter": {
        **PROBE,
        **PATH,
        "PATH": ("/x", ("path", "/x")),
        "HEADER": ("A: 1\nB: 2", ("headers", (("A", "1"), ("B", "2")))),
        "METHOD": ("HEAD", ("method", "HEAD")),
        "EXPECT_STATUS": ("404", ("expect_status", 404)),
        "RESOLVE": ("h:1:::1\ni:2:127.0.0.1", ("resolve", (("h", 1, "::1"), ("i", 2, "127.0.0.1")))),
        "NO_KEEPALIVE": ("1", ("keepalive", False)),
    },
    "probe pubsub": {
        **PROBE,
        "RATE": ("2.5", ("load", LoadOptions(rate_per_s=2.5, duration_s=10.0))),
        "PUBLISHERS": ("7", ("matrix", MatrixOptions(publishers=7))),
        "SUBSCRIBERS": ("7", ("matrix", MatrixOptions(subscribers=7))),
        "WINDOW": ("9", ("matrix", MatrixOptions(window=9))),
        "READ_RATE": ("64k", ("matrix", MatrixOptions(read_rate_bytes_per_s=65_536, slow_subscribers=1))),
        "SIZE": ("20", ("size_bytes", 20)),
        "INTERACTIVE": ("1", ("interactive", True)),
        "PUBLISH": ("a\nb c", ("publish", ("a", "b c"))),
        "SUBSCRIBE": ("1", ("subscribe", True)),
        "IDLE": ("2", ("idle_s", 2.0)),
    },
    "imap first-subject": {
        "USER": ("u", ("user", "u")),
        "HOST": ("h", ("host", "h")),
        "PORT": ("7", ("port", 7)),
        "ENDPOINT": ("tls:h:1", ("endpoint", "tls:h:1")),
        "SECURITY": ("starttls", ("security", "starttls")),
        "MAILBOX": ("m", ("mailbox", "m")),
        "PASSWORD_FILE": ("-", ("password_file", "-")),
        "PASSWORD_COMMAND": ("c", ("password_command", "c")),
        "PASSWORD_FD": ("7", ("password_fd", 7)),
        "NETRC": ("1", ("netrc", True)),
        "NETRC_FILE": ("n", ("netrc_file", "n")),
        "KEYRING": ("1", ("keyring", True)),
        "TOKEN_COMMAND": ("c", ("token_command", "c")),
        "TUNNEL": ("c", ("tunnel", "c")),
        "AUTH": ("plain", ("auth", "plain")),
        "SEND_ID": ("1", ("send_id", True)),
        "TRACE": ("1", ("trace", True)),
        "RAW": ("1", ("raw", True)),
        "TIMEOUT": ("1", ("timeout_s", 1.0)),
        "JSON": ("1", ("json", True)),
    },
}
VERIFY = {name: (f"a {name}", name.lower()) for name in ("CA_FILE", "PIN", "SERVER_NAME", "CLIENT_CERT")}
TOGETHER = {
    # variables that make no sense alone
    "serve": {"TLS_CERT": "c", "TLS_KEY": "k", "TLS_CLIENT_CA": "ca"},
    "probe": {"CLIENT_CERT": "c", "CLIENT_KEY": "k"},
}

NEEDS = {
    "PROXY_TRUST": ("PROXY_PROTOCOL", "1"),
    "PROXY_SOURCE": ("SEND_PROXY", "v1"),
    "WINDOW": ("DURATION", "1"),
    "READ_RATE": ("DURATION", "1"),
    "JITTER": ("DELAY", "1"),
    "SEED": ("DELAY", "1"),
    "WARMUP": ("DURATION", "1"),
    "CONNECT_RATE": ("DURATION", "1"),
    "MAX_IDLE": ("FIND_IDLE_TIMEOUT", "1"),
    "IDLE_PRECISION": ("FIND_IDLE_TIMEOUT", "1"),
    "VIA_CA_FILE": ("VIA", "rediss://h"),
    "VIA_PASSWORD_FILE": ("VIA", "rediss://h"),
    "VIA_MAXLEN": ("VIA", "redis://h"),
    "LEASE": ("VIA", "redis://h"),
}
"""What an option makes no sense without, and what to set that to."""


def _prefix(command: str) -> str:
    return "TW_IMAP" if command.startswith("imap") else "TW_" + command.replace(" ", "_").upper()


def _commands(group: click.Group, path: tuple[str, ...] = ()) -> dict[str, TwCommand | TwGroup]:
    ctx = click.Context(group)
    found: dict[str, TwCommand | TwGroup] = {" ".join(path): group} if isinstance(group, TwGroup) else {}
    for name in group.list_commands(ctx):
        command = group.get_command(ctx, name)
        if isinstance(command, TwGroup):
            found |= _commands(command, (*path, name))
        elif isinstance(command, TwCommand):
            found[" ".join((*path, name))] = command
    return found


COMMANDS = _commands(root)


@pytest.mark.parametrize("command", OWN)
def test_every_variable_reaches_its_option(shell: Shell, command: str) -> None:
    cases = OWN[command]
    came = {}
    for name, (value, (field, _)) in cases.items():
        env = {"TW_IMAP_USER": "u", f"{_prefix(command)}_{name}": value}
        if name in NEEDS:
            needed, its_value = NEEDS[name]
            env[f"{_prefix(command)}_{needed}"] = its_value
        came[name] = shell.start(command, env).value(field)
    assert came == {name: expected for name, (_, (_, expected)) in cases.items()}


@pytest.mark.parametrize("command", [command for command in OWN if not command.startswith("serve")])
def test_the_variables_about_certificates_reach_their_options(shell: Shell, command: str) -> None:
    for name, (value, field) in VERIFY.items():
        env = {f"{_prefix(command)}_{name}": value, "TW_IMAP_USER": "u"}
        assert getattr(shell.start(command, env).value("verify"), field) == value


@pytest.mark.parametrize("command", [command for command in OWN if not command.startswith("imap")])
def test_variables_that_need_each_other_reach_their_options(shell: Shell, command: str) -> None:
    values = TOGETHER[command.split()[0]]
    options = shell.start(command, {f"{_prefix(command)}_{name}": value for name, value in values.items()}).options
    holder = options.verify if command.startswith("probe") else options
    assert {name: getattr(holder, name.lower()) for name in values} == values


def test_no_wait_has_a_variable_too(shell: Shell) -> None:
    options = shell.start("probe pubsub --publish x", {"TW_PROBE_PUBSUB_NO_WAIT": "1"}).options
    assert options.wait is False


def test_slow_subscribers_have_a_variable_too(shell: Shell) -> None:
    typed = "probe pubsub --subscribers 3 --read-rate 1k"
    options = shell.start(typed, {"TW_PROBE_PUBSUB_SLOW_SUBSCRIBERS": "2"}).options
    assert options.matrix.slow_subscribers == 2


def test_the_timeout_of_a_policy_has_a_variable_too(shell: Shell) -> None:
    options = shell.start("serve pubsub --slow block", {"TW_SERVE_PUBSUB_BLOCK_TIMEOUT": "2s"}).options
    assert options.block_timeout_s == 2.0


@pytest.mark.parametrize("command", OWN)
def test_no_option_has_another_variable_or_none(command: str) -> None:
    """Every option of the command is in one of the tests above, `--insecure` and the global ones aside."""
    named = {f"{_prefix(command)}_{name}" for name in OWN[command]}
    area = command.split()[0]
    named |= {f"{_prefix(command)}_{name}" for name in TOGETHER.get(area, {})}
    if area != "serve":
        named |= {f"{_prefix(command)}_{name}" for name in (*VERIFY, "CLIENT_KEY")}
    if command == "probe pubsub":
        named |= {"TW_PROBE_PUBSUB_NO_WAIT", "TW_PROBE_PUBSUB_SLOW_SUBSCRIBERS"}
    if command == "serve pubsub":
        named.add("TW_SERVE_PUBSUB_BLOCK_TIMEOUT")
    options = [param for param in COMMANDS[command].params if isinstance(param, click.Option)]
    own = {option.name: option.envvar for option in options if option.name not in GLOBAL}
    assert own.pop("insecure", None) is None
    assert set(own.values()) == named


@pytest.mark.parametrize("command", COMMANDS)
def test_the_global_options_are_at_every_level_with_their_variables(command: str) -> None:
    params = {param.name: param.envvar for param in COMMANDS[command].params}
    assert {name: params.get(name) for name in GLOBAL} == GLOBAL


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_names_every_variable(shell: Shell, capsys: pytest.CaptureFixture[str], command: str) -> None:
    assert shell.run(f"{command} --help") == 0
    text = "".join(capsys.readouterr().out.split())
    for param in COMMANDS[command].params:
        assert param.envvar is None or f"[envvar:{param.envvar}" in text
