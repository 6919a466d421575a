"""What the commands of `tw imap` may be asked for together."""

from collections.abc import Callable
from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from tw.core.imap_sasl import AUTHS
from tw.core.imap_sasl import TOKEN_AUTHS as SASL_TOKEN_AUTHS
from tw.errors import UsageError
from tw.mail_options import (
    TOKEN_AUTHS,
    FirstSubjectOptions,
    ImapOptions,
    MailboxesOptions,
    StatusOptions,
    SubjectsOptions,
    WatchOptions,
    mail_domain_of,
    mail_host,
)


def imap(**more: Any) -> ImapOptions:
    return ImapOptions(**{"user": "me", **more})


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda: imap(user=""), "no user"),
        (lambda: imap(user="", token_command="c"), "no user"),
        (lambda: imap(user="a\nb"), "a line end or NUL in --user"),
        (lambda: imap(mailbox="a\0"), "a line end or NUL in --mailbox"),
        (lambda: imap(auth="xoauth2"), "--auth xoauth2 without a token"),
        (lambda: imap(auth="oauthbearer"), "--auth oauthbearer without a token"),
        (lambda: imap(auth="plain", token_command="c"), "--token-command beside --auth plain"),
        (lambda: imap(tunnel="c", endpoint="tcp:h:1"), "--tunnel beside --endpoint"),
        (lambda: SubjectsOptions(imap=imap(), newest=True, search="ALL"), "--newest beside --search"),
        (lambda: SubjectsOptions(imap=imap(json=True), raw=True), "--raw beside --json"),
        (lambda: FirstSubjectOptions(imap=imap(json=True), raw=True), "--raw beside --json"),
        (lambda: WatchOptions(imap=imap(json=True), raw=True), "--raw beside --json"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_way_out(make: Callable[[], object], what: str) -> None:
    with pytest.raises(UsageError) as caught:
        make()
    assert caught.value.what == what
    assert caught.value.hint


@pytest.mark.parametrize("more", [{"netrc": True}, {"netrc_file": "n"}, {"tunnel": "c"}])
def test_a_user_may_come_from_elsewhere_or_not_be_needed(more: dict[str, Any]) -> None:
    assert imap(user="", **more).user == ""


@pytest.mark.parametrize("auth", AUTHS)
def test_a_token_goes_with_auto_and_what_takes_one(auth: str) -> None:
    if auth == "auto" or auth in TOKEN_AUTHS:
        assert imap(auth=auth, token_command="c").token_command == "c"
    if auth not in TOKEN_AUTHS:
        assert imap(auth=auth).auth == auth


def test_both_lists_of_what_takes_a_token_are_the_same() -> None:
    assert TOKEN_AUTHS == SASL_TOKEN_AUTHS


def test_commands_that_may_hold_a_secret_are_not_shown() -> None:
    shown = repr(imap(password_command="echo s3cret", token_command="echo s3cret", tunnel="ssh s3cret"))
    assert "s3cret" not in shown


@pytest.mark.parametrize(
    ("more", "host"),
    [
        ({}, "localhost"),
        ({"host": "h"}, "h"),
        ({"endpoint": "tcp:h:1"}, "h"),
        ({"endpoint": "tls:h:1:timeout=5"}, "h"),
        ({"endpoint": "tls:host=h:port=1"}, "h"),
        ({"endpoint": "unix:/s"}, ""),
        ({"user": "me@example.org", "host_given": False}, "example.org"),
        ({"user": "me@example.org", "host": "h"}, "h"),
        ({"user": "me@localhost", "host_given": False}, "localhost"),
    ],
)
def test_the_name_by_which_a_password_is_looked_up(more: dict[str, Any], host: str) -> None:
    assert mail_host(imap(**more)) == host


@pytest.mark.parametrize(
    ("user", "domain"),
    [
        ("me@example.org", "example.org"),
        ("a@b@example.org", "example.org"),
        ("me", None),
        ("me@local", None),
        ("@", None),
    ],
)
def test_the_domain_of_a_user_counts_where_no_place_was_named(user: str, domain: str | None) -> None:
    assert mail_domain_of(imap(user=user, host_given=False)) == domain
    assert mail_domain_of(imap(user=user)) is None
    assert mail_domain_of(imap(user=user, host_given=False, endpoint="tcp:h:1")) is None
    assert mail_domain_of(imap(user=user, host_given=False, tunnel="c")) is None


@pytest.mark.parametrize(
    "made",
    [
        FirstSubjectOptions(imap=imap()),
        SubjectsOptions(imap=imap()),
        MailboxesOptions(imap=imap()),
        StatusOptions(imap=imap()),
        WatchOptions(imap=imap()),
    ],
    ids=lambda made: type(made).__name__,
)
def test_options_stay_as_they_were_checked(made: Any) -> None:
    with pytest.raises(FrozenInstanceError):
        made.imap = None
