"""Errands in one mailbox that do not end well: what the failure is called, at each step."""

from collections.abc import Callable
from typing import Any

import pytest

from imap_script import IN, exists, failure_of
from tw.core.imap_errands import FoundMessages, LastMessages, NewestMessage
from tw.errors import AuthError, NothingThere, ProtocolError, TwError, UsageError


def newest() -> NewestMessage:
    return NewestMessage("INBOX")


def last_3() -> LastMessages:
    return LastMessages("INBOX", 3)


def found_3() -> FoundMessages:
    return FoundMessages("INBOX", "UNSEEN", 3)


TURNS: dict[Callable[[], Any], list[bytes]] = {
    newest: [],
    last_3: [exists(3)],
    found_3: [exists(3), b"* SEARCH 7\r\nA3 OK\r\n"],
}
FETCH_TAG = {newest: b"A3", last_3: b"A3", found_3: b"A4"}


@pytest.mark.parametrize("make", TURNS)
@pytest.mark.parametrize(
    ("answer", "kind"), [(b"NO gone", NothingThere), (b"NO [NOPERM] no", AuthError), (b"BAD what", ProtocolError)]
)
def test_a_mailbox_that_does_not_open(make: Callable[[], Any], answer: bytes, kind: type[TwError]) -> None:
    error = failure_of(*IN, b"A2 " + answer + b"\r\n", errand=make)
    assert type(error) is kind
    assert error.where == "mail.example.org:143, open"


@pytest.mark.parametrize("make", TURNS)
def test_an_empty_mailbox_is_nothing_there(make: Callable[[], Any]) -> None:
    error = failure_of(*IN, exists(0), errand=make)
    assert str(error) == "the mailbox INBOX is empty (mail.example.org:143, open)"
    assert type(error) is NothingThere


@pytest.mark.parametrize("make", TURNS)
@pytest.mark.parametrize("answer", [b"NO [SERVERBUG] oops", b"BAD oops"])
def test_a_refused_fetch_breaks_the_protocol(make: Callable[[], Any], answer: bytes) -> None:
    before = exists(3) if make is newest else b""
    error = failure_of(*IN, *TURNS[make], before + FETCH_TAG[make] + b" " + answer + b"\r\n", errand=make)
    assert type(error) is ProtocolError
    assert error.what.startswith("the server refused the fetch: ")
    assert error.where == "mail.example.org:143, fetch"


@pytest.mark.parametrize(
    ("make", "kind", "what"),
    [
        (newest, ProtocolError, "the server answered the fetch without the message"),
        (last_3, ProtocolError, "the server answered the fetch without a message"),
        (found_3, NothingThere, "the messages that matched are gone"),
    ],
)
def test_a_fetch_without_a_message(make: Callable[[], Any], kind: type[TwError], what: str) -> None:
    before = exists(3) if make is newest else b""
    flags = b"* 2 FETCH (UID 7 FLAGS ())\r\n"
    error = failure_of(*IN, *TURNS[make], before + flags + FETCH_TAG[make] + b" OK\r\n", errand=make)
    assert (type(error), error.what) == (kind, what)


@pytest.mark.parametrize("emptied", [b"* 0 EXISTS\r\n", b"* 1 EXPUNGE\r\n" * 3])
@pytest.mark.parametrize("answer", [b"OK", b"NO expunged"])
def test_a_mailbox_emptied_in_between_is_nothing_there(emptied: bytes, answer: bytes) -> None:
    error = failure_of(*IN, exists(3), emptied + b"A3 " + answer + b"\r\n", errand=last_3)
    assert type(error) is NothingThere


def test_a_server_that_never_counts_its_messages_cannot_be_asked_for_the_last_ones() -> None:
    error = failure_of(*IN, b"A2 OK open\r\n", errand=last_3)
    assert type(error) is ProtocolError
    assert error.what == "the server does not say how many messages there are"


@pytest.mark.parametrize("searched", [b"", b"* SEARCH\r\n", b"* SEARCH x\r\n"])
def test_a_search_that_finds_nothing_is_nothing_there(searched: bytes) -> None:
    error = failure_of(*IN, exists(3), searched + b"A3 OK\r\n", errand=found_3)
    assert (type(error), str(error)) == (NothingThere, "no message matches (mail.example.org:143, search)")


@pytest.mark.parametrize("answer", [b"NO [BADCHARSET] no", b"BAD no"])
def test_a_refused_search_says_which_option_to_look_at(answer: bytes) -> None:
    error = failure_of(*IN, exists(3), b"A3 " + answer + b"\r\n", errand=found_3)
    assert (type(error), error.hint) == (ProtocolError, "check --search")
    assert error.what == f"the server refused the search: {answer.partition(b' ')[2].decode()}"


def test_criteria_that_cannot_be_sent_are_refused_before_there_is_a_session() -> None:
    with pytest.raises(UsageError):
        FoundMessages("INBOX", 'SUBJECT "', 3)
