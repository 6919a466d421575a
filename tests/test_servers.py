"""What the server commands run: a service until it is stopped, what it tells, and what it leaves behind."""

import json
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from launching import Launch
from memory import Network
from running import Notes
from scripts import program
from tw import servers
from tw.errors import ConnectError, ExitCode, LocalError
from tw.options import CommonOptions
from tw.probe_options import ProbeEchoOptions
from tw.probes.echo import EchoPing
from tw.serve_options import ServeCounterOptions, ServeEchoOptions, ServePubSubOptions

COMMON = CommonOptions()
ECHO = ServeEchoOptions(json=True)

pytestmark = pytest.mark.usefixtures("quiet")


@pytest.fixture
def net() -> Iterator[Network]:
    made = Network()
    yield made
    made.settle()
    assert made.getDelayedCalls() == []
    assert made.ports == {}


@pytest.fixture
def launch(net: Network, monkeypatch: pytest.MonkeyPatch) -> Launch:
    made = Launch(net)
    monkeypatch.setattr(servers, "run", made)
    return made


def events(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize(
    ("command", "options", "name", "port"),
    [
        (servers.serve_echo, ECHO, "echo", 1234),
        (servers.serve_counter, ServeCounterOptions(json=True), "counter", 8080),
        (servers.serve_pubsub, ServePubSubOptions(json=True), "pubsub", 1025),
    ],
)
def test_a_server_tells_where_it_listens_and_at_a_signal_what_it_did(
    net: Network,
    launch: Launch,
    capsys: pytest.CaptureFixture[str],
    command: Callable[..., int],
    options: Any,
    name: str,
    port: int,
) -> None:
    command(COMMON, options)
    net.pass_s(3.0)
    assert not launch.running.over
    (listening,) = events(capsys)
    assert (listening["event"], listening["service"], listening["port"]) == ("listening", name, port)
    launch.signal(signal.SIGTERM)
    assert launch.running.result == ExitCode.OK
    stopping, summary = events(capsys)
    assert (stopping["event"], stopping["signal"]) == ("stopping", "SIGTERM")
    assert (summary["event"], summary["service"], summary["duration_s"]) == ("summary", name, 3.0)


def test_a_server_stops_by_itself_when_its_duration_is_over(
    net: Network, launch: Launch, capsys: pytest.CaptureFixture[str]
) -> None:
    servers.serve_echo(COMMON, ServeEchoOptions(json=True, duration_s=2.0))
    net.pass_s(1.9)
    assert not launch.running.over
    net.pass_s(0.1)
    assert launch.running.result == ExitCode.OK
    assert [(event["event"], event.get("signal")) for event in events(capsys)[1:]] == [
        ("stopping", None),
        ("summary", None),
    ]


def test_a_signal_before_the_duration_is_over_leaves_no_call_behind(net: Network, launch: Launch) -> None:
    servers.serve_echo(COMMON, ServeEchoOptions(json=True, duration_s=2.0))
    launch.signal(signal.SIGINT)
    assert launch.running.result == ExitCode.OK
    assert net.getDelayedCalls() == []


def test_a_stop_drains_what_is_connected(net: Network, launch: Launch, capsys: pytest.CaptureFixture[str]) -> None:
    servers.serve_echo(COMMON, ECHO)
    probe = net.run(EchoPing(net, ProbeEchoOptions(), Notes(), net.measured).run())
    launch.signal(signal.SIGTERM)
    net.settle()
    assert launch.running.result == ExitCode.OK
    assert probe.over
    assert events(capsys)[-1]["connections"] == 1


# The ready file ------------------------------------------------------------------------------------------------------


def test_the_ready_file_is_there_while_the_server_is(
    net: Network, launch: Launch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "ready"
    servers.serve_echo(COMMON, ServeEchoOptions(json=True, ready_file=str(path)))
    (listening,) = events(capsys)
    (written,) = [json.loads(line) for line in path.read_text().splitlines()]
    assert {**written, "at": ""} == {**listening, "at": ""}
    launch.signal(signal.SIGTERM)
    assert launch.running.result == ExitCode.OK
    assert list(tmp_path.iterdir()) == []


def test_a_second_signal_removes_the_ready_file_as_well(net: Network, launch: Launch, tmp_path: Path) -> None:
    path = tmp_path / "ready"
    servers.serve_echo(COMMON, ServeEchoOptions(json=True, ready_file=str(path)))
    assert path.exists()
    launch.stop.at_once()
    assert not path.exists()
    launch.signal(signal.SIGTERM)
    assert launch.running.result == ExitCode.OK


def test_a_ready_file_that_cannot_be_written_leaves_nothing_bound(
    net: Network, launch: Launch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for as_json in (True, False):
        servers.serve_echo(COMMON, ServeEchoOptions(json=as_json, ready_file=str(tmp_path / "no" / "ready")))
        assert isinstance(launch.running.error, LocalError)
        assert capsys.readouterr() == ("", ""), "it never served, so there is no stop to tell of"


# What goes wrong -----------------------------------------------------------------------------------------------------


def test_a_port_that_cannot_be_had_is_the_error_and_nothing_is_told(
    net: Network, launch: Launch, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def taken(*args: object, **more: object) -> None:
        raise OSError(98, "Address already in use")

    monkeypatch.setattr(net, "listenTCP", taken)
    servers.serve_echo(COMMON, ECHO)
    assert isinstance(launch.running.error, ConnectError)
    assert events(capsys) == []


def test_a_disk_that_is_full_stops_the_server_and_is_the_error(
    net: Network, launch: Launch, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open("/dev/full", "w") as full:
        monkeypatch.setattr("sys.stdout", full)
        servers.serve_echo(COMMON, ECHO)
        net.settle()
        assert isinstance(launch.running.error, LocalError)


# In a process of its own ---------------------------------------------------------------------------------------------

SERVES = """
import os, sys
from tw.__main__ import main
sys.argv = ["tw", *{args}]
main()
"""


def test_a_reader_of_events_that_went_away_ends_the_server_quietly() -> None:
    args = ["serve", "counter", "--port", "0", "--json", "--access-log"]
    with program(SERVES.format(args=args), preamble="") as running:
        port = json.loads(running.line())["port"]
        assert running.process.stdout is not None
        running.process.stdout.close()
        probes = ["probe", "counter", f":{port}", "--count", "3", "--interval", "0", "--timeout", "2s"]
        with program(SERVES.format(args=probes), preamble="") as probe:
            probe.process.communicate(timeout=30)
        assert running.process.wait(30) == 0
        assert running.process.stderr is not None
        assert running.process.stderr.read() == ""


def test_a_reader_of_lines_that_went_away_ends_the_subscriber_quietly() -> None:
    with program(SERVES.format(args=["serve", "pubsub", "--port", "0", "--json"]), preamble="") as server:
        target = f":{json.loads(server.line())['port']}"
        with program(SERVES.format(args=["probe", "pubsub", target, "--subscribe"]), preamble="") as subscriber:
            assert subscriber.process.stdout is not None
            while subscriber.process.poll() is None:
                publish = ["probe", "pubsub", target, "--publish", "line", "--no-wait"]
                with program(SERVES.format(args=publish), preamble="") as publisher:
                    publisher.rest()
                subscriber.process.stdout.close()
            assert subscriber.code == 0
            assert subscriber.process.stderr is not None
            assert re.fullmatch(r"(tw: \d+ lines in .*\n)?", subscriber.process.stderr.read())
