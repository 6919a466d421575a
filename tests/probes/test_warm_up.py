"""What the connections of a load's warm-up took is kept apart from what the run's did."""

from itertools import count

from counter_script import answer
from ends import Peer
from load_rig import COUNTER_PORT, CounterRig, EchoRig, SlowEcho
from memory import Network
from running import Notes
from tw.report import Distribution


def connects(times: Distribution) -> int:
    return 0 if times.histogram is None else times.histogram.count


def test_connections_that_the_warm_up_has_used_up_are_not_the_runs(net: Network, notes: Notes) -> None:
    numbers = count(1)

    def hears(peer: Peer, _data: bytes) -> None:
        def say() -> None:
            peer.say(answer(next(numbers), "X-Instance: i", "Connection: close"))
            peer.leave()

        net.callLater(0.1, say)

    net.scripted(COUNTER_PORT, hears)
    rig = CounterRig(net, notes, connections=5, count=20, warmup_s=0.45)
    net.pass_s(30)
    assert (rig.report.received, rig.report.ok) == (20, True)
    warmup, phases = rig.figures.warmup, rig.report.phases
    assert warmup is not None
    assert phases is not None
    assert (connects(warmup.connect_ms), connects(rig.report.connect_ms)) == (len(net.peers) - 20, 20)
    assert phases.connect is not None
    assert connects(phases.connect) == 20


def test_connections_that_outlive_the_warm_up_are_the_runs(net: Network, notes: Notes) -> None:
    SlowEcho(net, 0.1)
    rig = EchoRig(net, notes, connections=5, count=20, warmup_s=0.45)
    net.pass_s(30)
    warmup, phases = rig.figures.warmup, rig.report.phases
    assert warmup is not None
    assert phases is not None
    assert (connects(warmup.connect_ms), connects(rig.report.connect_ms)) == (0, 5)
    assert phases.connect is not None
    assert connects(phases.connect) == 5
    assert warmup.to_json()["connect_ms"]["max"] is None


def test_a_run_that_was_stopped_in_its_warm_up_has_opened_none_itself(net: Network, notes: Notes) -> None:
    SlowEcho(net, 0.1)
    rig = EchoRig(net, notes, connections=5, count=20, warmup_s=9.0)
    net.pass_s(1)
    report = rig.cancel()
    net.pass_s(1)
    assert (report.sent, connects(report.connect_ms)) == (0, 0)
    assert connects(rig.figures.warmup.connect_ms) == 5  # type: ignore[union-attr] # there was one
