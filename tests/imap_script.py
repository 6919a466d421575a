"""An IMAP server's side of a conversation, written down: shared by the tests of the session and of its protocol."""

import traceback
from collections.abc import Callable
from typing import Any

import pytest

from tw.core.imap import ImapSession
from tw.core.imap_errands import FirstMessage
from tw.core.imap_message import FETCH_ITEMS
from tw.core.imap_types import ImapRequest, Message, Security
from tw.errors import TwError

PASSWORD = "s3cret"
PLAIN = b"AGFsaWNlAHMzY3JldA=="
"""What AUTHENTICATE PLAIN sends for alice and that password."""


class FixedSecret:
    """A password that shows where it is shown."""

    def __init__(self, text: str = PASSWORD) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return f"FixedSecret({self._text})"


def request(
    *,
    security: Security = "plain",
    user: str = "alice",
    password: str | None = PASSWORD,
    token: str | None = None,
    **more: Any,
) -> ImapRequest:
    return ImapRequest(
        where="mail.example.org:143",
        user=user,
        password=None if password is None else FixedSecret(password),
        token=None if token is None else FixedSecret(token),
        security=security,
        **more,
    )


class Visit(ImapSession):
    """A session, for a mailbox's first message unless another errand is given."""

    def __init__(self, errand: Any = None, *, show: Callable[[str], None] | None = None, **asked: Any) -> None:
        asked_for = request(**asked)
        self.errand = errand or FirstMessage(asked_for.mailbox)
        super().__init__(asked_for, self.errand, show)

    @property
    def answer(self) -> Any:
        """What the errand has found; None before the session is done."""
        return self.errand.answer if self.done else None

    @property
    def message(self) -> Message:
        """The one message that it has found."""
        assert self.done
        (message,) = self.errand.answer.messages
        return message  # type: ignore[no-any-return]


class Tls:
    """In a conversation: the handshake is done."""


TLS = Tls()
Turn = bytes | Tls

HEADER = b"Subject: Hello\r\n world\r\nFrom: Bob <bob@example.org>\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\n\r\n"
GREETING = b"* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] ready\r\n"
LOGGED_IN = b"A1 OK [CAPABILITY IMAP4rev1 IDLE] in\r\n"
FETCH = b"FETCH 1 " + FETCH_ITEMS + b"\r\n"
OPENED = b"* FLAGS (\\Seen)\r\n* 3 EXISTS\r\n* 0 RECENT\r\n* OK [UIDVALIDITY 7] valid\r\nA2 OK [READ-ONLY] open\r\n"
INTERNAL_DATE = b"01-Jan-2024 01:00:00 +0100"
FETCHED = (
    b'* 1 FETCH (UID 42 FLAGS (\\Seen) INTERNALDATE "%s" BODY[HEADER.FIELDS (SUBJECT FROM DATE)] {%d}\r\n%s)\r\n'
    b"A3 OK done\r\n"
) % (INTERNAL_DATE, len(HEADER), HEADER)

AUTHENTICATE = b"A1 AUTHENTICATE PLAIN " + PLAIN + b"\r\n"
EXAMINE = b'A2 EXAMINE "INBOX"\r\nA3 ' + FETCH + b"A4 LOGOUT\r\n"
"""One flight: nothing in it depends on an answer."""

WHOLE: list[tuple[Turn, bytes]] = [
    (GREETING, AUTHENTICATE),
    (LOGGED_IN, EXAMINE),
    (OPENED, b""),
    (FETCHED, b""),
]
"""A conversation in which all goes well: what the server says, and what is said to it."""


IN: tuple[Turn, ...] = (GREETING, LOGGED_IN)
"""What the server says up to the errand."""


def exists(count: int) -> bytes:
    """The answer to EXAMINE."""
    return b"* %d EXISTS\r\nA2 OK [READ-ONLY] open\r\n" % count


def message(number: int, uid: int | None = None) -> bytes:
    """A message as it is fetched; its subject is its UID, or else its number."""
    subject = b"Subject: %d\r\n\r\n" % (number if uid is None else uid)
    of_uid = b"" if uid is None else b"UID %d " % uid
    return b"* %d FETCH (%sBODY[HEADER.FIELDS (SUBJECT)] {%d}\r\n%s)\r\n" % (number, of_uid, len(subject), subject)


def converse(session: ImapSession, *turns: Turn, size: int = 0) -> list[bytes]:
    """Have the server say each turn, in pieces of `size` bytes; what the session says to each."""
    answers = []
    for turn in turns:
        said = session.outgoing()
        if isinstance(turn, Tls):
            session.tls_started()
            said += session.outgoing()
        else:
            step = size or len(turn) or 1
            for start in range(0, len(turn), step):
                session.receive(turn[start : start + step])
                said += session.outgoing()
        answers.append(said)
    return answers


def failure_of(*turns: Turn, errand: Callable[[], Any] = lambda: None, size: int = 0, **asked: Any) -> TwError:
    """The error that the last turn raises. It is the same in pieces of any size, and nothing is sent after it."""
    errors = []
    for pieces_of in (size,) if size else (0, 1, 3):
        session = Visit(errand(), **asked)
        converse(session, *turns[:-1])
        with pytest.raises(TwError) as caught:
            converse(session, turns[-1], size=pieces_of)
        assert session.outgoing() == b""
        assert not session.done
        assert session.errand.answer is None
        assert PASSWORD not in "".join(traceback.format_exception(caught.value))
        with pytest.raises(TwError) as again:
            session.receive(b"anything")
        assert again.value is caught.value is session.lost() is session.overdue(1)
        errors.append(caught.value)
    assert len({(type(error), str(error)) for error in errors}) == 1
    return errors[0]
