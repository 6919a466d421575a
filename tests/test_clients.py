"""What the client commands run: a probe to its end, with its server beside it, and what they make of every end."""

import json
import signal
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from launching import Launch
from memory import Network
from running import Notes, Stdin
from tw import clients
from tw.clients import _own_server, aimed_at, run_client, tcp_places
from tw.errors import AnswerTimeout, ExitCode, Interrupted, LocalError, ProtocolError, TwError
from tw.events import Listening
from tw.load_options import LoadOptions
from tw.options import CommonOptions, TlsClientOptions
from tw.probe_options import ProbeCounterOptions, ProbeEchoOptions, ProbePubSubOptions
from tw.runtime import Stop
from tw.survey_options import SurveyOptions

COMMON = CommonOptions()

pytestmark = pytest.mark.usefixtures("quiet")


@pytest.fixture
def net() -> Iterator[Network]:
    made = Network()
    yield made
    made.settle()
    assert made.getDelayedCalls() == []


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stdin]:
    made = Stdin()
    monkeypatch.setattr(sys, "stdin", made)
    yield made
    made.close()


@pytest.fixture
def launch(net: Network, monkeypatch: pytest.MonkeyPatch) -> Launch:
    made = Launch(net)
    monkeypatch.setattr(clients, "run", made)
    return made


# One client ----------------------------------------------------------------------------------------------------------


class Client:
    """A client that ends as it is told to, and keeps what it was concluded with."""

    def __init__(self, work: Deferred[None], verdict: ExitCode = ExitCode.OK) -> None:
        self.work = work
        self.verdict = verdict
        self.concluded: list[TwError | None] = []

    async def run(self) -> None:
        await self.work

    def conclude(self, failed: TwError | None) -> ExitCode:
        self.concluded.append(failed)
        return self.verdict


class Out:
    failure: TwError | None = None


def shown() -> Any:
    notes = Notes()
    notes.out = Out()
    return notes


@pytest.mark.parametrize("verdict", [ExitCode.OK, ExitCode.BAD_VERDICT])
def test_a_client_that_is_done_is_judged(net: Network, verdict: ExitCode) -> None:
    client = Client(Deferred(), verdict)
    running = net.run(run_client(Stop(net), shown(), client))
    client.work.callback(None)
    assert (running.result, client.concluded) == (verdict, [None])


def test_a_client_that_fails_shows_what_there_is_and_then_fails(net: Network) -> None:
    client = Client(Deferred())
    running = net.run(run_client(Stop(net), shown(), client))
    error = AnswerTimeout("nothing came")
    client.work.errback(error)
    assert (running.error, client.concluded, error.reported) == (error, [error], True)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_is_told_as_such_once_what_there_is_has_been_shown(net: Network, number: signal.Signals) -> None:
    stop, client = Stop(net), Client(Deferred())
    running = net.run(run_client(stop, shown(), client))
    stop.on_signal(number, None)
    net.hear_thread()
    assert isinstance(running.error, Interrupted)
    assert (running.error.exit_code, client.concluded) == (128 + number, [running.error])
    assert running.error.reported


def test_a_signal_counts_though_the_client_fails_while_it_is_left(net: Network) -> None:
    stop = Stop(net)
    client = Client(Deferred(lambda deferred: deferred.errback(ProtocolError("broke"))))
    running = net.run(run_client(stop, shown(), client))
    stop.on_signal(signal.SIGINT, None)
    net.hear_thread()
    assert isinstance(running.error, Interrupted)


def test_a_reader_that_went_away_has_seen_enough(net: Network) -> None:
    stop, client = Stop(net), Client(Deferred(), ExitCode.BAD_VERDICT)
    running = net.run(run_client(stop, shown(), client))
    stop.fire()
    assert (running.result, client.concluded) == (ExitCode.OK, [None])


@pytest.mark.parametrize("fails", [False, True])
def test_an_output_that_cannot_be_written_is_the_error(net: Network, fails: bool) -> None:
    display, client = shown(), Client(Deferred())
    display.out.failure = LocalError("cannot write the output")
    running = net.run(run_client(Stop(net), display, client))
    client.work.errback(ProtocolError("x")) if fails else client.work.callback(None)
    assert running.error is display.out.failure
    assert len(client.concluded) == 1


def test_a_bug_is_not_dressed_up_as_a_result(net: Network) -> None:
    client = Client(Deferred())
    running = net.run(run_client(Stop(net), shown(), client))
    client.work.errback(ZeroDivisionError())
    assert isinstance(running.error, ZeroDivisionError)
    assert client.concluded == []


# With its server beside it -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pin", [None, "sha256//x"])
@pytest.mark.parametrize(("host", "target"), [("127.0.0.1", "127.0.0.1:7"), ("::1", "[::1]:7")])
def test_a_probe_of_itself_is_aimed_at_its_own_server_and_holds_it_to_its_key(
    pin: str | None, host: str, target: str
) -> None:
    options = ProbeEchoOptions(self_test=True, tls=pin is not None, count=3)
    bound = Listening(service="echo", transport="tcp", host=host, port=7, endpoint="", pin=pin, pid=1)
    aimed = aimed_at(options, [bound])
    assert (aimed.target, aimed.self_test, aimed.count) == (target, False, 3)
    assert (aimed.tls, aimed.verify) == (pin is not None, TlsClientOptions(pin=pin))


@pytest.mark.parametrize(("connections", "most"), [(2, 10_000), (10_001, 10_001)])
def test_its_own_server_takes_as_many_connections_as_the_probe_opens(connections: int, most: int) -> None:
    load = LoadOptions(connections=connections, duration_s=1.0)
    assert _own_server(ProbeEchoOptions(self_test=True, load=load))["max_connections"] == most
    assert _own_server(ProbeEchoOptions(self_test=True))["max_connections"] == 10_000


@pytest.mark.parametrize("self_test", [False, True])
def test_a_load_that_there_is_no_room_for_is_refused_before_anything_is_bound_or_opened(
    net: Network, launch: Launch, capsys: pytest.CaptureFixture[str], self_test: bool
) -> None:
    load = LoadOptions(connections=2 * 10**9, duration_s=1.0)  # no Linux allows as many files
    clients.probe_echo(COMMON, ProbeEchoOptions(self_test=self_test, json=True, load=load))
    assert isinstance(launch.running.error, LocalError)
    assert launch.running.error.where == "RLIMIT_NOFILE"
    assert (net.ports, net.dialled, capsys.readouterr().out) == ({}, [], "")


@pytest.mark.parametrize(
    ("target", "takes"), [(None, True), ("h:1", True), ("unix", True), ("unix:/s", False), ("UNIX:/s", False)]
)
def test_a_connection_takes_a_port_except_over_a_unix_socket(target: str | None, takes: bool) -> None:
    assert tcp_places(ProbeEchoOptions(target=target)) == takes


RUNS: list[tuple[Callable[..., int], Any]] = [
    (clients.probe_echo, ProbeEchoOptions(self_test=True, count=2, json=True)),
    (clients.probe_echo, ProbeEchoOptions(self_test=True, count=2, json=True, tls=True)),
    (clients.probe_echo, ProbeEchoOptions(self_test=True, count=2, json=True, udp=True)),
    (clients.probe_echo, ProbeEchoOptions(self_test=True, count=2, json=True, family=6)),
    (clients.probe_counter, ProbeCounterOptions(self_test=True, count=2, json=True)),
    (clients.probe_counter, ProbeCounterOptions(self_test=True, count=2, json=True, bind="::1")),
    (clients.probe_counter, ProbeCounterOptions(self_test=True, count=2, json=True, tls=True)),
    (clients.probe_pubsub, ProbePubSubOptions(self_test=True, count=2, json=True)),
    (clients.probe_pubsub, ProbePubSubOptions(self_test=True, count=2, json=True, tls=True)),
    (clients.probe_pubsub, ProbePubSubOptions(self_test=True, publish=("a", "b"), json=True)),
    (clients.probe_echo, ProbeEchoOptions(self_test=True, count=2, json=True, send_proxy="v1")),
    (clients.probe_counter, ProbeCounterOptions(self_test=True, count=2, json=True, send_proxy="v2", tls=True)),
    (clients.probe_pubsub, ProbePubSubOptions(self_test=True, count=2, json=True, send_proxy="v2")),
]


@pytest.mark.parametrize(("command", "options"), RUNS)
def test_every_probe_proves_its_own_server(
    net: Network, launch: Launch, capsys: pytest.CaptureFixture[str], command: Callable[..., int], options: Any
) -> None:
    command(COMMON, options)
    net.pass_s(20.0)
    assert launch.running.result == ExitCode.OK
    report = json.loads(capsys.readouterr().out)
    assert (report["ok"], report["sent"], report["received"]) == (True, 2, 2)
    assert net.ports == {}


DIFF, IDLE = SurveyOptions(kind="diff"), SurveyOptions(kind="idle", max_idle_s=2.0)
SURVEYS: list[tuple[Callable[..., int], Any, str]] = [
    (clients.probe_echo, ProbeEchoOptions(self_test=True, json=True, tls=True, survey=DIFF), "diff"),
    (clients.probe_counter, ProbeCounterOptions(self_test=True, json=True, survey=DIFF), "diff"),
    (clients.probe_echo, ProbeEchoOptions(self_test=True, json=True, survey=IDLE), "idle_timeout"),
    (clients.probe_counter, ProbeCounterOptions(self_test=True, json=True, tls=True, survey=IDLE), "idle_timeout"),
]


@pytest.mark.parametrize(("command", "options", "found"), SURVEYS)
def test_a_path_to_its_own_server_can_be_asked_about(
    net: Network,
    launch: Launch,
    capsys: pytest.CaptureFixture[str],
    command: Callable[..., int],
    options: Any,
    found: str,
) -> None:
    command(COMMON, options)
    net.pass_s(20.0)
    assert launch.running.result == ExitCode.OK
    report = json.loads(capsys.readouterr().out)
    assert report["ok"]
    assert report[found]
    assert net.ports == {}


def test_a_probe_of_itself_that_is_interrupted_stops_its_server(
    net: Network, launch: Launch, capsys: pytest.CaptureFixture[str]
) -> None:
    clients.probe_echo(COMMON, ProbeEchoOptions(self_test=True, json=True))
    launch.signal(signal.SIGTERM)
    assert isinstance(launch.running.error, Interrupted)
    assert json.loads(capsys.readouterr().out)["error"]["kind"] == "interrupted"
    assert net.ports == {}


def test_a_probe_of_another_server_starts_none(
    net: Network, launch: Launch, capsys: pytest.CaptureFixture[str]
) -> None:
    clients.probe_counter(COMMON, ProbeCounterOptions(target=":9", json=True))
    assert isinstance(launch.running.error, TwError)
    assert launch.running.error.exit_code == ExitCode.CONNECT
    assert json.loads(capsys.readouterr().out)["error"]["exit"] == 3


@pytest.mark.parametrize(
    ("command", "options"),
    [
        (clients.probe_echo, ProbeEchoOptions(self_test=True, interactive=True)),
        (clients.probe_pubsub, ProbePubSubOptions(self_test=True, interactive=True)),
    ],
)
def test_talking_to_itself(
    net: Network,
    launch: Launch,
    stdin: Stdin,
    capfdbinary: pytest.CaptureFixture[bytes],
    command: Callable[..., int],
    options: Any,
) -> None:
    stdin.type(b"hello\n")
    stdin.end()
    command(COMMON, options)
    net.hear_thread()
    net.hear_thread()
    net.pass_s(2.0)
    assert launch.running.result == ExitCode.OK
    assert capfdbinary.readouterr().out.endswith(b"hello\n")


def test_listening_to_itself(net: Network, launch: Launch, capsys: pytest.CaptureFixture[str]) -> None:
    clients.probe_pubsub(COMMON, ProbePubSubOptions(self_test=True, subscribe=True, idle_s=1.0, json=True))
    net.pass_s(1.0 + 5.0)
    assert launch.running.result == ExitCode.OK
    assert json.loads(capsys.readouterr().out)["lines"] == 0
