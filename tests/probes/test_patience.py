"""Connecting takes time: a deadline for each phase, patience, and what becomes of an interruption."""

from itertools import product

import pytest
from OpenSSL import SSL
from twisted.internet.defer import CancelledError
from twisted.internet.error import ConnectError as OddError
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.python.failure import Failure

from connecting_rig import HERE_TLS, PORT, Rig, insecure, over_tls
from ends import Peer
from memory import Network
from tw.core.target import HostTarget
from tw.errors import AnswerTimeout, ConnectError, ProtocolError, TlsError, TwError
from tw.options import TlsClientOptions
from tw.probes.connecting import RETRY_S
from tw.probes.failures import lost_connection

PIN = "sha256//" + "A" * 43 + "="

# Deadlines -----------------------------------------------------------------------------------------------------------


def test_a_name_server_that_does_not_answer(net: Network) -> None:
    net.silent.add("slow")
    rig = Rig(net, HostTarget("slow", PORT))
    net.pass_s(4.9)
    assert not rig.running.over
    net.pass_s(0.1)
    assert isinstance(rig.running.error, ConnectError)
    assert str(rig.running.error) == (
        "connecting timed out (slow:7); is a firewall in between? --timeout gives it longer"
    )


def test_a_server_that_does_not_answer_the_connection(net: Network) -> None:
    net.silent.add(PORT)
    rig = Rig(net)
    net.pass_s(5.0)
    assert isinstance(rig.running.error, ConnectError)
    assert rig.running.error.what == "connecting timed out"
    assert net.connectors[0].stoppedConnecting


def test_a_server_that_is_silent_in_the_handshake_has_connected(net: Network) -> None:
    net.scripted(PORT)
    rig = Rig(net, HERE_TLS, **insecure())
    net.pass_s(5.0)
    assert isinstance(rig.running.error, AnswerTimeout)
    assert str(rig.running.error) == ("no answer to the TLS handshake (127.0.0.1:7); does it speak TLS on this port?")
    net.settle()
    assert not net.ends[0].connected


def test_connecting_and_the_handshake_share_one_deadline(net: Network) -> None:
    net.names["slow"] = ["127.0.0.1"]
    net.silent.add("slow")
    net.scripted(PORT)
    rig = Rig(net, HostTarget("slow", PORT, tls=True), **insecure())
    net.pass_s(3.0)
    net.silent.clear()
    net.resolveHostName(net.lookups.pop(), "slow", PORT)
    net.pass_s(1.9)
    assert not rig.running.over
    net.pass_s(0.1)
    assert isinstance(rig.running.error, AnswerTimeout)


@pytest.mark.parametrize("says", [b"220 smtp\r\n", b""], ids=["another protocol", "nothing"])
def test_a_peer_that_ends_the_handshake(net: Network, says: bytes) -> None:
    def hears(peer: Peer, data: bytes) -> None:
        peer.say(says)
        peer.leave()

    net.scripted(PORT, hears)
    rig = Rig(net, HERE_TLS, **insecure())
    assert isinstance(rig.running.error, TlsError)
    assert rig.connector.connect_times.count == 0


# Patience ------------------------------------------------------------------------------------------------------------


def test_it_keeps_trying_until_the_server_is_there(net: Network) -> None:
    rig = Rig(net, wait_for_s=10.0)
    net.pass_s(3.0)
    assert not rig.running.over
    net.scripted(PORT)
    net.pass_s(RETRY_S)
    assert rig.running.result is rig.built[-1]
    assert 10 < len(rig.built) <= 32
    rig.leave()


@pytest.mark.parametrize("wait_for_s", [0.05, 2.0])
def test_patience_ends_and_the_error_says_how_long_it_lasted(net: Network, wait_for_s: float) -> None:
    rig = Rig(net, wait_for_s=wait_for_s)
    net.pass_s(wait_for_s)
    assert isinstance(rig.running.error, ConnectError)
    assert str(rig.running.error) == (
        f"connection refused (127.0.0.1:7); waited {wait_for_s:g} s; is the server running there?"
    )


def test_an_attempt_may_not_take_longer_than_the_patience(net: Network) -> None:
    net.silent.add(PORT)
    rig = Rig(net, wait_for_s=7.0)
    net.pass_s(5.0)
    assert not rig.running.over
    net.pass_s(2.0)
    assert isinstance(rig.running.error, ConnectError)
    assert rig.running.error.hint.startswith("waited 7 s; is a firewall in between?")


def test_an_error_without_advice_gets_the_wait_alone(net: Network) -> None:
    net.refusal = OddError(string="odd")
    rig = Rig(net, wait_for_s=0.05)
    assert isinstance(rig.running.error, ConnectError)
    assert rig.running.error.hint == "waited 0.05 s"


def test_what_waiting_cannot_mend_is_not_waited_for(net: Network) -> None:
    rig = Rig(net, HERE_TLS, wait_for_s=10.0, verify=TlsClientOptions(pin=PIN))
    net.scripted(PORT, wrapped=over_tls(net))
    net.pass_s(RETRY_S)
    assert isinstance(rig.running.error, TlsError)
    assert net.seconds() == RETRY_S


# Interruption --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("phase", "patience"),
    [*product(("name", "connection", "handshake"), (None, 60.0)), ("pause", 60.0)],
)
def test_an_interruption_is_one_in_every_phase_however_patient_it_is(
    net: Network, phase: str, patience: float | None
) -> None:
    if phase == "handshake":
        net.scripted(PORT)
    net.silent.add({"name": "slow", "connection": PORT}.get(phase))
    target = HostTarget("slow" if phase == "name" else "127.0.0.1", PORT, tls=True)
    rig = Rig(net, target, wait_for_s=patience, **insecure())
    assert not rig.running.over
    rig.running.deferred.cancel()
    assert isinstance(rig.running.error, CancelledError)
    net.settle()
    assert net.getDelayedCalls() == []
    assert not any(end.connected for end in net.ends)
    assert len(rig.built) == 1


# The end of a connection ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reason", "kind", "what"),
    [
        (ConnectionDone(), ProtocolError, "the peer closed the connection in the middle"),
        (ConnectionLost(), ProtocolError, "the peer broke the connection in the middle"),
        (SSL.Error([("", "", "certificate required")]), TlsError, "the TLS handshake failed: certificate required"),
    ],
)
def test_what_the_end_of_a_connection_means_in_the_middle(reason: Exception, kind: type[TwError], what: str) -> None:
    error = lost_connection(Failure(reason), "h:7")
    assert (type(error), error.what, error.where) == (kind, what, "h:7")
