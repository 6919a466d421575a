"""The errand of `tw imap check` and servers that answer oddly, or break the protocol."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imap_checks import (
    COUNTED,
    LAST_IS_NEWEST,
    OLD_MAIL_MOVED_IN,
    WITH_SUBJECTS,
    dated,
    found,
    newest_subject,
    opened,
    plain,
    whole,
    with_subjects,
)
from imap_script import IN, Visit, converse, failure_of
from tw.core.imap_check import MESSAGES_LIMIT
from tw.errors import AuthError, NothingThere, ProtocolError, TwError

# Servers that answer oddly


def test_mail_that_comes_while_we_look_is_found() -> None:
    come = b"* 4 EXISTS\r\n" + dated(3, 3) + dated(4, 4) + b"A4 OK\r\n" + whole(4, 4) + b"A5 OK\r\n"
    findings = found(plain, COUNTED + opened(3), come)
    assert (findings.exists, newest_subject(findings)) == (4, "4")


@pytest.mark.parametrize("answer", [b"OK", b"NO gone", b"BAD gone"])
def test_mail_that_goes_while_we_look_leaves_an_empty_mailbox(answer: bytes) -> None:
    findings = found(plain, COUNTED + opened(1), b"* 1 EXPUNGE\r\nA4 " + answer + b"\r\n")
    assert (findings.exists, findings.newest) == (0, None)


def test_a_message_that_goes_before_its_subject_was_fetched_is_still_the_newest() -> None:
    findings = found(plain, *OLD_MAIL_MOVED_IN[:2], b"* 2 EXPUNGE\r\nA6 OK\r\n")
    assert findings.newest is not None
    assert (findings.newest.uid, findings.newest.subject) == (20, "")
    assert findings.exists == 2


def test_a_newest_message_without_a_uid_is_found_without_its_subject() -> None:
    without = dated(2, 9).replace(b"UID 20 ", b"")
    findings = found(plain, COUNTED + opened(2), without + b"A4 OK\r\n" + whole(1, 1) + b"A5 OK\r\n")
    assert findings.newest is not None
    assert (findings.newest.uid, findings.newest.internal_date) == (None, "09-Jan-2024 12:00:00 +0000")


def test_a_header_that_a_server_leaves_out_is_not_asked_for_behind_the_goodbye() -> None:
    session = Visit(with_subjects())
    *_, said = converse(session, *IN, COUNTED + opened(2), whole(1, 1) + dated(2, 9) + b"A4 OK\r\n")
    assert said == b""
    assert session.done
    assert session.answer.newest.uid == 20


@pytest.mark.parametrize("date", [b"", b"yesterday", b"99-Jan-2024 12:00:00 +0000", b"31-Jan-2024"])
def test_a_date_that_is_none_leaves_the_message(date: bytes) -> None:
    odd = whole(1, 1).replace(b"01-Jan-2024 12:00:00 +0000", date)
    assert newest_subject(found(plain, COUNTED + opened(1), odd + b"A4 OK\r\n")) == "1"


def test_more_messages_than_were_asked_for_are_not_kept() -> None:
    flood = b"".join(whole(number, 1) for number in range(1, 151))
    findings = found(with_subjects, COUNTED + opened(150), flood + b"A4 OK\r\n")
    assert len(findings.messages) == MESSAGES_LIMIT
    assert findings.messages[-1].subject == "150"


UNASKED = (
    b"* OK still here\r\n",
    b"* 2 RECENT\r\n",
    b"* SEARCH 1\r\n",
    b'* LIST () "/" x\r\n',
    b"* FLAGS ()\r\n",
    b"* 1 FETCH (FLAGS (\\Seen))\r\n",
    b"* 7 FETCH (FLAGS (\\Seen))\r\n",
)


@given(st.lists(st.sampled_from(UNASKED)), st.lists(st.sampled_from(UNASKED)), st.integers(0, 40))
def test_what_nobody_asked_for_changes_nothing(before: list[bytes], after: list[bytes], size: int) -> None:
    first, second = LAST_IS_NEWEST
    findings = found(plain, b"".join(before) + first, b"".join(after) + second, size=size)
    assert (findings.exists, findings.unseen, newest_subject(findings)) == (3, 2, "3")
    assert [one.uid for one in findings.messages] == [10, 20, 30]


# What does not end well


@pytest.mark.parametrize("make", [plain, with_subjects])
@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"NO gone", NothingThere),
        (b"NO [NOPERM] no", AuthError),
        (b"NO [UNAVAILABLE] no", ProtocolError),
        (b"BAD what", ProtocolError),
    ],
)
def test_a_mailbox_that_does_not_open(make: Any, answer: bytes, kind: type[TwError]) -> None:
    error = failure_of(*IN, b"A2 NO\r\nA3 " + answer + b"\r\n", errand=make)
    assert type(error) is kind
    assert error.where == "mail.example.org:143, open"


@pytest.mark.parametrize("answer", [b"NO [SERVERBUG] oops", b"BAD oops"])
@pytest.mark.parametrize(
    ("make", "turns", "tag"),
    [
        (plain, LAST_IS_NEWEST[:1], b"A4"),
        (plain, [COUNTED + opened(3), b"A4 OK\r\n"], b"A5"),
        (plain, OLD_MAIL_MOVED_IN[:2], b"A6"),
        (with_subjects, WITH_SUBJECTS[:1], b"A4"),
    ],
)
def test_a_refused_fetch_breaks_the_protocol(make: Any, turns: list[bytes], tag: bytes, answer: bytes) -> None:
    error = failure_of(*IN, *turns, tag + b" " + answer + b"\r\n", errand=make)
    assert type(error) is ProtocolError
    assert error.what.startswith("the server refused the fetch: ")
    assert error.where == "mail.example.org:143, fetch"


@pytest.mark.parametrize(
    ("turns", "what"),
    [
        ([COUNTED + b"A3 OK open\r\n"], "the server does not say how many messages there are"),
        ([COUNTED + opened(1), b"A4 OK\r\n"], "the server answered the fetch without a message"),
        (
            [COUNTED + opened(1), b"* 1 FETCH (FLAGS ())\r\nA4 OK\r\n"],
            "the server answered the fetch without a message",
        ),
        ([b"* STATUS\r\n"], "the server sent a STATUS that is none: * STATUS"),
        ([COUNTED + opened(1), b"* BYE \x1b[2J\r\n"], r"the server hung up: \x1b[2J"),
        ([b"A3 OK\r\n"], "the server answered a command that was not sent: no reason given"),
    ],
)
def test_a_server_that_breaks_the_protocol_is_told_off(turns: list[bytes], what: str) -> None:
    error = failure_of(*IN, *turns, errand=plain)
    assert (type(error), error.what) == (ProtocolError, what)
