"""The counter probe under load: one request at a time on each connection, and one account of all numbers."""

from collections.abc import Callable
from typing import Any

import pytest

from counter_script import answer
from ends import Peer
from load_rig import COUNTER_PORT, CounterRig, closing_down
from memory import Network
from running import Notes
from tw.errors import AnswerTimeout, ExitCode, ProtocolError
from tw.options import TlsClientOptions
from tw.serve_options import ServeCounterOptions
from tw.services.counter import CounterService

Harm = Callable[[Peer, int], bytes | None]


class Counting:
    """Answers after `delay_s`; `harm` may answer in place of it, or say nothing (None: answer as usual)."""

    def __init__(self, net: Network, delay_s: float = 0.01, harm: Harm = lambda peer, number: None) -> None:
        self._net = net
        self._delay_s = delay_s
        self._harm = harm
        self.number = 0
        self.connections = 0
        self.requests: list[bytes] = []
        net.scripted(COUNTER_PORT, self._hears, self._meets)

    def _meets(self, _peer: Peer) -> None:
        self.connections += 1

    def _hears(self, peer: Peer, data: bytes) -> None:
        self.requests.append(data)
        self.number += 1
        number = self.number
        harmed = self._harm(peer, number)
        data = answer(number, "X-Instance: i") if harmed is None else harmed
        self._net.callLater(self._delay_s, peer.say, data)


def once(at: int, act: Callable[[Peer], Any], data: bytes = b"") -> Harm:
    """Do something else at one number."""

    def harm(peer: Peer, number: int) -> bytes | None:
        if number != at:
            return None
        act(peer)
        return data

    return harm


def nothing(_peer: Peer) -> None:
    """And say nothing."""


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("keepalive", [True, False])
def test_the_matching_server_gets_a_good_verdict(net: Network, notes: Notes, tls: bool, keepalive: bool) -> None:
    service = CounterService(net, ServeCounterOptions(tls_self_signed=tls), lambda event: None)
    (listening,) = net.run(service.start()).result
    verify = TlsClientOptions(pin=listening.pin)
    rig = CounterRig(net, notes, connections=4, count=40, tls=tls, keepalive=keepalive, verify=verify)
    closing_down(net)
    assert rig.running.result is None
    report = rig.report
    assert (report.ok, report.sent, report.received, report.lost, rig.code) == (True, 40, 40, 0, ExitCode.OK)
    assert report.numbers is not None
    assert (report.numbers.first, report.numbers.gaps, report.numbers.instances) == (1, 0, 1)
    assert report.phases is not None
    assert report.phases.first_byte is not None
    assert net.run(service.stop()).result.connections == (4 if keepalive else 40)


def test_a_stall_shows_in_the_service_time_once_and_in_the_latency_of_all_that_were_due(
    net: Network, notes: Notes
) -> None:
    server = Counting(net, 0.004)
    rig = CounterRig(net, notes, connections=1, rate_per_s=10.0, duration_s=4.0)
    net.pass_s(0.95)
    server._delay_s = 1.0
    net.pass_s(0.2)
    server._delay_s = 0.004
    net.pass_s(6)
    report, figures = rig.report, rig.figures
    assert (report.sent, report.received, figures.unsent, report.ok) == (40, 40, 0, True)
    assert figures.service_ms is not None
    assert (figures.service_ms.max, figures.service_ms.p95) == pytest.approx((1000, 4), rel=0.01)
    # Due at 1.0 and answered at 2.0; the nine after it had to wait for that, and the one due just then.
    assert figures.held == 10
    assert report.rtt_ms.p95 == pytest.approx(808, rel=0.01)
    assert figures.late_ms is not None
    assert figures.late_ms.max == 0.0


def test_answers_that_overtake_each_other_are_fine(net: Network, notes: Notes) -> None:
    server = Counting(net)
    rig = CounterRig(net, notes, connections=3, count=30)
    server._delay_s = 0.005
    net.pass_s(2)
    assert rig.report.ok
    assert rig.report.reordered == 0


def test_the_same_number_twice_is_a_bad_verdict(net: Network, notes: Notes) -> None:
    Counting(net, harm=once(10, nothing, answer(9, "X-Instance: i")))
    rig = CounterRig(net, notes, connections=1, count=20)
    net.pass_s(2)
    assert (rig.report.duplicated, rig.report.ok, rig.code) == (1, False, ExitCode.BAD_VERDICT)


def test_an_unexpected_status_and_a_mixed_up_answer_are_counted(net: Network, notes: Notes) -> None:
    def harm(peer: Peer, number: int) -> bytes | None:
        if number == 5:
            return answer(5, "X-Instance: i", status="503 No")
        return answer(9, "X-Instance: i", body="I am request #8\n") if number == 9 else None

    Counting(net, harm=harm)
    rig = CounterRig(net, notes, connections=1, count=20)
    net.pass_s(2)
    assert (rig.report.errors, rig.report.corrupted) == ({"status 503": 1}, 1)
    assert (rig.report.received, rig.report.lost, rig.report.ok) == (20, 0, False)


def test_an_answer_that_never_comes_costs_its_connection(net: Network, notes: Notes) -> None:
    server = Counting(net, harm=once(5, nothing))
    rig = CounterRig(net, notes, connections=1, count=20, timeout_s=1.0)
    net.pass_s(4)
    assert (rig.report.sent, rig.report.received, rig.report.lost) == (20, 19, 1)
    assert (rig.report.errors, server.connections) == ({"timeout": 1}, 2)
    assert rig.figures.reconnected == 1
    assert rig.report.numbers is not None
    assert (rig.report.numbers.gaps, rig.report.numbers.unanswered) == (1, 1)


@pytest.mark.parametrize("act", [Peer.leave, Peer.cut])
def test_a_request_on_a_kept_connection_that_closes_is_sent_once_more(
    net: Network, notes: Notes, act: Callable[[Peer], Any]
) -> None:
    server = Counting(net, harm=once(5, act))
    rig = CounterRig(net, notes, connections=1, count=10)
    net.pass_s(2)
    assert (rig.report.sent, rig.report.received, rig.report.errors, rig.report.ok) == (10, 10, {}, True)
    assert (len(server.requests), server.connections) == (11, 2)
    assert rig.report.numbers is not None
    assert (rig.report.numbers.gaps, rig.report.numbers.unanswered) == (1, 1)


def test_a_request_that_is_not_safe_to_repeat_is_not(net: Network, notes: Notes) -> None:
    server = Counting(net, harm=once(5, Peer.leave))
    rig = CounterRig(net, notes, connections=1, count=10, method="POST")
    net.pass_s(2)
    assert (rig.report.received, rig.report.lost, rig.report.errors) == (9, 1, {"protocol": 1})
    assert len(server.requests) == 10


def test_a_connection_that_closes_in_the_middle_of_an_answer_truncates_it(net: Network, notes: Notes) -> None:
    def harm(peer: Peer, number: int) -> bytes | None:
        if number != 5:
            return None
        peer.say(answer(5)[:30])
        peer.leave()
        return b""

    Counting(net, harm=harm)
    rig = CounterRig(net, notes, connections=1, count=10)
    net.pass_s(2)
    report = rig.report
    assert (report.received, report.lost, report.corrupted, report.errors) == (9, 0, 1, {})
    assert report.harm is not None
    assert (report.harm.truncated, report.harm.retried) == (1, 0)


def test_an_answer_that_ends_with_its_connection_is_whole(net: Network, notes: Notes) -> None:
    def hears(peer: Peer, _data: bytes) -> None:
        peer.say(b"HTTP/1.0 200 OK\r\n\r\nbye")
        peer.leave()

    net.scripted(COUNTER_PORT, hears)
    rig = CounterRig(net, notes, connections=2, count=6)
    closing_down(net)
    assert (rig.report.received, rig.report.errors, rig.report.ok) == (6, {}, True)


def test_an_answer_in_pieces_is_read(net: Network, notes: Notes) -> None:
    numbers = iter(range(1, 100))

    def hears(peer: Peer, _data: bytes) -> None:
        data = answer(next(numbers), "X-Instance: i")
        for place in range(len(data)):
            net.callLater(0.001 * place, peer.say, data[place : place + 1])

    net.scripted(COUNTER_PORT, hears)
    rig = CounterRig(net, notes, connections=1, count=3)
    net.pass_s(3)
    report = rig.report
    assert (report.received, report.ok) == (3, True)
    size = len(answer(1, "X-Instance: i"))
    assert report.phases is not None
    assert report.phases.body is not None
    assert report.phases.body.max == pytest.approx(size - 1)


def test_a_peer_that_speaks_no_http_fails_the_run(net: Network, notes: Notes) -> None:
    net.scripted(COUNTER_PORT, lambda peer, data: peer.say(b"220 mail\r\n"))
    rig = CounterRig(net, notes, connections=2, count=6)
    closing_down(net)
    assert isinstance(rig.running.error, ProtocolError)
    assert "does not speak HTTP" in str(rig.running.error)


def test_bytes_that_nobody_asked_for_cost_the_connection(net: Network, notes: Notes) -> None:
    server = Counting(net, harm=once(3, nothing, answer(3, "X-Instance: i") + b"more"))
    rig = CounterRig(net, notes, connections=1, count=10)
    net.pass_s(2)
    assert (rig.report.received, rig.report.ok, server.connections) == (10, True, 2)


def test_a_silent_server_ends_the_run_with_the_counts_so_far(net: Network, notes: Notes) -> None:
    net.scripted(COUNTER_PORT)
    rig = CounterRig(net, notes, connections=2, count=10_000, timeout_s=2.0)
    net.pass_s(5)
    assert isinstance(rig.running.error, AnswerTimeout)
    assert rig.report.received == 0
    assert rig.report.errors["timeout"] == 2
    assert rig.report.lost == rig.report.sent


@pytest.mark.parametrize("load", [{}, {"rate_per_s": 20}], ids=["closed loop", "open loop"])
def test_connections_that_are_opened_again_hide_no_silence(net: Network, notes: Notes, load: dict[str, Any]) -> None:
    """A stopped process still has its connections accepted, by the kernel."""
    server = Counting(net, harm=lambda peer, number: b"" if number > 4 else None)
    rig = CounterRig(net, notes, connections=1, count=10_000, timeout_s=1.0, **load)
    net.pass_s(6)
    assert (rig.report.errors["silent"], rig.report.received, rig.code) == (1, 4, ExitCode.BAD_VERDICT)
    assert server.connections > 1


def test_a_run_that_is_cut_short_counts_what_was_under_way_as_neither(net: Network, notes: Notes) -> None:
    Counting(net, 0.1)
    rig = CounterRig(net, notes, connections=3, duration_s=100)
    net.pass_s(0.55)
    report = rig.cancel()
    assert (report.sent, report.received, report.lost) == (18, 15, 0)
    net.pass_s(1)
