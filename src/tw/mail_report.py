"""Results of `tw imap`: frozen values, with their forms as JSON, as lines for a pipe, and as rows for a terminal.

Texts are decoded and on one line, but not yet safe for a terminal: the display sees to that.
"""

from dataclasses import dataclass
from typing import Protocol, TypeAlias

from tw.core.imap_types import Mailbox, MailboxStatus, Message, Messages
from tw.errors import TwError
from tw.schema import VERSION, Json, error_json, iso_utc

Row: TypeAlias = tuple[str, ...]


class MailResult(Protocol):
    """What a display shows: `rows` under `header` on a terminal, `lines` elsewhere, and where there are no rows."""

    @property
    def header(self) -> Row: ...
    def rows(self) -> list[Row]: ...
    def lines(self) -> list[str]: ...
    def raw(self) -> list[bytes]: ...
    def to_json(self) -> Json: ...


def message_json(message: Message) -> Json:
    return {
        "uid": message.uid,
        "subject": message.subject,
        "from": message.sender or None,
        "date": message.date or None,
        "arrived": message.internal_date,
        "seen": message.is_seen,
    }


@dataclass(frozen=True, slots=True)
class FirstSubject:
    """The subject of a mailbox's first message."""

    found: Messages

    header: Row = ()

    def rows(self) -> list[Row]:
        return []

    def lines(self) -> list[str]:
        return [message.subject for message in self.found.messages]

    def raw(self) -> list[bytes]:
        return [message.raw_subject for message in self.found.messages]

    def to_json(self) -> Json:
        (message,) = self.found.messages
        return {
            "v": VERSION,
            "ok": True,
            "mailbox": self.found.mailbox,
            "exists": self.found.exists,
            "subject": message.subject,
            "uid": message.uid,
            "date": message.date or None,
            "from": message.sender or None,
        }


@dataclass(frozen=True, slots=True)
class Subjects:
    """Subjects of several messages, oldest first."""

    found: Messages

    header: Row = ("UID", "Arrived", "From", "Subject")

    def rows(self) -> list[Row]:
        return [
            (str(message.uid or ""), message.internal_date or "", message.sender, message.subject)
            for message in self.found.messages
        ]

    def lines(self) -> list[str]:
        return [message.subject for message in self.found.messages]

    def raw(self) -> list[bytes]:
        return [message.raw_subject for message in self.found.messages]

    def to_json(self) -> Json:
        return {
            "v": VERSION,
            "ok": True,
            "mailbox": self.found.mailbox,
            "exists": self.found.exists,
            "messages": [message_json(message) for message in self.found.messages],
        }


@dataclass(frozen=True, slots=True)
class Mailboxes:
    """The mailboxes that a pattern matches, in the server's order."""

    found: tuple[Mailbox, ...]

    header: Row = ("Mailbox", "Delimiter", "Attributes")

    def rows(self) -> list[Row]:
        return [(one.name, one.delimiter or "", " ".join(one.attributes)) for one in self.found]

    def lines(self) -> list[str]:
        return [one.name for one in self.found]

    def raw(self) -> list[bytes]:
        return []

    def to_json(self) -> Json:
        listed = [
            {"name": one.name, "delimiter": one.delimiter, "attributes": list(one.attributes)} for one in self.found
        ]
        return {"v": VERSION, "ok": True, "mailboxes": listed}


@dataclass(frozen=True, slots=True)
class Statuses:
    """Counts of mailboxes, and the error of the first one that could not be had."""

    found: tuple[MailboxStatus, ...]
    error: TwError | None = None

    header: Row = ("Mailbox", "Messages", "Unseen", "UID next", "UID validity")

    def rows(self) -> list[Row]:
        return [
            (one.mailbox, *(_count(value) for value in (one.messages, one.unseen, one.uid_next, one.uid_validity)))
            for one in self.found
        ]

    def lines(self) -> list[str]:
        # The name comes last: it may have spaces.
        return [f"{_count(one.messages)} {_count(one.unseen)} {one.mailbox}" for one in self.found]

    def raw(self) -> list[bytes]:
        return []

    def to_json(self) -> Json:
        listed = [
            {
                "mailbox": one.mailbox,
                "messages": one.messages,
                "unseen": one.unseen,
                "uid_next": one.uid_next,
                "uid_validity": one.uid_validity,
            }
            for one in self.found
        ]
        document: Json = {"v": VERSION, "ok": self.error is None, "mailboxes": listed}
        return document if self.error is None else document | {"error": error_json(self.error)}


def _count(value: int | None) -> str:
    return "-" if value is None else str(value)


def watched_json(mailbox: str, message: Message, at_s: float) -> Json:
    """A new message of `tw imap watch`, as a line of JSON."""
    return {"v": VERSION, "event": "message", "at": iso_utc(at_s), "mailbox": mailbox} | message_json(message)
