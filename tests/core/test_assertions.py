"""Assertions: what each form means, and what is said of one that means nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tw.core.assertions import OPERATORS, Measurable, parse
from tw.core.measurable import measurable
from tw.errors import UsageError
from tw.load_options import LoadOptions
from tw.probe_options import ProbeCounterOptions, ProbeEchoOptions, ProbeOptions, ProbePubSubOptions
from tw.survey_options import SurveyOptions

OPEN_LOOP = LoadOptions(rate_per_s=10.0, duration_s=1.0)
ECHO = measurable(ProbeEchoOptions())
COUNTER = measurable(ProbeCounterOptions(load=OPEN_LOOP))


@pytest.mark.parametrize(
    ("text", "distribution", "name", "op", "limit", "unit"),
    [
        ("p99<50ms", "rtt", "p99", "<", 50.0, "ms"),
        (" p99 <= 50 ms ", "rtt", "p99", "<=", 50.0, "ms"),
        ("p999<1s", "rtt", "p99.9", "<", 1000.0, "ms"),
        ("p99.9<1.5s", "rtt", "p99.9", "<", 1500.0, "ms"),
        ("p9999<250us", "rtt", "p99.99", "<", 0.25, "ms"),
        ("p75<.5ms", "rtt", "p75", "<", 0.5, "ms"),
        ("p100<2m", "rtt", "p100", "<", 120_000.0, "ms"),
        ("min>0us", "rtt", "min", ">", 0.0, "ms"),
        ("mean<3µs", "rtt", "mean", "<", 0.003, "ms"),
        ("rtt.max<1s", "rtt", "max", "<", 1000.0, "ms"),
        ("connect.p99<1s", "connect", "p99", "<", 1000.0, "ms"),
        ("service.p99.9<1s", "service", "p99.9", "<", 1000.0, "ms"),
        ("late.max<1ms", "late", "max", "<", 1.0, "ms"),
        ("duration<1m", None, "duration", "<", 60.0, "s"),
        ("loss=0", None, "lost", "=", 0.0, ""),
        ("lost==0", None, "lost", "==", 0.0, ""),
        ("loss<0.01%", None, "lost", "<", 0.01, "%"),
        ("errors<=0.1%", None, "errors", "<=", 0.1, "%"),
        ("received>=99.9%", None, "received", ">=", 99.9, "%"),
        ("sent>=1M", None, "sent", ">=", 1e6, ""),
        ("rate>=1000", None, "rate", ">=", 1000.0, "per_s"),
        ("rate>1.5k", None, "rate", ">", 1500.0, "per_s"),
        ("instances!=1", None, "instances", "!=", 1.0, ""),
    ],
)
def test_a_form_means_this(text: str, distribution: str | None, name: str, op: str, limit: float, unit: str) -> None:
    one = parse(text, COUNTER)
    assert one.expr == text.strip()
    assert (one.distribution, one.name, one.op, one.limit, one.unit) == (distribution, name, op, limit, unit)


def test_a_percentile_is_a_number_and_an_end_is_none() -> None:
    assert [parse(f"{name}<1s", ECHO).percentile for name in ("p50", "p999", "p99.99", "max")] == [
        50,
        99.9,
        99.99,
        None,
    ]


@pytest.mark.parametrize("op", OPERATORS)
@pytest.mark.parametrize("measured", [1.0, 2.0, 3.0])
def test_an_operator_is_the_one_of_arithmetic(op: str, measured: float) -> None:
    expected = {"<": measured < 2, "<=": measured <= 2, ">": measured > 2, ">=": measured >= 2}
    expected |= {"=": measured == 2, "==": measured == 2, "!=": measured != 2}
    assert parse(f"sent{op}2", ECHO).holds(measured) is expected[op]


@pytest.mark.parametrize("op", OPERATORS)
def test_nothing_holds_of_what_was_not_measured(op: str) -> None:
    assert not parse(f"p99{op}0ms", ECHO).holds(None)


@pytest.mark.parametrize(
    ("text", "what", "hint"),
    [
        ("p99<50", "a time needs its unit", "write p99<50ms (us, ms, s or m)"),
        ("p99<50sec", "a time needs its unit, not 'sec'", "write p99<50ms (us, ms, s or m)"),
        ("p99<50%", "a time needs its unit, not '%'", "write p99<50ms (us, ms, s or m)"),
        ("duration<10", "a time needs its unit", "write duration<10s (us, ms, s or m)"),
        ("loss<1ms", "'ms' is no unit of 'lost'", "write loss<1 (with k or M for more, or % of what was sent)"),
        ("rate>=5%", "'%' is no unit of 'rate'", "write rate>=5 (with k or M for more)"),
        ("sent>=5%", "'%' is no unit of 'sent'", "write sent>=5 (with k or M for more)"),
        ("sent>=5K", "'K' is no unit of 'sent'", "write sent>=5 (with k or M for more)"),
        ("p99 50ms", "cannot read the assertion 'p99 50ms'", "write NAME OP VALUE, as in 'p99<50ms'"),
        ("p99=<50ms", "cannot read the assertion 'p99=<50ms'", "write NAME OP VALUE, as in 'p99<50ms'"),
        ("p999 5", "cannot read the assertion 'p999 5'", "write NAME OP VALUE, as in 'p999<50ms'"),
        ("los =", "cannot read the assertion 'los ='", "write NAME OP VALUE, as in 'lost=0'"),
        ("rate", "cannot read the assertion 'rate'", "write NAME OP VALUE, as in 'rate>=1000'"),
        ("duration<", "cannot read the assertion 'duration<'", "write NAME OP VALUE, as in 'duration<10s'"),
        ("p99<-1ms", "cannot read the assertion 'p99<-1ms'", "write NAME OP VALUE, as in 'p99<50ms'"),
        ("p99<1e3ms", "cannot read the assertion 'p99<1e3ms'", "write NAME OP VALUE, as in 'p99<50ms'"),
        ("p99<1ms,loss=0", "cannot read the assertion 'p99<1ms,loss=0'", "write NAME OP VALUE, as in 'p99<50ms'"),
        ("", "cannot read the assertion ''", "write NAME OP VALUE, as in 'p99<50ms', 'loss=0', 'errors<=0.1%' or"),
        ("<5", "cannot read the assertion '<5'", "write NAME OP VALUE, as in 'p99<50ms', "),
        ("pp99<50ms", "unknown figure 'pp99'", "did you mean 'p99<50ms'? there are: p50 p90 p95 p99 p99.9 p99.99 min"),
        ("p(99.9)<5ms", "unknown figure 'p(99.9)'", "did you mean 'p99.9<5ms'? there are: p50 "),
        ("P99<5ms", "unknown figure 'P99'", "did you mean 'p99<5ms'? there are: p50 "),
        ("p101<5ms", "unknown figure 'p101'", "there are: p50 "),
        ("conect.p99<5ms", "unknown figure 'conect.p99'", "did you mean 'connect.p99<5ms'? there are: p50 "),
        ("connect.p<5ms", "unknown figure 'connect.p'", "did you mean 'connect.p"),
        (
            "latency<5ms",
            "unknown figure 'latency'",
            "there are: p50 p90 p95 p99 p99.9 p99.99 min mean max and connect.p",
        ),
        ("lost.p99<5ms", "unknown figure 'lost.p99'", "did you mean "),
    ],
)
def test_what_means_nothing_is_refused_with_the_nearest_form(text: str, what: str, hint: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse(text, ECHO)
    assert refused.value.what == what
    assert refused.value.hint.startswith(hint)


@pytest.mark.parametrize(
    ("options", "text", "hint"),
    [
        (ProbeEchoOptions(), "gaps=0", "it takes the counter's probe; there are: p50 "),
        (ProbePubSubOptions(), "instances=1", "it takes the counter's probe; there are: p50 "),
        (ProbeCounterOptions(), "foreign=0", "it takes the pub/sub probe; there are: p50 "),
        (ProbeEchoOptions(), "service.p99<1ms", "it takes an open loop: --rate; there are: p50 "),
        (ProbeEchoOptions(load=LoadOptions(duration_s=1.0)), "late.max<1ms", "it takes an open loop: --rate; "),
        (ProbeEchoOptions(udp=True), "connect.max<1ms", "it takes a connection; UDP has none; "),
        (ProbePubSubOptions(publish=("x",), wait=False), "p99<1ms", "it takes a run that waits for its answers; "),
        (
            ProbePubSubOptions(publish=("x",), wait=False),
            "loss=0",
            "there are: connect.p99 dns.p99 tcp.p99 tls.p99 …, sent re",
        ),
        (ProbePubSubOptions(publish=("x",)), "corrupted=0", "there are: p50 "),
        (ProbeEchoOptions(load=LoadOptions(duration_s=1.0)), "unsent=0", "it takes an open loop: --rate; "),
        (ProbeEchoOptions(survey=SurveyOptions(kind="idle")), "loss=0", "there are: p50 "),
        (ProbeCounterOptions(survey=SurveyOptions(kind="diff")), "gaps=0", "it takes the counter's probe; "),
        (
            ProbePubSubOptions(),
            "idle_timeout>=2s",
            "it takes --find-idle-timeout, of the echo or the counter's probe; ",
        ),
    ],
)
def test_a_name_that_this_run_can_never_have_is_refused(options: ProbeOptions, text: str, hint: str) -> None:
    with pytest.raises(UsageError, match="is not measured in this run") as refused:
        parse(text, measurable(options))
    assert refused.value.where == f"--assert {text}"
    assert refused.value.hint.startswith(hint)


@pytest.mark.parametrize(
    "options",
    [
        ProbeEchoOptions(),
        ProbeEchoOptions(udp=True),
        ProbeCounterOptions(load=OPEN_LOOP),
        ProbePubSubOptions(),
        ProbePubSubOptions(publish=("x",)),
        ProbePubSubOptions(publish=("x",), wait=False),
    ],
)
def test_every_name_that_is_listed_can_be_asserted(options: ProbeOptions) -> None:
    known = measurable(options)
    for name in known.names():
        unit = "ms" if name[-1].isdigit() or name.rpartition(".")[2] in {"min", "mean", "max", "duration"} else ""
        assert parse(f"{name}>0{unit}", known).expr == f"{name}>0{unit}"


@given(st.text(max_size=30) | st.from_regex(r"[a-z.]{0,12}\d{0,4}[<>=! ]{0,3}\d{0,4}[.]?\d{0,4}[a-zA-Zµ%]{0,3}"))
def test_any_text_is_an_assertion_or_a_usage_error(text: str) -> None:
    try:
        one = parse(text, COUNTER)
    except UsageError:
        return
    assert one.limit >= 0
    assert one.distribution in {*COUNTER.distributions, None}


def test_a_long_text_is_not_repeated_whole() -> None:
    with pytest.raises(UsageError) as refused:
        parse("p" * 10_000, ECHO)
    assert len(str(refused.value)) < 400


def test_a_share_is_compared_as_the_decimal_number_that_was_written() -> None:
    """7 of 1,000 are 0.7 %, though neither 0.007 nor 0.7 is a float."""
    for count in range(1000):
        assert parse(f"loss=0.{count:03}%", ECHO).holds(100 * count / 100_000)


def test_a_measurable_without_other_distributions_lists_none() -> None:
    assert Measurable(distributions=("rtt",), counts=("sent",)).summary().startswith("p50 ")
