"""An IMAP server's side of a conversation, written down: shared by the tests of the session and of its protocol."""

import traceback

import pytest

from tw.core.imap import FETCH, ImapSession
from tw.core.imap_types import ImapRequest, Security
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
    *, security: Security = "plain", user: str = "alice", password: str = PASSWORD, mailbox: str = "INBOX"
) -> ImapRequest:
    return ImapRequest(
        where="mail.example.org:143", user=user, password=FixedSecret(password), mailbox=mailbox, security=security
    )


class Tls:
    """In a conversation: the handshake is done."""


TLS = Tls()
Turn = bytes | Tls

HEADER = b"Subject: Hello\r\n world\r\nFrom: Bob <bob@example.org>\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\n\r\n"
GREETING = b"* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] ready\r\n"
LOGGED_IN = b"A1 OK [CAPABILITY IMAP4rev1 IDLE] in\r\n"
OPENED = b"* FLAGS (\\Seen)\r\n* 3 EXISTS\r\n* 0 RECENT\r\n* OK [UIDVALIDITY 7] valid\r\nA2 OK [READ-ONLY] open\r\n"
INTERNAL_DATE = b"01-Jan-2024 01:00:00 +0100"
FETCHED = (
    b'* 1 FETCH (UID 42 INTERNALDATE "%s" BODY[HEADER.FIELDS (SUBJECT FROM DATE)] {%d}\r\n%s)\r\nA3 OK done\r\n'
    % (INTERNAL_DATE, len(HEADER), HEADER)
)

AUTHENTICATE = b"A1 AUTHENTICATE PLAIN " + PLAIN + b"\r\n"
EXAMINE = b'A2 EXAMINE "INBOX"\r\nA3 ' + FETCH

WHOLE: list[tuple[Turn, bytes]] = [
    (GREETING, AUTHENTICATE),
    (LOGGED_IN, EXAMINE),
    (OPENED, b""),
    (FETCHED, b"A4 LOGOUT\r\n"),
]
"""A conversation in which all goes well: what the server says, and what is said to it."""


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


def failure_of(*turns: Turn, security: Security = "plain", size: int = 0, **asked: str) -> TwError:
    """The error that the last turn raises. It is the same in pieces of any size, and nothing is sent after it."""
    errors = []
    for pieces_of in (size,) if size else (0, 1, 3):
        session = ImapSession(request(security=security, **asked))
        converse(session, *turns[:-1])
        with pytest.raises(TwError) as caught:
            converse(session, turns[-1], size=pieces_of)
        assert session.outgoing() == b""
        assert session.answer is None
        assert PASSWORD not in "".join(traceback.format_exception(caught.value))
        with pytest.raises(TwError) as again:
            session.receive(b"anything")
        assert again.value is caught.value is session.lost() is session.overdue(1)
        errors.append(caught.value)
    assert len({(type(error), str(error)) for error in errors}) == 1
    return errors[0]
