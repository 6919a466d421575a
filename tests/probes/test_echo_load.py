"""The echo probe under load: pacing, books, verdicts and endings."""

from itertools import chain, repeat

import pytest

from ends import Peer
from load_rig import ECHO_PORT, EchoRig, SlowEcho, closing_down
from memory import Network
from running import Notes
from tw.errors import ExitCode
from tw.options import TlsClientOptions
from tw.report.distribution import shape_json
from tw.serve_options import ServeEchoOptions
from tw.services.echo import EchoService

# The closed loop -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tls", [False, True])
def test_the_matching_server_gets_a_good_verdict(net: Network, notes: Notes, tls: bool) -> None:
    service = EchoService(net, ServeEchoOptions(tls_self_signed=tls), lambda event: None)
    (listening,) = net.run(service.start()).result
    rig = EchoRig(net, notes, connections=5, count=100, tls=tls, verify=TlsClientOptions(pin=listening.pin))
    closing_down(net)
    assert rig.running.result is None
    report = rig.report
    assert (report.ok, report.sent, report.received, report.lost) == (True, 100, 100, 0)
    assert (report.sent_bytes, report.received_bytes) == (6400, 6400)
    assert (rig.figures.pacing, rig.figures.connections, rig.code) == ("closed", 5, ExitCode.OK)
    assert rig.figures.service_ms is None
    assert report.phases is not None
    assert net.run(service.stop()).result.connections == 5


def test_each_connection_sends_as_soon_as_its_answer_is_in(net: Network, notes: Notes) -> None:
    server = SlowEcho(net, 0.25)
    EchoRig(net, notes, connections=2, duration_s=1.0)
    net.pass_s(3)
    assert list(server.heard.values()) == [[0.0, 0.25, 0.5, 0.75]] * 2
    assert notes.reports[0].rtt_ms.max == pytest.approx(250)
    assert notes.reports[0].duration_s == pytest.approx(1.0)


def test_a_count_is_a_total_over_all_connections(net: Network, notes: Notes) -> None:
    server = SlowEcho(net)
    rig = EchoRig(net, notes, connections=3, count=7)
    net.pass_s(3)
    assert sorted(len(heard) for heard in server.heard.values()) == [2, 2, 3]
    assert rig.report.sent == 7


def test_whichever_of_count_and_duration_comes_first_ends_the_run(net: Network, notes: Notes) -> None:
    SlowEcho(net, 0.1)
    EchoRig(net, notes, connections=1, count=1000, duration_s=1.0)
    net.pass_s(3)
    EchoRig(net, notes, connections=1, count=3, duration_s=100.0)
    net.pass_s(3)
    assert [report.sent for report in notes.reports] == [10, 3]


# The open loop -------------------------------------------------------------------------------------------------------


def test_messages_are_sent_when_they_are_due_over_the_connections_in_turn(net: Network, notes: Notes) -> None:
    server = SlowEcho(net, 0.6)
    rig = EchoRig(net, notes, connections=2, rate_per_s=4.0, duration_s=2.0)
    net.pass_s(4)
    assert list(server.heard.values()) == [[0.0, 0.5, 1.0, 1.5], [0.25, 0.75, 1.25, 1.75]]
    figures = rig.figures
    assert (figures.pacing, figures.rate_asked_per_s, figures.held, figures.unsent) == ("open", 4.0, 0, 0)
    assert figures.late_ms is not None
    assert (figures.late_ms.max, rig.report.ok, rig.report.sent) == (0.0, True, 8)


def test_a_stall_is_seen_by_every_message_that_was_due_in_it(net: Network, notes: Notes) -> None:
    SlowEcho(net, 0.0, stalls=(1.0, 2.0))
    rig = EchoRig(net, notes, connections=1, rate_per_s=10.0, duration_s=4.0)
    net.pass_s(6)
    rtt = rig.report.rtt_ms
    assert rtt.max == pytest.approx(1000, rel=0.01)
    assert rtt.mean == pytest.approx(sum(range(100, 1001, 100)) / 40, rel=0.01)


@pytest.fixture
def small_window(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tw.probes.echo_load.WINDOW", 4)


@pytest.mark.usefixtures("small_window")
def test_a_full_window_holds_messages_back_and_the_rest_is_never_sent(net: Network, notes: Notes) -> None:
    SlowEcho(net, 0.0, stalls=(1.0, 3.0))
    rig = EchoRig(net, notes, connections=1, rate_per_s=10.0, duration_s=2.0)
    net.pass_s(5)
    report, figures = rig.report, rig.figures
    assert (report.sent, figures.unsent, report.ok, rig.code) == (14, 6, False, ExitCode.BAD_VERDICT)
    assert report.received == 14


@pytest.mark.usefixtures("small_window")
def test_messages_that_were_held_back_are_sent_once_there_is_room(net: Network, notes: Notes) -> None:
    SlowEcho(net, 0.0, stalls=(1.0, 1.65))
    rig = EchoRig(net, notes, connections=1, rate_per_s=10.0, duration_s=2.0)
    net.pass_s(5)
    assert (rig.report.sent, rig.report.received, rig.figures.held, rig.figures.unsent) == (20, 20, 3, 0)
    late, service = rig.figures.late_ms, rig.figures.service_ms
    assert late is not None
    assert service is not None
    # Waiting for the server is not the probe's own lateness, and shows in the round trip alone.
    assert late.max == 0.0
    assert rig.report.rtt_ms.max == pytest.approx(650, rel=0.01)
    assert rig.report.ok


# Warm-up -------------------------------------------------------------------------------------------------------------


def test_the_warm_up_is_measured_apart(net: Network, notes: Notes) -> None:
    server = SlowEcho(net, 0.5, stalls=None)
    rig = EchoRig(net, notes, connections=2, duration_s=2.0, warmup_s=1.0)
    net.pass_s(0.9)
    server._delay_s = 0.1
    net.pass_s(5)
    warmup = rig.figures.warmup
    assert warmup is not None
    assert (warmup.sent, warmup.received, warmup.rtt_ms.max) == (4, 4, pytest.approx(500))
    assert rig.report.sent == rig.report.received == 40
    assert rig.report.rtt_ms.max == pytest.approx(100)
    assert rig.report.sent_bytes == 40 * 64


# Faults --------------------------------------------------------------------------------------------------------------


class Harming(SlowEcho):
    """Does something else with the n-th message of all."""

    def __init__(self, net: Network, harms: dict[int, object]) -> None:
        super().__init__(net)
        self._harms = harms
        self._count = 0

    def answer(self, peer: Peer, data: bytes) -> None:
        self._count += 1
        harm = self._harms.get(self._count)
        if harm == "lose":
            return
        if harm == "twice":
            data *= 2
        if harm == "change":
            data = data[:-2] + bytes([data[-2] ^ 1]) + data[-1:]
        if harm == "head":
            data = b"?" + data[1:]
        if harm == "cut":
            peer.cut()
            return
        peer.say(data)


def test_every_kind_of_fault_is_told_from_the_others(net: Network, notes: Notes) -> None:
    Harming(net, {10: "lose", 20: "twice", 30: "change", 40: "head"})
    rig = EchoRig(net, notes, connections=4, count=200, timeout_s=1.0)
    net.pass_s(10)
    report = rig.report
    assert (report.sent, report.received, report.lost) == (200, 197, 1)
    assert (report.duplicated, report.corrupted, report.errors) == (1, 2, {"timeout": 1})
    assert (report.ok, rig.code) == (False, ExitCode.BAD_VERDICT)


def test_an_answer_after_its_timeout_is_late_and_not_lost(net: Network, notes: Notes) -> None:
    SlowEcho(net, 0.0, stalls=(1.0, 2.0))
    rig = EchoRig(net, notes, connections=1, rate_per_s=5.0, duration_s=3.0, timeout_s=0.5)
    net.pass_s(6)
    late = rig.report.errors["late"]
    assert 2 <= late <= 3
    assert rig.report.errors == {"late": late}
    assert (rig.report.lost, rig.report.received, rig.report.ok) == (0, 15, False)
    # The stall is as long in the round trips as it was.
    assert rig.report.rtt_ms.max == pytest.approx(1000)
    assert sum(count for _, count in shape_json(rig.report.rtt_ms, anyway=True) or []) == 15


@pytest.mark.parametrize("pace", [{}, {"rate_per_s": 20.0}])
def test_a_server_that_answers_late_each_time_but_the_first_is_not_silent(
    net: Network, notes: Notes, pace: dict[str, float]
) -> None:
    """Where there is none in time at all, the run is over after one timeout."""
    delays = chain([0.01], repeat(0.7))
    net.scripted(ECHO_PORT, lambda peer, data: net.callLater(next(delays), peer.say, data))
    rig = EchoRig(net, notes, connections=1, count=30, timeout_s=0.5, **pace)
    net.pass_s(100)
    late = rig.report.errors["late"]
    assert late >= 26  # the last ones come when the connection has ended
    assert rig.report.errors == {"late": late, "timeout": 29 - late}
    assert (rig.report.sent, rig.report.received, rig.report.lost) == (30, 1 + late, 29 - late)
    assert rig.report.rtt_ms.p50 == pytest.approx(700, rel=0.001)
    assert sum(count for _, count in shape_json(rig.report.rtt_ms, anyway=True) or []) == 1 + late


def test_a_connection_that_breaks_is_opened_again(net: Network, notes: Notes) -> None:
    server = Harming(net, {10: "cut"})
    rig = EchoRig(net, notes, connections=2, count=50)
    net.pass_s(5)
    report = rig.report
    assert len(server.heard) == 3
    assert (report.sent, report.received, report.lost, report.errors) == (50, 49, 1, {"reset": 1})
    assert rig.figures.reconnected == 1


def test_a_server_that_goes_away_for_a_while_costs_what_it_costs(net: Network, notes: Notes) -> None:
    server = Harming(net, {10: "cut"})
    rig = EchoRig(net, notes, connections=1, duration_s=3.0)
    net.pass_s(0.05)
    factory = net.ports.pop(ECHO_PORT)
    net.pass_s(0.5)
    net.ports[ECHO_PORT] = factory
    net.pass_s(5)
    errors = rig.report.errors
    assert errors["reset"] == 1
    assert 2 <= errors["connect"] <= 6
    assert rig.report.received > 200
    assert len(server.heard) == 2


def test_what_follows_the_last_answer_is_seen(net: Network, notes: Notes) -> None:
    Harming(net, {20: "twice"})
    rig = EchoRig(net, notes, connections=1, count=20)
    net.pass_s(3)
    assert (rig.report.duplicated, rig.code) == (1, ExitCode.BAD_VERDICT)
