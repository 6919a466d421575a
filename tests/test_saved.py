"""Saved reports read back: whole ones, streams, and files that anybody may have written."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saved_reports import a_load, a_ping, data, raw
from tw.errors import AnswerTimeout, LocalError, UsageError
from tw.report import ProbeReport
from tw.saved import MOST_BYTES, check_together, read_saved

NESTED = '{"a":' * 100_000 + "1" + "}" * 100_000


def test_a_report_is_read_as_it_was_written() -> None:
    report = read_saved(data(a_load(errors={"timeout": 1, "late": 2}, lost=1)), "f")
    assert (report.name, report.probe, report.target, report.ok, report.error) == ("f", "echo", "h:1", True, None)
    assert (report.rate_per_s, report.duration_s) == (100.0, 10.0)
    assert {name: count for name, count in report.counts.items() if count} == {
        "sent": 1000, "received": 1000, "lost": 1, "errors": 3,
    }  # fmt: skip
    assert report.times["rtt_ms"]["p50"] == pytest.approx(1.5, rel=0.01)
    assert list(report.times) == ["rtt_ms", "connect_ms", "phases_ms.connect", "phases_ms.tls"]
    assert sum(count for _, count in report.shape) == 1000
    assert report.shape[0][0] >= 1.0


def test_a_ping_has_no_shape_and_nothing_measured_is_left_out() -> None:
    assert read_saved(data(a_ping()), "f").shape == ()
    nothing = ProbeReport(
        probe="pubsub", target="h:1", ok=False, sent=3, received=0, error=AnswerTimeout("x")
    ).to_json()
    report = read_saved(data(nothing), "f")
    assert (report.error, report.times, report.rate_per_s) == ("timeout", {}, None)


@pytest.mark.parametrize(
    "content",
    [
        data(a_ping()),
        b"\xef\xbb\xbf" + data(a_ping()),  # as Windows' shells write it
        json.dumps(a_ping(), indent=2).encode(),
        json.dumps(a_ping(), indent=2).replace("\n", "\r\n").encode(),
        b'{"v": 1, "event": "progress"}\n' * 3 + data(a_ping()),
        b"not JSON at all\n" + data(a_ping()),
        data(a_ping()) + b"\n\n",
        data(a_ping()).rstrip(),
        raw({**a_ping(), "unheard_of": [1, {"x": None}]}),
    ],
)
def test_an_object_or_the_last_of_its_lines_is_the_report(content: bytes) -> None:
    assert read_saved(content, "f").counts["sent"] == 2


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "empty"),
        (b" \n ", "empty"),
        (b"[1, 2]", "no JSON object"),
        (b"{", "no JSON object"),
        (b"\xff\xfe{}", "not UTF-8, so no JSON"),
        (b'{"v": 1, "sent": NaN}', "no JSON object"),
        (b'{"v": 1, "sent": -Infinity}', "no JSON object"),
        (b'{"sent": ' + b"9" * 5000 + b"}", "no JSON object"),
        (NESTED.encode(), "no JSON object"),
        (b"[" * 100_000, "no JSON object"),
        (b" " * (MOST_BYTES + 1), "over 16 MiB, which is no report"),
        (b"{}", "no report of a probe"),
        (raw({"v": 1, "ok": True, "mailbox": "INBOX"}), "no report of a probe"),
        (raw({"v": 1, "event": "summary", "probe": "pubsub", "ok": True, "lines": 1}), "no report of a probe"),
        (raw({"v": 1, "ok": False, "error": {"kind": "usage"}}), "of a run that failed before it had a report"),
        (raw({"v": 1, "event": "progress", "sent": 1}), "it ends before its report: the run was cut off"),
        (raw({**a_ping(), "v": 2}), "written by a later version of tw"),
        (raw({**a_ping(), "v": 10**4000}), "written by a later version of tw"),
        (raw({**a_ping(), "v": True}), "no report of a probe"),
        (raw({**a_ping(), "v": "1"}), "no report of a probe"),
        (raw({**a_ping(), "probe": ["echo"]}), "no report of a probe"),
        (raw({**a_ping(), "probe": "echo2"}), "no report of a probe"),
    ],
)
def test_what_is_no_report_is_told_with_its_file(content: bytes, problem: str) -> None:
    with pytest.raises(LocalError) as refused:
        read_saved(content, "f.json")
    assert refused.value.what.startswith(problem)
    assert (refused.value.where, refused.value.exit_code) == ("f.json", 9)


BAD_COUNTS = [None, -1, 1.5, "1", True, [], {}, 2**63]
BAD_FIGURES = [-1, "1", True, [], {}, 1e16, 10**400]


@pytest.mark.parametrize(
    ("path", "values"),
    [
        (("target",), [None, 1, ["h"], {}]),
        (("ok",), [None, 1, "true"]),
        *((((name,), BAD_COUNTS)) for name in ("sent", "received", "lost", "duplicated", "reordered", "corrupted")),
        (("foreign",), BAD_COUNTS[1:]),
        (("numbers",), [None, [], "x", 1]),
        (("numbers",), [{"first": 1}, {"first": 1, "gaps": -1}]),
        (("errors",), [None, [], "x", {"a": "b"}, {"a": -1}, {str(number): 1 for number in range(1001)}]),
        (("rate_per_s",), BAD_FIGURES),
        (("duration_s",), BAD_FIGURES),
        (("pacing",), ["fast", 1, True, [], {}]),
        (("connections",), BAD_COUNTS),
        (("unsent",), BAD_COUNTS[1:]),
        (("rate_asked_per_s",), BAD_FIGURES),
        (("cpu_share",), BAD_FIGURES),
        (("limit",), [1, True, [], {}]),
        (("rtt_ms",), [[], "x", 1]),
        *((((key, "p99"), BAD_FIGURES)) for key in ("rtt_ms", "connect_ms", "service_ms", "late_ms")),
        (("phases_ms",), [[], "x", 1]),
        (("phases_ms", "tls"), [[], "x", 1]),
        (("phases_ms", "tls", "max"), BAD_FIGURES),
        (("error",), ["x", [], {"kind": None}, {"kind": 5}, {}]),
        (("histogram",), [[], "x", 5]),
        (("histogram", "rtt_ms"), ["x", {}, 5, [[1.0, 1]] * 2001, [1], [[1]], [[1, 2, 3]], [["1", 1]], [[1.0, "1"]]]),
        (("histogram", "rtt_ms"), [[[0, 1]], [[2.0, 1], [1.0, 1]], [[1.0, 1], [1.0, 1]], [[1.0, -1]], [[1e-300, 1]]]),
    ],
)
def test_a_damaged_one_names_its_file_and_what_is_damaged(path: tuple[str, ...], values: list[Any]) -> None:
    for value in values:
        document = json.loads(data(a_load(error=AnswerTimeout("x"))))
        place = document
        for name in path[:-1]:
            place = place[name]
        place[path[-1]] = value
        with pytest.raises(LocalError, match="a damaged report: ") as refused:
            read_saved(raw(document), "f.json")
        assert repr(path[0])[:-1] in refused.value.what
        assert refused.value.where == "f.json"
        assert len(str(refused.value)) < 300


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(sorted(a_load())), ANY)
def test_any_value_of_any_key_is_read_or_refused(key: str, value: Any) -> None:
    try:
        report = read_saved(raw({**a_load(), key: value}), "f")
    except LocalError:
        return
    assert report.counts["sent"] >= 0
    assert report.target == {**a_load(), key: value}["target"]


@given(st.binary(max_size=50) | st.text(max_size=50).map(str.encode))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    with pytest.raises(LocalError):
        read_saved(content, "f")


def test_reports_of_different_probes_are_not_compared() -> None:
    same = [read_saved(data(a_ping()), name) for name in "ab"]
    check_together(same)
    other = read_saved(data(a_ping(probe="counter")), "c\x1b[31m")
    with pytest.raises(UsageError) as refused:
        check_together([*same, other])
    assert str(refused.value) == (
        r"a report of counter's probe, and a is of echo's (c\x1b[31m); compare reports of one probe"
    )
