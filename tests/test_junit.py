"""The JUnit file, read with an XML parser: what CI shows, and what a stranger's text does to it."""

from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tw.core.assertions import parse
from tw.core.measurable import measurable
from tw.errors import ConnectError
from tw.junit import junit_failure, junit_xml
from tw.probe_options import ProbeEchoOptions
from tw.report import ProbeReport
from tw.report.judgement import judged

AT_S = 1_800_000_000.0
ECHO = measurable(ProbeEchoOptions())


def report(*texts: str, **more: Any) -> ProbeReport:
    fields: dict[str, Any] = {"probe": "echo", "target": "h:1", "ok": True, "sent": 10, "received": 10}
    made = ProbeReport(**fields | {"duration_s": 2.5} | more)
    return judged(made, [parse(text, ECHO) for text in texts]) if texts else made


def read(data: bytes) -> ET.Element:
    """The only suite of the document, whose counts are those of its root."""
    root = ET.fromstring(data)
    assert root.tag == "testsuites"
    (suite,) = root
    assert suite.tag == "testsuite"
    for name in ("tests", "failures", "errors"):
        assert root.get(name) == suite.get(name)
    cases = suite.findall("testcase")
    counts = {
        "tests": len(cases),
        "failures": len(suite.findall(".//failure")),
        "errors": len(suite.findall(".//error")),
    }
    assert {name: int(suite.get(name) or -1) for name in counts} == counts
    return suite


def outcomes(suite: ET.Element) -> dict[str, str]:
    """Of each case its failure or error, by the case's name."""
    return {
        case.get("name") or "": next((f"{told.tag}: {told.get('message')}" for told in case), "passed")
        for case in suite.findall("testcase")
    }


def test_a_suite_has_a_case_for_the_verdict_and_one_for_each_assertion() -> None:
    suite = read(junit_xml(report("loss=0", "rate>=1M"), AT_S))
    assert (suite.get("name"), suite.get("time")) == ("tw probe echo", "2.500")
    assert suite.get("timestamp") == "2027-01-15T07:59:57"
    assert outcomes(suite) == {
        "verdict": "passed",
        "loss=0": "passed",
        "rate>=1M": "failure: rate>=1M: 4 per second",
    }
    (verdict, *_) = suite.findall("testcase")
    assert (verdict.get("classname"), verdict.get("time")) == ("tw.probe.echo", "2.500")


@pytest.mark.parametrize(
    ("fields", "texts", "verdict"),
    [
        ({"lost": 2, "ok": False}, [], "failure: 2 lost"),
        ({"lost": 2, "ok": False}, ["loss<=20%"], "passed"),
        ({"lost": 2, "ok": False, "errors": {"status 500": 1}}, ["loss<=20%"], "failure: 1 status 500"),
        ({"ok": False}, [], "failure: nothing was measured"),
        (
            {"ok": False, "error": ConnectError("refused", "h:1", "start it")},
            ["loss=0"],
            "error: refused (h:1); start it",
        ),
    ],
)
def test_the_verdicts_case_tells_what_spoilt_it(fields: dict[str, Any], texts: list[str], verdict: str) -> None:
    assert outcomes(read(junit_xml(report(*texts, **fields), AT_S)))["verdict"] == verdict


def test_the_figures_are_properties() -> None:
    suite = read(junit_xml(report(errors={"status 500": 3}), AT_S))
    found = {one.get("name"): one.get("value") for one in suite.findall("properties/property")}
    assert found["probe"] == "echo"
    assert found["rate_per_s"] == "4.0"
    assert found["errors.status 500"] == "3"
    assert found["ok"] == "true"
    assert "rtt_ms.p99" not in found  # it was not measured


def test_a_run_without_a_report_is_an_error() -> None:
    suite = read(junit_failure("echo", ConnectError("no <such> name", "h:1"), AT_S))
    assert outcomes(suite) == {"verdict": "error: no <such> name (h:1)"}
    assert suite.findall("testcase/error")[0].get("type") == "connect"


@given(st.text(st.characters(), max_size=60) | st.text("\x00\x08\x1b\x7f\x85\ud800\ufffe\uffff<>&\"']", max_size=20))
def test_whatever_a_stranger_sends_the_document_is_well_formed(text: str) -> None:
    error = ConnectError(text, text, text)
    told = report(target=text, errors={text: 1}, ok=False, error=error)
    for data in (junit_xml(told, AT_S), junit_failure("echo", error, AT_S)):
        read(data)
        assert not any(byte < 32 and byte != 10 for byte in data)


def test_a_long_text_is_cut() -> None:
    assert len(junit_failure("echo", ConnectError("x" * 10**6), AT_S)) < 10_000
