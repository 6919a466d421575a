"""What a check makes of what it found: which expectation does not hold, how badly, and in which words."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tw.core.imap_judgement import (
    AHEAD_S,
    SUBJECT_LIMIT_CHARS,
    Findings,
    Level,
    Problem,
    age_s,
    days_left,
    duration_text,
    judge,
    newest,
)
from tw.core.imap_types import Message
from tw.mail_check_options import Expectations

NOW_S = datetime(2024, 3, 1, 12, tzinfo=UTC).timestamp()
DAY_S = 86_400
MINUTE_S = 60


def message(ago_s: float | None = None, subject: str = "hello") -> Message:
    """One that arrived so long ago; None: nobody knows when."""
    date = None
    if ago_s is not None:
        date = (datetime.fromtimestamp(NOW_S, UTC) - timedelta(seconds=ago_s)).strftime("%d-%b-%Y %H:%M:%S +0000")
    return Message(uid=None, internal_date=date, header=f"Subject: {subject}\r\n\r\n".encode())


def findings(*messages: Message, unseen: int | None = 0) -> Findings:
    return Findings(
        mailbox="INBOX", exists=len(messages), unseen=unseen, messages=messages, newest=newest(messages, NOW_S)
    )


def judged(found: Findings, cert_end_s: float | None = None, **expected: Any) -> tuple[Problem, ...]:
    return judge(Expectations(**expected), found, now_s=NOW_S, cert_end_s=cert_end_s)


def words(found: Findings, **expected: Any) -> str:
    """Of the one problem there is, which is critical; empty where all is well."""
    problems = judged(found, **expected)
    assert [problem.level for problem in problems] == [Level.CRITICAL] * len(problems)
    assert len(problems) <= 1
    return problems[0].message if problems else ""


def test_nothing_is_wrong_where_nothing_was_expected() -> None:
    for found in (findings(), findings(message(), unseen=None), findings(message(9 * DAY_S), unseen=10**9)):
        assert judged(found) == judged(found, NOW_S - DAY_S) == ()


# Age


@pytest.mark.parametrize(
    ("ago_s", "age"),
    [
        (0, 0.0),
        (90, 90.0),
        (-1, 0.0),
        (-AHEAD_S, 0.0),
        (-AHEAD_S - 1, None),
        (-3650 * DAY_S, None),
        (None, None),
    ],
)
def test_what_claims_to_come_from_beyond_tomorrow_has_no_age(ago_s: float | None, age: float | None) -> None:
    assert age_s(message(ago_s), NOW_S) == age


def test_the_newest_is_the_one_that_arrived_last_whatever_its_place() -> None:
    old, new, unknown, future = message(500), message(5), message(None), message(-9 * DAY_S)
    assert newest([old, new, unknown], NOW_S) is newest([new, old, future], NOW_S) is new
    assert newest([unknown, old, future], NOW_S) is old
    assert newest([unknown, future], NOW_S) is future
    assert newest([future, unknown], NOW_S) is unknown
    assert newest([], NOW_S) is None


def test_of_those_that_came_in_the_same_second_the_last_one_is_the_newest() -> None:
    first, second = message(5, "first"), message(5, "second")
    assert newest([first, second, message(None)], NOW_S) is second


@given(st.lists(st.none() | st.integers(-2 * DAY_S, 9 * DAY_S), min_size=1))
def test_nothing_is_newer_than_the_newest(ages: list[int | None]) -> None:
    messages = [message(ago) for ago in ages]
    found = newest(messages, NOW_S)
    assert found is not None
    known = [age for one in messages if (age := age_s(one, NOW_S)) is not None]
    assert age_s(found, NOW_S) == min(known, default=None)


@pytest.mark.parametrize(
    ("messages", "said"),
    [
        ([message(MINUTE_S)], ""),
        ([message(MINUTE_S + 1)], "the newest message is 1m 1s old, more than 1m"),
        ([message(3 * DAY_S), message(59), message(2 * DAY_S)], ""),
        ([message(-30)], ""),
        ([message(None)], "the newest message has no known time of arrival"),
        ([message(-9 * DAY_S)], "the newest message has no known time of arrival"),
        ([message(-9 * DAY_S), message(2 * DAY_S)], "the newest message is 2d old, more than 1m"),
        ([], "no new message: the mailbox is empty"),
    ],
)
def test_the_newest_message_is_at_most_so_old(messages: list[Message], said: str) -> None:
    assert words(findings(*messages), max_age_s=60.0) == said


# Subjects


def test_one_subject_that_matches_is_enough() -> None:
    found = findings(message(9, "backup of db1 done"), message(5, "lunch?"))
    assert words(found, subject=r"^backup of \w+ done$") == ""
    assert words(found, subject="LUNCH") == "no subject matches 'LUNCH'"
    assert words(found, subject="(?i)LUNCH") == ""
    assert words(found, subject="done$|nothing") == ""


def test_a_subject_is_held_against_the_pattern_as_it_is_read() -> None:
    folded = Message(uid=None, internal_date=None, header=b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n to all\r\n\r\n")
    assert words(findings(folded), subject="^Grüße to all$") == ""
    assert words(findings(message(5, "")), subject="^$") == ""


def test_no_subject_matches_in_an_empty_mailbox() -> None:
    assert words(findings(), subject="") == "no subject to match: the mailbox is empty"


def test_of_a_subject_without_an_end_only_the_beginning_counts() -> None:
    far = message(5, "x" * SUBJECT_LIMIT_CHARS + "needle")
    near = message(5, "x" * (SUBJECT_LIMIT_CHARS - 6) + "needle")
    assert words(findings(far), subject="needle") == "no subject matches 'needle'"
    assert words(findings(near), subject="needle") == ""


def test_with_an_age_it_is_the_newest_that_matches_which_has_to_be_new() -> None:
    fresh, stale, other = message(5, "backup"), message(2 * DAY_S, "backup"), message(5, "lunch")
    assert judged(findings(stale, fresh), subject="backup", max_age_s=60.0) == ()
    assert judged(findings(fresh, stale), subject="backup", max_age_s=60.0) == ()
    said = "the message whose subject matches is 2d old, more than 1m"
    assert words(findings(stale, other), subject="backup", max_age_s=60.0) == said
    undated = "the message whose subject matches has no known time of arrival"
    assert words(findings(message(None, "backup"), other), subject="backup", max_age_s=60.0) == undated


# Unread


@pytest.mark.parametrize(
    ("unseen", "said"),
    [(0, ""), (10, ""), (11, "11 unread, more than 10"), (None, "the server does not say how many are unread")],
)
def test_at_most_so_many_are_unread(unseen: int | None, said: str) -> None:
    assert words(findings(message(5), unseen=unseen), max_unread=10) == said


def test_no_unread_message_is_allowed_where_none_is() -> None:
    assert words(findings(message(5), unseen=1), max_unread=0) == "1 unread, more than 0"
    assert words(findings(message(5), unseen=0), max_unread=0) == ""


# The certificate

FINE, WARNING, CRITICAL = None, Level.WARNING, Level.CRITICAL


@pytest.mark.parametrize(
    ("left_s", "level", "said"),
    [
        (31 * DAY_S, FINE, ""),
        (30 * DAY_S, FINE, ""),
        (30 * DAY_S - 1, WARNING, "the certificate expires in 29d 23h, less than 30d"),
        (7 * DAY_S, WARNING, "the certificate expires in 7d, less than 30d"),
        (7 * DAY_S - 1, CRITICAL, "the certificate expires in 6d 23h, less than 7d"),
        (59.9, CRITICAL, "the certificate expires in 59s, less than 7d"),
        (-1, CRITICAL, "the certificate expired 1s ago"),
        (-400 * DAY_S, CRITICAL, "the certificate expired 400d ago"),
    ],
)
def test_a_certificate_is_good_for_so_many_days(left_s: float, level: Level | None, said: str) -> None:
    problems = judged(findings(), NOW_S + left_s, cert_days=(30, 7))
    assert [(one.check, one.level, one.message) for one in problems] == (
        [] if level is None else [("cert-days", level, said)]
    )


@pytest.mark.parametrize(
    ("left_s", "level"), [(DAY_S, FINE), (DAY_S - 1, WARNING), (1, WARNING), (-1, CRITICAL), (-9 * DAY_S, CRITICAL)]
)
def test_without_a_second_number_it_is_critical_once_it_has_expired(left_s: float, level: Level | None) -> None:
    problems = judged(findings(), NOW_S + left_s, cert_days=(1, 0))
    assert [one.level for one in problems] == ([] if level is None else [level])


def test_zero_days_are_those_of_a_certificate_that_has_not_expired() -> None:
    assert judged(findings(), NOW_S + 1, cert_days=(0, 0)) == ()
    (problem,) = judged(findings(), NOW_S - 1, cert_days=(0, 0))
    assert problem.level is Level.CRITICAL


def test_a_certificate_that_cannot_be_read_is_critical() -> None:
    (problem,) = judged(findings(), None, cert_days=(30, 7))
    assert problem == Problem(
        check="cert-days", level=Level.CRITICAL, message="the server's certificate cannot be read"
    )


@given(st.floats(-1e9, 1e9), st.integers(0, 400), st.integers(0, 400))
def test_the_certificates_problem_agrees_with_its_days(left_s: float, one: int, other: int) -> None:
    """Whoever graphs the days, with the same thresholds, sees the same."""
    warning, critical = max(one, other), min(one, other)
    days = days_left(NOW_S + left_s, NOW_S)
    assert days is not None
    problems = judged(findings(), NOW_S + left_s, cert_days=(warning, critical))
    expected = [CRITICAL] if days < critical else [WARNING] if days < warning else []
    assert [problem.level for problem in problems] == expected


@pytest.mark.parametrize(
    ("left_s", "days"), [(0, 0), (DAY_S - 0.5, 0), (DAY_S, 1), (-0.5, -1), (-DAY_S, -1), (-DAY_S - 1, -2)]
)
def test_days_that_are_left_are_whole_and_below_zero_once_it_has_expired(left_s: float, days: int) -> None:
    assert days_left(NOW_S + left_s, NOW_S) == days


def test_there_are_no_days_without_a_certificate() -> None:
    assert days_left(None, NOW_S) is None


# All of them


def test_all_that_is_wrong_is_told_in_the_order_of_the_options() -> None:
    problems = judged(findings(unseen=3), NOW_S, subject="x", max_age_s=1.0, max_unread=2, cert_days=(30, 7))
    assert [(one.check, one.level) for one in problems] == [
        ("expect-subject", CRITICAL),
        ("max-age", CRITICAL),
        ("max-unread", CRITICAL),
        ("cert-days", CRITICAL),
    ]


# Durations


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (0.25, "0.25s"),
        (0.99999, "1s"),
        (1, "1s"),
        (59.9, "59s"),
        (60, "1m"),
        (61, "1m 1s"),
        (3599, "59m 59s"),
        (3600, "1h"),
        (3601, "1h"),
        (5400, "1h 30m"),
        (DAY_S, "1d"),
        (DAY_S + 59 * 60, "1d"),
        (2 * DAY_S + 3 * 3600 + 59, "2d 3h"),
        (400 * DAY_S, "400d"),
    ],
)
def test_a_duration_is_told_in_its_two_greatest_units(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


UNITS_S = {"d": DAY_S, "h": 3600, "m": 60, "s": 1}


@given(st.floats(1, 1e9))
def test_a_duration_is_never_told_as_longer_than_it_is_nor_much_shorter(seconds: float) -> None:
    told = sum(int(part[:-1]) * UNITS_S[part[-1]] for part in duration_text(seconds).split())
    assert 0 <= seconds - told < max(1, seconds / 24)
