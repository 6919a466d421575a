"""Whether a mailbox, and the server's certificate, are as they should be."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from tw.core.imap_types import Message
from tw.mail_check_options import Expectations, compiled

AHEAD_S = 86_400
"""A message that claims to arrive later than so is no new one: whoever put it there gave it that date. Less than that
is a clock, or a time zone, that is wrong."""

SUBJECT_LIMIT_CHARS = 1_000
"""Of a subject that a pattern is held against: RFC 5322, section 2.1.1, ends lines at 998."""

DAY_S = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What a mailbox holds. `messages` are those that were looked at, `newest` is the one of them that arrived last;
    the others' subjects are known only where they were asked for. `unseen` is None where the server did not say."""

    mailbox: str
    exists: int
    unseen: int | None
    messages: tuple[Message, ...] = ()
    newest: Message | None = None


def age_s(message: Message, now_s: float) -> float | None:
    """How long ago it arrived; None where that is not known."""
    arrived_s = message.arrived_s
    if arrived_s is None or arrived_s > now_s + AHEAD_S:
        return None
    return max(0.0, now_s - arrived_s)


def newest(messages: Iterable[Message], now_s: float) -> Message | None:
    """The message that arrived last; of those whose age is not known, the last one, if there is no other."""
    found: Message | None = None
    least: float | None = None
    for message in messages:
        age = age_s(message, now_s)
        if least is None or (age is not None and age <= least):
            found, least = message, age
    return found


class Level(StrEnum):
    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """An expectation that does not hold. `check` is the option's name, without its dashes."""

    check: str
    level: Level
    message: str


def judge(expected: Expectations, findings: Findings, *, now_s: float, cert_end_s: float | None) -> tuple[Problem, ...]:
    """What is not as expected, in the order of the options. `cert_end_s` is when the certificate expires."""
    found = (
        ("expect-subject", Level.CRITICAL, _subject_problem(expected, findings, now_s)),
        ("max-age", Level.CRITICAL, _age_problem(expected, findings, now_s)),
        ("max-unread", Level.CRITICAL, _unread_problem(expected, findings)),
        ("cert-days", *_cert_problem(expected, cert_end_s, now_s)),
    )
    return tuple(Problem(check=check, level=level, message=message) for check, level, message in found if message)


def _subject_problem(expected: Expectations, findings: Findings, now_s: float) -> str:
    if expected.subject is None:
        return ""
    if not findings.messages:
        return "no subject to match: the mailbox is empty"
    pattern = compiled(expected.subject)
    matching = [one for one in findings.messages if pattern.search(one.subject[:SUBJECT_LIMIT_CHARS])]
    if not matching:
        return f"no subject matches {expected.subject!r}"
    problem = _too_old(newest(matching, now_s), expected.max_age_s, now_s)
    return f"the message whose subject matches {problem}" if problem else ""


def _age_problem(expected: Expectations, findings: Findings, now_s: float) -> str:
    if expected.max_age_s is None:
        return ""
    if findings.newest is None:
        return "no new message: the mailbox is empty"
    problem = _too_old(findings.newest, expected.max_age_s, now_s)
    return f"the newest message {problem}" if problem else ""


def _too_old(message: Message | None, max_age_s: float | None, now_s: float) -> str:
    if max_age_s is None or message is None:
        return ""
    age = age_s(message, now_s)
    if age is None:
        return "has no known time of arrival"
    return f"is {duration_text(age)} old, more than {duration_text(max_age_s)}" if age > max_age_s else ""


def _unread_problem(expected: Expectations, findings: Findings) -> str:
    if expected.max_unread is None:
        return ""
    if findings.unseen is None:
        return "the server does not say how many are unread"
    return f"{findings.unseen} unread, more than {expected.max_unread}" if findings.unseen > expected.max_unread else ""


def days_left(cert_end_s: float | None, now_s: float) -> int | None:
    """Whole days until the certificate expires; below 0 when it has. None where there is no certificate."""
    return None if cert_end_s is None else int((cert_end_s - now_s) // DAY_S)


def _cert_problem(expected: Expectations, cert_end_s: float | None, now_s: float) -> tuple[Level, str]:
    days = days_left(cert_end_s, now_s)
    if expected.cert_days is None:
        return Level.CRITICAL, ""
    if days is None or cert_end_s is None:
        return Level.CRITICAL, "the server's certificate cannot be read"
    warning, critical = expected.cert_days
    level = Level.CRITICAL if days < critical else Level.WARNING
    if cert_end_s < now_s:
        return level, f"the certificate expired {duration_text(now_s - cert_end_s)} ago"
    if days >= warning:
        return level, ""
    limit = critical if level is Level.CRITICAL else warning
    return level, f"the certificate expires in {duration_text(cert_end_s - now_s)}, less than {limit}d"


_UNITS = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))


def duration_text(seconds: float) -> str:
    """Its two greatest units, rounded down: `2d 3h`, `45s`."""
    if seconds < 1:
        return f"{seconds:.3g}s"
    left = int(seconds)
    at = next(index for index, (_, unit_s) in enumerate(_UNITS) if left >= unit_s)
    parts = []
    for name, unit_s in _UNITS[at : at + 2]:
        count, left = divmod(left, unit_s)
        if count:
            parts.append(f"{count}{name}")
    return " ".join(parts)
