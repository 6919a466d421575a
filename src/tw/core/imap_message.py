"""What a server says about an open mailbox and its messages, put together from untagged responses.

Servers send the parts of one FETCH in several responses, flags that nobody asked for, and EXPUNGE in between
(RFC 3501, sections 5.2 and 7.4).
"""

from bisect import bisect_right
from dataclasses import dataclass, field

from tw.core.imap_tokens import Data, MalformedError, Value
from tw.core.imap_types import Message
from tw.core.text import safe_bytes

FETCH_ITEMS = b"(UID FLAGS INTERNALDATE BODY.PEEK[HEADER.FIELDS (SUBJECT FROM DATE)])"
"""PEEK marks nothing as read, and header fields come as raw octets, which ENVELOPE's strings do not on every server."""

MESSAGES_LIMIT = 10_000
"""Messages that are held at a time. Who asks for more is told."""

HEADERS_LIMIT_BYTES = 32 * 1024 * 1024
"""Of all the headers held: 3 KiB a message, at the most messages. Three fields have some 200 bytes."""

ITEM_BYTES = 100
"""What an item costs beside its bytes."""

DATE_LIMIT_CHARS = 60


@dataclass(slots=True)
class _Held:
    """What is known of one message. One that is gone keeps the number of the message that took its place."""

    number: int
    items: dict[bytes, Value] = field(default_factory=dict)
    is_gone: bool = False


class OpenMailbox:
    """The messages that were fetched, by their numbers. `exists` is None until the server says how many there are."""

    def __init__(self) -> None:
        self.exists: int | None = None
        self._held: list[_Held] = []  # oldest first
        self._held_bytes = 0

    def take(self, data: Data) -> None:
        """Note what `data` says; anything else than EXISTS, EXPUNGE and FETCH is passed over.

        Raises MalformedError for a FETCH that cannot be parsed, and for more than is to be held.
        """
        if data.number is None:
            return
        if data.name == "EXISTS":
            self.exists = data.number
        elif data.name == "EXPUNGE":
            self._expunge(data.number)
        elif data.name == "FETCH":
            self._add(data.number, data.values())

    def forget(self) -> None:
        """Let go of the messages, not of how many there are."""
        self._held.clear()
        self._held_bytes = 0

    def messages(self) -> list[tuple[int, Message]]:
        """The messages whose header has come, with their numbers, oldest first. NIL is a header without any field."""
        found = ((held.number, _message(held.items)) for held in self._held)
        return [(number, message) for number, message in found if message is not None]

    def dated(self) -> list[Message]:
        """The messages whose header or time of arrival has come, oldest first. No header: no subject is known."""
        found = (_message(held.items, b"" if b"INTERNALDATE" in held.items else None) for held in self._held)
        return [message for message in found if message is not None]

    def _expunge(self, number: int) -> None:
        """The message is gone, and those after it have moved up (RFC 3501, section 7.4.1)."""
        if self.exists:
            self.exists -= 1
        at, gone = self._find(number)
        if gone is not None and _header(gone.items) is not None:
            gone.is_gone = True  # it had been fetched: the answer stands
        elif gone is not None:
            del self._held[at]
        for held in self._held:
            held.number -= held.number > number

    def _find(self, number: int) -> tuple[int, _Held | None]:
        """Where the message of that number is held, or where it belongs."""
        at = bisect_right(self._held, number, key=lambda held: held.number)
        if at and self._held[at - 1].number == number and not self._held[at - 1].is_gone:
            return at - 1, self._held[at - 1]
        return at, None

    def _add(self, number: int, values: tuple[Value, ...]) -> None:
        listed = values[0] if values else None
        if not isinstance(listed, tuple):
            return
        at, held = self._find(number)
        if held is None:
            held = _Held(number)
            self._held.insert(at, held)
        items = held.items
        for key, value in zip(listed[::2], listed[1::2], strict=False):
            if isinstance(key, bytes) and key.upper() not in items:
                # What came first stays: a later response is unasked, or already about another message.
                items[key.upper()] = value
                self._held_bytes += len(key) + _size(value)
        if len(self._held) > MESSAGES_LIMIT or self._held_bytes > HEADERS_LIMIT_BYTES:
            raise MalformedError(f"more than {MESSAGES_LIMIT} messages, or than {HEADERS_LIMIT_BYTES} bytes of headers")


def _size(value: Value) -> int:
    """Roughly what it takes to hold it; lists nest no deeper than `imap_tokens.DEPTH_LIMIT`."""
    if isinstance(value, tuple):
        return ITEM_BYTES + sum(map(_size, value))
    return ITEM_BYTES + len(value or b"")


def _message(items: dict[bytes, Value], otherwise: bytes | None = None) -> Message | None:
    """The message, with the header `otherwise` where none has come; None where there is neither."""
    header = _header(items)
    header = otherwise if header is None else header
    if header is None:
        return None
    uid, date = _octets(items, b"UID"), _octets(items, b"INTERNALDATE").strip()
    flags = items.get(b"FLAGS")
    return Message(
        uid=int(uid) if uid.isdigit() and len(uid) <= 10 else None,
        internal_date=safe_bytes(date, DATE_LIMIT_CHARS) if date else None,
        header=header,
        is_seen=isinstance(flags, tuple)
        and any(flag.upper() == b"\\SEEN" for flag in flags if isinstance(flag, bytes)),
    )


def _header(items: dict[bytes, Value]) -> bytes | None:
    for key, value in items.items():
        if key.startswith(b"BODY[HEADER") and not isinstance(value, tuple):
            return value or b""
    return None


def _octets(items: dict[bytes, Value], key: bytes) -> bytes:
    value = items.get(key)
    return value if isinstance(value, bytes) else b""
