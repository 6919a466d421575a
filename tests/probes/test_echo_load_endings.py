"""How a load on an echo ends, how its connections are opened, and what is shown of it."""

from math import inf
from typing import Any

import pytest

from load_rig import ECHO_PORT, EchoRig, SlowEcho
from memory import Network
from running import Notes
from tw.errors import AnswerTimeout, ConnectError, ExitCode, ProtocolError
from tw.probes.echo_judging import OVERDUE

# Endings -------------------------------------------------------------------------------------------------------------


def test_a_silent_server_ends_the_run_with_the_counts_so_far(net: Network, notes: Notes) -> None:
    net.scripted(ECHO_PORT)
    rig = EchoRig(net, notes, connections=3, count=1_000_000, timeout_s=2.0)
    net.pass_s(4)
    assert isinstance(rig.running.error, AnswerTimeout)
    assert (rig.report.sent, rig.report.received, rig.report.errors["timeout"]) == (6, 0, 3)
    assert rig.report.lost == 6


def test_what_was_not_due_when_a_silent_server_ended_the_run_is_not_unsent(net: Network, notes: Notes) -> None:
    net.scripted(ECHO_PORT)
    rig = EchoRig(net, notes, connections=2, rate_per_s=10, duration_s=20.0, timeout_s=1.0)
    net.pass_s(4)
    assert isinstance(rig.running.error, AnswerTimeout)
    assert (rig.report.sent, rig.report.lost, rig.figures.unsent) == (11, 11, 0)


def test_a_server_that_goes_silent_ends_a_run_that_has_no_other_end(net: Network, notes: Notes) -> None:
    SlowEcho(net, 0.0, stalls=(0.5, inf))
    rig = EchoRig(net, notes, connections=1, rate_per_s=100, count=100_000, timeout_s=1.0)
    net.pass_s(5)
    assert rig.running.result is None
    assert rig.report.errors["silent"] == 1
    assert (rig.report.received, rig.code) == (50, ExitCode.BAD_VERDICT)
    assert (rig.report.lost, rig.figures.unsent) == (rig.report.sent - 50, 0)


@pytest.mark.parametrize("load", [{}, {"rate_per_s": 0.9}], ids=["closed loop", "open loop"])
def test_that_each_message_is_given_up_before_the_next_one_is_sent_hides_no_silence(
    net: Network, notes: Notes, load: dict[str, Any]
) -> None:
    SlowEcho(net, 0.25, stalls=(1.0, inf))
    rig = EchoRig(net, notes, connections=1, count=100, timeout_s=1.0, **load)
    net.pass_s(10)
    if load:
        # Nothing was due for a while after each: a slow schedule over an outage goes on.
        assert not rig.running.over
        rig.cancel()
    else:
        assert (rig.report.errors["silent"], rig.code) == (1, ExitCode.BAD_VERDICT)


def test_a_server_that_refuses_fails_the_run_at_once(net: Network, notes: Notes) -> None:
    rig = EchoRig(net, notes, connections=3, count=10)
    assert isinstance(rig.running.error, ConnectError)
    assert rig.report.sent == 0


def test_a_server_that_closes_at_once_fails_the_run(net: Network, notes: Notes) -> None:
    net.scripted(ECHO_PORT, lambda peer, data: peer.leave())
    rig = EchoRig(net, notes, connections=3, count=10)
    net.pass_s(1)
    assert isinstance(rig.running.error, ProtocolError)
    assert rig.report.received == 0


def test_a_run_that_is_cut_short_counts_what_was_under_way_as_neither(net: Network, notes: Notes) -> None:
    SlowEcho(net, 0.1)
    rig = EchoRig(net, notes, connections=4, duration_s=100.0)
    net.pass_s(1.05)
    report = rig.cancel()
    assert (report.sent, report.received, report.lost) == (44, 40, 0)
    assert report.duration_s == pytest.approx(1.05)
    net.pass_s(1)


def test_a_run_can_be_cut_short_while_it_connects(net: Network, notes: Notes) -> None:
    net.silent.add(ECHO_PORT)
    rig = EchoRig(net, notes, connections=200, count=1000, timeout_s=60)
    report = rig.cancel()
    assert (report.sent, report.load.connections) == (0, 200)


# Connections ---------------------------------------------------------------------------------------------------------


def test_connections_are_opened_at_their_rate_before_the_load_begins(net: Network, notes: Notes) -> None:
    server = SlowEcho(net)
    EchoRig(net, notes, connections=5, count=5, connect_rate_per_s=2.0)
    opened = []
    for _ in range(6):
        opened.append((len(server.heard), sum(map(len, server.heard.values()))))
        net.pass_s(0.5)
    assert opened == [(1, 0), (2, 0), (3, 0), (4, 0), (5, 5), (5, 5)]
    net.pass_s(2)


# What is shown -------------------------------------------------------------------------------------------------------


def test_a_display_is_told_where_the_run_stands(net: Network, notes: Notes) -> None:
    notes.progress_every_s = 1.0625
    SlowEcho(net, 0.25)
    EchoRig(net, notes, connections=1, count=1000, duration_s=2.5, warmup_s=1.5)
    net.pass_s(8)
    seen = [(shot.warming, shot.elapsed_s, shot.count, shot.duration_s) for shot in notes.snapshots]
    assert seen == [(True, 1.0625, None, 1.5), (False, 0.625, 1000, 2.5), (False, 1.6875, 1000, 2.5)]
    assert [(shot.sent, shot.received) for shot in notes.snapshots] == [(5, 4), (3, 2), (7, 6)]
    assert [shot.interval_received for shot in notes.snapshots] == [4, 2, 4]
    assert [shot.rate_per_s for shot in notes.snapshots] == [3.765, 3.2, 3.765]
    assert notes.snapshots[-1].rtt_ms.p50 == pytest.approx(250)
    assert {(shot.connections, shot.under_way, shot.bad) for shot in notes.snapshots} == {(1, 1, 0)}


def test_a_display_that_does_not_ask_is_not_told(net: Network, notes: Notes) -> None:
    SlowEcho(net, 0.1)
    EchoRig(net, notes, connections=1, duration_s=3.0)
    net.pass_s(5)
    assert notes.snapshots == []
    assert len(notes.reports) == 1


def test_the_window_is_bounded_in_bytes_too(net: Network, notes: Notes) -> None:
    SlowEcho(net, 0.0, stalls=(0.0, 1.0))
    rig = EchoRig(net, notes, connections=1, rate_per_s=10.0, count=20, size_bytes=16 * 1024 * 1024)
    net.pass_s(0.95)
    assert rig.client.under_way == 4
    rig.cancel()
    net.pass_s(1)


def test_of_a_long_stall_the_times_of_the_last_that_were_given_up_are_known(net: Network, notes: Notes) -> None:
    SlowEcho(net, 0.25, stalls=(1.0, 21.0))
    rig = EchoRig(net, notes, connections=1, duration_s=25.0, timeout_s=0.5)
    net.pass_s(30)
    late = rig.report.errors["late"]
    assert late >= 35
    assert rig.report.lost == 0
    assert rig.report.rtt_ms.histogram is not None
    assert rig.report.rtt_ms.histogram.count == rig.report.received - late + OVERDUE
