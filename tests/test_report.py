"""The JSON of clients: every field by its name, and null where nothing was measured."""

import json
from dataclasses import FrozenInstanceError
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tw.core.histogram import Histogram
from tw.core.numbers import HIGHEST_INSTANCES, NumberLine
from tw.errors import AnswerTimeout, AuthError, ConnectError
from tw.output import to_text
from tw.report import (
    Delivery,
    Distribution,
    InstanceShare,
    LineReceived,
    Numbers,
    PhaseFigures,
    ProbeReport,
    Sample,
    SubscribeSummary,
)
from tw.schema import failure_json

NOTHING_MEASURED = dict.fromkeys(("min", "mean", "p50", "p90", "p95", "p99", "p999", "max"))
REPORT = {
    "v": 1,
    "probe": "echo",
    "target": "127.0.0.1:1234",
    "ok": True,
    "sent": 5,
    "received": 4,
    "lost": 1,
    "duplicated": 2,
    "reordered": 3,
    "corrupted": 4,
    "errors": {"timeout": 1},
    "rtt_ms": NOTHING_MEASURED,
    "connect_ms": NOTHING_MEASURED,
    "duration_s": 2.123457,
    "rate_per_s": 1.884,
    "sent_bytes": 320,
    "received_bytes": 256,
}


SHARE = InstanceShare(instance="a", answers=1, share=1.0, first=1, last=1, gaps=0)


def _report(**more: Any) -> ProbeReport:
    fields: dict[str, Any] = {
        "probe": "echo",
        "target": "127.0.0.1:1234",
        "ok": True,
        "sent": 5,
        "received": 4,
        "lost": 1,
        "duplicated": 2,
        "reordered": 3,
        "corrupted": 4,
        "errors": {"timeout": 1},
        "duration_s": 2.123456789,
        "sent_bytes": 320,
        "received_bytes": 256,
    }
    return ProbeReport(**fields | more)


def test_a_probe_report_has_these_fields_in_this_order() -> None:
    document = _report().to_json()
    assert document == REPORT
    assert list(document) == list(REPORT)


def test_the_counter_adds_its_numbers_and_pubsub_its_delivery() -> None:
    numbers = Numbers(first=1, last=9, gaps=2, duplicates=3, resets=4, instances=5)
    assert _report(numbers=numbers).to_json() == {**REPORT, "numbers": numbers.to_json()}
    delivery = Delivery(published=1, delivered=2, expected=3, foreign=4)
    assert _report(delivery=delivery).to_json() == {
        **REPORT,
        "published": 1,
        "delivered": 2,
        "expected": 3,
        "foreign": 4,
    }


def test_each_phase_has_its_key_and_is_null_where_it_was_not_measured() -> None:
    phases = PhaseFigures(connect=Distribution(min=1.0), body=Distribution(max=2.0))
    connect, body = {**NOTHING_MEASURED, "min": 1.0}, {**NOTHING_MEASURED, "max": 2.0}
    document = _report(phases=phases).to_json()
    assert document == {
        **REPORT,
        "phases_ms": {"dns": None, "connect": connect, "tls": None, "first_byte": None, "body": body},
    }
    assert list(document["phases_ms"]) == ["dns", "connect", "tls", "first_byte", "body"]


def test_a_failed_run_says_of_what() -> None:
    report = _report(ok=False, error=AnswerTimeout("no answer", "h:1", "wait"))
    assert report.to_json() == {
        **REPORT,
        "ok": False,
        "error": {"kind": "timeout", "exit": 4, "message": "no answer (h:1); wait"},
    }


def test_a_failure_without_a_report_is_an_object_too() -> None:
    assert failure_json(ConnectError("refused", "h:1")) == {
        "v": 1,
        "ok": False,
        "error": {"kind": "connect", "exit": 3, "message": "refused (h:1)"},
    }


def test_nothing_went_wrong_until_it_is_counted() -> None:
    report = ProbeReport(probe="echo", target="h", ok=True, sent=1, received=1).to_json()
    counts = ("lost", "duplicated", "reordered", "corrupted", "duration_s", "sent_bytes", "received_bytes")
    assert [report[name] for name in counts] == [0] * len(counts)
    assert set(Delivery().to_json().values()) == {0}
    numbers = Numbers().to_json()
    assert (numbers.pop("first"), numbers.pop("last"), numbers.pop("shares")) == (None, None, [])
    assert set(numbers.values()) == {0}


def test_the_numbers_of_an_account_name_its_instances_as_they_began_and_safely() -> None:
    line = NumberLine()
    for number, instance in ((5, "b"), (1, "a\x1b[2J"), (6, "b"), (9, "b"), (2, None)):
        line.feed(number, instance)
    line.lose(line.mark())
    assert Numbers.of(line).to_json() == {
        "first": 5,
        "last": 2,
        "gaps": 2,
        "duplicates": 0,
        "resets": 1,
        "instances": 3,
        "unanswered": 0,
        "doubtful": 0,
        "shares": [
            {"instance": "b", "answers": 3, "share": 0.6, "first": 5, "last": 9, "gaps": 2},
            {"instance": "a\\x1b[2J", "answers": 1, "share": 0.2, "first": 1, "last": 1, "gaps": 0},
            {"instance": None, "answers": 1, "share": 0.2, "first": 2, "last": 2, "gaps": 0},
        ],
    }


def test_of_too_many_instances_those_with_the_most_answers_are_named() -> None:
    line = NumberLine()
    for instance in range(HIGHEST_INSTANCES):
        line.feed(1, f"i{instance}")
    for number in range(10):
        line.feed(number)
    numbers = Numbers.of(line)
    assert (numbers.instances, len(numbers.shares)) == (HIGHEST_INSTANCES + 1, HIGHEST_INSTANCES)
    assert numbers.shares[-1].instance is None
    assert numbers.shares[-1].answers == 10


RESULTS: list[Any] = [
    _report(),
    Distribution(),
    Numbers(),
    SHARE,
    PhaseFigures(),
    Delivery(),
    LineReceived.parse(b"x"),
]


def test_no_time_has_no_rate_rather_than_an_infinite_one() -> None:
    assert _report(duration_s=0.0).to_json()["rate_per_s"] is None


def test_nothing_received_has_no_rate_rather_than_zero() -> None:
    assert _report(received=0).to_json()["rate_per_s"] is None


def test_an_empty_histogram_has_no_times() -> None:
    assert Distribution.of(Histogram()).to_json() == NOTHING_MEASURED


def test_one_time_is_every_figure_in_milliseconds() -> None:
    histogram = Histogram()
    histogram.record(0.25)
    assert Distribution.of(histogram).to_json() == dict.fromkeys(NOTHING_MEASURED, 250.0)


def test_each_percentile_is_the_one_of_its_name_and_rounded_to_the_nanosecond() -> None:
    histogram = Histogram()
    for ms in range(1, 1001):
        histogram.record(ms / 1000)
    figures = Distribution.of(histogram).to_json()
    names = {"min": 1, "mean": 500.5, "p50": 500, "p90": 900, "p95": 950, "p99": 990, "p999": 999, "max": 1000}
    assert figures == pytest.approx(names, rel=0.001)
    third = Histogram()
    third.record(1 / 3)
    assert Distribution.of(third).min == 333.333333


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=50))
def test_the_figures_are_in_order_and_strict_json(times_s: list[float]) -> None:
    histogram = Histogram()
    for time_s in times_s:
        histogram.record(time_s)
    document = _report(rtt_ms=Distribution.of(histogram)).to_json()

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    figures = json.loads(to_text(document), parse_constant=refuse)["rtt_ms"]
    order = [figures[name] for name in ("min", "p50", "p90", "p95", "p99", "p999", "max")]
    assert order == sorted(order)
    assert figures["min"] <= figures["mean"] <= figures["max"]


def test_not_a_number_is_never_written() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        to_text(_report(rtt_ms=Distribution(min=float("nan"))).to_json())


@pytest.mark.parametrize("made", RESULTS)
def test_a_result_stays_as_it_was_measured(made: Any) -> None:
    with pytest.raises(FrozenInstanceError):
        setattr(made, made.__slots__[0], None)


def test_a_sample_is_good_when_its_outcome_is_ok_and_only_then() -> None:
    assert Sample(number=1, rtt_s=0.1, outcome="ok").ok
    assert not Sample(number=1, rtt_s=0.1, outcome="corrupted").ok


@pytest.mark.parametrize(
    ("data", "source", "line"),
    [
        (b"<127.0.0.1:5> hello", "127.0.0.1:5", "hello"),
        (b"<[::1]:5> a <b> c", "[::1]:5", "a <b> c"),
        (b"<unix:3> ", "unix:3", ""),
        (b"<tw> dropped 3 lines", "tw", "dropped 3 lines"),
        (b"<a> <b> c", "a", "<b> c"),
        (b"", None, ""),
        (b"hello", None, "hello"),
        (b" <a> b", None, " <a> b"),
        (b"<a>b", None, "<a>b"),
        (b"<> b", None, "<> b"),
        (b"<a b> c", None, "<a b> c"),
        (b"<" + b"a" * 301 + b"> b", None, "<" + "a" * 301 + "> b"),
        (b"<a\xff> b\xfe", "a\\xff", "b\\xfe"),
        ("<ä> ß".encode(), "ä", "ß"),
    ],
)
def test_a_line_is_parted_from_the_source_before_it(data: bytes, source: str | None, line: str) -> None:
    assert LineReceived.parse(data).to_json() == {"v": 1, "event": "line", "source": source, "line": line}


@given(st.binary(max_size=40) | st.binary(max_size=20).map(lambda rest: b"<" + rest + b"> x"))
def test_every_line_becomes_json_and_keeps_all_of_its_text(data: bytes) -> None:
    received = LineReceived.parse(data)
    prefix = "" if received.source is None else f"<{received.source}> "
    assert prefix + received.line == data.decode("utf-8", "backslashreplace")
    assert json.loads(to_text(received.to_json()))["line"] == received.line


def test_the_end_of_a_subscription_has_these_fields() -> None:
    fields = {"target": "h:1", "ok": True, "lines": 3, "expected": 5, "received_bytes": 30}
    summary = {"v": 1, "event": "summary", "probe": "pubsub", **fields, "duration_s": 1.234568}
    document = SubscribeSummary(**fields, duration_s=1.23456789).to_json()
    assert document == summary
    assert list(document) == list(summary)
    failed = SubscribeSummary(**{**fields, "ok": False}, duration_s=1.23456789, error=AnswerTimeout("x"))
    error = {"kind": "timeout", "exit": 4, "message": "x"}
    assert failed.to_json() == {**summary, "ok": False, "error": error}


def test_a_refused_login_is_told_with_its_exit_code() -> None:
    assert failure_json(AuthError("no"))["error"] == {"kind": "auth", "exit": 6, "message": "no"}
