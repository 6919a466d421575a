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
_DATE_FIELD = re.compile(rb"(?i)\r\ndate:[ \t]*([^\r\n]{29})\r\n")
_BODY = re.compile(rb'\A(?:I am request #|\{"v": 1, "request": )([0-9]{1,19})(?=\}?\r?\n?\Z)')


class Quick(NamedTuple):
    """What an answer of a known shape says: its number, the body's, and the answer that it is like otherwise."""

    number: int | None
    body_number: int | None
    like: Answer


class _Shape(NamedTuple):
    pattern: re.Pattern[bytes]
    like: Answer


class AnswerShapes:
    """The shapes of a server's latest answers."""

    __slots__ = ("_shapes",)

    def __init__(self) -> None:
        self._shapes: list[_Shape] = []

    def read(self, data: bytes) -> Quick | None:
        """What `data`, all that was received for one request, says if it is a whole answer of a known shape."""
        for place, shape in enumerate(self._shapes):
            match = shape.pattern.fullmatch(data)
            if match is None:
                continue
            if place:
                self._shapes.insert(0, self._shapes.pop(place))
            groups = match.groupdict()
            if int(groups["length"]) != len(data) - match.end("head"):
                return None
            number, in_body = groups.get("number"), groups.get("body")
            body_number = int(in_body) if in_body is not None else shape.like.body_number
            return Quick(int(number) if number is not None else body_number, body_number, shape.like)
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
        pattern = b"(?P<head>%b)%b" % (in_head, _varying(body, (("body", _BODY),)))
        self._shapes = [_Shape(re.compile(pattern), answer), *self._shapes[: MOST_SHAPES - 1]]


_VALUES = {"date": rb"[^\r\n]{29}"}


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
