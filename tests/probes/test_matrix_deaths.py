"""The delivery matrix while a server dies and the others live: what is lost, to whom, and what nobody can tell."""

from typing import Any

import pytest

from matrix_rig import MatrixRig, Nodes
from memory import Network
from pubsub_rig import PORT
from running import Notes
from tw.errors import ExitCode, ProtocolError
from tw.probes.matrix_part import AFTERMATH_S

A, B, C = PORTS = (1025, 1026, 1027)
PLACES = {"target": f":{A}", "more_targets": (f":{B}", f":{C}")}
STEADY = {"rate_per_s": 30.0, "count": 90}
"""Ten lines a second of each of three publishers."""


def spread(net: Network, notes: Notes, subscribers: int, load: dict[str, Any], **more: Any) -> MatrixRig:
    return MatrixRig(net, notes, 3, subscribers, load=load, **{"timeout_s": 1.0, **PLACES, **more})


def lost(rig: MatrixRig) -> list[int]:
    return [row.counts.lost for row in rig.matrix.subscribers]


def unknown(rig: MatrixRig) -> list[int]:
    return [each.unknown_fate for each in rig.matrix.publishers]


@pytest.mark.parametrize("load", [STEADY, {"duration_s": 3.0}], ids=["open", "closed"])
def test_those_at_the_other_servers_lack_nothing(net: Network, notes: Notes, load: dict[str, Any]) -> None:
    nodes = Nodes(net, *PORTS, late_s={A: 0.01, B: 0.02, C: 0.03})
    rig = spread(net, notes, 6, load)
    net.pass_s(1.0)
    nodes.deaf.add(C)
    net.pass_s(0.5)
    nodes.kill(C)
    net.pass_s(10.0)
    assert rig.running.result is None
    assert rig.report.errors == {"subscriber left": 2, "publisher left": 1}
    assert rig.code == ExitCode.BAD_VERDICT
    assert [row.left_at_s is None for row in rig.matrix.subscribers] == [True, True, False] * 2
    assert [row.ok for row in rig.matrix.subscribers] == [True, True, False] * 2
    assert [each.whole_subscribers for each in rig.matrix.by_target()] == [2, 2, 0]
    left = rig.matrix.publishers[2]
    assert left.left_at_s == pytest.approx(1.5 - 0.03)  # the way of the first barrier
    assert left.left_reason == "the peer broke the connection"
    assert unknown(rig) == [0, 0, 5 if load is STEADY else 1]


def test_what_nobody_got_of_a_publisher_that_left_is_lost_to_nobody(net: Network, notes: Notes) -> None:
    nodes = Nodes(net, *PORTS)
    rig = spread(net, notes, 3, STEADY)
    net.pass_s(1.0)
    nodes.deaf.add(C)
    net.pass_s(0.49)
    nodes.kill(C)
    net.pass_s(5.0)
    published = [each.published for each in rig.matrix.publishers]
    assert (published, unknown(rig)) == ([30, 30, 15], [0, 0, 5])
    assert rig.report.delivery is not None
    assert rig.report.delivery.expected == 3 * (30 + 30 + 10)
    assert lost(rig) == [0, 0, 2 * (30 - 15)]
    assert rig.report.received + rig.report.lost == rig.report.delivery.expected


def test_what_one_of_the_others_got_of_it_is_lost_to_those_who_did_not(net: Network, notes: Notes) -> None:
    nodes = Nodes(net, *PORTS, harms={B: lambda line: [] if b"002-0000000010" in line else [line]})
    rig = spread(net, notes, 3, STEADY)
    net.pass_s(1.0)
    nodes.kill(C)
    net.pass_s(5.0)
    assert unknown(rig) == [0, 0, 0]
    assert lost(rig)[:2] == [0, 1]
    assert rig.faults()[3, 2] == (1, 0, 0, 0)


def test_the_order_of_those_who_stay_is_one(net: Network, notes: Notes) -> None:
    held: list[bytes] = []

    def swapped(line: bytes) -> list[bytes]:
        if b"000-0000000003" in line:
            held.append(line)
            return []
        return [line, *held] if b"001-0000000003" in line else [line]

    nodes = Nodes(net, *PORTS, harms={B: swapped})
    rig = spread(net, notes, 6, STEADY)
    net.pass_s(1.0)
    nodes.deaf.add(C)
    net.pass_s(0.2)
    nodes.kill(C)
    net.pass_s(5.0)
    assert unknown(rig)[2] == 2
    assert rig.report.errors["order differs"] == 2
    assert [row.order_differs for row in rig.matrix.subscribers] == [False, True, False] * 2


def test_what_comes_late_of_a_publisher_that_left_is_awaited_everywhere(net: Network, notes: Notes) -> None:
    """It is ordered after the barriers of those who are there, and one server passes it on later than the other."""
    nodes = Nodes(net, *PORTS, late_s={B: 0.4})
    rig = spread(net, notes, 3, {"rate_per_s": 30.0, "count": 30})
    net.pass_s(1.2)
    nodes.deaf.add(C)
    before = len(nodes.peers[C][-1].got)
    net.pass_s(0.1)
    late = nodes.peers[C][-1].got[before:]
    assert late.count(b"\n") == 1
    nodes.kill(C)
    net.pass_s(0.3)
    assert nodes.peers[A][-1].got.count(b"-9000000002") == 1
    nodes.order(late)
    net.pass_s(5.0)
    assert rig.running.result is None
    assert (lost(rig)[:2], unknown(rig)) == ([0, 0], [0, 0, 0])
    assert [row.counts.delivered for row in rig.matrix.subscribers[:2]] == [29, 29]


def test_one_that_left_in_the_warm_up_is_missed_by_nobody_in_the_run(net: Network, notes: Notes) -> None:
    nodes = Nodes(net, *PORTS)
    rig = spread(net, notes, 3, {**STEADY, "warmup_s": 1.0})
    net.pass_s(0.5)
    nodes.kill(C)
    net.pass_s(8.0)
    assert rig.running.result is None
    assert [row.ok for row in rig.matrix.subscribers] == [True, True, False]
    assert rig.report.errors == {"subscriber left": 1, "publisher left": 1}
    assert lost(rig) == [0, 0, 60]
    assert [(each.published, each.unknown_fate) for each in rig.matrix.publishers] == [(30, 0), (30, 0), (0, 0)]


def test_where_all_die_at_once_what_nobody_got_is_lost_to_nobody(net: Network, notes: Notes) -> None:
    """The connections end one after the other: what the others say is heard first."""
    nodes = Nodes(net, PORT)
    rig = MatrixRig(net, notes, 2, 2, load={"rate_per_s": 20.0, "count": 60}, timeout_s=1.0)
    net.pass_s(1.0)
    nodes.deaf.add(PORT)
    net.pass_s(0.5)
    for place, peer in enumerate(nodes.peers[PORT]):
        net.callLater(place * AFTERMATH_S / 8, peer.cut)
    net.pass_s(2 * AFTERMATH_S)
    assert isinstance(rig.running.error, ProtocolError)
    assert rig.report.errors == {"subscriber left": 2, "publisher left": 2}
    assert lost(rig) == [0, 0]
    assert sum(unknown(rig)) == 10
    assert rig.matrix.settled is False
