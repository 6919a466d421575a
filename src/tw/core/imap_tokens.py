"""Bytes of an IMAP server -> responses, however the bytes are split (RFC 3501 and RFC 9051, sections 4 and 7).

Reading is lax where servers differ and no meaning is lost: a bare LF ends a line, keywords come in any case, a response
code may lack its bracket, a backslash in a quoted string may stand for itself. Everything else is `MalformedError`.
"""

import re
from dataclasses import dataclass, field
from typing import TypeAlias, Union

LINE_LIMIT_BYTES = 65_536
"""Four times what Twisted takes: lists of keywords or capabilities run to a few KB, and long text comes in literals."""
LITERAL_LIMIT_BYTES = 1_048_576
"""Ten times the whole header that Postfix lets in (header_size_limit, 102,400); only three fields are asked for."""
RESPONSE_LIMIT_BYTES = 2 * LITERAL_LIMIT_BYTES
"""One response with all its literals: the header at its limit, and as much again for what a server adds unasked."""
NUMBER_LIMIT_DIGITS = 19
"""RFC 9051 has numbers of 63 bits."""
DEPTH_LIMIT = 64
"""Lists within lists. A body structure nests as deep as its MIME parts, and mail servers themselves stop near 100."""

STATUS_NAMES = frozenset({"OK", "NO", "BAD", "PREAUTH", "BYE"})
TAGGED_NAMES = frozenset({"OK", "NO", "BAD"})

Value: TypeAlias = Union[bytes, tuple["Value", ...], None]  # noqa: UP007 - `|` does not take a name in quotes
"""An atom or a string (the octets), a parenthesised list, or NIL."""


class MalformedError(Exception):
    """The server sent what no reading of the RFC allows. `reason` is ours; `data` is the server's, and not safe."""

    def __init__(self, reason: str, data: bytes = b"") -> None:
        super().__init__(reason)
        self.reason = reason
        self.data = data


@dataclass(frozen=True, slots=True)
class Status:
    """`OK`, `NO`, `BAD`, `PREAUTH` or `BYE`. `tag` is None where it is untagged; `text` includes the response code.

    `line` is, in every response, the (first) line as it came.
    """

    tag: bytes | None
    name: str
    text: bytes
    code: str = ""
    code_arguments: bytes = b""
    line: bytes = field(default=b"", compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Data:
    """Any other untagged response: `* 3 EXISTS` has number 3. `pieces` are text and literals by turns."""

    name: str
    number: int | None
    pieces: tuple[bytes, ...]
    line: bytes = field(default=b"", compare=False, repr=False)

    def values(self) -> tuple[Value, ...]:
        """What follows the name, parsed. Raises MalformedError."""
        return parse_values(self.pieces)


@dataclass(frozen=True, slots=True)
class Continuation:
    """The server waits for the rest of a command."""

    text: bytes
    line: bytes = field(default=b"", compare=False, repr=False)


Response: TypeAlias = Status | Data | Continuation


class ResponseReader:
    """Takes bytes, gives responses. It holds one unfinished response at most, within the limits."""

    def __init__(
        self,
        *,
        line_limit_bytes: int = LINE_LIMIT_BYTES,
        literal_limit_bytes: int = LITERAL_LIMIT_BYTES,
        response_limit_bytes: int = RESPONSE_LIMIT_BYTES,
    ) -> None:
        self._line_limit_bytes = line_limit_bytes
        self._literal_limit_bytes = literal_limit_bytes
        self._response_limit_bytes = response_limit_bytes
        self._buffer = bytearray()
        self._searched_bytes = 0  # of the buffer, for a line end: a line that drips in is not searched again and again
        self._pieces: list[bytes] = []
        self._response_bytes = 0
        self._literal_bytes: int | None = None  # the size of the literal that is being read

    @property
    def unread(self) -> bytes:
        """What came and is no whole response yet."""
        return b"".join(self._pieces) + bytes(self._buffer)

    def feed(self, data: bytes) -> None:
        self._buffer += data

    def next_response(self) -> Response | None:
        """The next whole response, or None: more bytes are needed. Raises MalformedError, and is useless after that."""
        while True:
            if self._literal_bytes is not None:
                if len(self._buffer) < self._literal_bytes:
                    return None
                self._pieces.append(self._take(self._literal_bytes))
                self._literal_bytes = None
            line = self._take_line()
            if line is None:
                return None
            announcement = None if self._is_plain_text(line) else _LITERAL.search(line)
            if announcement is not None:
                self._pieces.append(line[: announcement.start()])
                self._literal_bytes = self._checked_size(announcement[1])
            elif line or self._pieces:
                pieces = (*self._pieces, line)
                self._pieces.clear()
                self._response_bytes = 0
                return _parse_response(pieces)

    def _take(self, size: int) -> bytes:
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken

    def _take_line(self) -> bytes | None:
        end = self._buffer.find(b"\n", self._searched_bytes)
        length = len(self._buffer) if end < 0 else end
        if length > self._line_limit_bytes:
            raise MalformedError(f"a line of over {self._line_limit_bytes} bytes", bytes(self._buffer[:80]))
        if end < 0:
            self._searched_bytes = length
            return None
        self._searched_bytes = 0
        self._count(end + 1)
        return self._take(end + 1)[:-1].removesuffix(b"\r")

    def _is_plain_text(self, line: bytes) -> bool:
        """Whether this is a line whose end is meant for people, where `{5}` announces nothing."""
        if self._pieces:
            return False
        tag, _, rest = line.partition(b" ")
        return tag != b"*" or _keyword(rest.lstrip(b" ").partition(b" ")[0]) in STATUS_NAMES

    def _checked_size(self, digits: bytes) -> int:
        if len(digits) > NUMBER_LIMIT_DIGITS or int(digits) > self._literal_limit_bytes:
            raise MalformedError(f"a literal of over {self._literal_limit_bytes} bytes")
        size = int(digits)
        self._count(size)
        return size

    def _count(self, size: int) -> None:
        self._response_bytes += size
        if self._response_bytes > self._response_limit_bytes:
            raise MalformedError(f"a response of over {self._response_limit_bytes} bytes")


_LITERAL = re.compile(rb"~?\{([0-9]+)\+?\}\Z")


def _keyword(word: bytes) -> str:
    return word.decode("ascii", "replace").upper()


def _parse_response(pieces: tuple[bytes, ...]) -> Response:
    line = pieces[0]
    tag, _, rest = line.partition(b" ")
    if tag == b"+":
        return Continuation(rest, line)
    word, _, text = rest.lstrip(b" ").partition(b" ")
    name = _keyword(word)
    if tag == b"*":
        return _parse_status(None, name, text, line) if name in STATUS_NAMES else _parse_data(name, text, pieces)
    if name not in TAGGED_NAMES or not tag.isalnum():
        raise MalformedError("a line that is no response", line)
    return _parse_status(tag, name, text, line)


def _parse_status(tag: bytes | None, name: str, text: bytes, line: bytes) -> Status:
    inside, bracket, _ = text.removeprefix(b"[").partition(b"]")
    if not bracket or not text.startswith(b"["):
        return Status(tag, name, text, line=line)
    code, _, arguments = inside.partition(b" ")
    return Status(tag, name, text, _keyword(code), arguments, line)


def _parse_data(name: str, text: bytes, pieces: tuple[bytes, ...]) -> Data:
    number: int | None = None
    if name.isascii() and name.isdigit():
        if len(name) > NUMBER_LIMIT_DIGITS:
            raise MalformedError(f"a number of over {NUMBER_LIMIT_DIGITS} digits", pieces[0])
        number = int(name)
        word, _, text = text.lstrip(b" ").partition(b" ")
        name = _keyword(word)
    if not name:
        raise MalformedError("an untagged response without a name", pieces[0])
    return Data(name, number, (text, *pieces[1:]), pieces[0])


# The bound on a section keeps `BODY[ BODY[ BODY[ …` from taking the square of its length.
_TOKEN = re.compile(
    rb"""(?P<space>[ \t]+)
    |(?P<open>\()
    |(?P<close>\))
    |"(?P<quoted>[^"\\]*(?:\\.[^"\\]*)*)"
    |(?P<atom>(?:BODY|BINARY(?:\.SIZE)?)\[(?:[^\]"]|"[^"\\]*(?:\\.[^"\\]*)*"){0,1000}\](?:<[0-9]+>)?|[^ \t()"]+)""",
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
_ESCAPED = re.compile(rb'\\(["\\])')


def parse_values(pieces: tuple[bytes, ...]) -> tuple[Value, ...]:
    """Text and literals by turns -> values. Raises MalformedError.

    `BODY[HEADER.FIELDS (SUBJECT)]<0>` is one atom. In a quoted string only quote and backslash can be escaped
    (RFC 3501, section 4.3); another backslash is one that a server forgot to double, and stays.
    """
    levels: list[list[Value]] = [[]]
    for index, piece in enumerate(pieces):
        if index % 2:
            levels[-1].append(piece)
        else:
            _parse_text(piece, levels)
    if len(levels) > 1:
        raise MalformedError("a list without an end", pieces[0])
    return tuple(levels[0])


def _parse_text(text: bytes, levels: list[list[Value]]) -> None:
    position = 0
    while position < len(text):
        token = _TOKEN.match(text, position)
        if token is None:  # only a quote can begin what is no token
            raise MalformedError("a quoted string without an end", text)
        position = token.end()
        match token.lastgroup:
            case "open":
                if len(levels) > DEPTH_LIMIT:
                    raise MalformedError(f"lists nested over {DEPTH_LIMIT} deep")
                levels.append([])
            case "close":
                if len(levels) == 1:
                    raise MalformedError("a closing parenthesis too many", text)
                finished = levels.pop()
                levels[-1].append(tuple(finished))
            case "quoted":
                levels[-1].append(_ESCAPED.sub(rb"\1", token["quoted"]))
            case "atom":
                atom = token["atom"]
                levels[-1].append(None if atom.upper() == b"NIL" else atom)
            case _:
                pass
