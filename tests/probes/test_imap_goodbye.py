"""The end of a visit to an IMAP server: its answer stands, whatever becomes of the goodbye."""

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import CancelledError
from twisted.protocols.tls import TLSMemoryBIOFactory

from ends import Peer
from imap_runs import PORT, all_closed, answers, greets, visit
from imap_script import AUTHENTICATE
from memory import Network
from tw.errors import TlsError
from tw.net.tls import ServerTls, self_signed_tls
from tw.options import TlsClientOptions
from tw.probes.imap import GOODBYE_S


def over_tls(net: Network, hears: Callable[[Peer, bytes], object], server: ServerTls) -> dict[str, Any]:
    """Have a server speak TLS; gives the options that reach it."""
    net.scripted(PORT, hears, greets, lambda factory: TLSMemoryBIOFactory(server.context, False, factory, net))
    return {"security": "tls", "port": PORT, "verify": TlsClientOptions(pin=server.pin)}


def deaf_at_the_end(net: Network, then: Callable[[], object] = lambda: None) -> Callable[[Peer, bytes], None]:
    """A server of which nothing is heard once it has answered, not even that it closes."""

    def hears(peer: Peer, data: bytes) -> None:
        answers(peer, data)
        if b"LOGOUT" in data:
            net.ends[1].move = last_move

    def last_move() -> bool:
        end = net.ends[1]
        if end.out:  # the answer
            del end.move
            end.move()
            end.stuck = True
            then()
        return True

    return hears


def test_over_tls_the_goodbye_reaches_the_server(net: Network) -> None:
    running = visit(net, **over_tls(net, answers, self_signed_tls("localhost")))
    assert running.result["subject"] == "Hello world"
    assert net.peers[0].got.startswith(AUTHENTICATE)
    assert net.peers[0].got.endswith(b"A4 LOGOUT\r\n")
    assert (net.seconds(), all_closed(net)) == (0.0, True)


@pytest.mark.parametrize(("timeout_s", "waited_s"), [(5.0, GOODBYE_S), (0.25, 0.25)])
def test_a_goodbye_that_is_not_answered_is_cut_short_and_the_answer_stands(
    net: Network, timeout_s: float, waited_s: float
) -> None:
    running = visit(net, timeout_s=timeout_s, **over_tls(net, deaf_at_the_end(net), self_signed_tls("localhost")))
    net.pass_s(waited_s - 0.125)
    assert not running.over
    net.pass_s(0.125)
    assert running.result["subject"] == "Hello world"
    assert all_closed(net)


def test_a_connection_that_breaks_in_the_goodbye_spoils_nothing(net: Network) -> None:
    hears = deaf_at_the_end(net, lambda: net.ends[1].abortConnection())
    running = visit(net, **over_tls(net, hears, self_signed_tls("localhost")))
    assert running.result["subject"] == "Hello world"


def test_a_visit_can_be_cancelled_in_the_goodbye(net: Network) -> None:
    running = visit(net, **over_tls(net, deaf_at_the_end(net), self_signed_tls("localhost")))
    running.deferred.cancel()
    assert isinstance(running.error, CancelledError)


def test_a_server_that_is_not_the_pinned_one_hears_no_password(net: Network) -> None:
    given = over_tls(net, answers, self_signed_tls("localhost"))
    running = visit(net, **{**given, "verify": TlsClientOptions(pin=self_signed_tls("localhost").pin)})
    assert type(running.error) is TlsError
    assert net.peers[0].got == b""
    assert all_closed(net)
