"""Echoes of a load that stop short: whose they were, and how long the rest is waited for."""

import pytest

from ends import Peer
from load_rig import ECHO_PORT, EchoRig, SlowEcho
from memory import Network
from running import Notes
from tw.report import FirstFault


class Cutting(SlowEcho):
    """Sends back the first 20 bytes of the fifth message, and then leaves or stays."""

    def __init__(self, net: Network, *, leaves: bool) -> None:
        super().__init__(net)
        self._leaves = leaves
        self._count = 0

    def answer(self, peer: Peer, data: bytes) -> None:
        self._count += 1
        peer.say(data[:20] if self._count == 5 else data)
        if self._count == 5 and self._leaves:
            peer.leave()


def first_fault(rig: EchoRig) -> FirstFault:
    assert rig.report.harm is not None
    assert rig.report.harm.truncated == 1
    assert rig.report.harm.first_fault is not None
    return rig.report.harm.first_fault


def test_nothing_is_waited_for_where_the_server_closes(net: Network, notes: Notes) -> None:
    Cutting(net, leaves=True)
    rig = EchoRig(net, notes, connections=1, count=20, timeout_s=3.0)
    net.pass_s(9)
    report = rig.report
    assert report.duration_s < 0.5
    assert (report.received, report.lost, report.corrupted, report.errors) == (19, 0, 1, {"protocol": 1})
    assert first_fault(rig).number == 5


@pytest.mark.parametrize("pace", [{}, {"rate_per_s": 2.0}])
def test_the_rest_is_waited_for_where_it_stays(net: Network, notes: Notes, pace: dict[str, float]) -> None:
    Cutting(net, leaves=False)
    rig = EchoRig(net, notes, connections=1, count=20, timeout_s=3.0, **pace)
    net.pass_s(30)
    report = rig.report
    if not pace:
        assert 3.0 < report.duration_s < 4.0
    assert (report.received, report.lost, report.corrupted, report.errors) == (19, 0, 1, {})
    assert first_fault(rig).number == 5


def test_the_last_one_is_not_timed_out_as_well(net: Network, notes: Notes) -> None:
    """Nothing follows it, so that what there is of it is read at the end alone."""
    Cutting(net, leaves=False)
    rig = EchoRig(net, notes, connections=1, count=5, timeout_s=3.0)
    net.pass_s(9)
    report = rig.report
    assert (report.received, report.lost, report.corrupted, report.errors) == (4, 0, 1, {})
    assert first_fault(rig).number == 5


@pytest.mark.parametrize("pace", [{}, {"rate_per_s": 0.25}])
def test_a_server_whose_answers_all_stop_short_is_not_silent(
    net: Network, notes: Notes, pace: dict[str, float]
) -> None:
    net.scripted(ECHO_PORT, lambda peer, data: peer.say(data[:40]))
    rig = EchoRig(net, notes, connections=1, count=5, timeout_s=1.0, **pace)
    net.pass_s(30)
    report = rig.report
    assert rig.running.result is None
    assert (report.sent, report.lost, report.corrupted, report.errors) == (5, 0, 5, {})


def test_one_that_has_stopped_in_the_middle_of_its_first_answer_is(net: Network, notes: Notes) -> None:
    net.scripted(ECHO_PORT, lambda peer, data: peer.say(data[:40]) if len(peer.got) == len(data) else None)
    rig = EchoRig(net, notes, connections=1, count=50, timeout_s=1.0)
    net.pass_s(30)
    assert rig.report.errors["silent"] == 1
    assert (rig.report.sent, rig.report.corrupted) == (5, 1)
