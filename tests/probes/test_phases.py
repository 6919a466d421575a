"""Each phase of a connection and of an answer has a figure of its own, and the phases are the whole."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connecting_rig import PORT, Rig, insecure, over_tls
from counter_script import PORT as COUNTER_PORT
from counter_script import Rig as CounterRig
from counter_script import answer
from ends import Peer
from load_rig import CounterRig as LoadRig
from memory import Network
from running import Notes
from tw.core.histogram import Histogram
from tw.core.target import EndpointTarget, HostTarget, Target, UnixTarget
from tw.probes.phases import BATCH, Phases, Steps, Times
from tw.report import PhaseFigures

# The books -----------------------------------------------------------------------------------------------------------


@given(st.lists(st.floats(0, 10), max_size=30), st.integers(0, 2))
def test_batches_come_to_the_same_as_one_after_the_other(durations: list[float], batches: int) -> None:
    durations = durations * (1 + batches * BATCH // max(1, len(durations)))
    times, oracle = Times(), Histogram()
    for duration in durations:
        times.record(duration)
        oracle.record(duration)
    for _ in range(2):  # asking changes nothing
        seen = times.histogram()
        assert (seen.count, seen.max_s, seen.percentile(50)) == (oracle.count, oracle.max_s, oracle.percentile(50))


def test_no_more_than_a_batch_is_held() -> None:
    times = Times()
    for _ in range(BATCH - 1):
        times.record(1.0)
    assert len(times.held) == BATCH - 1
    times.record(1.0)
    assert times.held == []


@given(st.lists(st.tuples(st.floats(0, 10), st.just(0.0) | st.floats(0, 10)), max_size=30), st.sampled_from([1, BATCH]))
def test_answers_in_one_piece_count_as_all_others(answers: list[tuple[float, float]], times: int) -> None:
    answers = answers * times
    phases, oracles = Phases(), (Histogram(), Histogram())
    for each in answers:
        phases.answered(*each)
        for oracle, seconds in zip(oracles, each, strict=True):
            oracle.record(seconds)
    assert len(phases.first_byte.held) < BATCH
    assert len(phases.body.held) < BATCH
    for seen, oracle in zip((phases.first_byte.histogram(), phases.body.histogram()), oracles, strict=True):
        assert (seen.count, seen.min_s, seen.max_s) == (oracle.count, oracle.min_s, oracle.max_s)
        assert seen.percentile(50) == oracle.percentile(50)


def test_what_was_never_recorded_is_no_distribution() -> None:
    assert Phases().report() == PhaseFigures()


SOME = st.floats(0, 100)


@given(SOME, st.none() | SOME, SOME, SOME, st.booleans())
def test_the_phases_of_a_connection_are_all_of_its_time(
    began_s: float, dns_s: float | None, tcp_s: float, tls_s: float, tls: bool
) -> None:
    steps = Steps(began_s)
    steps.resolved_s = None if dns_s is None else began_s + dns_s
    steps.connected_s = (steps.resolved_s or began_s) + tcp_s
    steps.ready_s = steps.connected_s + (tls_s if tls else 0.0)
    phases = Phases()
    phases.connected(steps, tls=tls)
    parts = [times.histogram() for times in (phases.dns, phases.connect, phases.tls)]
    assert [part.count for part in parts] == [dns_s is not None, 1, tls]
    assert sum(part.sum_s for part in parts) == pytest.approx(steps.ready_s - began_s)


# A connection --------------------------------------------------------------------------------------------------------


def sums(phases: Phases) -> list[float | None]:
    """What each phase took in all; None where it never was."""
    parts = (phases.dns, phases.connect, phases.tls)
    return [times.histogram().sum_s if times.histogram().count else None for times in parts]


def test_a_slow_resolver_a_slow_server_and_a_slow_handshake_are_told_apart(net: Network) -> None:
    net.names["slow"] = ["127.0.0.1"]
    net.silent |= {"slow", PORT}
    net.scripted(PORT, wrapped=over_tls(net))
    rig = Rig(net, HostTarget("slow", PORT, tls=True), **insecure())
    net.pass_s(0.5)
    net.silent.remove("slow")
    net.nameResolver.resolveHostName(net.lookups.pop(), "slow", PORT)
    net.settle()
    net.pass_s(1.0)
    net.silent.remove(PORT)
    _, _, factory, _, _ = net.tcpClients[0]
    net._connect(net.connectors[0], factory, PORT, net.connectors[0].getDestination())
    net.advance(0)  # it is connected, and the handshake's first bytes are on their way
    near, far = net.ends
    far.stuck = True
    net.pass_s(2.0)
    assert not rig.running.over
    far.stuck = False
    net.settle()
    assert rig.running.over
    assert sums(rig.connector.phases) == [0.5, 1.0, 2.0]
    assert rig.connector.connect_times.sum_s == 3.5
    assert near.connected
    rig.leave()


PLACES: list[tuple[Target, dict[str, object], list[float | None]]] = [
    (HostTarget("name", PORT), {}, [0.0, 0.0, None]),
    (HostTarget("127.0.0.1", PORT), {}, [None, 0.0, None]),
    (HostTarget("name", PORT), {"resolve": (("name", PORT, "127.0.0.1"),)}, [None, 0.0, None]),
    (UnixTarget("/run/s"), {}, [None, 0.0, None]),
    (EndpointTarget(f"tcp:127.0.0.1:{PORT}:timeout=3"), {}, [None, 0.0, None]),
]


@pytest.mark.parametrize(("target", "options", "expected"), PLACES, ids=str)
def test_a_phase_that_does_not_occur_has_no_figure(
    net: Network, target: Target, options: dict[str, object], expected: list[float | None]
) -> None:
    net.names["name"] = ["127.0.0.1"]
    net.scripted(PORT)
    net.scripted("/run/s")
    rig = Rig(net, target, **options)
    assert rig.running.over
    assert sums(rig.connector.phases) == expected
    rig.leave()


def test_a_connection_that_is_tried_until_it_works_is_measured_once(net: Network) -> None:
    rig = Rig(net, wait_for_s=5.0)
    net.pass_s(1.0)
    net.scripted(PORT)
    net.pass_s(1.0)
    assert rig.running.over
    assert sums(rig.connector.phases) == [None, 0.0, None]
    rig.leave()


# An answer -----------------------------------------------------------------------------------------------------------


class Slow:
    """A server that takes 1 s to the first byte of an answer, and 2 s for the rest."""

    def __init__(self, net: Network) -> None:
        self.net = net

    def hears(self, peer: Peer, _data: bytes) -> None:
        data = answer(1)
        self.net.callLater(1.0, peer.say, data[:1])
        self.net.callLater(2.5, peer.say, data[1:9])
        self.net.callLater(3.0, peer.say, data[9:])


@pytest.mark.parametrize("keepalive", [True, False])
def test_a_slow_first_byte_and_a_slow_body_are_told_apart(net: Network, notes: Notes, keepalive: bool) -> None:
    net.scripted(COUNTER_PORT, Slow(net).hears)
    rig = CounterRig(net, notes, count=2, interval_s=0.0, keepalive=keepalive)
    net.pass_s(6.0)
    assert rig.running.over
    phases = rig.report.phases
    assert phases is not None
    assert phases.first_byte is not None
    assert phases.body is not None
    assert (phases.first_byte.min, phases.first_byte.max) == (1000.0, 1000.0)
    assert (phases.body.min, phases.body.max) == (2000.0, 2000.0)
    assert (rig.report.rtt_ms.min, rig.report.rtt_ms.max) == (3000.0, 3000.0)
    assert rig.client._connector.phases.connect.histogram().count == (1 if keepalive else 2)


def test_under_load_the_answers_of_the_warm_up_are_left_out(net: Network, notes: Notes) -> None:
    delays = [5.0, 1.0, 1.0]

    def hears(peer: Peer, _data: bytes) -> None:
        net.callLater(delays.pop(0), peer.say, answer(1))

    net.scripted(COUNTER_PORT, hears)
    rig = LoadRig(net, notes, connections=1, warmup_s=4.0, count=2, timeout_s=9.0)
    net.pass_s(10.0)
    assert rig.running.over
    phases = rig.report.phases
    assert phases is not None
    assert phases.first_byte is not None
    assert (phases.first_byte.min, phases.first_byte.max) == (1000.0, 1000.0)
    assert list(phases.measured()) == ["connect", "first_byte", "body"]


def test_an_answer_that_never_came_has_no_phases(net: Network, notes: Notes) -> None:
    net.scripted(COUNTER_PORT, lambda peer, data: peer.say(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"))
    rig = CounterRig(net, notes, count=1)
    net.pass_s(5.0)
    assert rig.running.over
    assert rig.report.phases is not None
    assert list(rig.report.phases.measured()) == ["connect"]
