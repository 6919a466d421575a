"""The delivery matrix: who is not there, who leaves in the middle, and runs that are cut short."""

from typing import Any

import pytest

from ends import Peer
from matrix_rig import MatrixRig, fan_out, numbered
from memory import Network
from pubsub_rig import PORT, serve
from running import Notes
from tw.errors import AnswerTimeout, ConnectError, ExitCode, ProtocolError
from tw.probes.matrix_part import AFTERMATH_S

# Who is not there -----------------------------------------------------------------------------------------------------


def test_a_server_that_lets_nothing_through_ends_the_run(net: Network, notes: Notes) -> None:
    net.scripted(PORT)
    rig = MatrixRig(net, notes, 1, 2, load={"count": 4}, timeout_s=2.0)
    net.pass_s(2.5)
    assert isinstance(rig.running.error, AnswerTimeout)
    assert str(rig.running.error) == (
        "connected, and no line came through (127.0.0.1:1025); waited 2 s for a first line"
    )
    assert rig.report.sent == 0


def test_a_pair_that_nothing_passes_between_is_left_out_and_told(net: Network, notes: Notes) -> None:
    def never(line: bytes) -> list[bytes]:
        return [] if b"001-" in line else [line]

    net.scripted(PORT, fan_out(net, {1: never}))
    rig = MatrixRig(net, notes, 2, 2, load={"count": 6}, timeout_s=1.0)
    net.pass_s(3.0)
    assert rig.faults() == {(2, 2): (3, 0, 0, 0)}
    assert [pair.joined for pair in rig.matrix.pairs] == [True, True, True, False]
    assert rig.report.errors == {"not joined": 1}


def test_nobody_there_is_a_connect_error(net: Network, notes: Notes) -> None:
    rig = MatrixRig(net, notes, 2, 2, load={"count": 4})
    assert isinstance(rig.running.error, ConnectError)
    assert all(not end.connected for end in net.ends)


# Who leaves -----------------------------------------------------------------------------------------------------------


def leaving(net: Network, places: dict[int, bytes], number: int) -> Any:
    """A server that parts from peers, with a last word, as soon as there is a line of this number."""
    share = fan_out(net, {})

    def hears(peer: Peer, data: bytes) -> None:
        if b"-%010d" % number in data:
            for place, word in places.items():
                net.peers[place].say(word)
                net.peers[place].leave()
        else:
            share(peer, data)

    return hears


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        (b"", "the peer closed the connection"),
        (b"<tw> disconnected: more than 5 bytes behind\n", "<tw> disconnected: more than 5 bytes behind"),
        (b"<tw> disconnected: \x1b[31m\n", "<tw> disconnected: \\x1b[31m"),
    ],
)
def test_the_run_goes_on_without_a_subscriber_that_leaves(net: Network, notes: Notes, word: bytes, reason: str) -> None:
    net.scripted(PORT, leaving(net, {1: word}, 3))
    rig = MatrixRig(net, notes, 1, 2, load={"count": 5, "rate_per_s": 10.0}, timeout_s=1.0)
    net.pass_s(3.0)
    assert rig.running.result is None
    assert rig.faults() == {(1, 1): (1, 0, 0, 0), (1, 2): (3, 0, 0, 0)}
    row = rig.matrix.subscribers[1]
    assert (row.left_at_s, row.left_reason) == (pytest.approx(0.2), reason)
    assert (rig.report.errors, rig.code) == ({"subscriber left": 1}, ExitCode.BAD_VERDICT)


def test_a_closed_loop_goes_on_without_a_subscriber_that_leaves(net: Network, notes: Notes) -> None:
    net.scripted(PORT, leaving(net, {0: b""}, 3))
    rig = MatrixRig(net, notes, 1, 2, load={"count": 5}, timeout_s=1.0)
    net.pass_s(2.0)
    assert (rig.report.sent, rig.report.received) == (5, 6)
    assert rig.report.errors == {"subscriber left": 1, "timeout": 1}


def test_one_who_left_in_the_warm_up_is_missed_in_the_run(net: Network, notes: Notes) -> None:
    net.scripted(PORT, leaving(net, {1: b"", 3: b""}, 2))
    load = {"count": 6, "rate_per_s": 10.0, "warmup_s": 0.5}
    rig = MatrixRig(net, notes, 2, 2, load=load, timeout_s=1.0)
    net.pass_s(4.0)
    assert [row.left_reason for row in rig.matrix.subscribers] == ["", "the peer closed the connection"]
    assert [each.left_at_s is None for each in rig.matrix.publishers] == [True, False]
    assert [row.counts.delivered for row in rig.matrix.subscribers] == [2, 0]


def test_the_run_goes_on_without_a_publisher_that_leaves(net: Network, notes: Notes) -> None:
    net.scripted(PORT, leaving(net, {2: b""}, 2))
    rig = MatrixRig(net, notes, 2, 2, load={"count": 8}, timeout_s=1.0)
    net.pass_s(5.0)
    assert [(each.published, each.left_at_s is None) for each in rig.matrix.publishers] == [(2, False), (4, True)]
    assert rig.report.errors["publisher left"] == 1


@pytest.mark.parametrize("places", [(0, 1), (2, 3)], ids=["subscribers", "publishers"])
def test_where_nobody_is_left_the_run_is_over(net: Network, notes: Notes, places: tuple[int, int]) -> None:
    net.scripted(PORT, leaving(net, dict.fromkeys(places, b""), 2))
    rig = MatrixRig(net, notes, 2, 2, load={"count": 8})
    net.pass_s(AFTERMATH_S)
    assert isinstance(rig.running.error, ProtocolError)
    assert (rig.report.ok, rig.report.received) == (False, 4)


def test_where_nobody_is_left_the_servers_last_word_says_why(net: Network, notes: Notes) -> None:
    net.scripted(PORT, leaving(net, {0: b"<tw> disconnected: more than 5 bytes behind\n"}, 2))
    rig = MatrixRig(net, notes, 1, 1, load={"count": 8})
    net.pass_s(AFTERMATH_S)
    assert str(rig.running.error) == (
        "the server said '<tw> disconnected: more than 5 bytes behind' (127.0.0.1:1025); ask for less with --rate"
    )


def test_a_server_that_takes_no_such_lines_says_so(net: Network, notes: Notes) -> None:
    service = serve(net, max_line_bytes=50)
    rig = MatrixRig(net, notes, 2, 1, load={"count": 4})
    net.pass_s(AFTERMATH_S)
    assert str(rig.running.error) == (
        "the server said '<tw> line too long (max 50 bytes)' (127.0.0.1:1025); use a smaller --size"
    )
    assert net.run(service.stop()).over


def test_a_subscriber_whose_line_never_ends_is_left_out(net: Network, notes: Notes) -> None:
    net.scripted(PORT, fan_out(net, {1: numbered(2, lambda line: [b"x" * 200_000])}))
    rig = MatrixRig(net, notes, 1, 2, load={"count": 4, "rate_per_s": 10.0})
    net.pass_s(2.0)
    assert rig.faults() == {(1, 2): (3, 0, 0, 0)}
    assert rig.matrix.subscribers[1].left_reason == "a line that is too long: is it a line server?"


def test_a_run_that_is_cut_short_has_not_lost_what_is_under_way(net: Network, notes: Notes) -> None:
    held: list[bytes] = []

    def hold(line: bytes) -> list[bytes]:
        held.append(line)
        return [] if b"-0000000004" in line or b"-0000000002" in line else [line]

    net.scripted(PORT, fan_out(net, {1: hold}))
    rig = MatrixRig(net, notes, 1, 2, load={"count": 100, "rate_per_s": 10.0})
    net.pass_s(0.35)
    report = rig.cancel()
    assert (report.sent, report.received, report.lost) == (4, 6, 1)


# Who is slow ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("load", [{"count": 6}, {"count": 6, "rate_per_s": 10.0}], ids=["closed", "open"])
def test_a_slow_subscriber_holds_up_nobody_and_reads_the_rest_when_the_load_is_over(
    net: Network, notes: Notes, load: dict[str, Any]
) -> None:
    net.scripted(PORT, fan_out(net, {}))
    rig = MatrixRig(net, notes, 1, 2, read_rate=10, load=load, timeout_s=1.0)
    net.pass_s(2.0)
    assert rig.running.result is None
    assert (rig.report.ok, rig.report.received, rig.report.errors) == (True, 12, {})
    eager, slow = rig.matrix.subscribers
    assert (eager.slow, slow.slow) == (False, True)


def test_the_time_until_the_last_line_has_come_is_none_of_publishing(net: Network, notes: Notes) -> None:
    share = fan_out(net, {})
    net.scripted(PORT, lambda peer, data: net.callLater(3.0, share, peer, data))
    rig = MatrixRig(net, notes, 1, 1, load={"rate_per_s": 10.0, "duration_s": 2.0}, timeout_s=5.0)
    net.pass_s(20.0)
    assert (rig.report.ok, rig.report.duration_s) == (True, pytest.approx(4.9, abs=0.1))
    assert rig.matrix.published_per_s == pytest.approx(10.25, abs=0.3)


def test_where_all_are_slow_a_closed_loop_waits_for_them(net: Network, notes: Notes) -> None:
    net.scripted(PORT, fan_out(net, {}))
    rig = MatrixRig(net, notes, 1, 1, read_rate=65, load={"count": 3})  # a line, and its end, a second
    net.pass_s(1.9)
    assert not rig.running.over
    net.pass_s(2.0)
    assert (rig.report.ok, rig.report.duration_s) == (True, pytest.approx(2.0))


def test_who_rests_between_two_reads_is_no_silent_server(net: Network, notes: Notes) -> None:
    net.scripted(PORT, fan_out(net, {}))
    rig = MatrixRig(net, notes, 1, 1, read_rate=1, load={"count": 3}, timeout_s=2.0)  # 65 s for a line
    net.pass_s(129.0)
    assert not rig.running.over
    net.pass_s(5.0)
    assert (rig.report.ok, rig.report.received, rig.report.errors) == (True, 3, {})


def test_a_server_that_goes_silent_while_nobody_rests_is_one(net: Network, notes: Notes) -> None:
    share, said = fan_out(net, {}), 0

    def hears(peer: Peer, data: bytes) -> None:
        nonlocal said
        said += b"-000000000" in data
        if said < 3:
            share(peer, data)

    net.scripted(PORT, hears)
    rig = MatrixRig(net, notes, 1, 1, read_rate=650, load={"count": 100}, timeout_s=1.0)
    net.pass_s(9.0)
    assert (rig.report.errors["silent"], rig.report.received) == (1, 2)


@pytest.mark.parametrize(
    ("load", "sent", "errors"),
    [({"count": 100}, 6, {"timeout": 3, "silent": 1}), ({"duration_s": 2.5}, 5, {"timeout": 2})],
    ids=["count", "duration"],
)
def test_a_server_that_goes_silent_ends_a_run_that_has_no_other_end(
    net: Network, notes: Notes, load: dict[str, Any], sent: int, errors: dict[str, int]
) -> None:
    share, silent = fan_out(net, {}), False

    def hears(peer: Peer, data: bytes) -> None:
        nonlocal silent
        silent = silent or b"-0000000003" in data
        if not silent:
            share(peer, data)

    net.scripted(PORT, hears)
    rig = MatrixRig(net, notes, 1, 1, load=load, timeout_s=1.0)
    net.pass_s(6.0)
    report = rig.report
    assert (report.received, report.sent, report.errors) == (2, sent, errors)
    assert (report.lost, rig.code) == (sent - 2, ExitCode.BAD_VERDICT)


def test_the_time_in_which_nothing_came_counts_for_every_figure_per_second(net: Network, notes: Notes) -> None:
    lost = [b"-%010d" % number for number in range(2, 21)]
    net.scripted(PORT, fan_out(net, {0: lambda line: [] if any(each in line for each in lost) else [line]}))
    rig = MatrixRig(net, notes, 1, 1, load={"rate_per_s": 10.0, "duration_s": 2.0}, timeout_s=1.0)
    net.pass_s(4.0)
    assert (rig.report.received, rig.report.sent) == (1, 20)
    assert rig.report.duration_s == pytest.approx(1.95, abs=0.06)
    assert rig.matrix.published_per_s == pytest.approx(10.25, abs=0.3)


def test_where_the_last_one_leaves_while_the_rest_is_awaited_the_run_is_over(net: Network, notes: Notes) -> None:
    share = fan_out(net, {})

    def hears(peer: Peer, data: bytes) -> None:
        for line in data.splitlines(keepends=True):
            if b"-9000000002" in line:
                net.peers[0].leave()
            else:
                share(peer, line)

    net.scripted(PORT, hears)
    rig = MatrixRig(net, notes, 1, 1, load={"count": 2})
    net.pass_s(AFTERMATH_S)
    assert isinstance(rig.running.error, ProtocolError)
    assert (rig.report.received, rig.matrix.settled) == (2, False)
