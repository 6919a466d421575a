"""What `tw probe` starts, and which combinations of its options it refuses."""

from typing import Any

import pytest

from command_lines import Shell
from tw.options import TlsClientOptions
from tw.probe_options import ProbeCounterOptions, ProbeEchoOptions, ProbePubSubOptions

PROBES = ["probe echo", "probe counter", "probe pubsub"]


@pytest.mark.parametrize(
    ("command", "by", "options"),
    [
        ("probe echo", "probe_echo", ProbeEchoOptions()),
        ("probe counter", "probe_counter", ProbeCounterOptions()),
        ("probe pubsub", "probe_pubsub", ProbePubSubOptions()),
    ],
)
def test_without_options_a_probe_is_the_one_of_the_contract(shell: Shell, command: str, by: str, options: Any) -> None:
    started = shell.start(command)
    assert (started.by, started.options) == (by, options)
    assert (options.count, options.interval_s, options.timeout_s) == (5, 1.0, 5.0)


@pytest.mark.parametrize("command", PROBES)
def test_a_target_is_taken_as_it_is(shell: Shell, command: str) -> None:
    assert shell.start(f"{command} h:1").options.target == "h:1"
    assert shell.refused(f"{command} h:1 h:2 h:3").startswith("3 targets" if "pubsub" in command else "got ")


@pytest.mark.parametrize("command", PROBES)
def test_an_address_family_is_4_or_6_and_not_both(shell: Shell, command: str) -> None:
    families = [shell.start(f"{command} {typed}").options.family for typed in ("", "-4", "--ipv4", "-6", "--ipv6")]
    assert families == [None, 4, 4, 6, 6]
    assert shell.refused(f"{command} -4 -6").startswith("-4 beside -6; ")
    variables = {f"TW_{command.replace(' ', '_').upper()}_IPV{version}": "1" for version in (4, 6)}
    assert shell.refused(command, variables).startswith("-4 beside -6; ")
    assert [shell.start(f"{command} {typed}", variables).options.family for typed in ("-4", "-6")] == [4, 6]


def test_the_rest_of_a_header_that_was_not_quoted_is_not_repeated(shell: Shell) -> None:
    said = shell.refused("probe counter -H Authorization: Bearer hunter2")
    assert said.startswith("got more arguments than it takes (quote a value that has spaces in it); ")
    assert "hunter2" not in shell.refused("probe counter -H 'Authorization Bearer hunter2'")


@pytest.mark.parametrize("command", PROBES)
def test_several_pins_are_taken_wherever_they_come_from(shell: Shell, command: str) -> None:
    variable = f"TW_{command.replace(' ', '_').upper()}_PIN"
    table = f"[{command.replace(' ', '.')}]"
    for options in (
        shell.start(f"{command} --tls --pin a --pin b").options,
        shell.start(f"{command} --tls --pin 'a;b'").options,
        shell.start(f"{command} --tls", {variable: "a\nb"}).options,
        shell.start(f"{command} --tls", config=f"{table}\npin = ['a', 'b']").options,
        shell.start(f"{command} --tls", config=f"{table}\npin = 'a;b'").options,
    ):
        assert options.verify.pin == "a;b"


@pytest.mark.parametrize("command", PROBES)
def test_the_certificate_options_are_one_object(shell: Shell, command: str) -> None:
    typed = "--tls --ca-file a --pin b --server-name c --client-cert d --client-key e"
    options = shell.start(f"{command} {typed}").options
    assert options.tls
    assert options.verify == TlsClientOptions(
        ca_file="a", pin="b", server_name="c", client_cert="d", client_key="e", insecure=False
    )
    assert shell.start(f"{command} --insecure").options.verify == TlsClientOptions(insecure=True)


def test_what_the_counters_probe_leaves_out_is_said_with_no(shell: Shell) -> None:
    options = shell.start("probe counter --no-keepalive -X HEAD --path /x --resolve H:1:::1 -H 'A: b' -H C:").options
    assert options == ProbeCounterOptions(
        keepalive=False, method="HEAD", path="/x", resolve=(("h", 1, "::1"),), headers=(("A", "b"), ("C", ""))
    )


def test_count_is_the_number_of_lines_when_subscribing_and_there_is_no_default(shell: Shell) -> None:
    counted = shell.start("probe pubsub --subscribe --count 3").options
    endless = shell.start("probe pubsub --subscribe").options
    pings = shell.start("probe pubsub --count 3").options
    assert [options.subscribe_count for options in (counted, endless, pings)] == [3, None, None]
    assert pings.count == 3


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("probe echo -i --interval 2s", "--interval outside ping mode"),
        ("probe pubsub -i --interval 2s", "--interval outside ping mode"),
        ("probe pubsub --subscribe --interval 2s", "--interval outside ping mode"),
        ("probe pubsub --publish x --interval 2s", "--interval outside ping mode"),
        ("probe echo -i --size 64", "--size beside -i"),
        ("probe pubsub -i --size 64", "--size beside -i, --publish or --subscribe"),
        ("probe pubsub --publish x --size 64", "--size beside -i, --publish or --subscribe"),
        ("probe pubsub --subscribe --size 64", "--size beside -i, --publish or --subscribe"),
        ("probe echo -i --count 3", "--count beside -i"),
        ("probe pubsub -i --count 3", "--count beside -i or --publish"),
        ("probe pubsub --publish x --count 3", "--count beside -i or --publish"),
        ("probe echo --idle 2s", "--idle without -i"),
        ("probe pubsub --idle 2s", "--idle without -i or --subscribe"),
        ("probe pubsub --publish x --idle 2s", "--idle without -i or --subscribe"),
        ("probe pubsub --publish x --subscribe", "--publish beside --subscribe"),
        ("probe echo --self h:1", "--self beside a TARGET"),
        ("probe echo --size 19", "invalid value for '--size': '19' is out of range; use 20 to 16777216"),
        ("probe echo --size 17M", "invalid value for '--size': '17M' is out of range; use 20 to 16777216"),
        ("probe echo --count 0", "invalid value for '--count': "),
        ("probe echo --count 10000000000", "invalid value for '--count': "),
        ("probe echo --timeout 0", "invalid value for '--timeout': "),
        ("probe echo --interval -1", "invalid value for '--interval': "),
        ("probe counter --expect-status 99", "invalid value for '--expect-status': "),
        ("probe counter --expect-status 600", "invalid value for '--expect-status': "),
        ("probe counter -H nonsense", "invalid value for '-H' / '--header': 'nonsense' is not a header"),
        ("probe counter --resolve h:1", "invalid value for '--resolve': 'h:1' is not HOST:PORT:ADDR"),
        ("probe counter --size 64", "no such option '--size'"),
    ],
)
def test_what_a_probe_cannot_take_is_refused(shell: Shell, line: str, problem: str) -> None:
    assert shell.refused(line).startswith(problem)


@pytest.mark.parametrize(
    ("line", "field", "value"),
    [
        ("probe echo --size 20", "size_bytes", 20),
        ("probe echo --size 16M", "size_bytes", 16 * 1024**2),
        ("probe echo --count 9999999999", "count", 10**10 - 1),
        ("probe echo --interval 0", "interval_s", 0.0),
        ("probe echo -i --idle 2s", "idle_s", 2.0),
        ("probe pubsub -i --idle 2s", "idle_s", 2.0),
        ("probe pubsub --subscribe --idle 2s", "idle_s", 2.0),
        ("probe pubsub --publish x --no-wait", "wait", False),
        ("probe pubsub --publish - --publish ''", "publish", ("-", "")),
        ("probe counter --expect-status 100", "expect_status", 100),
        ("probe counter --expect-status 599", "expect_status", 599),
        ("probe echo --wait-for 10s", "wait_for_s", 10.0),
        ("probe echo --bind ::1", "bind", "::1"),
    ],
)
def test_what_a_probe_takes(shell: Shell, line: str, field: str, value: Any) -> None:
    assert getattr(shell.start(line).options, field) == value


@pytest.mark.parametrize("line", ["probe echo -i", "probe pubsub --publish x", "probe pubsub --subscribe"])
def test_pacing_that_was_set_for_pings_does_not_stand_in_the_way_of_talking(shell: Shell, line: str) -> None:
    """Only what was typed is a contradiction."""
    table = line.split()[1]
    config = f"[probe.{table}]\ninterval = '2s'\ncount = 3\nidle = '1s'\nsize = 99\n"
    assert shell.start(line, config=config).options.interval_s == 2.0
    assert shell.start(f"probe {table}", config=config).options.idle_s == 1.0


@pytest.mark.parametrize("command", PROBES)
def test_a_standing_certificate_setting_is_told_from_a_typed_one(shell: Shell, command: str) -> None:
    """A typed one without TLS is refused later on; one from the environment is for whenever there is TLS."""
    variable = f"TW_{command.replace(' ', '_').upper()}_CA_FILE"
    assert "ca_file" in shell.start(command, {variable: "ca.pem"}).options.verify.settled
    assert "ca_file" not in shell.start(f"{command} --ca-file ca.pem").options.verify.settled
