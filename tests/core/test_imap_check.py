"""The errand of `tw imap check`: in how few flights it looks, and what it makes of servers that answer oddly."""

from typing import Any

import pytest

from imap_checks import (
    ASKED,
    COUNTED,
    DATES,
    EMPTY,
    ITEMS,
    LAST_IS_NEWEST,
    LOGOUT,
    NOW_S,
    OLD_MAIL_MOVED_IN,
    WITH_SUBJECTS,
    found,
    newest_subject,
    opened,
    plain,
    whole,
    with_subjects,
)
from imap_script import IN, Visit, converse
from tw.core.imap_check import MESSAGES_LIMIT, Check
from tw.core.imap_types import Phase

# How many round trips


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
