"""The delivery matrix: with `tw`'s own server, and with servers that harm what one subscriber gets."""

from typing import Any

import pytest

from ends import Peer
from matrix_rig import Harm, MatrixRig, fan_out, numbered
from memory import Network
from pubsub_rig import PORT, serve
from running import Notes
from tw.errors import ExitCode
from tw.report import Delivery

# With its own server --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options", [{}, {"prefix": False}, {"echo": False}, {"crlf": True}, {"history_lines": 100}], ids=str
)
@pytest.mark.parametrize("load", [{}, {"rate_per_s": 10.0}], ids=["closed", "open"])
def test_the_matching_server_gets_a_good_verdict(
    net: Network, notes: Notes, options: dict[str, Any], load: dict[str, Any]
) -> None:
    service = serve(net, **options)
    rig = MatrixRig(net, notes, 2, 3, load={"count": 11, **load})
    net.pass_s(2.0)
    assert rig.running.result is None
    report = rig.report
    assert (report.ok, report.sent, report.received, rig.code) == (True, 11, 33, ExitCode.OK)
    assert report.delivery == Delivery(published=11, delivered=33, expected=33, foreign=0)
    assert [each.published for each in rig.matrix.publishers] == [6, 5]
    assert (rig.matrix.whole, rig.faults()) == (3, {})
    assert rig.client._connectors[0].connect_times.count == 5
    assert net.run(service.stop()).result.connections == 5


def test_a_window_of_lines_is_under_way_at_once(net: Network, notes: Notes) -> None:
    most = 0

    def hears(peer: Peer, data: bytes) -> None:
        nonlocal most
        most = max(most, data.count(b"\n"))
        fan_out(net, {})(peer, data)

    net.scripted(PORT, hears)
    rig = MatrixRig(net, notes, 1, 2, window=7, load={"count": 100})
    assert (rig.report.ok, rig.report.sent, most) == (True, 100, 7)


def test_a_closed_loop_ends_with_its_time(net: Network, notes: Notes) -> None:
    def hears(peer: Peer, data: bytes) -> None:
        net.callLater(0.1, fan_out(net, {}), peer, data)

    net.scripted(PORT, hears)
    rig = MatrixRig(net, notes, 2, 2, load={"duration_s": 1.05})
    net.pass_s(3.0)
    assert (rig.report.ok, rig.report.sent) == (True, 22)
    assert rig.report.duration_s == pytest.approx(1.1)
    assert rig.report.rtt_ms.max == pytest.approx(100.0)


def test_an_open_loop_sends_on_time_whatever_becomes_of_the_lines(net: Network, notes: Notes) -> None:
    def hears(peer: Peer, data: bytes) -> None:
        net.callLater(0.5, fan_out(net, {}), peer, data)

    net.scripted(PORT, hears)
    rig = MatrixRig(net, notes, 3, 2, load={"rate_per_s": 10.0, "duration_s": 2.0})
    net.pass_s(5.0)
    report = rig.report
    assert (report.ok, report.sent) == (True, 20)
    assert [each.published for each in rig.matrix.publishers] == [7, 7, 6]
    assert report.load is not None
    assert (report.load.pacing, report.load.connections, report.load.unsent) == ("open", 5, 0)
    assert report.rtt_ms.min == report.rtt_ms.max == pytest.approx(500.0)


def test_the_warm_up_is_measured_apart(net: Network, notes: Notes) -> None:
    net.scripted(PORT, fan_out(net, {}))
    rig = MatrixRig(net, notes, 2, 2, load={"rate_per_s": 10.0, "count": 6, "warmup_s": 1.0})
    net.pass_s(3.0)
    report = rig.report
    assert (report.ok, report.sent, report.received) == (True, 6, 12)
    assert report.delivery is not None
    assert report.delivery.foreign == 0
    assert report.load is not None
    assert report.load.warmup is not None
    assert (report.load.warmup.sent, report.load.warmup.received) == (10, 20)


def test_lines_of_others_are_foreign_to_every_subscriber(net: Network, notes: Notes) -> None:
    net.scripted(PORT, fan_out(net, {}), meets=lambda peer: peer.say(b"hello\n<tw> dropped 7 lines\n"))
    rig = MatrixRig(net, notes, 1, 2, load={"count": 4})
    assert rig.report.ok
    assert rig.report.delivery == Delivery(published=4, delivered=8, expected=8, foreign=2)
    assert [row.dropped_notices for row in rig.matrix.subscribers] == [7, 7]


def test_a_watching_display_is_told_where_it_stands(net: Network, notes: Notes) -> None:
    net.scripted(PORT, fan_out(net, {}))
    notes.progress_every_s = 1.0
    MatrixRig(net, notes, 1, 2, load={"rate_per_s": 10.0, "count": 25})
    net.pass_s(4.0)
    first, second = notes.snapshots
    assert (first.sent, first.received, first.connections) == (second.sent - 20, second.received - 20, 3)
    assert (second.interval_received, second.rtt_ms.max is not None) == (20, True)
    assert (second.under_way, second.count, second.bad) == (0, 50, 0)  # of deliveries


# Harm -----------------------------------------------------------------------------------------------------------------


HARMS: dict[str, tuple[Harm, tuple[int, int, int, int]]] = {
    "lost": (lambda line: [], (1, 0, 0, 0)),
    "duplicated": (lambda line: [line, line], (0, 1, 0, 0)),
    "corrupted": (lambda line: [line[:-2] + b"!\n"], (0, 0, 0, 1)),
    "cut": (lambda line: [line[:-9] + b"\n"], (0, 0, 0, 1)),
}


@pytest.mark.parametrize("kind", HARMS)
@pytest.mark.parametrize("load", [{}, {"rate_per_s": 10.0}], ids=["closed", "open"])
def test_what_one_subscriber_missed_shows_in_its_row(
    net: Network, notes: Notes, kind: str, load: dict[str, Any]
) -> None:
    harm, faults = HARMS[kind]
    net.scripted(PORT, fan_out(net, {1: numbered(3, harm)}))
    rig = MatrixRig(net, notes, 1, 3, load={"count": 5, **load}, timeout_s=1.0)
    net.pass_s(5.0)
    assert rig.faults() == {(1, 2): faults}
    assert (rig.report.ok, rig.code, rig.matrix.whole) == (False, ExitCode.BAD_VERDICT, 2)
    assert (rig.report.lost, rig.report.duplicated, rig.report.corrupted) == (faults[0], faults[1], faults[3])


def test_a_line_that_is_overtaken_is_reordered_for_its_publisher_alone(net: Network, notes: Notes) -> None:
    kept: list[bytes] = []

    def hold(line: bytes) -> list[bytes]:
        if not kept and b"000-0000000002" in line:
            kept.append(line)
            return []
        late = kept if b"000-0000000003" in line else []
        return [line, *late]

    net.scripted(PORT, fan_out(net, {0: hold}))
    rig = MatrixRig(net, notes, 2, 2, load={"count": 8, "rate_per_s": 10.0})
    net.pass_s(2.0)
    assert rig.faults() == {(1, 1): (0, 0, 1, 0)}


def test_two_subscribers_that_got_everything_in_different_orders_are_told_apart(net: Network, notes: Notes) -> None:
    kept: list[bytes] = []

    def swap(line: bytes) -> list[bytes]:
        if b"000-0000000002" in line:
            kept.append(line)
            return []
        return [line, kept.pop()] if kept else [line]

    net.scripted(PORT, fan_out(net, {2: swap}))
    rig = MatrixRig(net, notes, 2, 3, load={"count": 8, "rate_per_s": 10.0})
    net.pass_s(2.0)
    assert rig.faults() == {}
    assert [row.order_differs for row in rig.matrix.subscribers] == [False, False, True]
    assert (rig.report.errors, rig.code) == ({"order differs": 1}, ExitCode.BAD_VERDICT)


def test_a_closed_loop_goes_on_without_what_does_not_come(net: Network, notes: Notes) -> None:
    net.scripted(PORT, fan_out(net, {0: numbered(2, lambda line: [])}))
    rig = MatrixRig(net, notes, 1, 2, load={"count": 4}, timeout_s=2.0)
    net.pass_s(1.9)
    assert not rig.running.over
    net.pass_s(3.0)
    assert (rig.report.sent, rig.report.lost, rig.report.errors) == (4, 1, {"timeout": 1})
    assert rig.faults() == {(1, 1): (1, 0, 0, 0)}


def test_a_barrier_that_is_lost_is_sent_again(net: Network, notes: Notes) -> None:
    lost: list[bytes] = []

    def lose(line: bytes) -> list[bytes]:
        if b"-9" in line and line not in lost:
            lost.append(line)
            return []
        return [line]

    net.scripted(PORT, fan_out(net, {1: lose}))
    rig = MatrixRig(net, notes, 1, 2, load={"count": 4})
    net.pass_s(2.0)
    assert (rig.report.ok, len(lost)) == (True, 2)
