"""A run as JUnit XML, which CI systems read: a suite with a case for the verdict, and one for each assertion.

The form is what Jenkins, GitLab and GitHub's reporters agree on (the Surefire schema, with `testsuites` as its root).
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

from tw.core.text import safe
from tw.errors import TwError
from tw.report import ProbeReport
from tw.report.judgement import remaining_faults
from tw.schema import Json

NO_XML = re.compile("[\ufffe\uffff]")
"""What XML 1.0 (section 2.2) has no place for, and `safe` leaves as it is."""

DEEPEST = 3
"""Levels of the report that become properties: `load.rtt_ms.p99`."""

LONGEST_CHARS = 2000


def junit_xml(report: ProbeReport, at_s: float) -> bytes:
    """The document for a run that ended at `at_s`, in seconds since the epoch."""
    told = tuple(one for one in report.assertions if not one.ok)
    left = ", ".join(f"{count} {name}" for name, count in remaining_faults(report).items())
    suite = _suite(f"tw probe {report.probe}", report.duration_s, at_s)
    properties = ET.SubElement(suite, "properties")
    for name, value in figures(report.to_json()):
        ET.SubElement(properties, "property", name=_xml(name), value=_xml(value))
    verdict = _case(suite, report.probe, "verdict", report.duration_s)
    failures = len(told)
    if report.error is not None:
        _error(verdict, report.error)
    elif left or not (report.ok or told):
        failures += 1
        _failure(verdict, "verdict", left or "nothing was measured")
    for one in report.assertions:
        case = _case(suite, report.probe, one.assertion.expr, 0.0)
        if not one.ok:
            _failure(case, "assertion", f"{one.assertion.expr}: {one.figure_text}")
    return _document(suite, 1 + len(report.assertions), failures, int(report.error is not None))


def junit_failure(probe: str, error: TwError, at_s: float) -> bytes:
    """The document for a run that has no report: it failed before it could begin."""
    suite = _suite(f"tw probe {probe}", 0.0, at_s)
    _error(_case(suite, probe, "verdict", 0.0), error)
    return _document(suite, 1, 0, 1)


def figures(document: Json, prefix: str = "", depth: int = 1) -> Iterator[tuple[str, str]]:
    """The report's single values by their path; what was not measured, and lists, are left out."""
    for name, value in document.items():
        if isinstance(value, dict) and depth < DEEPEST:
            yield from figures(value, f"{prefix}{name}.", depth + 1)
        elif isinstance(value, bool):
            yield prefix + name, "true" if value else "false"
        elif isinstance(value, str | int | float):
            yield prefix + name, str(value)


def _suite(name: str, duration_s: float, at_s: float) -> ET.Element:
    # Whole seconds, without a zone: the schema's date has neither.
    began = datetime.fromtimestamp(at_s - duration_s, UTC).replace(tzinfo=None).isoformat(timespec="seconds")
    return ET.Element("testsuite", name=name, time=f"{duration_s:.3f}", timestamp=began)


def _case(suite: ET.Element, probe: str, name: str, duration_s: float) -> ET.Element:
    return ET.SubElement(suite, "testcase", classname=f"tw.probe.{probe}", name=_xml(name), time=f"{duration_s:.3f}")


def _failure(case: ET.Element, kind: str, message: str) -> None:
    ET.SubElement(case, "failure", type=kind, message=_xml(message)).text = _xml(message)


def _error(case: ET.Element, error: TwError) -> None:
    told = _xml(str(error))
    ET.SubElement(case, "error", type=error.kind, message=told).text = told


def _document(suite: ET.Element, tests: int, failures: int, errors: int) -> bytes:
    root = ET.Element("testsuites")
    root.append(suite)
    for element in (suite, root):
        for name, count in (("tests", tests), ("failures", failures), ("errors", errors)):
            element.set(name, str(count))
    suite.set("skipped", "0")
    ET.indent(root)
    text: str = ET.tostring(root, encoding="unicode")
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + text.encode() + b"\n"


def _xml(text: str) -> str:
    """Any text as one line that XML can hold."""
    return NO_XML.sub("\ufffd", safe(text, LONGEST_CHARS))
