"""The pub/sub probe from one server to another that should be one with it."""

import pytest

from matrix_rig import Nodes
from memory import Network
from pubsub_rig import Rig
from running import Notes
from tw.errors import AnswerTimeout, ConnectError, ExitCode, ProtocolError

HERE, THERE = 1025, 1026
BOTH = {"target": f":{HERE}", "more_targets": (f":{THERE}",)}


def test_a_line_that_is_published_at_the_first_reaches_a_subscriber_at_the_second(net: Network, notes: Notes) -> None:
    nodes = Nodes(net, HERE, THERE, late_s={THERE: 0.25})
    rig = Rig(net, notes, count=3, **BOTH)
    net.pass_s(4.0)
    assert rig.running.result is None
    report = rig.report
    assert (report.ok, report.received, report.rtt_ms.min) == (True, 3, pytest.approx(250.0))
    assert (report.target, report.targets) == (
        "127.0.0.1:1025 to 127.0.0.1:1026",
        ("127.0.0.1:1025", "127.0.0.1:1026"),
    )
    assert rig.client._from.connect_times.count == 2
    assert [len(nodes.peers[port]) for port in (HERE, THERE)] == [1, 1]
    assert nodes.peers[THERE][0].got == b""


def test_two_servers_that_are_not_one_let_nothing_through(net: Network, notes: Notes) -> None:
    Nodes(net, HERE)
    Nodes(net, THERE)
    rig = Rig(net, notes, timeout_s=2.0, **BOTH)
    net.pass_s(3.0)
    assert isinstance(rig.running.error, AnswerTimeout)
    assert str(rig.running.error) == (
        "connected, and no line came through (127.0.0.1:1025 to 127.0.0.1:1026); "
        "waited 2 s for a first line; are the two servers one (--via)?"
    )


@pytest.mark.parametrize("there", [HERE, THERE])
def test_the_one_that_refuses_is_named(net: Network, notes: Notes, there: int) -> None:
    Nodes(net, there)
    rig = Rig(net, notes, **BOTH)
    assert isinstance(rig.running.error, ConnectError)
    assert rig.running.error.where == f"127.0.0.1:{HERE + THERE - there}"


@pytest.mark.parametrize("dies", [HERE, THERE])
def test_the_one_that_dies_is_named(net: Network, notes: Notes, dies: int) -> None:
    nodes = Nodes(net, HERE, THERE)
    rig = Rig(net, notes, count=9, **BOTH)
    net.pass_s(2.5)
    nodes.kill(dies)
    net.pass_s(1.0)
    assert isinstance(rig.running.error, ProtocolError)
    assert rig.running.error.where == f"127.0.0.1:{dies}"
    assert (rig.report.received, rig.report.lost, rig.running.error.exit_code) == (3, 0, ExitCode.PROTOCOL)
