"""The lines that go ahead of the pub/sub probe's samples, and behind them."""

import pytest

from ends import Peer
from memory import Network
from pubsub_rig import PORT, Rig, to_all
from running import Notes
from tw.errors import AnswerTimeout, ExitCode
from tw.probes.pubsub import BARRIER_S, LAST_READ_S


def test_no_sample_is_sent_before_the_subscriber_is_known_to_get_lines(net: Network, notes: Notes) -> None:
    net.scripted(PORT)
    rig = Rig(net, notes, count=1, timeout_s=2.0)
    subscriber, publisher = net.peers
    assert publisher.got.startswith(b"barrier-")
    assert (publisher.got.count(b"\n"), subscriber.got) == (1, b"")
    net.pass_s(BARRIER_S - 0.1)
    subscriber.say(b"<proxy> " + publisher.got)
    net.settle()
    barrier, sample = publisher.got.splitlines()
    assert barrier not in sample
    subscriber.say(sample + b"\n")
    net.pass_s(LAST_READ_S)
    assert rig.running.result is None
    assert (rig.report.sent, rig.report.duration_s, rig.report.ok) == (1, 0.0, True)


def test_a_barrier_that_nobody_was_there_to_get_is_sent_once_more(net: Network, notes: Notes) -> None:
    net.scripted(PORT)
    rig = Rig(net, notes, count=1, timeout_s=5.0)
    subscriber, publisher = net.peers
    net.pass_s(2.5 * BARRIER_S)
    first, *again = publisher.got.splitlines()
    assert again == [first, first]
    subscriber.say(first + b"\n")
    net.settle()
    *_, sample = publisher.got.splitlines()
    subscriber.say(first + b"\n" + sample + b"\n" + first + b"\n")  # those that came late mean nothing any more
    net.pass_s(LAST_READ_S)
    assert rig.running.result is None
    assert (rig.report.ok, rig.report.received, rig.delivery.foreign) == (True, 1, 0)


def test_a_server_that_lets_no_line_through_is_a_timeout(net: Network, notes: Notes) -> None:
    net.scripted(PORT)
    rig = Rig(net, notes, timeout_s=2.0)
    net.pass_s(2.0)
    assert isinstance(rig.running.error, AnswerTimeout)
    assert str(rig.running.error) == (
        "connected, and no line came through (127.0.0.1:1025); waited 2 s for a first line"
    )
    assert rig.report.sent == 0


@pytest.mark.parametrize("count", [1, 3])
def test_a_server_that_sends_each_line_twice_is_seen_to_to_the_last(net: Network, notes: Notes, count: int) -> None:
    net.scripted(PORT, to_all(net, lambda line: line * 2))
    rig = Rig(net, notes, count=count, interval_s=1.0)
    net.pass_s(count - 1.0)
    assert rig.running.result is None
    report = rig.report
    assert (report.received, report.duplicated, rig.delivery.foreign) == (count, count, 0)
    assert rig.code == ExitCode.BAD_VERDICT


def test_a_server_that_loses_the_last_barrier_is_not_waited_for_for_long(net: Network, notes: Notes) -> None:
    net.scripted(PORT, to_all(net, lambda line: b"" if line.endswith(b"-2\n") else line))
    rig = Rig(net, notes, count=1)
    net.pass_s(LAST_READ_S - 0.01)
    assert not rig.running.over
    net.pass_s(0.01)
    assert rig.running.result is None
    assert rig.report.ok


def test_a_server_that_leaves_at_the_last_barrier_has_answered_everything(net: Network, notes: Notes) -> None:
    send = to_all(net)

    def hears(peer: Peer, data: bytes) -> None:
        if data.endswith(b"-2\n"):
            peer.leave()
        else:
            send(peer, data)

    net.scripted(PORT, hears)
    rig = Rig(net, notes, count=1)
    assert rig.running.result is None
    assert rig.report.ok
