"""The echo probe over UDP under load: flows that lose datagrams and go on, what happened to each, and closed ports."""

from collections.abc import Callable
from itertools import chain, repeat
from typing import Any

import pytest

from load_rig import LoadRig
from memory import Network
from running import Notes
from tw.errors import AnswerTimeout, ConnectError, ExitCode, UsageError
from tw.probe_options import ProbeEchoOptions
from tw.probes.udp_load import UdpEchoLoad
from tw.serve_options import ServeEchoOptions
from tw.services.echo import EchoService

SERVER = ("udp", 1234)


@pytest.fixture(autouse=True)
def server(net: Network) -> EchoService:
    service = EchoService(net, ServeEchoOptions(udp=True), lambda event: None)
    net.run(service.start())
    return service


class Rig(LoadRig):
    client_class = UdpEchoLoad
    options_class = ProbeEchoOptions

    def __init__(self, net: Network, notes: Notes, **options: Any) -> None:
        super().__init__(net, notes, udp=True, **options)

    @property
    def bound(self) -> list[Any]:
        return [place for place in self.net.ports if place not in (1234, SERVER)]


class Path:
    """What happens to answers: the n-th one of all is harmed. Each takes `every_s`, the second one `second_s`."""

    def __init__(
        self,
        net: Network,
        harms: dict[int, Callable[[bytes], list[bytes]]],
        every_s: float = 0.01,
        second_s: float = 0.01,
    ) -> None:
        self._harms = harms
        self._count = 0
        net.harm = self._one
        # An answer takes no time in memory: a closed loop would never let the clock move on.
        server = net.ports[SERVER].protocol
        echo = server.datagramReceived
        waits = chain([every_s, second_s], repeat(every_s))
        server.datagramReceived = lambda data, addr: net.callLater(next(waits), echo, data, addr)

    def _one(self, datagram: bytes) -> list[bytes]:
        self._count += 1
        return self._harms.get(self._count, lambda data: [data])(datagram)


def lost(_datagram: bytes) -> list[bytes]:
    return []


def doubled(datagram: bytes) -> list[bytes]:
    return [datagram, datagram]


def changed(datagram: bytes) -> list[bytes]:
    return [datagram[:-2] + bytes([datagram[-2] ^ 1]) + datagram[-1:]]


def test_each_flow_has_a_socket_of_its_own_in_a_closed_loop(net: Network, notes: Notes, server: EchoService) -> None:
    Path(net, {})
    rig = Rig(net, notes, connections=5, count=100)
    assert len(rig.bound) == 5
    net.pass_s(3)
    assert rig.running.result is None
    report = rig.report
    assert (report.ok, report.sent, report.received, report.lost) == (True, 100, 100, 0)
    assert (report.sent_bytes, report.received_bytes, report.target) == (6400, 6400, "127.0.0.1:1234/udp")
    assert (rig.figures.pacing, rig.figures.connections, rig.code) == ("closed", 5, ExitCode.OK)
    assert (report.connect_ms.min, report.phases, rig.bound) == (None, None, [])
    assert net.run(server.stop()).result.more["datagrams"] == 100


def test_messages_are_sent_when_they_are_due_in_the_open_loop(net: Network, notes: Notes) -> None:
    Path(net, {}, every_s=0.6)
    rig = Rig(net, notes, connections=2, rate_per_s=4.0, duration_s=2.0)
    net.pass_s(5)
    assert (rig.report.sent, rig.report.received, rig.figures.pacing, rig.report.ok) == (8, 8, "open", True)
    assert rig.report.duration_s == pytest.approx(2.35)


def test_what_became_of_every_datagram_is_told(net: Network, notes: Notes) -> None:
    Path(net, {10: lost, 20: doubled, 30: changed})
    rig = Rig(net, notes, connections=4, count=200, timeout_s=1.0)
    net.pass_s(5)
    report = rig.report
    assert (report.sent, report.received, report.lost) == (200, 198, 1)
    assert (report.duplicated, report.corrupted, report.errors) == (1, 1, {"timeout": 1})
    assert (report.ok, rig.code, rig.bound) == (False, ExitCode.BAD_VERDICT, [])
    assert report.harm is not None
    assert report.harm.first_fault is not None


def test_a_closed_loop_goes_on_after_a_loss(net: Network, notes: Notes) -> None:
    Path(net, {5: lost})
    rig = Rig(net, notes, connections=1, duration_s=3.0, timeout_s=0.5)
    net.pass_s(5)
    assert rig.report.lost == 1
    assert rig.report.received > 200


def test_datagrams_that_overtake_each_other_are_reordered(net: Network, notes: Notes) -> None:
    held: list[bytes] = []

    def hold(datagram: bytes) -> list[bytes]:
        held.append(datagram)
        return []

    Path(net, {3: hold, 4: lambda datagram: [datagram, *held]})
    rig = Rig(net, notes, connections=1, rate_per_s=100.0, count=10)
    net.pass_s(3)
    assert (rig.report.received, rig.report.reordered, rig.report.lost) == (10, 1, 0)
    assert rig.code == ExitCode.BAD_VERDICT


def test_a_datagram_after_its_timeout_is_late_and_not_lost(net: Network, notes: Notes) -> None:
    Path(net, {}, second_s=0.8)
    rig = Rig(net, notes, connections=1, duration_s=3.0, rate_per_s=2.0, timeout_s=0.5)
    net.pass_s(4)
    assert (rig.report.errors, rig.report.lost, rig.report.received) == ({"late": 1}, 0, 6)
    assert rig.code == ExitCode.BAD_VERDICT


def test_a_duplicate_of_the_last_datagram_is_seen(net: Network, notes: Notes) -> None:
    Path(net, {20: doubled})
    rig = Rig(net, notes, connections=1, count=20)
    net.pass_s(1)
    assert (rig.report.duplicated, rig.code) == (1, ExitCode.BAD_VERDICT)


@pytest.mark.parametrize("pace", [{}, {"rate_per_s": 0.5}])
def test_a_first_datagram_that_is_lost_is_one_lost_datagram(net: Network, notes: Notes, pace: dict[str, float]) -> None:
    Path(net, {1: lost, 2: lost})
    rig = Rig(net, notes, connections=1, count=20, timeout_s=1.0, **pace)
    net.pass_s(60)
    assert rig.running.result is None
    assert (rig.report.sent, rig.report.received, rig.report.lost) == (20, 18, 2)


def test_a_few_that_are_lost_show_that_one_flow_has_no_answers(net: Network, notes: Notes) -> None:
    net.harm = lost
    rig = Rig(net, notes, connections=1, count=1000, timeout_s=1.0)
    net.pass_s(10)
    assert isinstance(rig.running.error, AnswerTimeout)
    assert rig.report.sent == 4


def test_not_one_answer_is_a_timeout(net: Network, notes: Notes) -> None:
    net.harm = lost
    rig = Rig(net, notes, connections=3, duration_s=10.0, timeout_s=1.0)
    net.pass_s(3)
    assert isinstance(rig.running.error, AnswerTimeout)
    assert (rig.report.lost, rig.report.sent >= 3, rig.bound) == (rig.report.sent, True, [])


def test_a_closed_port_refuses(net: Network, notes: Notes) -> None:
    rig = Rig(net, notes, connections=3, count=30, target=":9")
    assert isinstance(rig.running.error, ConnectError)
    assert str(rig.running.error) == "port unreachable (127.0.0.1:9/udp); is the server running there, with --udp?"
    assert rig.bound == []


def test_a_server_that_goes_away_for_a_while_costs_what_it_costs(net: Network, notes: Notes) -> None:
    Path(net, {})
    rig = Rig(net, notes, connections=1, duration_s=3.0)
    net.pass_s(0.055)
    port = net.ports.pop(SERVER)
    net.pass_s(0.5)
    net.ports[SERVER] = port
    net.pass_s(5)
    errors = rig.report.errors
    assert set(errors) == {"protocol"}
    assert 3 <= errors["protocol"] <= 7
    assert rig.report.lost == errors["protocol"]
    assert rig.report.received > 200
    assert rig.figures.reconnected >= 1


def test_what_the_kernel_refuses_to_send_ends_the_run(net: Network, notes: Notes) -> None:
    net.udp_errors["write"] = PermissionError(1, "Operation not permitted")
    rig = Rig(net, notes, connections=2, count=10)
    net.pass_s(1)
    assert str(rig.running.error).startswith("cannot send: operation not permitted (127.0.0.1:1234/udp)")
    assert (isinstance(rig.running.error, ConnectError), rig.bound) == (True, [])


def test_a_source_that_cannot_reach_the_server_leaves_no_socket(net: Network, notes: Notes) -> None:
    net.udp_errors["connect"] = OSError(101, "Network is unreachable")
    rig = Rig(net, notes, connections=2, count=10)
    assert str(rig.running.error).startswith("cannot send: network is unreachable")
    assert rig.bound == []


def test_a_run_that_is_cut_short_leaves_nothing_behind(net: Network, notes: Notes) -> None:
    net.harm = lost
    rig = Rig(net, notes, connections=3, count=300)
    report = rig.cancel()
    assert (report.lost, report.sent, rig.bound) == (0, 3, [])


def test_the_warm_up_is_measured_apart(net: Network, notes: Notes) -> None:
    Path(net, {3: lost}, every_s=0.1)
    rig = Rig(net, notes, connections=2, duration_s=2.0, warmup_s=1.0, timeout_s=0.5)
    net.pass_s(5)
    warmup = rig.figures.warmup
    assert warmup is not None
    assert (warmup.errors, rig.report.lost, rig.report.sent, rig.report.ok) == ({"timeout": 1}, 0, 40, True)


def test_what_makes_no_sense_over_udp(net: Network, notes: Notes) -> None:
    with pytest.raises(UsageError) as caught:
        Rig(net, notes, connections=2, count=10, wait_for_s=5.0)
    assert caught.value.what == "--wait-for beside --udp"
