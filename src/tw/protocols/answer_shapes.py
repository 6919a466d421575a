"""Answers that differ from an earlier one in nothing but their number and date, read without parsing them again.

A server answers one request after the other with the same header fields in the same order. Once one answer was parsed
whole, a regular expression made of its bytes takes the next ones: a tenth of the parser's time. All that it lets pass
are digits and a date of their old length; everything else must be the same byte for byte, and what is not is parsed.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from tw.protocols.http_exchange import Answer

MOST_SHAPES = 8
"""Kept at once: behind a balancer each server has its own. The one used least recently goes first."""

_NUMBER_FIELD = re.compile(rb"(?i)\r\nx-request-number:[ \t]*([0-9]{1,19})[ \t]*\r\n")
_LENGTH_FIELD = re.compile(rb"(?i)\r\ncontent-length:[ \t]*([0-9]{1,19})[ \t]*\r\n")
_DATE_FIELD = re.compile(rb"(?i)\r\ndate:[ \t]*([0-9A-Za-z,: ]{29})\r\n")
_BODY = re.compile(rb'\A(?:I am request #|\{"v": 1, "request": )([0-9]{1,19})(?=\}?\r?\n?\Z)')


class Quick(NamedTuple):
    """What an answer of a known shape says: its number, the body's, and the answer that it is like otherwise."""

    number: int | None
    body_number: int | None
    like: Answer


class _Shape(NamedTuple):
    pattern: re.Pattern[bytes]
    groups: tuple[str, str, str]
    """Where the length stands, and the number: where there is none, the length's place again."""
    in_header: bool
    in_body: bool
    like: Answer


class _Latest(NamedTuple):
    """The answer before: the next one is mostly the same up to the number, which stands in its header and its body."""

    size_bytes: int
    before: bytes
    digits_end: int
    between: bytes
    after: bytes
    like: Answer


class AnswerShapes:
    """The shapes of a server's latest answers."""

    __slots__ = ("_latest", "_shapes")

    def __init__(self) -> None:
        self._shapes: list[_Shape] = []
        self._latest: _Latest | None = None

    def read(self, data: bytes) -> Quick | None:
        """What `data`, all that was received for one request, says if it is a whole answer of a known shape."""
        latest = self._latest
        if latest is not None and len(data) == latest.size_bytes and data.startswith(latest.before):
            # Comparing costs a quarter of what the expression does.
            _, before, end, between, after, like = latest
            digits = data[len(before) : end]
            if digits.isdigit() and data[end:] == between + digits + after:
                number = int(digits)
                return Quick(number, number, like)
        return self._read(data)

    def _read(self, data: bytes) -> Quick | None:
        for place, shape in enumerate(self._shapes):
            match = shape.pattern.fullmatch(data)
            if match is None:
                continue
            if place:
                self._shapes.insert(0, self._shapes.pop(place))
            length, number, in_body = match.group(*shape.groups)
            if int(length) != len(data) - match.end("head"):
                return None
            if number == in_body and shape.in_header and shape.in_body:
                self._latest = _latest(data, match, shape.like)
            body_number = int(in_body) if shape.in_body else None
            return Quick(int(number) if shape.in_header else body_number, body_number, shape.like)
        return None

    def learn(self, data: bytes, answer: Answer) -> None:
        """Take `data`, a whole answer in one piece, and what was read from it. Those of no certain length are not
        learnt, nor those of a connection that ends."""
        head, blank, body = data.partition(b"\r\n\r\n")
        head += blank
        lengths = _LENGTH_FIELD.findall(head)
        certain = len(lengths) == 1 and int(lengths[0]) == len(body) and b"transfer-encoding" not in head.lower()
        if not (blank and certain and answer.keep_alive and body == answer.body):
            return
        in_head = _varying(head, (("number", _NUMBER_FIELD), ("length", _LENGTH_FIELD), ("date", _DATE_FIELD)))
        # What is nearly a counter's body has no number to the parser, and so none here.
        in_whole_body = _varying(body, (("body", _BODY),) if answer.body_number is not None else ())
        pattern = re.compile(b"(?P<head>%b)%b" % (in_head, in_whole_body))
        in_header, in_body = "number" in pattern.groupindex, "body" in pattern.groupindex
        groups = ("length", "number" if in_header else "length", "body" if in_body else "length")
        shape = _Shape(pattern, groups, in_header, in_body, answer)
        self._shapes = [shape, *self._shapes[: MOST_SHAPES - 1]]


def _latest(data: bytes, match: re.Match[bytes], like: Answer) -> _Latest:
    (begin, end), (body_begin, body_end) = match.span("number"), match.span("body")
    return _Latest(len(data), data[:begin], end, data[end:body_begin], data[body_end:], like)


_VALUES = {"date": rb"[0-9A-Za-z,: ]{29}"}


def _varying(text: bytes, fields: Sequence[tuple[str, re.Pattern[bytes]]]) -> bytes:
    """A pattern for `text` in which the fields' values may be others; a field that stands in it twice may not."""
    spans = []
    for name, field in fields:
        found = [match.span(1) for match in field.finditer(text)]
        if len(found) == 1:
            spans.append((*found[0], name))
    pattern, end = b"", 0
    for begin, after, name in sorted(spans):
        value = _VALUES.get(name, rb"[0-9]{1,19}")
        pattern += re.escape(text[end:begin]) + b"(?P<%b>%b)" % (name.encode(), value)
        end = after
    return pattern + re.escape(text[end:])
