"""Errands in one mailbox: the newest message, the last ones, and those that a search finds."""

from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imap_script import GREETING, IN, Turn, Visit, converse, exists, message
from tw.core.imap_errands import UIDS_AT_ONCE, FoundMessages, LastMessages, NewestMessage, uid_set, uid_sets
from tw.core.imap_message import FETCH_ITEMS
from tw.core.imap_types import Phase
from tw.errors import NothingThere

EXAMINE = b'A2 EXAMINE "INBOX"\r\n'
ITEMS = b" " + FETCH_ITEMS + b"\r\n"


def newest() -> NewestMessage:
    return NewestMessage("INBOX")


def last_3() -> LastMessages:
    return LastMessages("INBOX", 3)


def found_3() -> FoundMessages:
    return FoundMessages("INBOX", "UNSEEN", 3)


def subjects(errand: Any, *turns: Turn, size: int = 0) -> list[str]:
    """What was found; the errand is done."""
    session = Visit(errand)
    converse(session, *IN, *turns, size=size)
    assert session.done
    assert session.phase is Phase.LOGOUT
    return [one.subject for one in session.answer.messages]


# How many round trips


@pytest.mark.parametrize(
    ("make", "turns", "flights"),
    [
        (newest, [exists(5) + message(5) + b"A3 OK\r\n"], [EXAMINE + b"A3 FETCH *" + ITEMS + b"A4 LOGOUT\r\n"]),
        (
            last_3,
            [exists(5), message(3) + message(4) + message(5) + b"A3 OK\r\n"],
            [EXAMINE, b"A3 FETCH 3:*" + ITEMS + b"A4 LOGOUT\r\n"],
        ),
        (
            found_3,
            [exists(5), b"* SEARCH 7 8 9\r\nA3 OK\r\n", message(2, 7) + b"A4 OK\r\n"],
            [EXAMINE, b"A3 UID SEARCH UNSEEN\r\n", b"A4 UID FETCH 7:9" + ITEMS + b"A5 LOGOUT\r\n"],
        ),
    ],
)
def test_what_depends_on_no_answer_goes_out_in_one_flight(
    make: Callable[[], Any], turns: list[bytes], flights: list[bytes]
) -> None:
    session = Visit(make())
    assert converse(session, *IN, *turns)[1:] == [*flights, b""]
    for size in (1, 2, 7, 31):
        again = Visit(make())
        assert converse(again, *IN, *turns, size=size)[1:] == [*flights, b""]
        assert again.answer == session.answer is not None


@pytest.mark.parametrize("make", [newest, last_3, found_3])
def test_each_turn_may_be_cut_anywhere(make: Callable[[], Any]) -> None:
    turns = {
        newest: [exists(5) + message(5) + b"A3 OK\r\n"],
        last_3: [exists(2), message(1) + message(2) + b"A3 OK\r\n"],
        found_3: [exists(5), b"* SEARCH 7 9\r\nA3 OK\r\n", message(1, 7) + message(2, 9) + b"A4 OK\r\n"],
    }[make]
    whole = subjects(make(), *turns)
    for turn in range(len(turns)):
        for cut in range(1, len(turns[turn])):
            pieces = (turns[turn][:cut], turns[turn][cut:])
            assert subjects(make(), *turns[:turn], *pieces, *turns[turn + 1 :]) == whole


# What is found


@pytest.mark.parametrize(("count", "first"), [(0, None), (1, 1), (2, 1), (3, 1), (4, 2), (10, 8)])
def test_the_last_ones_are_asked_for_by_the_number_of_the_first(count: int, first: int | None) -> None:
    session = Visit(last_3())
    if first is None:
        with pytest.raises(NothingThere):
            converse(session, *IN, exists(count))
    else:
        assert converse(session, *IN, exists(count))[-1].startswith(b"A3 FETCH %d:* (" % first)


def test_one_that_comes_in_between_pushes_the_oldest_out() -> None:
    answer = b"* 4 EXISTS\r\n" + b"".join(map(message, (1, 2, 3, 4))) + b"A3 OK\r\n"
    assert subjects(last_3(), exists(3), answer) == ["2", "3", "4"]


def test_the_newest_is_the_one_with_the_highest_number_whatever_its_number_is() -> None:
    assert subjects(newest(), exists(5) + message(6) + b"* 6 EXISTS\r\nA3 OK\r\n") == ["6"]
    assert subjects(newest(), message(4) + exists(5) + b"* 9 FETCH (FLAGS ())\r\nA3 OK\r\n") == ["4"]


@pytest.mark.parametrize("make", [newest, last_3])
def test_messages_come_in_any_order_and_in_parts_with_others_in_between(make: Callable[[], Any]) -> None:
    answer = (
        b"* 3 FETCH (FLAGS (\\Seen))\r\n"
        + message(3)
        + b"* 2 FETCH (UID 20)\r\n* OK still here\r\n* 1 FETCH (FLAGS ())\r\n* SEARCH 9\r\n* 7 RECENT\r\n"
        + message(2)
        + b"* 3 FETCH (UID 30 FLAGS ())\r\n"
    )
    session = Visit(make())
    converse(session, *IN, exists(3), answer + b"A3 OK\r\n") if make is last_3 else converse(
        session, *IN, exists(3) + answer + b"A3 OK\r\n"
    )
    found = [(one.subject, one.uid, one.is_seen) for one in session.answer.messages]
    assert found == [("2", 20, False), ("3", 30, True)][-len(found) :]
    assert len(found) == (2 if make is last_3 else 1)


def test_a_search_finds_messages_by_uid_the_last_ones_once_each_and_in_their_order() -> None:
    session = Visit(found_3())
    searched = b"* SEARCH 12 5 9\r\n* SEARCH\r\n* SEARCH 9 4294967295 3 (MODSEQ 917) 12345678901 x -1\r\n"
    *_, said = converse(session, *IN, exists(7), searched + b"A3 OK\r\n")
    assert said == b"A4 UID FETCH 9,12,4294967295" + ITEMS + b"A5 LOGOUT\r\n"
    unasked = message(1, 5) + message(2) + b"* 3 FETCH (FLAGS ())\r\n"
    converse(session, message(6, 12) + unasked + message(4, 9) + b"A4 OK\r\n")
    assert [one.subject for one in session.answer.messages] == ["9", "12"]


def test_a_uid_fetch_may_have_an_expunge_in_its_middle() -> None:
    """Unlike FETCH (RFC 3501, section 7.4.1): the numbers after it move up, and what was fetched stays."""
    answer = message(2, 7) + b"* 2 EXPUNGE\r\n" + message(2, 8) + b"* 1 EXPUNGE\r\n" + message(2, 9)
    turns = [exists(5), b"* SEARCH 7 8 9\r\nA3 OK\r\n", answer + b"A4 OK\r\n"]
    session = Visit(found_3())
    converse(session, *IN, *turns)
    assert [one.subject for one in session.answer.messages] == ["7", "8", "9"]
    assert session.answer.exists == 3


def test_what_was_said_of_messages_before_they_were_fetched_is_forgotten() -> None:
    """During the search an EXPUNGE may have shifted any number."""
    early = b"* 2 FETCH (UID 7 FLAGS (\\Seen))\r\n"
    turns = [exists(5), early + b"* SEARCH 7\r\nA3 OK\r\n", message(2, 7) + b"A4 OK\r\n"]
    session = Visit(found_3())
    converse(session, *IN, *turns)
    assert [(one.uid, one.is_seen) for one in session.answer.messages] == [(7, False)]


def test_many_uids_go_in_several_commands_and_one_flight() -> None:
    uids = range(1, 4 * UIDS_AT_ONCE, 2)
    session = Visit(FoundMessages("INBOX", "ALL", 10_000))
    listed = b"* SEARCH " + b" ".join(b"%d" % uid for uid in uids)
    *_, said = converse(session, *IN, exists(5_000), listed + b"\r\nA3 OK\r\n")
    *fetches, logout, rest = said.split(b"\r\n")
    assert (len(fetches), logout, rest) == (2, b"A6 LOGOUT", b"")
    assert max(map(len, fetches)) < 8_000
    converse(session, message(1, 1) + b"A4 OK\r\n")
    assert not session.done
    converse(session, message(3, 5) + b"A5 OK\r\n")
    assert [one.uid for one in session.answer.messages] == [1, 5]


def test_messages_that_were_fetched_stand_also_where_they_are_gone_by_then() -> None:
    assert subjects(last_3(), exists(1), message(1) + b"* 1 EXPUNGE\r\nA3 OK\r\n") == ["1"]


def test_the_newest_needs_no_count() -> None:
    assert subjects(newest(), b"A2 OK open\r\n" + message(7) + b"A3 OK\r\n") == ["7"]


# UID sets


@given(st.sets(st.integers(1, 40)).map(sorted))
def test_a_uid_set_holds_just_these_numbers_and_no_range_could_be_joined(uids: list[int]) -> None:
    text = uid_set(uids)
    ranges = [tuple(map(int, part.split(b":"))) for part in text.split(b",")] if text else []
    assert [uid for pair in ranges for uid in range(pair[0], pair[-1] + 1)] == uids
    assert all(after[0] > before[-1] + 1 for before, after in pairwise(ranges))
    assert all(len(pair) == 1 or pair[0] < pair[1] for pair in ranges)


@given(st.integers(0, 3 * UIDS_AT_ONCE), st.integers(1, 2))
def test_uid_sets_hold_them_all_once(count: int, step: int) -> None:
    uids = range(1, 1 + count * step, step)
    sets = uid_sets(uids)

    def members(parts: Iterable[bytes]) -> Iterable[int]:
        for part in parts:
            low, _, high = part.partition(b":")
            yield from range(int(low), int(high or low) + 1)

    assert [uid for some in sets for uid in members(some.split(b","))] == list(uids)
    assert len(sets) == -(-count // UIDS_AT_ONCE)


def test_a_search_with_literals_waits_for_the_server() -> None:
    session = Visit(FoundMessages("INBOX", "SUBJECT é FROM ü", 3))
    assert converse(session, *IN, exists(3), b"+ \r\n", b"+ \r\n")[2:] == [
        b"A3 UID SEARCH CHARSET UTF-8 SUBJECT {2}\r\n",
        b"\xc3\xa9 FROM {2}\r\n",
        b"\xc3\xbc\r\n",
    ]
    at_once = Visit(FoundMessages("INBOX", "SUBJECT é", 3))
    capable = b"A1 OK [CAPABILITY LITERAL+] in\r\n"
    assert converse(at_once, GREETING, capable, exists(3))[2] == (
        b"A3 UID SEARCH CHARSET UTF-8 SUBJECT {2+}\r\n\xc3\xa9\r\n"
    )
