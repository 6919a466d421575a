"""What `tw imap check` may be asked for together, and how it names an account."""

from collections.abc import Callable
from dataclasses import FrozenInstanceError
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tw.errors import UsageError
from tw.mail_check_options import CheckAllOptions, CheckOptions, Expectations, compiled
from tw.mail_options import ImapOptions


def imap(**more: Any) -> ImapOptions:
    return ImapOptions(**{"user": "me", **more})


def check(**more: Any) -> CheckOptions:
    return CheckOptions(imap=imap(**more))


CERT = Expectations(cert_days=(30, 7))


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda: Expectations(cert_days=(7, 30)), "--cert-days 7,30"),
        (
            lambda: Expectations(subject="(a"),
            "not a regular expression: missing ), unterminated subpattern at position 0",
        ),
        (lambda: Expectations(subject="a{99999999999999999999}"), "not a regular expression: "),
        (lambda: Expectations(subject="(" * 20_000), "not a regular expression: "),
        (lambda: CheckOptions(imap=imap(security="plain"), expected=CERT), "--cert-days without TLS"),
        (lambda: CheckOptions(imap=imap(json=True), nagios=True), "--nagios beside --json"),
        (lambda: CheckAllOptions(accounts=(check(),), json=True, nagios=True), "--nagios beside --json"),
        (lambda: CheckAllOptions(accounts=(check(trace=True),)), "--trace beside --accounts"),
        (
            lambda: CheckAllOptions(accounts=(check(password_file="-"), check(), check(password_file="-"))),
            "several accounts would read their passwords from one descriptor",
        ),
        (
            lambda: CheckAllOptions(accounts=(check(password_fd=0), check(password_file="-"))),
            "several accounts would read their passwords from one descriptor",
        ),
        (
            lambda: CheckAllOptions(accounts=(check(password_fd=7), check(password_fd=7))),
            "several accounts would read their passwords from one descriptor",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_way_out(make: Callable[[], object], what: str) -> None:
    with pytest.raises(UsageError) as caught:
        make()
    assert caught.value.what.startswith(what)
    assert caught.value.hint


def test_descriptors_and_files_of_their_own_are_fine() -> None:
    accounts = (check(password_fd=3), check(password_fd=4), check(password_file="-"), check(password_file="p"))
    assert CheckAllOptions(accounts=(*accounts, check(password_file="p"))).jobs == 20


@pytest.mark.parametrize("days", [(30, 7), (7, 7), (0, 0)])
def test_a_warning_comes_no_later_than_what_is_critical(days: tuple[int, int]) -> None:
    assert Expectations(cert_days=days).cert_days == days


def test_a_pattern_of_another_python_is_taken_without_a_word(recwarn: pytest.WarningsRecorder) -> None:
    assert compiled("[[a]").search("[")
    assert list(recwarn) == []


@given(st.text())
def test_any_text_is_a_pattern_or_refused(text: str) -> None:
    try:
        pattern = compiled(text)
    except UsageError:
        return
    assert pattern.pattern == text


@pytest.mark.parametrize(
    ("more", "name"),
    [
        ({}, "me@localhost"),
        ({"host": "h", "port": 143}, "me@h:143"),
        ({"host": "::1", "port": 143}, "me@[::1]:143"),
        ({"host": "h", "mailbox": "inbox"}, "me@h"),
        ({"host": "h", "mailbox": "Junk Mail"}, "me@h Junk Mail"),
        ({"endpoint": "unix:/s"}, "me@unix:/s"),
        ({"tunnel": "ssh h imapd"}, "me@tunnel"),
        ({"tunnel": "ssh h imapd", "user": ""}, "tunnel"),
        ({"user": "", "netrc": True, "host": "h"}, "h"),
        ({"user": "me@example.org", "host": "h"}, "me@example.org at h"),
        ({"user": "me@example.org", "host_given": False}, "me@example.org"),
        ({"user": "me@example.org", "host_given": False, "mailbox": "Sent"}, "me@example.org Sent"),
    ],
)
def test_an_account_is_named_by_whom_where_and_what_is_looked_at(more: dict[str, Any], name: str) -> None:
    assert check(**more).name == name


@pytest.mark.parametrize(
    ("made", "field"),
    [(Expectations(), "subject"), (check(), "expected"), (CheckAllOptions(accounts=(check(),)), "accounts")],
)
def test_options_stay_as_they_were_checked(made: Any, field: str) -> None:
    with pytest.raises(FrozenInstanceError):
        setattr(made, field, None)
