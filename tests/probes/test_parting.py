"""Leaving: until the peer has taken leave as well, but not for long."""

from typing import Any

from twisted.internet.defer import CancelledError

from connecting_rig import HERE_TLS, PORT, Rig, insecure, over_tls
from memory import Network
from tw.probes.parting import PARTING_S, part


def connected(net: Network) -> Any:
    net.scripted(PORT, wrapped=over_tls(net))
    return Rig(net, HERE_TLS, **insecure()).running.result


def test_it_takes_as_long_as_the_peer_takes_to_answer(net: Network) -> None:
    connection = connected(net)
    told: list[object] = []
    connection.gone = told.append
    parting = net.run(part(net, connection))
    assert parting.result is None
    assert (net.seconds(), connection.is_lost, net.ends[0].aborted, len(told)) == (0.0, True, False, 1)


def test_a_peer_that_does_not_answer_is_cut(net: Network) -> None:
    connection = connected(net)
    net.ends[1].stuck = True
    parting = net.run(part(net, connection))
    net.pass_s(PARTING_S - 0.125)
    assert not parting.over
    net.pass_s(0.125)
    assert (parting.result, connection.is_lost) == (None, True)


def test_what_is_gone_already_is_not_waited_for(net: Network) -> None:
    connection = connected(net)
    net.peers[0].leave()
    net.settle()
    assert net.run(part(net, connection)).result is None
    connection.abort()  # as whoever tidies up may do


def test_it_can_be_cut_short(net: Network) -> None:
    connection = connected(net)
    net.ends[1].stuck = True
    parting = net.run(part(net, connection))
    parting.deferred.cancel()
    assert isinstance(parting.error, CancelledError)
    assert net.getDelayedCalls() == []
    net.ends[1].stuck = False
    net.settle()
    assert connection.is_lost
