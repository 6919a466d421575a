"""Probes at a server that wants a PROXY header first: who is closed on without a byte is told how to send one."""

from typing import Any

import pytest

from counter_script import answer
from ends import Peer
from load_rig import COUNTER_PORT, ECHO_PORT, CounterRig, EchoRig
from matrix_rig import MatrixRig, fan_out
from memory import Network
from pubsub_rig import PORT as PUBSUB_PORT
from running import ClientRig, Notes
from tw.errors import ProtocolError, TlsError
from tw.options import TlsClientOptions
from tw.probe_options import ProbeCounterOptions, ProbeEchoOptions, ProbePubSubOptions
from tw.probes.counter import CounterPing
from tw.probes.counter_diff import CounterDiff
from tw.probes.echo import EchoPing
from tw.probes.echo_diff import EchoDiff
from tw.probes.idle_timeout import EchoIdle
from tw.probes.publish import Publish
from tw.probes.pubsub import PubSubPing
from tw.probes.subscribe import HEADER_PATIENCE_S, Subscribe
from tw.serve_options import ServeCounterOptions, ServeEchoOptions, ServePubSubOptions
from tw.services.counter import CounterService
from tw.services.echo import EchoService
from tw.services.pubsub import PubSubService
from tw.survey_options import SurveyOptions

HINT = "; is it the right server? one that expects a PROXY header needs --send-proxy"


def echo(net: Network, notes: Notes, **options: Any) -> ClientRig:
    return ClientRig(net, notes, EchoPing(net, ProbeEchoOptions(**options), notes, net.measured))


def counter(net: Network, notes: Notes, **options: Any) -> ClientRig:
    return ClientRig(net, notes, CounterPing(net, ProbeCounterOptions(**options), notes, net.measured))


def pubsub(net: Network, notes: Notes, **options: Any) -> ClientRig:
    return ClientRig(net, notes, PubSubPing(net, ProbePubSubOptions(**options), notes, net.measured))


def publishing(net: Network, notes: Notes, **options: Any) -> ClientRig:
    return ClientRig(net, notes, Publish(net, ProbePubSubOptions(publish=("a",), **options), notes, net.measured))


def subscribing(net: Network, notes: Notes, **options: Any) -> ClientRig:
    return ClientRig(net, notes, Subscribe(net, ProbePubSubOptions(subscribe=True, **options), notes, net.measured))


def matrix(net: Network, notes: Notes, **options: Any) -> ClientRig:
    return MatrixRig(net, notes, 2, 2, load={"count": 4}, **options)


def echo_diff(net: Network, notes: Notes, **options: Any) -> ClientRig:
    chosen = ProbeEchoOptions(survey=SurveyOptions(kind="diff"), **options)
    return ClientRig(net, notes, EchoDiff(net, chosen, notes, net.measured))


def counter_diff(net: Network, notes: Notes, **options: Any) -> ClientRig:
    chosen = ProbeCounterOptions(survey=SurveyOptions(kind="diff"), **options)
    return ClientRig(net, notes, CounterDiff(net, chosen, notes, net.measured))


def echo_idle(net: Network, notes: Notes, **options: Any) -> ClientRig:
    survey = SurveyOptions(kind="idle")
    chosen = ProbeEchoOptions(survey=survey, **options)
    return ClientRig(net, notes, EchoIdle(net, chosen, notes, survey, net.measured))


def echo_load(net: Network, notes: Notes, **options: Any) -> ClientRig:
    return EchoRig(net, notes, connections=2, count=10, **options)


def counter_load(net: Network, notes: Notes, **options: Any) -> ClientRig:
    return CounterRig(net, notes, connections=2, count=10, **options)


SERVING: dict[Any, tuple[Any, Any]] = {
    echo: (EchoService, ServeEchoOptions),
    echo_load: (EchoService, ServeEchoOptions),
    counter: (CounterService, ServeCounterOptions),
    counter_load: (CounterService, ServeCounterOptions),
    pubsub: (PubSubService, ServePubSubOptions),
    publishing: (PubSubService, ServePubSubOptions),
    subscribing: (PubSubService, ServePubSubOptions),
    matrix: (PubSubService, ServePubSubOptions),
    echo_diff: (EchoService, ServeEchoOptions),
    echo_idle: (EchoService, ServeEchoOptions),
    counter_diff: (CounterService, ServeCounterOptions),
}


@pytest.mark.parametrize("probe", SERVING)
def test_without_a_header_the_hint_is_to_send_one(net: Network, notes: Notes, probe: Any) -> None:
    make, options = SERVING[probe]
    service = make(net, options(proxy_protocol=True), lambda event: None)
    net.run(service.start())
    rig = probe(net, notes)
    net.pass_s(20)
    assert isinstance(rig.running.error, ProtocolError)
    assert str(rig.running.error).endswith(HINT)
    net.run(service.stop())


@pytest.mark.parametrize(
    ("probe", "port"),
    [
        (echo, ECHO_PORT),
        (counter, COUNTER_PORT),
        (echo_load, ECHO_PORT),
        (matrix, PUBSUB_PORT),
        (echo_diff, ECHO_PORT),
    ],
)
def test_who_has_sent_a_header_is_not_told_to(net: Network, notes: Notes, probe: Any, port: int) -> None:
    net.scripted(port, lambda peer, data: peer.leave())
    rig = probe(net, notes, send_proxy="v1")
    net.pass_s(20)
    assert "--send-proxy" not in str(rig.running.error)


def test_a_server_that_has_said_something_is_not_one_that_wants_a_header(net: Network, notes: Notes) -> None:
    def hears(peer: Peer, data: bytes) -> None:
        peer.say(data[:10])
        peer.leave()

    net.scripted(ECHO_PORT, hears)
    rig = echo(net, notes)
    net.pass_s(1)
    assert "--send-proxy" not in str(rig.running.error)


def test_nor_one_that_has_answered_before_on_another_connection(net: Network, notes: Notes) -> None:
    def hears(peer: Peer, _data: bytes) -> None:
        if peer is net.peers[0]:
            peer.say(answer(1, "Connection: close"))
        peer.leave()

    net.scripted(COUNTER_PORT, hears)
    rig = counter(net, notes, count=2)
    net.pass_s(3)
    assert rig.running.result is None
    assert "--send-proxy" not in " ".join(sample.detail for sample in notes.samples)


def test_nor_one_that_leaves_a_subscriber_alone_for_so_long_before_it_goes(net: Network, notes: Notes) -> None:
    net.scripted(PUBSUB_PORT)
    rig = subscribing(net, notes)
    net.pass_s(HEADER_PATIENCE_S + 1)
    net.peers[0].leave()
    net.settle()
    assert isinstance(rig.running.error, ProtocolError)
    assert "--send-proxy" not in str(rig.running.error)


def test_nor_one_that_has_let_lines_of_the_matrix_through(net: Network, notes: Notes) -> None:
    share = fan_out(net, {}, echo=False)

    def hears(peer: Peer, data: bytes) -> None:
        if b"-%010d" % 1 in data:
            for each in net.peers:
                each.leave()
        else:
            share(peer, data)

    net.scripted(PUBSUB_PORT, hears)
    rig = matrix(net, notes)
    net.pass_s(5)
    assert isinstance(rig.running.error, ProtocolError)
    assert "--send-proxy" not in str(rig.running.error)


@pytest.mark.parametrize(("options", "hints"), [({}, True), ({"send_proxy": "v2"}, False)])
def test_a_handshake_that_ends_without_a_word_may_lack_a_header(
    net: Network, notes: Notes, options: dict[str, Any], hints: bool
) -> None:
    net.scripted(ECHO_PORT, lambda peer, data: peer.leave())
    rig = echo(net, notes, tls=True, verify=TlsClientOptions(insecure=True), **options)
    net.pass_s(1)
    assert isinstance(rig.running.error, TlsError)
    assert str(rig.running.error).startswith("the peer left during the TLS handshake")
    assert ("--send-proxy" in str(rig.running.error)) is hints


def test_a_handshake_that_is_answered_in_another_protocol_lacks_none(net: Network, notes: Notes) -> None:
    def hears(peer: Peer, data: bytes) -> None:
        peer.say(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        peer.leave()

    net.scripted(ECHO_PORT, hears)
    rig = echo(net, notes, tls=True, verify=TlsClientOptions(insecure=True))
    net.pass_s(1)
    assert isinstance(rig.running.error, TlsError)
    assert "--send-proxy" not in str(rig.running.error)
