"""What `tw imap` finds, in all its forms: JSON, lines for a pipe, rows for a terminal, and raw."""

from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from tw.core.imap_types import Mailbox, MailboxStatus, Message, Messages
from tw.errors import NothingThere
from tw.mail_report import FirstSubject, Mailboxes, MailResult, Statuses, Subjects, message_json, watched_json

FULL = Message(
    uid=7,
    internal_date="01-Jan-2024 01:00:00 +0100",
    header=b"Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\r\n  all\r\n"
    b"From: Bob <b@example.org>\r\nDate: Mon, 1 Jan 2024\r\n\r\n",
    is_seen=True,
)
BARE = Message(uid=None, internal_date=None, header=b"")
RAW = b"=?utf-8?Q?Gr=C3=BC=C3=9Fe?=\r\n  all"


def messages(*found: Message, exists: int | None = 2) -> Messages:
    return Messages(mailbox="Mail/Ä", exists=exists, messages=found)


# Messages

FULL_JSON = {
    "uid": 7,
    "subject": "Grüße all",
    "from": "Bob <b@example.org>",
    "date": "Mon, 1 Jan 2024",
    "arrived": "01-Jan-2024 01:00:00 +0100",
    "seen": True,
}
BARE_JSON = {"uid": None, "subject": "", "from": None, "date": None, "arrived": None, "seen": False}


def test_a_message_has_these_fields_and_calls_the_sender_from() -> None:
    assert message_json(FULL) == FULL_JSON
    assert message_json(BARE) == BARE_JSON


def test_a_first_subject_is_a_line_and_never_a_table() -> None:
    result = FirstSubject(messages(FULL))
    assert (result.lines(), result.rows(), result.raw()) == (["Grüße all"], [], [RAW])
    assert result.to_json() == {
        "v": 1,
        "ok": True,
        "mailbox": "Mail/Ä",
        "exists": 2,
        "subject": "Grüße all",
        "uid": 7,
        "date": "Mon, 1 Jan 2024",
        "from": "Bob <b@example.org>",
    }
    bare = FirstSubject(messages(BARE, exists=None)).to_json()
    assert (bare["exists"], bare["subject"], bare["uid"], bare["date"], bare["from"]) == (None, "", None, None, None)


def test_subjects_are_lines_or_a_table_oldest_first() -> None:
    result = Subjects(messages(BARE, FULL))
    assert result.lines() == ["", "Grüße all"]
    assert result.raw() == [b"", RAW]
    assert result.header == ("UID", "Arrived", "From", "Subject")
    assert result.rows() == [
        ("", "", "", ""),
        ("7", "01-Jan-2024 01:00:00 +0100", "Bob <b@example.org>", "Grüße all"),
    ]
    assert result.to_json() == {
        "v": 1,
        "ok": True,
        "mailbox": "Mail/Ä",
        "exists": 2,
        "messages": [BARE_JSON, FULL_JSON],
    }


def test_a_watched_message_is_an_event_with_its_time() -> None:
    event = watched_json("INBOX", FULL, 1700000000.1234)
    assert event == {
        "v": 1,
        "event": "message",
        "at": "2023-11-14T22:13:20.123Z",
        "mailbox": "INBOX",
        **FULL_JSON,
    }


# Mailboxes


def test_mailboxes_are_named_with_what_the_server_says_of_them() -> None:
    result = Mailboxes(
        (
            Mailbox(name="Entwürfe\x1b", delimiter="/", attributes=("\\HasChildren", "\\Drafts")),
            Mailbox(name="INBOX", delimiter=None, attributes=()),
        )
    )
    assert result.lines() == ["Entwürfe\x1b", "INBOX"]
    assert result.rows() == [("Entwürfe\x1b", "/", "\\HasChildren \\Drafts"), ("INBOX", "", "")]
    assert (len(result.header), result.raw()) == (3, [])
    assert result.to_json() == {
        "v": 1,
        "ok": True,
        "mailboxes": [
            {"name": "Entwürfe\x1b", "delimiter": "/", "attributes": ["\\HasChildren", "\\Drafts"]},
            {"name": "INBOX", "delimiter": None, "attributes": []},
        ],
    }


INBOX = MailboxStatus(mailbox="INBOX", messages=3, unseen=0, uid_next=43, uid_validity=7)
VAGUE = MailboxStatus(mailbox="a b", messages=None, unseen=None, uid_next=None, uid_validity=None)


def test_counts_stand_before_the_name_and_a_dash_for_what_is_not_known() -> None:
    result = Statuses((INBOX, VAGUE))
    assert result.lines() == ["3 0 INBOX", "- - a b"]
    assert result.rows() == [("INBOX", "3", "0", "43", "7"), ("a b", "-", "-", "-", "-")]
    assert (len(result.header), result.raw()) == (5, [])
    assert result.to_json() == {
        "v": 1,
        "ok": True,
        "mailboxes": [
            {"mailbox": "INBOX", "messages": 3, "unseen": 0, "uid_next": 43, "uid_validity": 7},
            {"mailbox": "a b", "messages": None, "unseen": None, "uid_next": None, "uid_validity": None},
        ],
    }


def test_counts_that_could_not_be_had_are_an_error_beside_the_others() -> None:
    document = Statuses((INBOX,), NothingThere("cannot open x", "h:143, status")).to_json()
    assert (document["ok"], len(document["mailboxes"])) == (False, 1)
    assert document["error"]["kind"] == "nothing"
    assert document["error"]["exit"] == 8
    assert Statuses((), NothingThere("no")).to_json()["mailboxes"] == []


@pytest.mark.parametrize(
    "result", [FirstSubject(messages(FULL)), Subjects(messages(FULL)), Mailboxes(()), Statuses((INBOX,))]
)
def test_results_stay_as_they_are_and_every_row_has_a_cell_for_each_column(result: Any) -> None:
    shown: MailResult = result
    assert all(len(row) == len(shown.header) for row in shown.rows())
    with pytest.raises(FrozenInstanceError):
        result.found = None
