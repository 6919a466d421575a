"""What a server says about an open mailbox and its first message, put together from untagged responses.

Servers send the parts of one FETCH in several responses, flags that nobody asked for, and EXPUNGE in between
(RFC 3501, sections 5.2 and 7.4).
"""

from tw.core.imap_tokens import Data, Value


class FirstMessage:
    """Message 1 of the mailbox, as far as it is known. `exists` is None until the server says how many there are."""

    def __init__(self) -> None:
        self.exists: int | None = None
        self._items: dict[bytes, Value] = {}

    def take(self, data: Data) -> None:
        """Note what `data` says; anything else than EXISTS, EXPUNGE and the first message's FETCH is passed over.

        Raises MalformedError for a FETCH that cannot be parsed.
        """
        if data.number is None:
            return
        if data.name == "EXISTS":
            self.exists = data.number
        elif data.name == "EXPUNGE":
            self._expunge(data.number)
        elif data.name == "FETCH" and data.number == 1:
            self._add(data.values())

    @property
    def header(self) -> bytes | None:
        """The raw header fields, or None where they have not come. NIL is a header without any of them."""
        for key, value in self._items.items():
            if key.startswith(b"BODY[HEADER") and not isinstance(value, tuple):
                return value or b""
        return None

    @property
    def uid(self) -> int | None:
        uid = self._octets(b"UID")
        return int(uid) if uid.isdigit() and len(uid) <= 10 else None

    @property
    def internal_date(self) -> bytes | None:
        """The server's own words, such as `17-Jul-1996 02:44:25 -0700`, and not safe."""
        return self._octets(b"INTERNALDATE").strip() or None

    def _octets(self, key: bytes) -> bytes:
        value = self._items.get(key)
        return value if isinstance(value, bytes) else b""

    def _expunge(self, number: int) -> None:
        if self.exists:
            self.exists -= 1
        if number == 1 and self.header is None:
            self._items.clear()  # a part of a message that was the first until now

    def _add(self, values: tuple[Value, ...]) -> None:
        items = values[0] if values else None
        if not isinstance(items, tuple):
            return
        for key, value in zip(items[::2], items[1::2], strict=False):
            if isinstance(key, bytes):
                # What came first stays: a later response is unasked, or already about another message.
                self._items.setdefault(key.upper(), value)
