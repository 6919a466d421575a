"""Ping mode's pace and books: what is sent when, what is waited for, and what becomes of each sample."""

import random

import pytest
from twisted.internet.defer import CancelledError

from memory import Network
from running import Notes, Running
from tw.core.histogram import Histogram
from tw.core.payload import PayloadFormat
from tw.core.verdict import Kind
from tw.errors import AnswerTimeout, ExitCode, ProtocolError
from tw.probe_options import ProbeOptions
from tw.probes.ping import WINDOW, WINDOW_BYTES, Ping, fresh_token, verdict_code
from tw.report import ProbeReport

WHERE = "192.0.2.1:5"
FORM = PayloadFormat(b"0123abcd", 64)


class Rig:
    """A run, the payloads that it sent, and when."""

    def __init__(
        self, net: Network, notes: Notes, form: PayloadFormat = FORM, exclusive: bool = True, **options: float
    ) -> None:
        chosen = ProbeOptions(**options)
        self.net = net
        self.sent: list[bytes] = []
        self.times: list[float] = []
        self.ping = Ping(net, chosen, form, notes.sample, net.measured, exclusive=exclusive)
        self.running: Running = net.run(self.ping.run(self.send, WHERE))

    def send(self, payload: bytes) -> None:
        self.sent.append(payload)
        self.times.append(self.net.seconds())

    def answer(self, *numbers: int) -> None:
        for number in numbers:
            self.ping.arrived(self.sent[number - 1])

    def report(self, error: ProtocolError | None = None) -> ProbeReport:
        return self.ping.report("echo", WHERE, Histogram(), 1000.0, error)


# The pace ------------------------------------------------------------------------------------------------------------


def test_each_sample_goes_out_an_interval_after_the_one_before_and_none_is_waited_for_after_the_last(
    net: Network, notes: Notes
) -> None:
    rig = Rig(net, notes, count=3, interval_s=1.0)
    for number in (1, 2, 3):
        net.pass_s(0.25)
        rig.answer(number)
        net.pass_s(0.75 if number < 3 else 0)
    assert rig.times == [0.0, 1.0, 2.0]
    assert rig.sent == [FORM.payload(number) for number in (1, 2, 3)]
    assert rig.running.over
    assert net.seconds() == 2.25
    assert rig.report().ok


def test_an_answer_that_takes_longer_than_the_interval_does_not_hold_up_the_next_sample(
    net: Network, notes: Notes
) -> None:
    rig = Rig(net, notes, count=3, interval_s=1.0, timeout_s=5.0)
    net.pass_s(2.0)
    assert rig.times == [0.0, 1.0, 2.0]
    rig.answer(1, 2, 3)
    assert [sample.rtt_s for sample in notes.samples] == [2.0, 1.0, 0.0]
    assert rig.running.over


def test_without_an_interval_no_more_than_the_window_is_under_way(net: Network, notes: Notes) -> None:
    rig = Rig(net, notes, count=WINDOW + 3, interval_s=0.0)
    assert len(rig.sent) == WINDOW
    rig.answer(1)
    assert len(rig.sent) == WINDOW + 1
    rig.answer(*range(2, WINDOW + 4))
    assert rig.running.over
    assert (rig.report().received, rig.report().ok) == (WINDOW + 3, True)


def test_the_window_is_bounded_in_bytes_as_well(net: Network, notes: Notes) -> None:
    form = PayloadFormat(b"0123abcd", WINDOW_BYTES // 2)
    rig = Rig(net, notes, form=form, count=3, interval_s=0.0)
    assert len(rig.sent) == 2
    rig.answer(1, 2)
    rig.answer(3)
    assert rig.running.over


def test_even_a_payload_above_the_window_is_sent(net: Network, notes: Notes) -> None:
    rig = Rig(net, notes, form=PayloadFormat(b"0123abcd", WINDOW_BYTES + 1), count=1, interval_s=0.0)
    rig.answer(1)
    assert rig.running.over


# What becomes of a sample --------------------------------------------------------------------------------------------


def test_a_sample_without_an_answer_is_lost_once_its_timeout_is_over(net: Network, notes: Notes) -> None:
    rig = Rig(net, notes, count=2, interval_s=1.0, timeout_s=3.0)
    net.pass_s(1.0)
    rig.answer(2)
    net.pass_s(1.9)
    assert not rig.running.over
    net.pass_s(0.1)
    assert rig.running.over
    report = rig.report()
    assert (report.sent, report.received, report.lost, report.errors) == (2, 1, 1, {"timeout": 1})
    assert notes.outcomes == ["ok", "timeout"]
    assert notes.samples[1].number == 1
    assert verdict_code(report) == ExitCode.BAD_VERDICT


def test_an_answer_after_its_timeout_is_late_and_not_lost(net: Network, notes: Notes) -> None:
    rig = Rig(net, notes, count=2, interval_s=1.0, timeout_s=0.5)
    net.pass_s(0.75)
    rig.answer(1)
    net.pass_s(0.25)
    rig.answer(2)
    report = rig.report()
    assert (report.received, report.lost, report.errors) == (2, 0, {"late": 1})
    assert notes.outcomes == ["timeout", "late", "ok"]
    assert notes.samples[1].rtt_s == 0.75
    assert not report.ok


def test_a_second_copy_is_duplicated_and_has_no_round_trip(net: Network, notes: Notes) -> None:
    rig = Rig(net, notes, count=2, interval_s=0.0)
    rig.answer(1, 1, 2)
    report = rig.report()
    assert (report.received, report.lost, report.duplicated) == (2, 0, 1)
    assert [(sample.outcome, sample.rtt_s is None) for sample in notes.samples] == [
        ("ok", False),
        ("duplicated", True),
        ("ok", False),
    ]
    assert not report.ok


def test_what_overtakes_is_told_as_reordering(net: Network, notes: Notes) -> None:
    rig = Rig(net, notes, count=3, interval_s=0.0)
    rig.answer(1, 3, 2)
    report = rig.report()
    assert (report.received, report.reordered, report.lost) == (3, 1, 0)
    assert notes.outcomes == ["ok", "ok", "reordered"]
    assert rig.ping.times.count == 3
    assert not report.ok


@pytest.mark.parametrize("offset", [19, 40, 63])
def test_a_changed_byte_is_corruption_and_its_place_is_told(net: Network, notes: Notes, offset: int) -> None:
    rig = Rig(net, notes, count=1)
    payload = bytearray(rig.sent[0])
    payload[offset] ^= 1
    rig.ping.arrived(bytes(payload))
    assert rig.running.result is None
    report = rig.report()
    assert (report.received, report.lost, report.corrupted, report.errors) == (0, 0, 1, {})
    assert notes.samples[0].detail == f"differs from byte {offset} of 64"
    assert (notes.samples[0].number, notes.samples[0].rtt_s) == (1, None)


def test_a_payload_whose_number_cannot_be_read_is_corruption_as_well(net: Network, notes: Notes) -> None:
    rig = Rig(net, notes, count=1, timeout_s=2.0)
    rig.ping.arrived(b"not at all\n")
    assert notes.samples[0].detail == "11 bytes that no payload begins with"
    assert notes.samples[0].number == 0
    assert not rig.running.over
    net.pass_s(2.0)
    assert isinstance(rig.running.error, ProtocolError)
    assert (rig.report().corrupted, rig.report().lost) == (1, 0)


def test_behind_a_prefix_the_place_is_counted_from_the_payloads_own_beginning(net: Network, notes: Notes) -> None:
    form = PayloadFormat(b"0123abcd", 64, line_feed=False)
    rig = Rig(net, notes, form=form, exclusive=False, count=1)
    rig.ping.arrived(b"<192.0.2.1:5> " + rig.sent[0][:-1] + b"!")
    assert notes.samples[0].detail == "differs from byte 63 of 64"
    assert rig.running.over


def test_what_is_not_its_own_is_neither_counted_nor_shown(net: Network, notes: Notes) -> None:
    form = PayloadFormat(b"0123abcd", 64, line_feed=False)
    rig = Rig(net, notes, form=form, exclusive=False, count=1)
    assert rig.ping.arrived(b"<192.0.2.1:5> somebody else's").kind is Kind.FOREIGN
    assert (notes.samples, rig.ping.received_bytes) == ([], 0)
    rig.answer(1)
    assert rig.report().received_bytes == 64


# The end -------------------------------------------------------------------------------------------------------------


def test_not_one_answer_is_a_timeout(net: Network, notes: Notes) -> None:
    rig = Rig(net, notes, count=2, interval_s=1.0, timeout_s=3.0)
    net.pass_s(4.0)
    assert isinstance(rig.running.error, AnswerTimeout)
    assert str(rig.running.error) == (
        f"connected, and not one answer came ({WHERE}); waited 3 s for each; --timeout gives them longer"
    )


@pytest.mark.parametrize("answered", [0, 1])
def test_a_broken_connection_ends_the_run_between_samples(net: Network, notes: Notes, answered: int) -> None:
    rig = Rig(net, notes, count=3, interval_s=1.0)
    rig.answer(*range(1, answered + 1))
    net.pass_s(0.5)
    rig.ping.fail(ProtocolError("gone"))
    rig.ping.fail(ProtocolError("not this one"))
    assert str(rig.running.error) == "gone"
    assert len(rig.sent) == 1
    assert (rig.ping.unsettled, rig.ping.verdict.lost) == (0, 1 - answered)
    assert net.getDelayedCalls() == []


def test_a_broken_connection_ends_the_wait_for_the_last_answers(net: Network, notes: Notes) -> None:
    rig = Rig(net, notes, count=1)
    rig.ping.fail(ProtocolError("gone"))
    assert str(rig.running.error) == "gone"


def test_a_run_on_a_connection_that_is_gone_already_sends_nothing(net: Network, notes: Notes) -> None:
    ping = Ping(net, ProbeOptions(), FORM, notes.sample, net.measured)
    ping.fail(ProtocolError("gone"))
    sent: list[bytes] = []
    assert str(net.run(ping.run(sent.append, WHERE)).error) == "gone"
    assert sent == []


def test_what_is_under_way_when_the_run_is_cut_short_is_neither_received_nor_lost(net: Network, notes: Notes) -> None:
    rig = Rig(net, notes, count=4, interval_s=1.0, timeout_s=1.5)
    net.pass_s(1.0)
    rig.answer(2)
    net.pass_s(1.0)
    rig.running.deferred.cancel()
    assert isinstance(rig.running.error, CancelledError)
    report = rig.report(ProtocolError("ended"))
    assert (report.sent, report.received, report.lost) == (3, 1, 1)
    assert rig.ping.unsettled == 1
    assert net.getDelayedCalls() == []


def test_no_count_is_ever_below_zero(net: Network, notes: Notes) -> None:
    rig = Rig(net, notes, count=2, interval_s=0.0)
    rig.ping.arrived(b"what is this\n")
    rig.running.deferred.cancel()
    assert rig.running.over
    assert (rig.report().corrupted, rig.report().lost) == (1, 0)


def test_a_report_has_what_was_counted_on_the_measuring_clock(net: Network, notes: Notes) -> None:
    rig = Rig(net, notes, count=2, interval_s=1.0)
    net.pass_s(1.5)
    assert rig.report().duration_s == 1.5
    rig.answer(1, 2)
    net.pass_s(3.0)
    report = rig.report()
    assert report.duration_s == 1.5
    assert (report.probe, report.target, report.sent_bytes, report.received_bytes) == ("echo", WHERE, 128, 128)
    assert (report.rtt_ms.min, report.rtt_ms.max) == (500.0, 1500.0)
    assert (report.ok, verdict_code(report)) == (True, ExitCode.OK)
    assert not rig.report(ProtocolError("gone")).ok


def test_every_order_with_copies_and_losses_adds_up(net: Network, notes: Notes) -> None:
    dice = random.Random(1)
    for _ in range(30):
        rig = Rig(net, Notes(), count=8, interval_s=0.0, timeout_s=1.0)
        picks = [number for number in range(1, 9) for _ in range(dice.choice([0, 1, 1, 2]))]
        dice.shuffle(picks)
        rig.answer(*picks)
        net.pass_s(1.0)
        assert rig.running.over
        report, distinct = rig.report(), len(set(picks))
        assert (report.received, report.lost, report.duplicated) == (distinct, 8 - distinct, len(picks) - distinct)
        assert report.errors.get("timeout", 0) == 8 - distinct


def test_tokens_are_not_repeated() -> None:
    assert len({fresh_token() for _ in range(100)}) == 100
