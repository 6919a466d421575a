"""What an IMAP session is asked for, and what it finds: the values around `core.imap`."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from tw.core.imap_commands import FORBIDDEN, NAME_LIMIT_BYTES, encode_mailbox
from tw.core.text import decode_subject
from tw.errors import UsageError

if TYPE_CHECKING:
    from tw.core.imap import ImapSession
    from tw.core.imap_tokens import Data

Security: TypeAlias = Literal["tls", "starttls", "plain"]

_SURROGATE = re.compile("[\ud800-\udfff]")


class Revealing(Protocol):
    """A password whose repr hides it (`tw.secret.Secret`)."""

    def reveal(self) -> str: ...


class Errand(Protocol):
    """What a session is for. It calls `ImapSession.send`, and `finish` once it has what it wanted."""

    def begin(self, session: "ImapSession") -> None:
        """The login is done: send the first commands."""

    def take(self, data: "Data") -> None:
        """An untagged response after the login. Raises MalformedError for one that cannot be read."""


class Phase(StrEnum):
    """How far a session has come. Every error names it."""

    TLS = "tls"
    GREETING = "greeting"
    STARTTLS = "starttls"
    LOGIN = "login"
    OPEN = "open"
    SEARCH = "search"
    FETCH = "fetch"
    LIST = "list"
    STATUS = "status"
    WATCH = "watch"
    LOGOUT = "logout"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImapRequest:
    """What to look at, and as whom. `where` names the server in error texts, such as `imap.example.org:993`.

    `auth` is one of `imap_sasl.AUTHS`; a `token` is for the mechanisms of OAuth. With `send_id` the client says its
    name before it opens a mailbox (RFC 2971): some providers refuse to open one otherwise.

    Building one raises UsageError for what could not be sent as one argument of a command, the password included: it is
    looked at before there is a connection.
    """

    where: str
    user: str
    password: Revealing | None = field(default=None, repr=False)
    token: Revealing | None = field(default=None, repr=False)
    mailbox: str = "INBOX"
    security: Security = "tls"
    auth: str = "auto"
    send_id: bool = False

    def __post_init__(self) -> None:
        texts = {"user": self.user, "mailbox": self.mailbox}
        texts |= {"password": self.password.reveal()} if self.password is not None else {}
        texts |= {"token": self.token.reveal()} if self.token is not None else {}
        for what, text in texts.items():
            # The checks come before any encoding: a UnicodeEncodeError would carry the password.
            if FORBIDDEN & set(text):
                raise UsageError(f"a line end or NUL in the {what}", self.where, "leave it out")
            if _SURROGATE.search(text):
                raise UsageError(f"the {what} is not UTF-8", self.where, "give it in UTF-8")
        check_mailbox(self.mailbox, self.where)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message of a mailbox.

    `header` holds the raw fields Subject, From and Date, as they were sent; `internal_date` is the time of arrival in
    IMAP's form, such as `17-Jul-1996 02:44:25 -0700`, and safe for a terminal. `subject`, `sender` and `date` are
    decoded and on one line, but whoever shows them applies `core.text.safe` first.
    """

    uid: int | None
    internal_date: str | None
    header: bytes
    is_seen: bool = False

    @property
    def subject(self) -> str:
        """Empty where the message has none."""
        return decode_subject(self.raw_subject)

    @property
    def raw_subject(self) -> bytes:
        """The field's value as it came, with its folds."""
        return header_field(self.header, b"subject")

    @property
    def sender(self) -> str:
        """The From field."""
        return decode_subject(header_field(self.header, b"from"))

    @property
    def date(self) -> str:
        """The Date field, as its sender wrote it."""
        return decode_subject(header_field(self.header, b"date"))

    @property
    def arrived_s(self) -> float | None:
        """Seconds since the epoch at which the server took it in (RFC 3501, section 2.3.3); None where that is not
        known."""
        found = _INTERNAL_DATE.fullmatch(self.internal_date or "")
        if found is None:
            return None
        day, month, year, hour, minute, second, sign, zone_hours, zone_minutes = found.groups()
        try:
            at = datetime(
                int(year), _MONTHS.index(month.lower()) + 1, int(day), int(hour), int(minute), int(second), tzinfo=UTC
            )
        except ValueError:
            return None
        offset_s = (int(zone_hours) * 60 + int(zone_minutes)) * 60
        return at.timestamp() - (offset_s if sign == "+" else -offset_s)


def check_mailbox(name: str, where: str) -> None:
    """Raises UsageError for a name that no mailbox can have."""
    if not name:
        raise UsageError("the name of the mailbox is empty", where, "leave it out for INBOX")
    if FORBIDDEN & set(name) or _SURROGATE.search(name):
        raise UsageError("a line end, NUL or a broken character in the name of the mailbox", where, "leave it out")
    if len(encode_mailbox(name)) > NAME_LIMIT_BYTES:
        raise UsageError(f"the name of the mailbox is longer than {NAME_LIMIT_BYTES} bytes", where, "check --mailbox")


_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_INTERNAL_DATE = re.compile(r" ?(\d{1,2})-([A-Za-z]{3})-(\d{4}) (\d{2}):(\d{2}):(\d{2}) ([+-])(\d{2})(\d{2})", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Messages:
    """Messages of a mailbox, oldest first. `exists` is None where the server did not say how many there are."""

    mailbox: str
    exists: int | None
    messages: tuple[Message, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailbox:
    """A mailbox as LIST names it (RFC 3501, section 7.2.2): its name, the hierarchy's delimiter, its attributes."""

    name: str
    delimiter: str | None
    attributes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxStatus:
    """What STATUS says of a mailbox (RFC 3501, section 7.2.4); None for what the server left out."""

    mailbox: str
    messages: int | None
    unseen: int | None
    uid_next: int | None
    uid_validity: int | None


def header_field(header: bytes, name: bytes) -> bytes:
    """The raw value of the first field of that name, folds included; empty where there is none (RFC 5322, 2.2)."""
    found = re.search(rb"^%s[ \t]*:(.*(?:\r?\n[ \t].*)*)" % re.escape(name), header, re.MULTILINE | re.IGNORECASE)
    return found[1].strip(b" \t\r\n") if found else b""
