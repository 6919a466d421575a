"""What an IMAP client says: arguments, mailbox names, and the choice of a way to log in (RFC 3501, sections 4 to 6).

A command is a list of chunks without its tag: the first is sent at once, each other one after the server has asked for
it with a continuation (a synchronising literal, or a SASL exchange without SASL-IR).
"""

import base64
import re
from collections.abc import Sequence, Set
from typing import TypeAlias

Chunks: TypeAlias = list[bytes]

QUOTED_LIMIT_BYTES = 1_000
"""Longer strings go as literals: RFC 2683, section 3.2.1.5, asks clients to keep a line within 1,000 bytes or so."""
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
        at_once = "LITERAL+" in capabilities or ("LITERAL-" in capabilities and len(argument) <= SHORT_LITERAL_BYTES)
        line += b" {%d%s}\r\n" % (len(argument), b"+" if at_once else b"")
        if not at_once:
            chunks.append(line)
            line = b""
        line += argument
    return [*chunks, line + b"\r\n"]


def login_command(user: bytes, password: bytes, capabilities: Set[str]) -> Chunks | None:
    """The best way to log in that the server offers, or None where there is none in common.

    AUTHENTICATE PLAIN before LOGIN, since it takes UTF-8 (RFC 4616) and any byte but NUL. LOGINDISABLED forbids LOGIN
    alone (RFC 3501, section 6.2.3): a mechanism that is offered beside it may be used.
    """
    if "AUTH=PLAIN" in capabilities:
        answer = plain_response(user, password)
        if "SASL-IR" in capabilities:
            return [b"AUTHENTICATE PLAIN " + answer + b"\r\n"]
        return [b"AUTHENTICATE PLAIN\r\n", answer + b"\r\n"]
    if "LOGINDISABLED" in capabilities:
        return None
    return command(b"LOGIN", (user, password), capabilities)


def plain_response(user: bytes, password: bytes) -> bytes:
    """RFC 4616's message in base64, on one line whatever its length (RFC 3501, section 6.2.2)."""
    return base64.b64encode(b"\0" + user + b"\0" + password)


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
