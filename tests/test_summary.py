"""A probe's report in words."""

from dataclasses import replace
from typing import Any

import pytest

from tw.errors import AnswerTimeout, Interrupted
from tw.report import (
    Delivery,
    Distribution,
    FirstFault,
    HarmFigures,
    InstanceShare,
    LoadFigures,
    Numbers,
    PhaseFigures,
    ProbeReport,
    Warmup,
)
from tw.summary import distribution_text, limit_warning, report_lines, report_rows, verdict_text

TIMES = Distribution(min=0.1, mean=0.25, p50=0.2, p90=0.3, p95=0.4, p99=0.5, p999=0.6, max=0.7)


def _report(**more: Any) -> ProbeReport:
    fields: dict[str, Any] = {"probe": "echo", "target": "h:1", "ok": True, "sent": 5, "received": 5}
    return ProbeReport(**fields | more)


def test_a_good_run_is_ok_and_every_count_stands_on_a_line() -> None:
    report = _report(rtt_ms=TIMES, duration_s=2.0, sent_bytes=320, received_bytes=320)
    assert report_lines(report) == [
        "echo h:1: ok",
        "sent: 5 (320 bytes)",
        "received: 5 (320 bytes)",
        "lost: 0",
        "duplicated: 0",
        "reordered: 0",
        "corrupted: 0",
        "round trip: min 0.100  mean 0.250  p50 0.200  p90 0.300  p95 0.400  p99 0.500  p999 0.600  max 0.700 ms",
        "duration: 2.000 s, 2.5 per second",
    ]


def test_the_counters_numbers_and_the_deliveries_are_told() -> None:
    numbers = Numbers(first=3, last=9, gaps=1, duplicates=2, resets=4, instances=5)
    assert report_lines(_report(numbers=numbers))[7:9] == [
        "numbers: 3 to 9",
        "  1 gaps, 2 duplicates, 4 resets, 5 instances",
    ]
    delivery = Delivery(published=5, delivered=4, expected=5, foreign=7)
    assert report_lines(_report(delivery=delivery))[7:9] == ["delivered: 4 of 5", "foreign: 7"]


def test_harm_is_told_where_there_was_some() -> None:
    first = FirstFault.between(b"abc", b"abd", 7)
    harm = HarmFigures(truncated=1, stalled=2, retried=3, first_fault=first)
    assert report_lines(_report(ok=False, harm=harm))[7:-1] == [
        "truncated: 1 of the corrupted",
        "stalled: 2 of the lost: nothing came any more",
        "retried: 3: a kept connection ended as it was used again",
        "first fault: #7 corrupted, differs from byte 2 of 3",
        f"  expected 00000000: {'6162 63':<39}  abc",
        f"  received 00000000: {'6162 64':<39}  abd",
    ]
    assert report_lines(_report(harm=HarmFigures(stalled=0))) == report_lines(_report())


def _share(instance: str | None, answers: int) -> InstanceShare:
    return InstanceShare(instance=instance, answers=answers, share=answers / 9, first=1, last=answers, gaps=0)


def test_numbers_are_told_from_the_lowest_to_the_highest_in_whatever_order_they_came() -> None:
    numbers = Numbers(first=2, last=4, instances=1, shares=(_share("ab12", 5),))
    assert report_lines(_report(numbers=numbers))[7] == "numbers: 1 to 5"
    after_a_reset = Numbers(first=3, last=1, resets=1, instances=2, shares=(_share("a", 3), _share("b", 1)))
    assert report_lines(_report(numbers=after_a_reset))[7] == "numbers: 3 to 1"


def test_each_of_several_instances_has_a_line() -> None:
    numbers = Numbers(first=1, last=3, instances=2, shares=(_share("ab12", 6), _share(None, 3)))
    assert report_lines(_report(numbers=numbers))[8:11] == [
        "  0 gaps, 0 duplicates, 0 resets, 2 instances",
        "  instance ab12: 6 answers (66.7 %), 1 to 6, 0 gaps",
        "  an instance without a name: 3 answers (33.3 %), 1 to 3, 0 gaps",
    ]
    one = Numbers(first=1, last=9, instances=1, shares=(_share("ab12", 9),))
    assert "ab12" not in "\n".join(report_lines(_report(numbers=one)))


def test_what_the_gaps_can_stand_for_and_what_is_in_doubt_is_told() -> None:
    numbers = Numbers(first=1, last=9, gaps=5, instances=1, unanswered=2, doubtful=3)
    assert report_lines(_report(numbers=numbers))[9:11] == [
        "  2 of the gaps can be its own unanswered requests, at least 3 went to others",
        "  3 numbers came again, not saying whose: copies, or other instances', by their pattern",
    ]


def test_a_counter_that_gave_no_number_has_none_to_tell() -> None:
    assert report_lines(_report(numbers=Numbers())) == report_lines(_report())


def test_what_was_not_measured_has_no_line() -> None:
    assert report_lines(_report())[7:] == ["duration: 0.000 s"]


def test_connecting_has_a_line_where_it_was_measured() -> None:
    assert "connect: 1.500 ms" in report_lines(_report(connect_ms=Distribution(min=1.5, max=1.5)))


def test_each_phase_that_was_measured_has_a_short_line() -> None:
    once, short = Distribution(min=1.0, max=1.0), "p50 0.200  p99 0.500  max 0.700 ms"
    phases = PhaseFigures(dns=TIMES, connect=TIMES, tls=once, first_byte=TIMES, body=TIMES)
    assert report_lines(_report(phases=phases, rtt_ms=once, connect_ms=once))[7:-1] == [
        "round trip: 1.000 ms",
        f"  first byte: {short}",
        f"  body: {short}",
        "connect: 1.000 ms",
        f"  DNS: {short}",
        f"  TCP: {short}",
        "  TLS: 1.000 ms",
    ]
    in_part = report_lines(_report(phases=PhaseFigures(connect=TIMES, tls=TIMES)))[7:-1]
    assert in_part == [f"  TCP: {short}", f"  TLS: {short}"]


@pytest.mark.parametrize("phases", [PhaseFigures(), PhaseFigures(connect=TIMES)])
def test_a_connection_that_was_nothing_but_its_one_phase_is_told_of_once(phases: PhaseFigures) -> None:
    assert report_lines(_report(phases=phases)) == report_lines(_report())


@pytest.mark.parametrize(
    ("fields", "verdict"),
    [
        ({"lost": 1}, "bad: 1 lost"),
        ({"duplicated": 2, "corrupted": 10}, "bad: 2 duplicated, 10 corrupted"),
        ({"reordered": 3, "errors": {"timeout": 4, "status 500": 1}}, "bad: 3 reordered, 4 timeout, 1 status 500"),
        ({"sent": 0, "received": 0}, "bad: nothing was measured"),
        ({"lost": 5, "error": AnswerTimeout("no answer")}, "failed: timeout"),
        ({"error": Interrupted("SIGINT")}, "ended by SIGINT: ok until then"),
        ({"sent": 0, "error": Interrupted("SIGINT")}, "ended by SIGINT: nothing was sent yet"),
        ({"lost": 1, "error": Interrupted("SIGTERM")}, "ended by SIGTERM: 1 lost"),
    ],
)
def test_a_bad_run_says_what_is_wrong(fields: dict[str, Any], verdict: str) -> None:
    assert verdict_text(_report(ok=False, **fields)) == verdict


def test_a_row_is_bad_where_something_went_wrong_and_the_first_one_judges_the_whole() -> None:
    rows = {name: good for name, _, good in report_rows(_report(ok=False, lost=1, errors={"timeout": 2}))}
    assert rows == {
        "echo h:1": False,
        "sent": None,
        "received": None,
        "lost": False,
        "duplicated": None,
        "reordered": None,
        "corrupted": None,
        "error: timeout": False,
        "duration": None,
    }
    assert report_rows(_report())[0] == ("echo h:1", "ok", True)


def test_equal_times_are_one_figure_and_none_are_nothing() -> None:
    assert distribution_text(Distribution(min=0.5, mean=0.5, max=0.5)) == "0.500 ms"
    assert distribution_text(Distribution()) == ""


def test_no_text_of_a_stranger_moves_the_cursor() -> None:
    report = _report(target="\x1b[2Jh", ok=False, errors={"status \x1b]0;x\x07": 1})
    text = "\n".join(report_lines(report))
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "\\x1b[2Jh" in text
    assert text.count("status \\x1b]0;x\\x07") == 2


# Load runs ------------------------------------------------------------------------------------------------------------


def _load(**more: Any) -> ProbeReport:
    return _report(load=LoadFigures(**{"pacing": "closed", "connections": 50, "cpu_share": 0.424, **more}))


def test_a_closed_loop_tells_its_connections_and_what_the_probe_took() -> None:
    lines = report_lines(_load())
    assert lines[1] == "load: closed loop, 50 connections"
    assert lines[-1] == "probe: 42 % of a core"
    assert report_lines(_load(connections=1))[1] == "load: closed loop, 1 connection"
    assert report_lines(_load(cpu_wait_share=0.05))[-1] == "probe: 42 % of a core"
    waited = report_lines(_load(cpu_wait_share=0.55))
    assert waited[-1] == "probe: 42 % of a core, and waited for one for 55 % of the time"


def test_an_open_loop_has_its_service_time_and_its_lateness_beside_the_round_trip() -> None:
    late = Distribution(min=0.0, mean=0.01, p50=0.0, p90=0.0, p95=0.0, p99=0.1, p999=0.1, max=0.2)
    figures = {"pacing": "open", "rate_asked_per_s": 1000.0, "service_ms": TIMES, "late_ms": late}
    report = _load(**figures, held=3)
    lines = report_lines(replace(report, rtt_ms=TIMES, duration_s=1.0))
    assert lines[1:3] == [
        "load: open loop, 1000 per second asked for, 50 connections",
        "  a round trip counts from when its message was due, its service time from the sending",
    ]
    start = lines.index(f"round trip: {distribution_text(TIMES)}")
    assert lines[start + 1 : start + 3] == [
        f"service time: {distribution_text(TIMES)}",
        f"sent late by: {distribution_text(late)}",
    ]
    assert "held: 3 sent after they were due, since every connection waited for answers" in lines


def test_in_an_open_loop_an_answers_phases_stand_below_the_time_from_its_sending() -> None:
    load = _load(pacing="open", rate_asked_per_s=5.0, service_ms=TIMES, late_ms=TIMES)
    lines = report_lines(replace(load, rtt_ms=TIMES, phases=PhaseFigures(first_byte=TIMES, body=TIMES)))
    start = lines.index(f"service time: {distribution_text(TIMES)}")
    names = [line.split(":")[0] for line in lines[start - 1 : start + 4]]
    assert names == ["round trip", "service time", "  first byte", "  body", "sent late by"]


@pytest.mark.parametrize(("rate", "text"), [(0.001, "0.001"), (2.5, "2.5"), (1e6, "1000000"), (1234567.0, "1234567")])
def test_the_rate_is_told_as_it_was_asked_for(rate: float, text: str) -> None:
    load = _load(pacing="open", rate_asked_per_s=rate)
    assert report_lines(load)[1] == f"load: open loop, {text} per second asked for, 50 connections"


def test_the_warm_up_stands_apart() -> None:
    warmup = Warmup(sent=10, received=9, duration_s=1.5, rtt_ms=TIMES)
    assert report_lines(_load(warmup=warmup))[2] == (
        "warm-up: 1.500 s apart from the rest, 10 sent, 9 received, p50 0.200  p99 0.500  max 0.700 ms"
    )
    silent = Warmup(sent=10, received=0, duration_s=1.5, rtt_ms=Distribution())
    assert report_lines(_load(warmup=silent))[2] == "warm-up: 1.500 s apart from the rest, 10 sent, 0 received"
    bad = Warmup(sent=10, received=8, duration_s=1.5, rtt_ms=Distribution(), errors={"timeout": 2})
    assert report_lines(_load(warmup=bad))[2] == "warm-up: 1.500 s apart from the rest, 10 sent, 8 received, 2 timeout"


def test_what_could_not_be_sent_is_a_fault() -> None:
    report = replace(_load(unsent=7), ok=False)
    assert verdict_text(report) == "bad: 7 unsent"
    assert ("unsent", "7 were due, and found no room before the end", False) in report_rows(report)


def test_reconnecting_is_told() -> None:
    assert "reconnected: 2" in report_lines(_load(reconnected=2))


def test_a_limit_is_the_last_row_and_a_warning_and_safe_in_both() -> None:
    report = _load(limit="no more\x1b[2J")
    assert report_rows(report)[-1] == ("limit", "no more\\x1b[2J", False)
    assert limit_warning(report) == "no more\\x1b[2J"
    assert limit_warning(_load()) is None
    assert limit_warning(_report()) is None
