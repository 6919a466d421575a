"""What `tw imap check` tells of one account, and of many: as a line, as JSON, for Nagios."""

from dataclasses import FrozenInstanceError
from datetime import UTC, datetime
from typing import Any

import pytest

from tw.core.imap_judgement import Findings, Level, Problem
from tw.core.imap_types import Message
from tw.core.nagios import State
from tw.errors import AuthError, ConnectError, LocalError, TwError, UsageError
from tw.mail_check_options import Expectations
from tw.mail_check_report import CheckResult, CheckSummary
from tw.mail_report import MailResult

NOW_S = datetime(2024, 1, 3, 3, tzinfo=UTC).timestamp()
DAY_S = 86_400
NEWEST = Message(uid=7, internal_date="01-Jan-2024 00:00:00 +0000", header=b"Subject: hi\r\n\r\n", is_seen=True)
FOUND = Findings(mailbox="INBOX", exists=3, unseen=1, messages=(NEWEST,), newest=NEWEST)
BARE = Findings(mailbox="INBOX", exists=1, unseen=None)
BAD = Problem(check="max-unread", level=Level.CRITICAL, message="1 unread, more than 0")
SOON = Problem(check="cert-days", level=Level.WARNING, message="the certificate expires in 9d, less than 30d")
REFUSED = AuthError("login refused: no | way\n", "h:993, login", "check --user and the password")


def result(*problems: Problem, findings: Findings | None = FOUND, **more: Any) -> CheckResult:
    values: dict[str, Any] = {"account": "me@h", "now_s": NOW_S, "expected": Expectations(), "duration_s": 0.25}
    return CheckResult(**values | {"findings": findings, "problems": problems} | more)


def failed(error: TwError, account: str = "me@h") -> CheckResult:
    return result(findings=None, error=error, account=account, is_one_of_many=True)


# One account


@pytest.mark.parametrize(
    ("made", "state", "ok", "line"),
    [
        (result(), State.OK, True, "ok: 3 messages, 1 unread, the newest 2d 3h old"),
        (result(findings=BARE), State.OK, True, "ok: 1 message"),
        (
            result(cert_end_s=NOW_S + 9 * DAY_S + 5),
            State.OK,
            True,
            "ok: 3 messages, 1 unread, the newest 2d 3h old, certificate for 9d",
        ),
        (result(BAD, findings=BARE), State.CRITICAL, False, "bad: 1 unread, more than 0 (1 message)"),
        (
            result(SOON, findings=BARE),
            State.WARNING,
            True,
            "warning: the certificate expires in 9d, less than 30d (1 message)",
        ),
        (
            result(BAD, SOON, findings=BARE),
            State.CRITICAL,
            False,
            "bad: 1 unread, more than 0; the certificate expires in 9d, less than 30d (1 message)",
        ),
        (result(is_one_of_many=True, findings=BARE), State.OK, True, "ok me@h: 1 message"),
        (
            failed(ConnectError("refused", "h:993", "is it up?")),
            State.CRITICAL,
            False,
            "error me@h: refused (h:993); is it up?",
        ),
        (failed(LocalError("no file", "p")), State.UNKNOWN, False, "error me@h: no file (p)"),
    ],
)
def test_a_line_says_how_it_stands_what_is_wrong_and_what_was_found(
    made: CheckResult, state: State, ok: bool, line: str
) -> None:
    assert (made.state, made.ok, made.lines()) == (state, ok, [line])


def test_a_result_is_lines_everywhere() -> None:
    shown: MailResult = result()
    assert (shown.rows(), shown.raw(), shown.header) == ([], [], ())


def test_the_json_of_an_account_has_all_that_was_found() -> None:
    made = result(BAD, cert_end_s=NOW_S + 9 * DAY_S + 5, login_s=0.1, expected=Expectations(max_unread=0))
    assert made.to_json() == {
        "v": 1,
        "ok": False,
        "account": "me@h",
        "mailbox": "INBOX",
        "exists": 3,
        "unseen": 1,
        "newest": {
            "uid": 7,
            "subject": "hi",
            "from": None,
            "date": None,
            "arrived": "01-Jan-2024 00:00:00 +0000",
            "seen": True,
        },
        "age_s": 183_600.0,
        "cert_days": 9,
        "login_s": 0.1,
        "duration_s": 0.25,
        "problems": [{"check": "max-unread", "level": "critical", "message": "1 unread, more than 0"}],
    }


def test_what_is_not_known_is_null_and_never_left_out() -> None:
    bare, none = result(findings=BARE).to_json(), failed(REFUSED).to_json()
    assert set(bare) == set(none) - {"error"} == set(result().to_json())
    assert [bare[name] for name in ("unseen", "newest", "age_s", "cert_days", "login_s")] == [None] * 5
    assert [none[name] for name in ("mailbox", "exists", "unseen", "newest", "age_s")] == [None] * 5
    assert (bare["ok"], none["ok"], none["problems"]) == (True, False, [])
    assert none["error"] == {"kind": "auth", "exit": 6, "message": str(REFUSED)}


# For Nagios


def test_nagios_gets_the_state_the_text_and_what_can_be_measured() -> None:
    expected = Expectations(max_age_s=3 * DAY_S, max_unread=5, cert_days=(30, 7))
    made = result(SOON, cert_end_s=NOW_S + 9 * DAY_S + 5, login_s=0.125, expected=expected)
    assert made.nagios() == (
        "IMAP WARNING - the certificate expires in 9d, less than 30d"
        " (3 messages, 1 unread, the newest 2d 3h old, certificate for 9d)"
        " | time=0.25s;;;0 login=0.125s;;;0 messages=3;;;0 unread=1;;5;0 age=183600s;;259200;0 cert_days=9;30:;7:"
    )


def test_nagios_gets_no_metric_that_was_not_measured_and_no_threshold_that_was_not_set() -> None:
    assert result(findings=BARE).nagios() == "IMAP OK - 1 message | time=0.25s;;;0 messages=1;;;0"
    expected = Expectations(max_age_s=60.0, max_unread=5, cert_days=(30, 7))
    assert result(findings=BARE, expected=expected).nagios().endswith(" | time=0.25s;;;0 messages=1;;;0")
    assert result().nagios().endswith(" | time=0.25s;;;0 messages=3;;;0 unread=1;;;0 age=183600s;;;0")
    assert result(cert_end_s=NOW_S - 1).nagios().endswith(" cert_days=-1")


def test_nagios_gets_foreign_text_on_one_line_and_without_a_bar() -> None:
    assert failed(REFUSED).nagios() == (
        r"IMAP CRITICAL - login refused: no / way\x0a (h:993, login); check --user and the password | time=0.25s;;;0"
    )


# All of them

FINE = result(account="fine@h", is_one_of_many=True, findings=BARE)
WARNED = result(SOON, account="soon@h", is_one_of_many=True, findings=BARE)
WRONG = result(BAD, account="bad@h", is_one_of_many=True, findings=BARE)
DOWN = failed(REFUSED, "down|\n@h")
ODD = failed(UsageError("no user"), "odd")


def summary(*results: CheckResult) -> CheckSummary:
    return CheckSummary(results, 1.25)


@pytest.mark.parametrize(
    ("results", "state", "ok", "text"),
    [
        ((FINE, FINE), State.OK, True, "2 of 2 accounts fine in 1.2 s"),
        ((FINE, WARNED), State.WARNING, True, "2 of 2 accounts fine in 1.2 s"),
        ((FINE, ODD), State.UNKNOWN, False, "1 of 2 accounts fine in 1.2 s"),
        ((ODD, WARNED), State.WARNING, False, "1 of 2 accounts fine in 1.2 s"),
        ((FINE, WARNED, WRONG), State.CRITICAL, False, "2 of 3 accounts fine in 1.2 s"),
        ((DOWN, WARNED, ODD), State.CRITICAL, False, "1 of 3 accounts fine in 1.2 s"),
    ],
)
def test_all_are_as_good_as_the_worst(results: tuple[CheckResult, ...], state: State, ok: bool, text: str) -> None:
    made = summary(*results)
    assert (made.state, made.ok, made.text) == (state, ok, text)
    assert made.lines() == made.rows() == made.raw() == []


def test_nagios_gets_counts_and_then_a_line_for_each_that_is_not_fine() -> None:
    first, *others = summary(FINE, WARNED, WRONG, DOWN, ODD).nagios().split("\n")
    assert first == (
        "IMAP CRITICAL - 1 of 5 accounts ok, 2 critical, 1 warning, 1 unknown"
        " | time=1.25s;;;0 ok=1;;;0 warning=1;;;0 critical=2;;;0 unknown=1;;;0"
    )
    assert others == [
        "WARNING soon@h: the certificate expires in 9d, less than 30d (1 message)",
        "CRITICAL bad@h: 1 unread, more than 0 (1 message)",
        r"CRITICAL down/\x0a@h: login refused: no / way\x0a (h:993, login); check --user and the password",
        "UNKNOWN odd: no user",
    ]


def test_nagios_gets_one_line_where_all_are_fine() -> None:
    assert summary(FINE, FINE).nagios().partition(" | ")[0] == "IMAP OK - 2 of 2 accounts ok"
    assert "\n" not in summary(FINE, FINE).nagios()


def test_the_json_of_all_is_one_object_with_the_accounts_in_their_order() -> None:
    document = summary(FINE, DOWN, WARNED).to_json()
    accounts = document.pop("accounts")
    assert document == {"v": 1, "ok": False, "checked": 3, "failed": 1, "duration_s": 1.25}
    assert [one["account"] for one in accounts] == ["fine@h", "down|\n@h", "soon@h"]
    assert [one["ok"] for one in accounts] == [True, False, True]
    assert not any("v" in one for one in accounts)
    assert summary(FINE).to_json()["ok"] is True


@pytest.mark.parametrize("made", [FINE, summary(FINE)])
def test_results_stay_as_they_are(made: Any) -> None:
    with pytest.raises(FrozenInstanceError):
        made.duration_s = 1.0
