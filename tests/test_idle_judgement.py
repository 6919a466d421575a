"""An assertion about how long a path keeps a silent connection: held against the bound that speaks against it."""

from typing import Any

import pytest

from tw.core.assertions import parse
from tw.core.measurable import measurable
from tw.errors import UsageError
from tw.judge import Judge
from tw.judge_options import JudgeOptions
from tw.probe_options import ProbeEchoOptions, ProbeOptions
from tw.report import IdleTimeout, ProbeReport
from tw.report.judgement import judged
from tw.survey_options import SurveyOptions

IDLE = ProbeEchoOptions(survey=SurveyOptions(kind="idle"))


def judge(found: IdleTimeout | None, text: str) -> ProbeReport:
    ok = found is not None
    report = ProbeReport(probe="echo", target="h:1", ok=ok, sent=9, received=9, duration_s=70.0, idle_timeout=found)
    return judged(report, [parse(text, measurable(IDLE))])


@pytest.mark.parametrize(
    ("found", "text", "ok", "measured"),
    [
        (IdleTimeout(kept_s=60.2, lost_s=60.2, how="closed"), "idle_timeout>=60s", True, 60.2),
        (IdleTimeout(kept_s=59.2, lost_s=60.2, how="dropped"), "idle_timeout>=60s", False, 59.2),
        (IdleTimeout(kept_s=59.2, lost_s=60.2, how="dropped"), "idle_timeout<60s", False, 60.2),
        (IdleTimeout(kept_s=58.2, lost_s=59.2, how="dropped"), "idle_timeout<1m", True, 59.2),
        (IdleTimeout(kept_s=300.0), "idle_timeout>=5m", True, 300.0),
        (IdleTimeout(kept_s=300.0), "idle_timeout<10m", False, None),
        (None, "idle_timeout>=60s", False, None),
    ],
)
def test_it_holds_where_even_the_worse_bound_does(
    found: IdleTimeout | None, text: str, ok: bool, measured: float | None
) -> None:
    report = judge(found, text)
    (one,) = report.assertions
    assert (report.ok, one.ok, one.measured) == (ok, ok, measured)
    assert one.to_json()["unit"] == "s"


@pytest.mark.parametrize(
    ("options", "text", "said"),
    [
        (IDLE, "idle_timeout>=60", "a time needs its unit (--assert); write idle_timeout>=60s (us, ms, s or m)"),
        (IDLE, "idle_timeout=60s", "is found with a precision, and equals nothing exactly"),
        (IDLE, "idle_timeout!=60s", "write idle_timeout>=60s or idle_timeout<60s"),
        (IDLE, "idle_timeout", "as in 'idle_timeout>=60s'"),
        (IDLE, "idletimeout>=60s", "did you mean 'idle_timeout>=60s'?"),
        (ProbeEchoOptions(), "idle_timeout>=60s", "it takes --find-idle-timeout"),
    ],
)
def test_what_cannot_be_held_is_refused(options: ProbeOptions, text: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text, measurable(options))
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("text", "least"), [("idle_timeout>=60s", None), ("idle_timeout>60s", "60s"), ("idle_timeout>1.5m", "90s")]
)
def test_more_than_is_tried_cannot_hold(text: str, least: str | None) -> None:
    options: dict[str, Any] = {"survey": SurveyOptions(kind="idle", max_idle_s=60.0)}
    if least is None:
        Judge("echo", ProbeEchoOptions(judge=JudgeOptions(asserted=(text,)), **options))
        return
    with pytest.raises(UsageError) as caught:
        Judge("echo", ProbeEchoOptions(judge=JudgeOptions(asserted=(text,)), **options))
    assert str(caught.value) == (
        f"silences of 60s at most are tried (--assert {text}); give it a --max-idle of more than {least}"
    )
