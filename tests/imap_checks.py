"""A server's side of a check, written down: what it says of a mailbox and of its messages."""

from datetime import UTC, datetime
from typing import Any

from imap_script import IN, Visit, converse
from tw.core.imap_check import Check
from tw.core.imap_judgement import Findings
from tw.core.imap_message import FETCH_ITEMS

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
