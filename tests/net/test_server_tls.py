"""The end of a server's TLS connection: said in good order, and not left to a peer that never answers."""

from typing import Any

import pytest

from tls_pair import TLS_VERSIONS, TlsPair, cut, leave, versions
from tw.net import server_tls
from tw.net.lean_tls import StockTls, tls_factory
from tw.net.server_tls import CLOSE_NOTIFY_WAIT_S, server_tls_factory

pytestmark = pytest.mark.usefixtures("quiet")


def pair(version: int) -> TlsPair:
    def factory(context: Any, is_client: bool, wrapped: Any, clock: Any) -> Any:
        return tls_factory(context, True, wrapped, clock) if is_client else server_tls_factory(context, wrapped, clock)

    return TlsPair(version=version, factory=factory)


@versions
def test_a_peer_that_answers_is_waited_for_and_nothing_is_left_on_the_clock(version: int) -> None:
    made = pair(version)
    made.server.write(b"the last words")
    leave(made.server)
    assert made.server.lost is None
    made.settle()  # which looks at the clock
    assert made.client.got == b"the last words"
    assert (made.server.lost_with, made.client.lost_with) == ("ConnectionDone", "ConnectionDone")


@versions
def test_a_peer_that_does_not_answer_is_left_after_a_moment(version: int) -> None:
    made = pair(version)
    leave(made.server)
    made.clock.advance(CLOSE_NOTIFY_WAIT_S - 0.01)
    assert not made.server.end.disconnecting
    made.clock.advance(0.01)
    assert made.server.end.disconnecting
    assert not made.server.end.aborted, "what was written is still sent"
    made.settle()
    assert made.server.lost_with == "ConnectionDone"


@versions
def test_what_waits_for_a_slow_reader_outlives_the_wait(version: int) -> None:
    made = pair(version)
    made.client.end.pauseProducing()
    made.server.write(bytes(300_000))
    leave(made.server)
    made.clock.advance(CLOSE_NOTIFY_WAIT_S * 10)
    assert made.server.lost is None
    made.client.end.resumeProducing()
    made.settle()
    assert len(made.client.got) == 300_000
    assert made.server.lost_with == "ConnectionDone"


@versions
def test_one_who_never_reads_can_still_be_cut(version: int) -> None:
    made = pair(version)
    made.client.end.pauseProducing()
    made.server.write(bytes(300_000))
    leave(made.server)
    made.clock.advance(CLOSE_NOTIFY_WAIT_S)
    assert made.server.lost is None
    cut(made.server)
    made.settle()
    assert made.server.lost is not None


@versions
@pytest.mark.parametrize("ends", [leave, cut])
def test_a_peer_that_leaves_first_leaves_nothing_on_the_clock(version: int, ends: Any) -> None:
    made = pair(version)
    ends(made.client)
    made.settle()
    assert made.server.lost is not None


@versions
def test_a_connection_that_is_cut_does_not_wait(version: int) -> None:
    made = pair(version)
    leave(made.server)
    cut(made.server)
    made.settle()
    assert made.server.lost is not None


def test_without_the_private_names_twisteds_own_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_tls, "usable", lambda: False)
    made = pair(TLS_VERSIONS[0])
    assert type(made.server.wire) is StockTls
    made.server.write(b"as ever")
    made.settle()
    assert made.client.got == b"as ever"
