"""The counter probe's connections: kept, lost, made anew; and which failure ends a run, which is counted."""

from collections.abc import Callable

import pytest
from twisted.protocols.tls import TLSMemoryBIOFactory

from counter_script import PORT, Rig, Step, answer, says, script, silent
from ends import Peer
from memory import Network
from running import Notes
from tw.errors import AnswerTimeout, ConnectError, ExitCode, ProtocolError, TlsError
from tw.net.tls import self_signed_tls
from tw.options import TlsClientOptions

# Reconnecting --------------------------------------------------------------------------------------------------------


def test_a_connection_that_the_server_closed_meanwhile_is_made_anew(net: Network, notes: Notes) -> None:
    net.scripted(PORT, script(*says(answer(1), answer(2))))
    rig = Rig(net, notes, count=2, interval_s=1.0)
    net.peers[0].leave()
    net.pass_s(1.0)
    assert rig.running.result is None
    assert (rig.report.ok, len(net.peers)) == (True, 2)


def test_an_answer_that_closes_the_connection_leads_to_another(net: Network, notes: Notes) -> None:
    net.scripted(PORT, script(*says(answer(1, "Connection: close"), answer(2))))
    rig = Rig(net, notes, count=2, interval_s=0.0)
    assert rig.running.result is None
    assert (rig.report.ok, len(net.peers)) == (True, 2)


@pytest.mark.parametrize("leave", [Peer.leave, Peer.cut])
def test_a_kept_connection_that_closes_under_a_request_is_nobodys_fault(
    net: Network, notes: Notes, leave: Step
) -> None:
    net.scripted(PORT, script(*says(answer(1)), leave, *says(answer(2))))
    rig = Rig(net, notes, count=2, interval_s=0.0)
    assert rig.running.result is None
    report = rig.report
    assert (report.ok, report.sent, report.received, len(net.peers)) == (True, 2, 2, 2)
    assert report.sent_bytes == sum(len(peer.got) for peer in net.peers)


def test_a_request_that_may_not_be_repeated_is_not(net: Network, notes: Notes) -> None:
    net.scripted(PORT, script(*says(answer(1)), Peer.leave))
    rig = Rig(net, notes, count=2, interval_s=0.0, method="POST")
    assert rig.running.result is None
    assert (rig.report.sent, rig.report.lost, rig.report.errors) == (2, 1, {"protocol": 1})


def test_a_request_that_was_answered_in_part_is_not_repeated(net: Network, notes: Notes) -> None:
    net.scripted(PORT, script(*says(answer(1)), breaks_off))
    rig = Rig(net, notes, count=2, interval_s=0.0)
    assert rig.running.result is None
    report = rig.report
    assert (report.sent, report.lost, report.corrupted, report.errors) == (2, 0, 1, {})
    assert report.harm is not None
    assert (report.harm.truncated, report.harm.retried) == (1, 0)


def test_a_request_is_repeated_once_and_then_the_failure_counts(net: Network, notes: Notes) -> None:
    net.scripted(PORT, script(*says(answer(1)), Peer.leave, Peer.leave, *says(answer(2))))
    rig = Rig(net, notes, count=3, interval_s=0.0)
    assert rig.running.result is None
    report = rig.report
    assert (report.sent, report.received, report.lost, report.errors) == (3, 2, 1, {"protocol": 1})
    assert (notes.outcomes, len(net.peers)) == (["ok", "protocol", "ok"], 3)


def test_a_sample_is_sent_once_its_request_is_written_and_without_a_connection_it_is_an_error_alone(
    net: Network, notes: Notes
) -> None:
    def goes(peer: Peer) -> None:
        net.ports.clear()
        peer.leave()

    net.scripted(PORT, script(*says(answer(1)), goes))
    rig = Rig(net, notes, count=3, interval_s=0.0)
    assert rig.running.result is None
    report = rig.report
    assert (report.sent, report.received, report.lost, report.errors) == (2, 1, 1, {"connect": 2})
    assert notes.outcomes == ["ok", "connect", "connect"]
    assert report.sent_bytes == len(net.peers[0].got)
    assert (report.ok, rig.code) == (False, ExitCode.BAD_VERDICT)


# What the gaps say about them ----------------------------------------------------------------------------------------


def test_a_gap_after_a_lost_answer_shows_that_its_request_was_counted(net: Network, notes: Notes) -> None:
    net.scripted(PORT, script(*says(answer(1)), silent, *says(answer(3), answer(7))))
    rig = Rig(net, notes, count=4, interval_s=0.0, timeout_s=3.0)
    net.pass_s(3.0)
    assert rig.running.result is None
    assert (rig.report.lost, rig.numbers.gaps, rig.numbers.unanswered) == (1, 4, 1)


def test_without_a_gap_it_was_not_counted(net: Network, notes: Notes) -> None:
    net.scripted(PORT, script(*says(answer(1)), silent, *says(answer(2), answer(7))))
    rig = Rig(net, notes, count=4, interval_s=0.0, timeout_s=3.0)
    net.pass_s(3.0)
    assert rig.running.result is None
    assert (rig.report.lost, rig.numbers.gaps, rig.numbers.unanswered) == (1, 4, 1)


def test_a_request_that_was_sent_again_may_have_been_counted_before(net: Network, notes: Notes) -> None:
    net.scripted(PORT, script(*says(answer(1)), Peer.leave, *says(answer(3))))
    rig = Rig(net, notes, count=2, interval_s=0.0)
    assert rig.running.result is None
    assert (rig.report.lost, rig.report.ok, rig.numbers.gaps, rig.numbers.unanswered) == (0, True, 1, 1)


def test_an_answer_without_a_number_may_stand_for_one_that_was_lost_behind_a_proxy(net: Network, notes: Notes) -> None:
    gone = answer("none", status="502 Bad Gateway", body="bad gateway")
    net.scripted(PORT, script(*says(answer(1), gone, answer(3), answer(5))))
    rig = Rig(net, notes, count=4, interval_s=0.0)
    assert rig.running.result is None
    assert (rig.report.errors, rig.report.lost) == ({"status 502": 1}, 0)
    assert (rig.numbers.gaps, rig.numbers.unanswered) == (2, 1)


def test_a_request_cut_short_by_a_signal_is_not_lost(net: Network, notes: Notes) -> None:
    net.scripted(PORT, script(*says(answer(1)), silent))
    rig = Rig(net, notes, count=3, interval_s=0.0)
    rig.cancel()
    assert rig.client._numbers._lost == {}


def no_tls(peer: Peer, data: bytes) -> None:
    peer.say(b"HTTP/1.1 400 Bad Request\r\n\r\n")


def silence(peer: Peer, data: bytes) -> None:
    """Answer nothing."""


@pytest.mark.parametrize(("hears", "kind"), [(no_tls, "tls"), (silence, "timeout")])
def test_a_sample_whose_connection_fails_in_tls_is_no_sent_one_and_is_not_forgotten(
    net: Network, notes: Notes, hears: Callable[[Peer, bytes], None], kind: str
) -> None:
    tls = self_signed_tls("127.0.0.1")
    steps = script(*says(answer(1, "Connection: close")))
    net.scripted(PORT, steps, wrapped=lambda factory: TLSMemoryBIOFactory(tls.context, False, factory, net))
    rig = Rig(net, notes, count=2, interval_s=1.0, timeout_s=2.0, tls=True, verify=TlsClientOptions(pin=tls.pin))
    net.scripted(PORT, hears)
    net.pass_s(3.0)
    assert rig.running.result is None
    assert (rig.report.sent, rig.report.received, rig.report.lost, rig.report.errors) == (1, 1, 0, {kind: 1})
    assert (rig.report.ok, rig.code) == (False, ExitCode.BAD_VERDICT)


# Timeouts and failures -----------------------------------------------------------------------------------------------


def test_an_answer_that_does_not_come_is_lost_and_its_connection_is_not_used_again(net: Network, notes: Notes) -> None:
    net.scripted(PORT, script(silent, *says(answer(2))))
    rig = Rig(net, notes, count=2, interval_s=1.0, timeout_s=3.0)
    net.pass_s(3.0)
    assert rig.running.result is None
    report = rig.report
    assert (report.sent, report.received, report.lost, report.errors) == (2, 1, 1, {"timeout": 1})
    assert (notes.outcomes, len(net.peers), net.ends[0].aborted) == (["timeout", "ok"], 2, True)
    assert rig.code == ExitCode.BAD_VERDICT


def test_not_one_answer_is_a_timeout(net: Network, notes: Notes) -> None:
    net.scripted(PORT)
    rig = Rig(net, notes, count=2, interval_s=1.0, timeout_s=3.0)
    net.pass_s(6.0)
    assert isinstance(rig.running.error, AnswerTimeout)
    assert str(rig.running.error) == (
        "connected, and no answer came (127.0.0.1:8080); waited 3 s; --timeout gives it longer"
    )
    assert (rig.report.sent, rig.report.lost, rig.report.errors) == (2, 2, {"timeout": 2})


def test_the_first_failure_decides_and_a_later_one_is_counted(net: Network, notes: Notes) -> None:
    net.scripted(PORT, script(silent))
    rig = Rig(net, notes, count=5, interval_s=1.0, timeout_s=3.0)
    net.ports.clear()
    net.pass_s(3.0)
    assert isinstance(rig.running.error, AnswerTimeout)
    report = rig.report
    assert (report.sent, report.lost, report.errors) == (1, 1, {"timeout": 1, "connect": 1})
    assert (notes.outcomes, report.error) == (["timeout", "connect"], rig.running.error)


def test_handshakes_that_time_out_have_sent_nothing(net: Network, notes: Notes) -> None:
    net.scripted(PORT, silence)
    rig = Rig(net, notes, count=2, interval_s=1.0, timeout_s=2.0, tls=True)
    net.pass_s(4.0)
    assert isinstance(rig.running.error, AnswerTimeout)
    report = rig.report
    assert (report.sent, report.sent_bytes, report.lost, report.errors) == (0, 0, 0, {"timeout": 2})
    assert (report.ok, report.duration_s) == (False, 4.0)


@pytest.mark.parametrize(
    ("step", "kind"),
    [
        (says(b"220 smtp ready\r\n")[0], ProtocolError),
        (Peer.leave, ProtocolError),
    ],
)
def test_the_first_failure_is_the_last(net: Network, notes: Notes, step: Step, kind: type[Exception]) -> None:
    net.scripted(PORT, script(step))
    rig = Rig(net, notes, count=3)
    assert isinstance(rig.running.error, kind)
    assert (rig.report.sent, rig.report.received, rig.report.error) == (1, 0, rig.running.error)


def breaks_off(peer: Peer) -> None:
    peer.say(answer(2)[:20])
    peer.leave()


@pytest.mark.parametrize("step", [Peer.cut, breaks_off])
def test_a_reset_and_half_an_answer_may_be_followed_by_better_ones(net: Network, notes: Notes, step: Step) -> None:
    net.scripted(PORT, script(step, *says(answer(2))))
    rig = Rig(net, notes, count=2, interval_s=0.0)
    assert rig.running.result is None
    assert (rig.report.sent, rig.report.received) == (2, 1)
    assert notes.outcomes == ["reset" if step is Peer.cut else "truncated", "ok"]


@pytest.mark.parametrize("step", [Peer.cut, breaks_off])
def test_where_nothing_else_comes_the_first_of_them_is_the_failure(net: Network, notes: Notes, step: Step) -> None:
    net.scripted(PORT, script(step, step))
    rig = Rig(net, notes, count=2, interval_s=0.0)
    assert isinstance(rig.running.error, ProtocolError)
    assert (rig.report.sent, rig.report.received, rig.report.error) == (2, 0, rig.running.error)
    assert (rig.report.error.reason, rig.code) == (notes.outcomes[0], ExitCode.BAD_VERDICT)


def test_a_server_that_refuses_ends_the_run(net: Network, notes: Notes) -> None:
    rig = Rig(net, notes)
    assert isinstance(rig.running.error, ConnectError)
    assert (rig.report.sent, rig.report.lost) == (0, 0)


def test_a_server_that_speaks_no_tls_ends_the_run(net: Network, notes: Notes) -> None:
    net.scripted(PORT, no_tls)
    assert isinstance(Rig(net, notes, tls=True).running.error, TlsError)


@pytest.mark.parametrize(("after_s", "received"), [(0.5, 0), (1.5, 1)])
def test_a_run_that_is_cut_short_leaves_nothing_and_calls_nothing_lost(
    net: Network, notes: Notes, after_s: float, received: int
) -> None:
    """While an answer is awaited, and between two samples."""
    net.scripted(PORT, script(silent))
    rig = Rig(net, notes, count=3, interval_s=2.0)
    net.pass_s(1.0 if received else after_s)
    if received:
        net.peers[0].say(answer(1))
        net.pass_s(0.5)
    report = rig.cancel()
    assert (report.sent, report.received, report.lost, report.ok) == (1, received, 0, False)
    assert not net.ends[0].connected
