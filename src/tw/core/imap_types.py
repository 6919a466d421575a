"""What an IMAP session is asked for, and what it finds: the values around `core.imap`."""

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, Protocol, TypeAlias

from tw.core.imap_commands import FORBIDDEN
from tw.core.text import decode_subject
from tw.errors import UsageError

Security: TypeAlias = Literal["tls", "starttls", "plain"]

_SURROGATE = re.compile("[\ud800-\udfff]")


class Revealing(Protocol):
    """A password whose repr hides it (`tw.password.Secret`)."""

    def reveal(self) -> str: ...


class Phase(StrEnum):
    """How far a session has come. Every error names it."""

    TLS = "tls"
    GREETING = "greeting"
    STARTTLS = "starttls"
    LOGIN = "login"
    OPEN = "open"
    FETCH = "fetch"
    LOGOUT = "logout"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImapRequest:
    """What to look at, and as whom. `where` names the server in error texts, such as `imap.example.org:993`.

    Building one raises UsageError for what could not be sent as one argument of a command, the password included: it is
    looked at before there is a connection.
    """

    where: str
    user: str
    password: Revealing = field(repr=False)
    mailbox: str = "INBOX"
    security: Security = "tls"

    def __post_init__(self) -> None:
        for what, text in (("user", self.user), ("password", self.password.reveal()), ("mailbox", self.mailbox)):
            # The checks come before any encoding: a UnicodeEncodeError would carry the password.
            if FORBIDDEN & set(text):
                raise UsageError(f"a line end or NUL in the {what}", self.where, "leave it out")
            if _SURROGATE.search(text):
                raise UsageError(f"the {what} is not UTF-8", self.where, "give it in UTF-8")
        if not self.mailbox:
            raise UsageError("the name of the mailbox is empty", self.where, "leave it out for INBOX")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImapAnswer:
    """The first message of a mailbox.

    `header` holds the raw fields Subject, From and Date, as they were sent; `exists` is None where the server did not
    say how many messages there are; `internal_date` is the time of arrival in IMAP's form, such as
    `17-Jul-1996 02:44:25 -0700`; `alerts` are what the server wants a person to see (RFC 3501, section 7.1). These two
    are safe for a terminal. `subject`, `sender` and `date` are decoded and on one line, but whoever shows them applies
    `core.text.safe` first.
    """

    mailbox: str
    exists: int | None
    uid: int | None
    internal_date: str | None
    header: bytes
    alerts: tuple[str, ...] = ()

    @property
    def subject(self) -> str:
        """Empty where the message has none."""
        return decode_subject(header_field(self.header, b"subject"))

    @property
    def sender(self) -> str:
        """The From field."""
        return decode_subject(header_field(self.header, b"from"))

    @property
    def date(self) -> str:
        """The Date field, as its sender wrote it."""
        return decode_subject(header_field(self.header, b"date"))


def header_field(header: bytes, name: bytes) -> bytes:
    """The raw value of the first field of that name, folds included; empty where there is none (RFC 5322, 2.2)."""
    found = re.search(rb"^%s[ \t]*:(.*(?:\r?\n[ \t].*)*)" % re.escape(name), header, re.MULTILINE | re.IGNORECASE)
    return found[1].strip(b" \t\r\n") if found else b""
