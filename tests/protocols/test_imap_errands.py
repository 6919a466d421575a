"""Every errand over a connection, with Twisted's own server at the other end; and what goes on while a watch does."""

from typing import Any

import pytest
from twisted.internet.defer import CancelledError
from twisted.internet.error import ConnectionLost
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from imap_memory import Client, Connection, Mailbox, Message, failure_of, result_of, twisted_server
from imap_script import FETCHED, GREETING, LOGGED_IN, OPENED, PASSWORD, exists, message
from tw.core import imap_listing
from tw.core.imap_errands import LastMessages, NewestMessage
from tw.core.imap_listing import Statuses
from tw.core.imap_watch import Watch
from tw.errors import AnswerTimeout, NothingThere
from tw.protocols.imap import ImapClient


def letter(subject: str) -> Message:
    return Message({"Subject": subject, "From": "bob@example.org"})


class Meeting:
    """A client on an errand at Twisted's server."""

    def __init__(self, errand: Any) -> None:
        self.inbox = Mailbox(letter("one"), letter("two"), letter("three"))
        boxes = {"INBOX": self.inbox, "ENTWÜRFE & MORE": Mailbox(), "A B": Mailbox(letter("x"))}
        clock = Clock()
        self.client = Client(None, errand)
        self.connection = Connection(self.client, twisted_server(clock, boxes, {"alice": PASSWORD.encode()}), clock)
        self.connection.pump()

    def answer(self) -> Any:
        assert result_of(self.client.done) is None
        assert self.client.closed.called
        return self.client.errand.answer


def test_the_newest_message() -> None:
    assert [one.subject for one in Meeting(NewestMessage("INBOX")).answer().messages] == ["three"]


@pytest.mark.parametrize(("count", "found"), [(1, ["three"]), (2, ["two", "three"]), (9, ["one", "two", "three"])])
def test_the_last_messages(count: int, found: list[str]) -> None:
    assert [one.subject for one in Meeting(LastMessages("INBOX", count)).answer().messages] == found


def test_the_mailboxes() -> None:
    answer = Meeting(imap_listing.Mailboxes()).answer()
    assert sorted(one.name for one in answer) == ["A B", "ENTWÜRFE & MORE", "INBOX"]
    assert {one.delimiter for one in answer} == {"/"}


def test_the_counts_of_mailboxes_and_of_one_that_is_not_there() -> None:
    meeting = Meeting(Statuses(["A B", "NONE", "INBOX", "ENTWÜRFE & MORE"]))
    assert [(one.mailbox, one.messages, one.unseen) for one in meeting.answer()] == [
        ("A B", 1, 1),
        ("INBOX", 3, 1),
        ("ENTWÜRFE & MORE", 0, 1),
    ]
    assert type(meeting.client.errand.failure) is NothingThere
    assert "NONE" in meeting.client.errand.failure.what


def watch(told: list[str], count: int | None = None) -> Watch:
    return Watch("INBOX", lambda one: told.append(one.subject), poll_s=30.0, timeout_s=5.0, count=count)


def test_a_watch_of_a_server_without_idle() -> None:
    told: list[str] = []
    meeting = Meeting(watch(told, 2))
    client = meeting.client
    client.do(client.errand.wake)
    meeting.connection.pump()
    assert (told, client.done.called) == ([], False)
    for subject in ("four", "five"):
        meeting.inbox.deliver(letter(subject))
        meeting.connection.pump()
    assert told == ["four", "five"]
    assert result_of(client.done) is None
    assert client.closed.called


# What the connection does for a watch


def watching(told: Any) -> tuple[ImapClient, StringTransport, Any]:
    """A watch that rests, without IDLE, and its transport."""
    errand = Watch("INBOX", told, poll_s=30.0, timeout_s=5.0, count=1)
    client = Client(None, errand)
    transport = StringTransport()
    client.makeConnection(transport)
    for turn in (GREETING, b"A1 OK [CAPABILITY IMAP4rev1] in\r\n", exists(3)):
        client.dataReceived(turn)
    transport.clear()
    return client, transport, errand


def test_what_an_errand_does_by_itself_is_sent_and_told() -> None:
    client, transport, errand = watching(lambda one: None)
    moves: list[float] = []
    client.moved = lambda: moves.append(errand.alarm[1])
    client.do(errand.wake)
    assert transport.value() == b"A3 NOOP\r\n"
    client.dataReceived(b"A3 OK\r\n")
    assert moves == [5.0, 30.0]
    client.do(errand.end)
    assert transport.value() == b"A3 NOOP\r\nA4 LOGOUT\r\n"
    assert result_of(client.done) is None
    assert len(moves) == 2  # an alarm that was set now would ring for nobody


def test_an_alarm_that_rings_in_vain_ends_the_session() -> None:
    client, transport, errand = watching(lambda one: None)
    client.do(errand.wake)
    client.do(errand.wake)
    assert isinstance(failure_of(client.done), AnswerTimeout)
    assert transport.disconnecting
    client.do(errand.wake)  # an alarm that was on its way


def test_whoever_is_told_of_a_message_may_cancel_the_watch_in_that_moment() -> None:
    """Its reader is gone (`| head -1`): the connection is aborted, and nothing more is sent or reported."""
    ends: list[object] = []

    def break_off(_message: object) -> None:
        client.done.addErrback(ends.append)
        client.done.cancel()

    client, transport, errand = watching(break_off)
    client.moved = lambda: ends.append("moved")
    client.dataReceived(b"* 4 EXISTS\r\n")
    client.dataReceived(b"A3 OK\r\n")
    transport.clear()
    ends.clear()
    client.dataReceived(message(4) + b"A4 OK\r\n")
    assert [type(end.value) for end in ends if isinstance(end, Failure)] == [CancelledError]
    assert len(ends) == 1
    assert (transport.value(), transport.disconnecting) == (b"", True)
    assert errand.told == 1
    client.connectionLost(Failure(ConnectionLost()))
    assert client.closed.called


def test_who_is_told_and_breaks_down_reaches_the_caller() -> None:
    def break_down(_message: object) -> None:
        raise ZeroDivisionError

    client, _, _ = watching(break_down)
    client.dataReceived(b"* 4 EXISTS\r\n")
    client.dataReceived(b"A3 OK\r\n")
    client.dataReceived(message(4) + b"A4 OK\r\n")
    assert isinstance(failure_of(client.done), ZeroDivisionError)


def test_a_trace_shows_the_conversation_and_alerts_are_kept() -> None:
    shown: list[str] = []
    traced = Client(None, show=shown.append)
    traced.makeConnection(StringTransport())
    for turn in (GREETING, b"* OK [ALERT] full\r\n" + LOGGED_IN, OPENED, FETCHED):
        traced.dataReceived(turn)
    assert traced.alerts == ["full"]
    assert shown[:3] == [
        "S: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] ready",
        "C: A1 AUTHENTICATE PLAIN ***",
        "S: * OK [ALERT] full",
    ]
    assert PASSWORD not in "".join(shown)
