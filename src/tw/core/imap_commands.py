"""What an IMAP client says: arguments, mailbox names, search criteria (RFC 3501, sections 4 to 6).

A command is a list of chunks without its tag: the first is sent at once, each other one after the server has asked for
it with a continuation (a synchronising literal).
"""

import base64
import re
from collections.abc import Sequence, Set
from typing import TypeAlias

from tw.errors import UsageError

Chunks: TypeAlias = list[bytes]

QUOTED_LIMIT_BYTES = 1_000
"""Longer strings go as literals: RFC 2683, section 3.2.1.5, asks clients to keep a line within 1,000 bytes or so."""
NAME_LIMIT_BYTES = QUOTED_LIMIT_BYTES
"""Of a mailbox's name as it is sent: longer ones could not be quoted. File systems stop at 255 bytes a level."""
SHORT_LITERAL_BYTES = 4_096
"""What LITERAL- allows without waiting (RFC 7888, section 5)."""
FORBIDDEN = frozenset("\r\n\0")
"""CR, LF and NUL: they end a command, and begin one that nobody asked for."""

_QUOTABLE = re.compile(rb"[\x01-\x09\x0b\x0c\x0e-\x7f]*")
_PRINTABLE = re.compile("([ -~]+)")


def quoted(text: bytes) -> bytes:
    return b'"' + text.replace(b"\\", rb"\\").replace(b'"', rb"\"") + b'"'


def command(name: bytes, arguments: Sequence[bytes], capabilities: Set[str] = frozenset()) -> Chunks:
    """Name and string arguments, each quoted where it can be and a literal where it must."""
    chunks: Chunks = []
    line = name
    for argument in arguments:
        if len(argument) <= QUOTED_LIMIT_BYTES and _QUOTABLE.fullmatch(argument):
            line += b" " + quoted(argument)
            continue
        at_once = _at_once(len(argument), capabilities)
        line += b" {%d%s}\r\n" % (len(argument), b"+" if at_once else b"")
        if not at_once:
            chunks.append(line)
            line = b""
        line += argument
    return [*chunks, line + b"\r\n"]


def _at_once(size: int, capabilities: Set[str]) -> bool:
    """Whether a literal needs no leave (RFC 7888)."""
    return "LITERAL+" in capabilities or ("LITERAL-" in capabilities and size <= SHORT_LITERAL_BYTES)


def encode_mailbox(name: str) -> bytes:
    """A mailbox name in modified UTF-7 (RFC 3501, section 5.1.3). Raises UnicodeEncodeError for a lone surrogate.

    Printable ASCII stands for itself, `&` is `&-`, and the rest is UTF-16 in base64 with a comma for the slash, between
    `&` and `-`.
    """
    encoded = b""
    for index, run in enumerate(_PRINTABLE.split(name)):
        if index % 2:
            encoded += run.encode("ascii").replace(b"&", b"&-")
        elif run:
            packed = base64.b64encode(run.encode("utf-16-be"), altchars=b"+,")
            encoded += b"&" + packed.rstrip(b"=") + b"-"
    return encoded


def decode_mailbox(name: bytes) -> str:
    """A name from modified UTF-7. What is none stays as it came, 8-bit names in UTF-8 or else Latin-1."""
    try:
        text = name.decode()
    except UnicodeDecodeError:
        return name.decode("latin-1")
    return _SHIFTED.sub(_unshifted, text)


# Without `&` inside, since a name of a thousand of them would take the square of its length.
_SHIFTED = re.compile("&([^&-]*)-")


def _unshifted(found: re.Match[str]) -> str:
    if not found[1]:
        return "&"
    packed = found[1].replace(",", "/")
    try:
        return base64.b64decode(packed + "=" * (-len(packed) % 4), validate=True).decode("utf-16-be")
    except ValueError:
        return found[0]


_SEARCH_TOKEN = re.compile(r'\s+|[()]|"(?P<quoted>[^"\\]*(?:\\.[^"\\]*)*)"|(?P<bare>[^\s()"]+)', re.DOTALL)


def search_tokens(criteria: str) -> list[str | bytes]:
    """Search criteria, checked: what is sent as it is, and as bytes what must be a literal, since it is not ASCII.

    Raises UsageError for criteria that could not be sent in one command, or are none.
    """
    if FORBIDDEN & set(criteria) or "\x7f" in criteria or _SURROGATE.search(criteria):
        raise UsageError("a line end, NUL or a broken character in the criteria", "--search", "leave it out")
    criteria = criteria.strip()
    tokens: list[str | bytes] = []
    position = 0
    for found in _SEARCH_TOKEN.finditer(criteria):
        if found.start() != position:
            break
        position = found.end()
        text = found["quoted"] if found["quoted"] is not None else found["bare"]
        if "{" in (found["bare"] or ""):
            # At the end of a line it would announce a literal; no word of IMAP's has one (RFC 3501, section 9, atom).
            raise UsageError("a brace outside quotes in the criteria", "--search", "quote it")
        if text is not None and not text.isascii():
            tokens.append((_UNESCAPE.sub(r"\1", text) if found["quoted"] is not None else text).encode())
        else:
            tokens.append(" " if found[0].isspace() else found[0])
    if position != len(criteria):
        raise UsageError("a quote without an end in the criteria", "--search", "close it")
    if not criteria:
        raise UsageError("no criteria", "--search", "such as UNSEEN, or FROM bob SINCE 1-Jan-2026")
    if len(criteria.encode()) > SEARCH_LIMIT_BYTES:
        raise UsageError(f"criteria of over {SEARCH_LIMIT_BYTES} bytes", "--search", "ask for less")
    return tokens


SEARCH_LIMIT_BYTES = 4_000
"""Servers take lines of 8,000 bytes at least (RFC 2683, section 3.2.1.5)."""
_UNESCAPE = re.compile(r'\\(["\\])')
_SURROGATE = re.compile("[\ud800-\udfff]")


def search_command(tokens: Sequence[str | bytes], capabilities: Set[str]) -> Chunks:
    """`UID SEARCH`, in UTF-8 where anything is not ASCII (RFC 3501, section 6.4.4)."""
    is_ascii = all(isinstance(token, str) for token in tokens)
    line = b"UID SEARCH " if is_ascii else b"UID SEARCH CHARSET UTF-8 "
    chunks: Chunks = []
    for token in tokens:
        if isinstance(token, str):
            line += token.encode("ascii")
            continue
        at_once = _at_once(len(token), capabilities)
        line += b"{%d%s}\r\n" % (len(token), b"+" if at_once else b"")
        if not at_once:
            chunks.append(line)
            line = b""
        line += token
    return [*chunks, line + b"\r\n"]
