"""Errands among mailboxes: their names, and their counts."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imap_script import GREETING, IN, LOGGED_IN, Visit, converse, failure_of
from tw.core.imap_commands import encode_mailbox
from tw.core.imap_listing import MAILBOXES_LIMIT, NAMES_LIMIT_BYTES, Mailboxes, Statuses
from tw.core.imap_types import Mailbox, MailboxStatus, Phase
from tw.errors import AuthError, NothingThere, ProtocolError, TwError, UsageError

COUNTED = b"(MESSAGES 3 UNSEEN 1 UIDNEXT 43 UIDVALIDITY 7)"
FULL = {"messages": 3, "unseen": 1, "uid_next": 43, "uid_validity": 7}
EMPTY = dict.fromkeys(FULL)
ITEMS = b" (MESSAGES UNSEEN UIDNEXT UIDVALIDITY)\r\n"


def after(errand: Any, *turns: bytes, size: int = 0) -> Visit:
    session = Visit(errand)
    converse(session, *IN, *turns, size=size)
    return session


def listed(*turns: bytes) -> list[Mailbox]:
    return list(after(Mailboxes(), *turns).answer)


def counted(mailboxes: list[str], *turns: bytes) -> list[MailboxStatus]:
    return list(after(Statuses(mailboxes), *turns).answer)


# Mailboxes


@pytest.mark.parametrize(
    ("pattern", "sent"), [("*", b'"*"'), ("Mail/%", b'"Mail/%"'), ('Entwürfe "x"', rb'"Entw&APw-rfe \"x\""')]
)
def test_a_list_and_the_goodbye_go_out_in_one_flight(pattern: str, sent: bytes) -> None:
    session = Visit(Mailboxes(pattern))
    assert converse(session, *IN)[1] == b'A2 LIST "" ' + sent + b"\r\nA3 LOGOUT\r\n"
    assert session.phase is Phase.LIST


ANSWER = (
    b'* LIST (\\HasChildren \\Noinferiors) "/" INBOX\r\n'
    b'* list () "\\\\" "a \\"b\\""\r\n'
    b"* LIST (\\Noselect) NIL {12}\r\nEntw&APw-rfe\r\n"
    b'* LIST (NIL (x)) "" Sent ("CHILDINFO" ("SUBSCRIBED"))\r\n'
    b'* LSUB () "/" no\r\n* STATUS x ()\r\n'
    b'* LIST () "/" ""\r\n'
    b"* LIST () {1}\r\n. {7}\r\nb\xfcr\x1b\r\n\0\r\n"
    b"A2 OK\r\n"
)


@pytest.mark.parametrize("size", [0, 1, 2, 3, 7, 31])
def test_mailboxes_come_in_the_servers_order_with_their_delimiter_and_attributes(size: int) -> None:
    session = after(Mailboxes(), ANSWER, size=size)
    assert session.answer == (
        Mailbox(name="INBOX", delimiter="/", attributes=("\\HasChildren", "\\Noinferiors")),
        Mailbox(name='a "b"', delimiter="\\", attributes=()),
        Mailbox(name="Entwürfe", delimiter=None, attributes=("\\Noselect",)),
        Mailbox(name="Sent", delimiter=None, attributes=()),
        Mailbox(name="", delimiter="/", attributes=()),
        Mailbox(name="bür\x1b\r\n\0", delimiter=".", attributes=()),
    )


@pytest.mark.parametrize(
    ("answer", "kind", "what"),
    [
        (b"A2 OK\r\n", NothingThere, "no mailbox matches"),
        (b"A2 NO [SERVERBUG] no\r\n", ProtocolError, "the server refused the list: [SERVERBUG] no"),
        (b'* LIST () "/" x\r\nA2 BAD no\r\n', ProtocolError, "the server refused the list: no"),
        (b"* LIST\r\n", ProtocolError, "the server sent a LIST that is none: * LIST"),
        (b'* LIST "/" x\r\n', ProtocolError, 'the server sent a LIST that is none: * LIST "/" x'),
        (b'* LIST () "/" (x)\r\n', ProtocolError, 'the server sent a LIST that is none: * LIST () "/" (x)'),
        (b'* LIST () "/" NIL\r\n', ProtocolError, 'the server sent a LIST that is none: * LIST () "/" NIL'),
        (b"* LIST (\r\n", ProtocolError, "the server sent a list without an end: ("),
        (b"* BYE bye\r\n", ProtocolError, "the server hung up: bye"),
    ],
)
def test_a_list_that_does_not_go_well(answer: bytes, kind: type[TwError], what: str) -> None:
    error = failure_of(*IN, answer, errand=Mailboxes)
    assert (type(error), error.what, error.where) == (kind, what, "mail.example.org:143, list")


def test_so_many_mailboxes_and_so_many_bytes_of_them_are_held() -> None:
    one = b"* LIST () NIL x\r\n"
    assert len(listed(one * MAILBOXES_LIMIT + b"A2 OK\r\n")) == MAILBOXES_LIMIT
    error = failure_of(*IN, one * (MAILBOXES_LIMIT + 1), errand=Mailboxes, size=1_000_000)
    assert f"more than {MAILBOXES_LIMIT} mailboxes" in error.what
    size = 1_000_000
    big = b"* LIST () NIL {%d}\r\n%s\r\n" % (size, b"x" * size)
    assert len(listed(big * (NAMES_LIMIT_BYTES // (size + 10)) + b"A2 OK\r\n")) == NAMES_LIMIT_BYTES // (size + 10)
    error = failure_of(*IN, big * (NAMES_LIMIT_BYTES // size + 1), errand=Mailboxes, size=1_000_000)
    assert f"{NAMES_LIMIT_BYTES} bytes of them" in error.what


# Statuses


def test_all_counts_are_asked_for_in_one_flight() -> None:
    session = Visit(Statuses(["INBOX", "Entwürfe", "a b"]))
    assert converse(session, *IN)[1] == (
        b'A2 STATUS "INBOX"' + ITEMS + b'A3 STATUS "Entw&APw-rfe"' + ITEMS + b'A4 STATUS "a b"' + ITEMS
        + b"A5 LOGOUT\r\n"
    )  # fmt: skip
    assert session.phase is Phase.STATUS


@pytest.mark.parametrize("size", [0, 1, 2, 7])
def test_counts_come_in_the_order_of_the_question_and_what_is_missing_is_none(size: int) -> None:
    answer = (
        b"* STATUS INBOX " + COUNTED + b"\r\n* 3 EXISTS\r\n* OK hm\r\nA2 OK\r\n"
        b"* status {4}\r\nS{5} (unseen 0 X (MESSAGES 9) MESSAGES x UIDNEXT 12345678901234567890 UIDVALIDITY)\r\n"
        b"A3 OK\r\n"
        b"A4 OK nothing to say\r\n"
    )
    session = after(Statuses(["INBOX", "S{5}", "z"]), answer, size=size)
    assert session.answer == (
        MailboxStatus(mailbox="INBOX", **FULL),
        MailboxStatus(mailbox="S{5}", **EMPTY | {"unseen": 0}),
        MailboxStatus(mailbox="z", **EMPTY),
    )
    assert session.errand.failure is None
    assert session.phase is Phase.LOGOUT


@pytest.mark.parametrize(
    ("answers", "found", "kind"),
    [
        ([b"NO [NONEXISTENT] none", b"OK"], ["b"], NothingThere),
        ([b"OK", b"NO [NOPERM] no"], ["a"], AuthError),
        ([b"BAD no", b"NO no"], [], ProtocolError),
        ([b"NO [UNAVAILABLE] no", b"NO no"], [], ProtocolError),
    ],
)
def test_one_that_cannot_be_had_is_the_failure_beside_the_others(
    answers: list[bytes], found: list[str], kind: type[TwError]
) -> None:
    turns = [b"* STATUS x " + COUNTED + b"\r\nA%d %s\r\n" % (tag, answer) for tag, answer in enumerate(answers, 2)]
    session = after(Statuses(["a", "b"]), *turns)
    assert [one.mailbox for one in session.answer] == found
    failure = session.errand.failure
    assert type(failure) is kind
    assert failure.what.startswith(f"cannot open the mailbox {'b' if found == ['a'] else 'a'}: ")
    assert failure.where == "mail.example.org:143, status"


def test_a_server_may_say_all_counts_before_it_answers() -> None:
    """What is said of a mailbox stands under its name; a name in another spelling goes with the next answer."""
    said = b'* STATUS b (MESSAGES 2)\r\n* STATUS "&APw-" (MESSAGES 3)\r\n* STATUS a (MESSAGES 1)\r\n'
    found = counted(["a", "b", "ü"], said, b"A2 OK\r\nA3 OK\r\nA4 OK\r\n")
    assert [(one.mailbox, one.messages) for one in found] == [("a", 1), ("b", 2), ("ü", 3)]
    found = counted(["a b", "b"], b"* STATUS b (MESSAGES 2)\r\n* STATUS a b (MESSAGES 1)\r\nA2 OK\r\nA3 OK\r\n")
    assert [(one.mailbox, one.messages) for one in found] == [("a b", 1), ("b", 2)]
    found = counted(["inbox", "b"], b"* STATUS INBOX (MESSAGES 1)\r\nA2 OK\r\nA3 OK\r\n")
    assert [(one.mailbox, one.messages) for one in found] == [("inbox", 1), ("b", None)]


def test_the_same_mailbox_twice_has_the_same_counts() -> None:
    one = b"* STATUS a " + COUNTED + b"\r\n"
    assert counted(["a", "a"], one + b"A2 OK\r\n" + one + b"A3 OK\r\n") == [MailboxStatus(mailbox="a", **FULL)] * 2


@pytest.mark.parametrize("said", [b"* STATUS x", b"* STATUS NIL ()", b"* STATUS () ()", b"* STATUS x 5", b"* STATUS"])
def test_a_status_that_cannot_be_read_breaks_the_protocol(said: bytes) -> None:
    error = failure_of(*IN, said + b"\r\n", errand=lambda: Statuses(["x"]))
    assert (type(error), error.what) == (ProtocolError, f"the server sent a STATUS that is none: {said.decode()}")


@given(st.lists(st.sampled_from(["a", "B", "ü&", "c d"]), min_size=1, max_size=5), st.data())
def test_every_mailbox_gets_its_own_counts_wherever_the_bytes_are_cut(names: list[str], data: st.DataObject) -> None:
    answers = b""
    expected, failed = [], []
    for tag, name in enumerate(names, 2):
        if data.draw(st.booleans()):
            answers += b'* STATUS "%s" (MESSAGES %d)\r\nA%d OK\r\n' % (encode_mailbox(name), len(name) + tag, tag)
            expected.append((name, len(name) + tag))
        else:
            answers += b"A%d NO\r\n" % tag
            failed.append(name)
    session = after(Statuses(names), answers, size=data.draw(st.integers(0, 9)))
    assert [(one.mailbox, one.messages) for one in session.answer] == expected
    assert (session.errand.failure is None) == (not failed)
    if failed:
        assert failed[0] in session.errand.failure.what


# Names that no mailbox can have


@pytest.mark.parametrize("make", [Mailboxes, lambda name: Statuses(["INBOX", name])])
@pytest.mark.parametrize("name", ["", "a\r\nA9 LOGOUT", "\0", "\udcff", "x" * 1_001])
def test_a_name_that_no_mailbox_can_have_is_refused_at_once(make: Callable[[str], object], name: str) -> None:
    """One of over 1,000 bytes would be a literal: it would wait for the server in the middle of a flight."""
    with pytest.raises(UsageError, match="the name of the mailbox"):
        make(name)


def test_what_is_said_before_the_login_means_nothing() -> None:
    session = Visit(Mailboxes())
    converse(
        session, GREETING, b"* LIST () NIL early\r\n* STATUS early\r\n" + LOGGED_IN, b"* LIST () NIL x\r\nA2 OK\r\n"
    )
    assert [one.name for one in session.answer] == ["x"]
