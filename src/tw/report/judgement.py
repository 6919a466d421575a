"""Assertions held against a report, and the verdict that comes of it.

They are added to the verdict: a run that lost something stays bad, however fast it was. But a kind of fault that an
assertion names is judged by that assertion alone, so that `loss<1%` passes a run that lost one message in two hundred.
"""

from collections.abc import Sequence
from dataclasses import fields, is_dataclass, replace

from tw.core.assertions import ENDS, IDLE_TIMEOUT, NUMBERS, Assertion
from tw.report.assertion import Checked
from tw.report.distribution import Distribution
from tw.report.probe import ProbeReport

FAULTS = ("lost", "duplicated", "reordered", "corrupted")

NOTICING = ("timeout", "protocol", "reset")
"""Errors by which a loss is noticed: no answer in time, a connection that broke. Each is counted as an error, and what
was under way as lost."""

LATE = ("timeout", "late")
"""Errors of answers that were not there in time, whether they came at all."""


def judged(report: ProbeReport, assertions: Sequence[Assertion]) -> ProbeReport:
    """The report with each assertion's outcome, and with the verdict over all of it."""
    checked = tuple(Checked(assertion=one, measured=figure(report, one)) for one in assertions)
    report = replace(report, assertions=checked)
    # A verdict that no count explains stays as it is: nothing came, say.
    explained = report.received > 0 and any(faults(report).values()) and not remaining_faults(report)
    verdict = report.error is None and (report.ok or explained)
    return replace(report, ok=verdict and all(one.ok for one in checked))


def faults(report: ProbeReport) -> dict[str, int]:
    """Everything that spoils a verdict by itself, with its count: kinds of fault, and kinds of error."""
    return {name: getattr(report, name) for name in FAULTS} | dict(report.errors) | {"unsent": _unsent(report) or 0}


def _unsent(report: ProbeReport) -> int | None:
    """Messages of an open loop that found no room: it did not make the load that it was asked for."""
    return None if report.load is None else report.load.unsent


def remaining_faults(report: ProbeReport) -> dict[str, int]:
    """Those that no assertion of the report's names.

    What was lost and the error by which that was noticed are one thing counted twice: naming either judges both.
    """
    named = {one.assertion.name for one in report.assertions if one.assertion.distribution is None}
    left = faults(report)
    errors = dict(report.errors)
    noticed = sum(errors.get(kind, 0) for kind in NOTICING)
    if "errors" in named:
        left = {name: left[name] for name in (*FAULTS, "unsent") if name != "lost"}
    if "timeouts" in named:
        left["lost"] = left.get("lost", 0) - errors.get("timeout", 0)
        left |= dict.fromkeys(LATE, 0)
    if "lost" in named:
        left["lost"] = 0
        if noticed <= report.lost:
            left |= dict.fromkeys(NOTICING, 0)
    if "duplicates" in named:
        left["duplicated"] = 0
    left |= dict.fromkeys(named & {*FAULTS, "unsent"}, 0)
    return {name: count for name, count in left.items() if count > 0}


def figure(report: ProbeReport, assertion: Assertion) -> float | None:
    """What was measured, in the assertion's unit; None where nothing was."""
    if assertion.distribution is not None:
        return _time(distributions(report).get(assertion.distribution), assertion)
    if assertion.name == "rate":
        return report.rate_per_s
    if assertion.name == "duration":
        return round(report.duration_s, 6)
    if assertion.name == IDLE_TIMEOUT:
        return _idle_timeout(report, assertion.op)
    count = _count(report, assertion.name)
    if assertion.unit == "%":
        # Of whole numbers: `/` rounds once, to the float that the same share is in an assertion.
        whole = _whole(report)
        return None if count is None or not whole else 100 * count / whole
    return count


def _idle_timeout(report: ProbeReport, op: str) -> float | None:
    """The bound that is the worse one for this comparison."""
    found = report.idle_timeout
    if found is None:
        return None
    return found.kept_s if op in (">", ">=") else found.lost_s


def _whole(report: ProbeReport) -> int:
    """What a share is of: all that was sent, and on pub/sub each line once for each subscriber that it is for."""
    return report.sent if report.delivery is None else report.delivery.expected


def distributions(report: ProbeReport) -> dict[str, Distribution]:
    """Every distribution of the report and of its parts, by its name without the unit."""
    found: dict[str, Distribution] = {}
    parts = [getattr(report, one.name) for one in fields(report)]
    for holder in (report, *parts):
        if not is_dataclass(holder) or isinstance(holder, Distribution):
            continue
        for one in fields(holder):
            value = getattr(holder, one.name)
            if isinstance(value, Distribution) and one.name.endswith("_ms"):
                found.setdefault(one.name.removesuffix("_ms"), value)
    if report.phases is not None:
        # `connect` is the whole of it, as in the report; TCP's part of it has a name of its own.
        found |= {{"connect": "tcp"}.get(name, name): value for name, value in report.phases.measured().items()}
    return found


def _time(times: Distribution | None, assertion: Assertion) -> float | None:
    if times is None:
        return None
    if assertion.name in ENDS:
        value: float | None = getattr(times, assertion.name)
        return value
    return times.percentile(assertion.percentile or 0.0)


def _count(report: ProbeReport, name: str) -> int | None:
    errors = report.errors
    if name in NUMBERS:
        numbers = report.numbers
        return None if numbers is None or numbers.first is None else int(getattr(numbers, name))
    if name == "foreign":
        return None if report.delivery is None else report.delivery.foreign
    if name == "unsent":
        return _unsent(report)
    if name in {"sent", "received"}:
        return int(getattr(report, name))
    if name == "errors":
        noticed = sum(errors.get(kind, 0) for kind in NOTICING)
        found = sum(errors.values()) + max(0, report.lost - noticed)
    elif name == "timeouts":
        found = sum(errors.get(kind, 0) for kind in LATE)
    else:
        found = int(getattr(report, name))
    # Of nothing sent, nothing can be lost: that is no figure, and must not pass for a good one.
    return found if report.sent or found else None
