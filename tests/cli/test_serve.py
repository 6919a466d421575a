"""What `tw serve` starts, and which combinations of its options it refuses."""

import os
from typing import Any

import pytest

from command_lines import Shell
from tw.serve_options import ServeCounterOptions, ServeEchoOptions, ServePubSubOptions


@pytest.mark.parametrize(
    ("command", "by", "options"),
    [
        ("serve echo", "serve_echo", ServeEchoOptions(port=1234)),
        ("serve counter", "serve_counter", ServeCounterOptions(port=8080, start=None)),
        ("serve pubsub", "serve_pubsub", ServePubSubOptions(port=1025)),
    ],
)
def test_without_options_a_server_is_the_one_of_the_contract(shell: Shell, command: str, by: str, options: Any) -> None:
    started = shell.start(command)
    assert (started.by, started.options) == (by, options)


def test_what_is_left_out_of_pubsub_is_said_with_no(shell: Shell) -> None:
    options = shell.start("serve pubsub --no-prefix --no-echo --crlf").options
    assert options == ServePubSubOptions(prefix=False, echo=False, crlf=True)


def test_trusted_peers_are_networks_and_addresses(shell: Shell) -> None:
    options = shell.start("serve echo --proxy-protocol --proxy-trust 10.0.0.0/8 --proxy-trust 2001:db8::1").options
    assert options == ServeEchoOptions(proxy_protocol=True, proxy_trust=("10.0.0.0/8", "2001:db8::1"))
    assert shell.start("serve echo --proxy-protocol").options == ServeEchoOptions(proxy_protocol=True)


@pytest.mark.parametrize("typed", ["--host ::", "--port 7", "--host :: --port 7"])
def test_listen_beside_host_or_port_is_refused_when_both_were_typed(shell: Shell, typed: str) -> None:
    said = shell.refused(f"serve echo --listen tcp:1 {typed}")
    assert said.startswith("--listen beside --host or --port: an endpoint string names its own place; ")


@pytest.mark.parametrize("config", [None, "[serve.echo]\nlisten = 'tcp:2'"])
@pytest.mark.parametrize("env", [None, {"TW_SERVE_ECHO_LISTEN": "tcp:3"}])
def test_a_typed_place_replaces_a_listen_from_elsewhere(
    shell: Shell, config: str | None, env: dict[str, str] | None
) -> None:
    assert shell.start("serve echo --port 7", env, config).options == ServeEchoOptions(port=7)
    assert shell.start("serve echo --host ::", env, config).options == ServeEchoOptions(host="::")


@pytest.mark.parametrize("name", ["HOST", "PORT"])
def test_a_place_in_the_environment_replaces_a_listen_from_the_file(shell: Shell, name: str) -> None:
    value = {"HOST": "::", "PORT": "7"}[name]
    options = shell.start("serve echo", {f"TW_SERVE_ECHO_{name}": value}, "[serve.echo]\nlisten = 'tcp:2'").options
    assert (options.listen, str(getattr(options, name.lower()))) == ((), value)


def test_a_listen_replaces_a_place_from_elsewhere(shell: Shell) -> None:
    """The higher source wins, and where they are level, `listen`."""
    place = {"TW_SERVE_ECHO_HOST": "::"}
    listen = {"TW_SERVE_ECHO_LISTEN": "tcp:2"}
    config = "[serve.echo]\nport = 7\n"
    assert shell.start("serve echo --listen tcp:1", place, config).options.listen == ("tcp:1",)
    assert shell.start("serve echo", {**place, **listen}).options.listen == ("tcp:2",)
    assert shell.start("serve echo", listen, config).options.listen == ("tcp:2",)
    assert shell.start("serve echo", None, config + "listen = 'tcp:3'").options.listen == ("tcp:3",)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("serve echo --port 65536", "invalid value for '--port': "),
        ("serve echo --drain-timeout 1y", "invalid value for '--drain-timeout': '1y' is not a duration"),
        ("serve echo --duration 0", "invalid value for '--duration': '0' is out of range"),
        ("serve echo --max-connections 0", "invalid value for '--max-connections': "),
        ("serve echo --on-full drop", "invalid value for '--on-full': "),
        ("serve echo --max-per-host 0", "invalid value for '--max-per-host': "),
        ("serve echo --accept-rate 0", "invalid value for '--accept-rate': "),
        ("serve echo --idle-timeout 0", "invalid value for '--idle-timeout': '0' is out of range"),
        ("serve echo --idle-timeout 99ms", "--idle-timeout below 100ms; "),
        ("serve echo --allow localhost", "invalid value for '--allow': 'localhost' is not a network; write 10.0.0.0/8"),
        (
            "serve echo --deny 10.0.0.1/8",
            "invalid value for '--deny': '10.0.0.1/8' has host bits set; write 10.0.0.0/8",
        ),
        ("serve echo extra", "got unexpected extra argument (extra)"),
        ("serve echo --udp --listen tcp:1", "--udp beside --listen; "),
        ("serve echo --workers 0", "invalid value for '--workers': '0' is out of range; use 1 to 256, or auto"),
        ("serve echo --workers 257", "invalid value for '--workers': '257' is out of range; "),
        ("serve echo --workers 1.5", "invalid value for '--workers': '1.5' is not a number of processes; "),
        ("serve echo --workers 2 --udp", "--udp beside --workers; "),
        ("serve counter --workers 2 --max-per-host 1", "--max-per-host beside --workers; "),
        ("serve counter --workers 2 --status 503:1", "--workers beside faults; "),
        ("serve pubsub --workers 2", "--workers without --via; a line that reaches one process reaches the clients of"),
        ("serve counter --workers 2 --via redis://h --state f", "--state beside --via; "),
        ("serve counter --workers 2 --lease 5", "--lease without --via; "),
        ("serve echo --tls-cert c", "a certificate needs its key"),
        ("serve echo --proxy-trust ::1", "--proxy-trust without --proxy-protocol; "),
        ("serve echo --udp --proxy-protocol", "--udp beside --proxy-protocol; "),
        (
            "serve echo --proxy-protocol --proxy-trust lo",
            "invalid value for '--proxy-trust': 'lo' is not a network; ",
        ),
        ("serve counter --start -1", "invalid value for '--start': "),
        ("serve counter --start 9223372036854775808", "invalid value for '--start': "),
        ("serve counter --header-timeout 0", "invalid value for '--header-timeout': '0' is out of range"),
        ("serve counter --body-timeout x", "invalid value for '--body-timeout': "),
        ("serve counter --keepalive-timeout 366d", "invalid value for '--keepalive-timeout': "),
        ("serve counter --send-timeout -1", "invalid value for '--send-timeout': "),
        ("serve counter --max-header 1023", "invalid value for '--max-header': "),
        ("serve counter --max-body 2048G", "invalid value for '--max-body': "),
        ("serve pubsub --max-line 0", "invalid value for '--max-line': "),
        ("serve pubsub --max-line 65M", "invalid value for '--max-line': "),
        ("serve pubsub --history 1000001", "invalid value for '--history': "),
        ("serve pubsub --backlog 5G", "invalid value for '--backlog': "),
        ("serve pubsub --slow wait", "invalid value for '--slow': "),
        ("serve pubsub --block-timeout 1s", "--block-timeout without --slow block; "),
        ("serve pubsub --slow drop --block-timeout 1s", "--block-timeout without --slow block; "),
        ("serve pubsub --slow block --block-timeout 0", "invalid value for '--block-timeout': "),
        ("serve pubsub --slow", "option '--slow' requires an argument"),
        ("serve nothing", "no such command 'nothing'"),
        ("serve echo --prot 1", "no such option '--prot'. "),
    ],
)
def test_what_a_server_cannot_take_is_refused(shell: Shell, line: str, problem: str) -> None:
    assert shell.refused(line).startswith(problem)


def test_the_least_and_the_greatest_numbers_are_taken(shell: Shell) -> None:
    options = shell.start("serve pubsub --max-line 1 --history 0 --backlog 1").options
    assert (options.max_line_bytes, options.history_lines, options.backlog_bytes) == (1, 0, 1)
    options = shell.start("serve pubsub --max-line 64M --history 1000000 --backlog 4G").options
    assert (options.max_line_bytes, options.history_lines, options.backlog_bytes) == (64 * 1024**2, 10**6, 4 * 1024**3)
    assert shell.start("serve counter --start 9223372036854775807").options.start == 2**63 - 1


def test_auto_is_a_worker_for_each_cpu_that_may_be_used(shell: Shell) -> None:
    before = os.sched_getaffinity(0)
    assert shell.start("serve echo --workers auto").options.workers == len(before)
    os.sched_setaffinity(0, {min(before)})
    try:
        assert shell.start("serve echo --workers auto").options.workers == 1
    finally:
        os.sched_setaffinity(0, before)


def test_pubsub_without_redis_is_shown_how_it_takes_workers(shell: Shell) -> None:
    assert shell.refused("serve pubsub --workers 2").endswith(" over Redis: add --via redis://HOST")
    shown = "serve pubsub --workers 2 --via redis://HOST"
    assert shell.start(shown).options.workers == 2


@pytest.mark.parametrize("service", ["counter --lease 10", "pubsub --via-maxlen 10 --slow block"])
def test_workers_may_be_one_with_other_servers(shell: Shell, service: str) -> None:
    options = shell.start(f"serve {service} --workers 3 --via redis://h").options
    assert (options.workers, options.via.url) == (3, "redis://h")
