"""The errand of `tw imap check`: in how few flights it looks, and what it makes of servers that answer oddly."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imap_script import IN, Visit, converse, failure_of
from tw.core.imap_check import MESSAGES_LIMIT, Check
from tw.core.imap_judgement import Findings
from tw.core.imap_message import FETCH_ITEMS
from tw.core.imap_types import Phase
from tw.errors import AuthError, NothingThere, ProtocolError, TwError

NOW_S = datetime(2024, 1, 31, 12, tzinfo=UTC).timestamp()
ITEMS = b" " + FETCH_ITEMS + b"\r\n"
DATES = b" (UID INTERNALDATE)\r\n"
ASKED = b'A2 STATUS "INBOX" (UNSEEN)\r\nA3 EXAMINE "INBOX"\r\n'
COUNTED = b"* STATUS INBOX (UNSEEN 2)\r\nA2 OK\r\n"
LOGOUT = b"LOGOUT\r\n"


def plain() -> Check:
    """Without subjects: headers may have to be read from each message's file."""
    return Check("INBOX", now_s=NOW_S, with_subjects=False)


def with_subjects() -> Check:
    return Check("INBOX", now_s=NOW_S, with_subjects=True)


def opened(count: int) -> bytes:
    return b"* %d EXISTS\r\nA3 OK [READ-ONLY] open\r\n" % count


def dated(number: int, day: int) -> bytes:
    """A message that arrived on a day of January; its UID is ten times its number."""
    return b'* %d FETCH (UID %d INTERNALDATE "%02d-Jan-2024 12:00:00 +0000")\r\n' % (number, 10 * number, day)


def whole(number: int, day: int) -> bytes:
    """The same with its subject, which is its number."""
    subject = b"Subject: %d\r\n\r\n" % number
    start = dated(number, day).removesuffix(b")\r\n")
    return start + b" FLAGS () BODY[HEADER.FIELDS (SUBJECT FROM DATE)] {%d}\r\n%s)\r\n" % (len(subject), subject)


def found(make: Any, *turns: bytes, size: int = 0) -> Findings:
    """What was found; the errand is done."""
    session = Visit(make())
    converse(session, *IN, *turns, size=size)
    assert session.done
    assert isinstance(session.answer, Findings)
    return session.answer


def newest_subject(findings: Findings) -> str:
    assert findings.newest is not None
    return findings.newest.subject


# How many round trips

LAST_IS_NEWEST = [
    COUNTED + opened(3),
    dated(1, 1) + dated(2, 2) + dated(3, 3) + b"A4 OK\r\n" + whole(3, 3) + b"A5 OK\r\n",
]
OLD_MAIL_MOVED_IN = [
    COUNTED + opened(3),
    dated(1, 1) + dated(2, 9) + dated(3, 3) + b"A4 OK\r\n" + whole(3, 3) + b"A5 OK\r\n",
    whole(2, 9) + b"A6 OK\r\n",
]
WITH_SUBJECTS = [COUNTED + opened(3), whole(1, 1) + whole(2, 9) + whole(3, 3) + b"A4 OK\r\n"]
EMPTY = [COUNTED + opened(0)]


@pytest.mark.parametrize(
    ("make", "turns", "flights"),
    [
        (plain, EMPTY, [ASKED, b"A4 " + LOGOUT]),
        (with_subjects, EMPTY, [ASKED, b"A4 " + LOGOUT]),
        (
            plain,
            LAST_IS_NEWEST,
            [ASKED, b"A4 FETCH 1:*" + DATES + b"A5 FETCH *" + ITEMS, b"A6 " + LOGOUT],
        ),
        (
            plain,
            [COUNTED + opened(1), whole(1, 1) + b"A4 OK\r\n"],
            [ASKED, b"A4 FETCH *" + ITEMS, b"A5 " + LOGOUT],
        ),
        (
            plain,
            OLD_MAIL_MOVED_IN,
            [
                ASKED,
                b"A4 FETCH 1:*" + DATES + b"A5 FETCH *" + ITEMS,
                b"A6 UID FETCH 20" + ITEMS + b"A7 " + LOGOUT,
                b"",
            ],
        ),
        (with_subjects, WITH_SUBJECTS, [ASKED, b"A4 FETCH 1:*" + ITEMS + b"A5 " + LOGOUT, b""]),
    ],
)
def test_what_depends_on_no_answer_goes_out_in_one_flight(make: Any, turns: list[bytes], flights: list[bytes]) -> None:
    session = Visit(make())
    assert converse(session, *IN, *turns)[1:] == flights
    assert session.done
    for size in (1, 2, 7, 31):
        again = Visit(make())
        # In pieces, an answer may be understood before all of its turn is in: what is sent stays the same.
        assert b"".join(converse(again, *IN, *turns, size=size)[1:]) == b"".join(flights)
        assert again.answer == session.answer is not None


@pytest.mark.parametrize("turns", [LAST_IS_NEWEST, OLD_MAIL_MOVED_IN])
def test_each_turn_may_be_cut_anywhere(turns: list[bytes]) -> None:
    complete = found(plain, *turns)
    for turn, said in enumerate(turns):
        for cut in range(1, len(said)):
            assert found(plain, *turns[:turn], said[:cut], said[cut:], *turns[turn + 1 :]) == complete


@pytest.mark.parametrize(("count", "first"), [(2, 1), (100, 1), (101, 2), (1_000_000, 999_901)])
@pytest.mark.parametrize("make", [plain, with_subjects])
def test_as_many_are_looked_at_as_is_said(make: Any, count: int, first: int) -> None:
    session = Visit(make())
    said = converse(session, *IN, COUNTED + opened(count))[-1]
    assert said.startswith(b"A4 FETCH %d:* (" % first)
    assert count - first + 1 <= MESSAGES_LIMIT


def test_a_mailbox_is_named_as_the_server_wants_it_in_both_commands() -> None:
    session = Visit(Check("Entwürfe", now_s=NOW_S, with_subjects=False), mailbox="Entwürfe")
    assert converse(session, *IN)[-1] == (b'A2 STATUS "Entw&APw-rfe" (UNSEEN)\r\nA3 EXAMINE "Entw&APw-rfe"\r\n')


# What is found


def test_the_counts_and_the_newest_message_are_found() -> None:
    findings = found(plain, *LAST_IS_NEWEST)
    assert (findings.mailbox, findings.exists, findings.unseen) == ("INBOX", 3, 2)
    assert newest_subject(findings) == "3"
    assert [message.uid for message in findings.messages] == [10, 20, 30]


def test_the_newest_is_the_one_that_arrived_last_and_not_the_last_one() -> None:
    for findings in (found(plain, *OLD_MAIL_MOVED_IN), found(with_subjects, *WITH_SUBJECTS)):
        assert newest_subject(findings) == "2"
        assert findings.newest is not None
        assert findings.newest.uid == 20


def test_subjects_are_known_where_they_were_asked_for() -> None:
    assert [one.subject for one in found(with_subjects, *WITH_SUBJECTS).messages] == ["1", "2", "3"]


@pytest.mark.parametrize("make", [plain, with_subjects])
def test_an_empty_mailbox_is_fine(make: Any) -> None:
    findings = found(make, *EMPTY)
    assert (findings.exists, findings.messages, findings.newest) == (0, (), None)


@pytest.mark.parametrize(
    ("status", "unseen"),
    [
        (b"* STATUS INBOX (UNSEEN 2)\r\nA2 OK\r\n", 2),
        (b"* STATUS inbox (MESSAGES 7 unseen 0)\r\nA2 OK\r\n", 0),
        (b'* STATUS "INBOX" ()\r\nA2 OK\r\n', None),
        (b"* STATUS INBOX (UNSEEN NIL)\r\nA2 OK\r\n", None),
        (b"A2 OK\r\n", None),
        (b"A2 NO not now\r\n", None),
        (b"A2 BAD what\r\n", None),
        (b"* STATUS INBOX (UNSEEN 2)\r\nA2 NO [LIMIT] no\r\n", 2),
    ],
)
def test_how_many_are_unseen_is_not_known_where_the_server_does_not_say(status: bytes, unseen: int | None) -> None:
    assert found(plain, status + opened(0)).unseen == unseen


def test_times_tell_when_the_login_was_done_and_when_the_answer_was_in() -> None:
    phases: list[Phase] = []
    session = Visit(Check("INBOX", now_s=NOW_S, with_subjects=False, entered=phases.append))
    converse(session, IN[0])
    assert phases == []
    converse(session, IN[1])
    assert phases == [Phase.OPEN]
    converse(session, *LAST_IS_NEWEST[:1])
    assert phases == [Phase.OPEN]
    converse(session, *LAST_IS_NEWEST[1:])
    assert phases == [Phase.OPEN, Phase.LOGOUT]


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
