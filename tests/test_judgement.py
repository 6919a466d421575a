"""The verdict with assertions: what they add, and which faults they take over."""

from typing import Any

import pytest

from tw.core.assertions import parse
from tw.core.histogram import Histogram
from tw.core.measurable import measurable
from tw.errors import AnswerTimeout, Interrupted
from tw.load_options import LoadOptions
from tw.probe_options import ProbeCounterOptions, ProbeEchoOptions, ProbeOptions, ProbePubSubOptions
from tw.report import Delivery, Distribution, LoadFigures, Numbers, PhaseFigures, ProbeReport
from tw.report.judgement import judged, remaining_faults
from tw.summary import report_lines, verdict_text

LOAD = LoadOptions(rate_per_s=100.0, duration_s=1.0)
KNOWN: dict[str, ProbeOptions] = {
    "echo": ProbeEchoOptions(load=LOAD),
    "counter": ProbeCounterOptions(load=LOAD),
    "pubsub": ProbePubSubOptions(load=LOAD),
}


def times(*seconds: float) -> Distribution:
    histogram = Histogram()
    histogram.record_many(seconds)
    return Distribution.of(histogram)


def run(probe: str = "echo", **more: Any) -> ProbeReport:
    """A run of 1,000 messages; `ok` is as a probe finds it."""
    lost = more.get("lost", 0)
    faults = [lost, *(more.get(name, 0) for name in ("duplicated", "reordered", "corrupted"))]
    fine = not any(faults) and not more.get("errors") and "error" not in more
    fields: dict[str, Any] = {"ok": fine, "sent": 1000, "received": 1000 - lost, "duration_s": 2.0}
    return ProbeReport(probe=probe, target="h:1", **fields | more)


def judge(report: ProbeReport, *texts: str) -> ProbeReport:
    known = measurable(KNOWN[report.probe])
    return judged(report, [parse(text, known) for text in texts])


def test_what_holds_leaves_a_good_verdict_good() -> None:
    report = judge(run(rtt_ms=times(0.001, 0.010)), "p99<50ms", "loss=0", "rate>=500", "duration<3s")
    assert report.ok
    assert [one.to_json() for one in report.assertions] == [
        {"expr": "p99<50ms", "ok": True, "measured": 10.0, "limit": 50.0, "unit": "ms"},
        {"expr": "loss=0", "ok": True, "measured": 0, "limit": 0.0, "unit": None},
        {"expr": "rate>=500", "ok": True, "measured": 500.0, "limit": 500.0, "unit": "per_s"},
        {"expr": "duration<3s", "ok": True, "measured": 2.0, "limit": 3.0, "unit": "s"},
    ]


def test_one_that_is_missed_spoils_the_verdict() -> None:
    report = judge(run(rtt_ms=times(0.060)), "p99<50ms", "loss=0")
    assert not report.ok
    assert [one.ok for one in report.assertions] == [False, True]
    assert verdict_text(report) == "bad: p99<50ms missed"


@pytest.mark.parametrize(
    ("faults", "texts", "ok"),
    [
        # What nobody named is as bad as without assertions.
        ({"lost": 5}, ["p99<50ms"], False),
        ({"duplicated": 1}, ["loss=0"], False),
        ({"reordered": 1}, ["loss=0", "duplicated=0"], False),
        ({"corrupted": 1}, ["errors=0"], False),
        ({"errors": {"status 500": 1}}, ["loss=0"], False),
        # What was named is judged by that alone.
        ({"lost": 5}, ["loss<1%"], True),
        ({"lost": 10}, ["loss<1%"], False),
        ({"lost": 5}, ["loss=0"], False),
        ({"lost": 5}, ["lost<=5"], True),
        ({"duplicated": 2}, ["duplicated<=2"], True),
        ({"reordered": 2}, ["reordered<1%"], True),
        ({"corrupted": 2}, ["corrupted<1%"], True),
        ({"lost": 5, "corrupted": 1}, ["loss<1%"], False),
        ({"lost": 5, "corrupted": 1}, ["loss<1%", "corrupted<1%"], True),
        ({"errors": {"status 500": 1}}, ["errors<=0.1%"], True),
        ({"errors": {"status 500": 2}}, ["errors<=0.1%"], False),
        # A loss, and the timeout that it was noticed by, are one thing.
        ({"lost": 5, "errors": {"timeout": 5}}, ["loss<1%"], True),
        ({"lost": 5, "errors": {"timeout": 5}}, ["errors<1%"], True),
        ({"lost": 5, "errors": {"timeout": 5}}, ["errors<0.5%"], False),
        ({"lost": 5, "errors": {"timeout": 5}}, ["timeouts<=5"], True),
        ({"lost": 5, "errors": {"timeout": 5, "late": 1}}, ["timeouts<=6"], True),
        ({"lost": 5, "errors": {"timeout": 5, "late": 1}}, ["timeouts<=5"], False),
        ({"lost": 5, "errors": {"timeout": 5, "late": 1}}, ["loss<1%"], False),
        ({"lost": 5, "errors": {"timeout": 5, "status 500": 1}}, ["loss<1%"], False),
        ({"lost": 5, "errors": {"timeout": 5, "status 500": 1}}, ["loss<1%", "errors<1%"], True),
        ({"lost": 5, "errors": {"timeout": 4}}, ["timeouts<1%"], False),
        # A connection that broke is one error, and lost what was under way on it: each of it is one.
        ({"lost": 10, "errors": {"protocol": 1}}, ["errors<=10"], True),
        ({"lost": 10, "errors": {"protocol": 1}}, ["errors<=9"], False),
        ({"lost": 10, "errors": {"protocol": 1}}, ["loss<=1%"], True),
        ({"lost": 1, "errors": {"protocol": 2}}, ["loss<=1%"], False),
    ],
)
def test_a_kind_of_fault_is_judged_by_the_assertion_that_names_it(
    faults: dict[str, Any], texts: list[str], ok: bool
) -> None:
    report = judge(run(rtt_ms=times(0.001), **faults), *texts)
    assert report.ok is ok
    assert report.ok is (all(one.ok for one in report.assertions) and not remaining_faults(report))


def test_what_an_open_loop_could_not_send_is_a_fault_of_its_own() -> None:
    short = run(ok=False, lost=5, load=LoadFigures(pacing="open", connections=1, unsent=3))
    assert not judge(short, "loss<1%", "errors<1%").ok
    assert judge(short, "loss<1%", "unsent<=3").ok
    assert not judge(short, "loss<1%", "unsent=0").ok
    assert judge(run(), "unsent=0").assertions[0].measured is None


def test_a_counters_duplicates_are_its_duplicated_answers() -> None:
    numbers = Numbers(first=1, last=9, gaps=3, duplicates=2, resets=1, instances=2)
    bad = run("counter", duplicated=2, numbers=numbers)
    assert judge(bad, "duplicates<=2", "gaps=3", "resets=1", "instances=2").ok
    assert not judge(bad, "duplicates<=1").ok
    assert not judge(bad, "gaps=3").ok


def test_where_no_number_came_the_numbers_say_nothing() -> None:
    report = judge(run("counter", numbers=Numbers()), "gaps=0", "instances=0", "resets>=0", "duplicates=0")
    assert [one.measured for one in report.assertions] == [None] * 4
    assert not report.ok
    assert "assert gaps=0: missed (not measured)" in report_lines(report)


def test_the_lines_of_others_can_be_asserted() -> None:
    assert judge(run("pubsub", delivery=Delivery(foreign=2)), "foreign<=2").ok
    assert not judge(run("pubsub", delivery=Delivery(foreign=3)), "foreign<=2").ok


def test_a_share_of_lines_is_of_all_their_deliveries() -> None:
    delivery = Delivery(published=1000, delivered=9990, expected=10_000)
    lossy = run("pubsub", lost=10, received=9990, delivery=delivery)
    assert judge(lossy, "loss<=0.1%", "received>=99.9%").ok
    assert not judge(lossy, "loss<0.1%").ok


def test_a_verdict_that_no_count_explains_stays_as_it_is() -> None:
    assert not judge(run(ok=False), "loss<1%", "errors<1%").ok
    assert not judge(run(lost=1000, received=0), "loss<=100%").ok


def test_a_run_that_failed_is_not_made_good_by_what_holds() -> None:
    for error in (AnswerTimeout("nothing came"), Interrupted("SIGINT")):
        report = judge(run(error=error, rtt_ms=times(0.001)), "p99<1s")
        assert (report.ok, report.assertions[0].ok, report.error) == (False, True, error)


def test_of_nothing_sent_nothing_is_said() -> None:
    report = judge(
        run(sent=0, received=0, error=AnswerTimeout("x")), "loss=0", "errors=0", "loss<=1%", "p50>0ms", "rate>0"
    )
    assert [one.measured for one in report.assertions] == [None] * 5
    assert [judge(run(sent=0, received=0), "sent=0").assertions[0].measured] == [0]


def test_any_percentile_of_any_distribution_can_be_asserted() -> None:
    many = times(*(number / 1000 for number in range(1, 10_001)))
    load = LoadFigures(pacing="open", connections=1, service_ms=many, late_ms=times(0.002))
    phases = PhaseFigures(connect=times(0.001), first_byte=times(0.006))
    report = run("counter", rtt_ms=times(0.5), connect_ms=times(0.004), load=load, phases=phases)
    wanted = {"p99": 500.0, "connect.p50": 4.0, "late.mean": 2.0, "service.min": 1.0, "service.p75": 7500.0}
    wanted |= {"tcp.max": 1.0, "first_byte.p99": 6.0}
    wanted |= {"service.p99.99": 9999.0, "service.p999": 9990.0, "service.max": 10_000.0}
    found = judge(report, *(f"{name}>0ms" for name in wanted)).assertions
    assert {one.assertion.expr.partition(">")[0]: one.measured for one in found} == pytest.approx(wanted, rel=0.001)


def test_what_this_run_did_not_measure_is_missed_and_says_so() -> None:
    report = judge(run(rtt_ms=times(0.001)), "late.p99<1s", "connect.max<1s")
    assert [one.measured for one in report.assertions] == [None, None]
    assert report_lines(report)[-2:] == [
        "assert late.p99<1s: missed (not measured)",
        "assert connect.max<1s: missed (not measured)",
    ]


def test_every_assertion_is_a_line_of_the_summary_with_its_figure() -> None:
    report = judge(
        run(lost=5, errors={"timeout": 5}, rtt_ms=times(0.0123)), "p99<50ms", "loss<1%", "errors=0", "rate>1k"
    )
    assert report_lines(report)[-4:] == [
        "assert p99<50ms: ok (12.3 ms)",
        "assert loss<1%: ok (0.5 %)",
        "assert errors=0: missed (5)",
        "assert rate>1k: missed (497.5 per second)",
    ]
    assert verdict_text(report) == "bad: errors=0 missed, rate>1k missed"


@pytest.mark.parametrize(
    ("text", "fields", "figure"),
    [
        ("sent>0", {"sent": 123_456_789}, "123456789"),
        ("sent>0", {"sent": 1000}, "1000"),
        ("rate>0", {"received": 12_345_678, "duration_s": 10.0}, "1234567.8 per second"),
        ("duration>0s", {"duration_s": 10.0}, "10 s"),
        ("loss>0%", {"lost": 1, "sent": 30_000}, "0.00333 %"),
        ("loss>0%", {"lost": 30_000, "sent": 30_000}, "100 %"),
        ("loss>0%", {"lost": 0}, "0 %"),
        ("p50>0ms", {"rtt_ms": times(0.012_345_678)}, "12.346 ms"),
        ("p50>0ms", {"rtt_ms": times(0.000_012_345)}, "0.0123 ms"),
        ("p50>0ms", {"rtt_ms": times(1e-9)}, "1e-06 ms"),
    ],
)
def test_a_figure_is_short_and_never_wrong_by_more_than_a_thousandth(
    text: str, fields: dict[str, Any], figure: str
) -> None:
    assert judge(run(**fields), text).assertions[0].figure_text == figure


def test_without_assertions_a_report_has_no_word_of_them() -> None:
    assert "assertions" not in run().to_json()
    assert judge(run(lost=1)) == run(lost=1)
