"""The delivery matrix over several servers that are one, and over some that only should be."""

from typing import Any

import pytest

from ends import Peer
from matrix_rig import MatrixRig, Nodes, fan_out
from memory import Network
from running import Notes
from tw.errors import ConnectError, ExitCode, UsageError

A, B, C = PORTS = (1025, 1026, 1027)
PLACES = {"target": f":{A}", "more_targets": (f":{B}", f":{C}")}
NAMES = [f"127.0.0.1:{port}" for port in PORTS]


def spread(net: Network, notes: Notes, publishers: int, subscribers: int, load: dict[str, Any], **more: Any) -> Any:
    return MatrixRig(net, notes, publishers, subscribers, load=load, **{"timeout_s": 1.0, **PLACES, **more})


# Who is where ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("load", [{}, {"rate_per_s": 10.0}, {"warmup_s": 0.5, "rate_per_s": 10.0}], ids=str)
def test_everyone_gets_everything_wherever_he_is(net: Network, notes: Notes, load: dict[str, Any]) -> None:
    nodes = Nodes(net, *PORTS, late_s={B: 0.01, C: 0.3})
    rig = spread(net, notes, 6, 12, {"count": 23, **load})
    net.pass_s(30.0)
    report = rig.report
    assert (rig.running.result, report.ok, report.errors) == (None, True, {})
    assert (report.sent, report.received, rig.code) == (23, 12 * 23, ExitCode.OK)
    assert [len(nodes.peers[port]) for port in PORTS] == [6, 6, 6]
    assert [row.target for row in rig.matrix.subscribers] == NAMES * 4
    assert [each.target for each in rig.matrix.publishers] == NAMES * 2
    assert [(each.target, each.publisher_count, each.whole_subscribers) for each in rig.matrix.by_target()] == [
        (name, 2, 4) for name in NAMES
    ]
    assert (report.target, report.targets) == (", ".join(NAMES), tuple(NAMES))
    assert report.connect_ms.min is not None
    assert rig.client._connectors[0].connect_times.count == 18
    assert report.to_json()["targets"] == NAMES


def test_a_target_may_be_given_twice(net: Network, notes: Notes) -> None:
    nodes = Nodes(net, A)
    rig = spread(net, notes, 2, 2, {"count": 4}, more_targets=(f":{A}",))
    net.pass_s(1.0)
    assert (rig.report.ok, len(nodes.peers[A])) == (True, 4)
    assert [(each.target, each.subscriber_count) for each in rig.matrix.by_target()] == [(NAMES[0], 1)] * 2


def test_servers_that_know_nothing_of_each_other_are_found_out(net: Network, notes: Notes) -> None:
    for port in PORTS:
        Nodes(net, port)
    rig = spread(net, notes, 3, 3, {"count": 6})
    net.pass_s(5.0)
    assert {(pair.publisher, pair.subscriber) for pair in rig.matrix.pairs if pair.joined} == {(1, 1), (2, 2), (3, 3)}
    assert (rig.report.errors, rig.code) == ({"not joined": 3}, ExitCode.BAD_VERDICT)


def test_one_order_holds_for_the_clients_of_all_servers(net: Network, notes: Notes) -> None:
    held: dict[bytes, bytes] = {}

    def swapped(line: bytes) -> list[bytes]:
        """The second line of the first publisher after that of the second one."""
        if b"000-0000000002" in line:
            held[b""] = line
            return []
        return [line, held.pop(b"", b"")] if b"001-0000000002" in line else [line]

    Nodes(net, *PORTS, harms={C: swapped})
    rig = spread(net, notes, 3, 6, {"count": 9, "rate_per_s": 10.0})
    net.pass_s(3.0)
    assert [row.order_differs for row in rig.matrix.subscribers] == [False, False, True] * 2
    assert rig.report.errors == {"order differs": 2}


# Getting there --------------------------------------------------------------------------------------------------------


def test_a_target_that_refuses_ends_the_run_and_is_named(net: Network, notes: Notes) -> None:
    Nodes(net, A, B)
    rig = spread(net, notes, 3, 3, {"count": 6})
    assert isinstance(rig.running.error, ConnectError)
    assert rig.running.error.where == NAMES[2]
    assert (rig.running.error.exit_code, rig.report.sent) == (ExitCode.CONNECT, 0)


def test_who_never_got_in_is_not_called_connected(net: Network, notes: Notes) -> None:
    rig = spread(net, notes, 3, 3, {"count": 6})
    matrix = rig.report.to_json()["matrix"]
    assert [row["connected"] for row in (*matrix["publishers"], *matrix["subscribers"])] == [False] * 6


def test_every_target_is_waited_for(net: Network, notes: Notes) -> None:
    nodes = Nodes(net, A)
    rig = spread(net, notes, 3, 3, {"count": 6}, wait_for_s=5.0)
    net.pass_s(1.0)
    nodes.open(C)
    net.pass_s(1.0)
    assert not rig.running.over
    nodes.open(B)
    net.pass_s(1.0)
    assert (rig.running.result, rig.report.ok, rig.report.received) == (None, True, 18)


def test_every_target_is_reached_in_the_same_way(net: Network, notes: Notes) -> None:
    heads: list[bytes] = []

    def meet(peer: Peer, data: bytes) -> None:
        heads.append(data[:6])
        fan_out(net, {})(peer, data)

    for port in PORTS:
        net.scripted(port, meet)
    rig = spread(net, notes, 3, 3, {"count": 6}, send_proxy="v1", bind="127.0.0.1")
    net.pass_s(1.0)
    assert rig.report.ok
    assert heads.count(b"PROXY ") == 6
    assert [(place[1], bind) for place, bind in net.dialled] == [(port, ("127.0.0.1", 0)) for port in PORTS * 2]


def test_an_option_that_does_nothing_at_one_of_the_targets_is_refused(net: Network, notes: Notes) -> None:
    with pytest.raises(UsageError, match=r"--bind beside a target without a host \(unix:/s\)"):
        spread(net, notes, 3, 3, {"count": 6}, bind="127.0.0.1", more_targets=("unix:/s",))
