"""The counter's answers as bytes, and what all its connections share: the numbers, the clock, the counts.

A numbered answer is one `join` of what a hundred of them have in common, made from a template that is good for a second
(its `Date`); everything else is rare.
"""

import re
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Protocol

from tw.errors import LocalError
from tw.events import Requested
from tw.protocols.request_rules import BODY_LIMIT_BYTES, HEADER_LIMIT_BYTES, KNOWN_REQUESTS

JSON, HEAD, CLOSE, KEEP_ALIVE = 1, 2, 4, 8
"""Bits of an answer's kind: JSON instead of text; no body; `Connection: close`; `Connection: keep-alive` (HTTP/1.0)."""

KINDS = 16

TWO_DIGITS = [b"%02d" % number for number in range(100)]
GAP = b"\0"
"""Where two digits belong. It stands in no answer."""
NO_HUNDRED: tuple[int, list[bytes]] = (-1, [])

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

REASONS = {
    400: b"Bad Request",
    405: b"Method Not Allowed",
    408: b"Request Timeout",
    413: b"Content Too Large",
    414: b"URI Too Long",
    431: b"Request Header Fields Too Large",
    501: b"Not Implemented",
    503: b"Service Unavailable",
    505: b"HTTP Version Not Supported",
}

RETRY_AFTER_S = 10
"""Somebody has to make space first. Who asks earlier does no harm: each request looks whether there is some."""

_ALLOW = b"Allow: GET, HEAD\r\n"
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_PLACE = rb"(?:\[[0-9A-Za-z:.%_~-]+\]|[0-9A-Za-z._~!$&'()*+;=%-]+)(?::[0-9]*)?"
_HOST = re.compile(_PLACE + rb"|(?::[0-9]*)?")
_URL = re.compile(rb"https?://" + _PLACE + rb"(?:[/?]|\Z)", re.IGNORECASE)


class NumberSource(Protocol):
    """Where the numbers come from. `take` raises LocalError where it cannot promise that a number stays unique."""

    instance: str

    def take(self) -> int: ...


class CounterSite:
    """What the connections of one counter share.

    `clock` gives seconds since the epoch (for `Date`), `reactor` only `callLater`. `requested` is told of every answer
    unless None; `failed` of every number that could not be had, and `recovered` of the first one after that. `requests`
    counts the answers with a number, `errors` those with a 4xx or 5xx status, `timeouts` the connections that ended
    because a request, or taking its answer, took too long.
    """

    retry_after_s = RETRY_AFTER_S

    def __init__(
        self,
        reactor: Any,
        numbers: NumberSource,
        clock: Callable[[], float],
        *,
        requested: Callable[[Requested], None] | None = None,
        failed: Callable[[LocalError], None] = lambda error: None,
        recovered: Callable[[], None] = lambda: None,
        header_limit_bytes: int = HEADER_LIMIT_BYTES,
        body_limit_bytes: int = BODY_LIMIT_BYTES,
    ) -> None:
        self.reactor = reactor
        self.take = numbers.take
        self.requested = requested
        self.failed = failed
        self.recovered = recovered
        self.header_limit_bytes = header_limit_bytes
        self.body_limit_bytes = body_limit_bytes
        self.known: dict[bytes, tuple[int, int]] = {}
        """What came alone in one read and needs no parsing any more: the kind of its answers, and how many."""
        self._take = numbers.take
        self.requests = 0
        self.errors = 0
        self.timeouts = 0
        self.clock = clock
        self._instance = numbers.instance.encode("ascii")
        self.since_s = self.until_s = -1.0
        """The second that everything here is good for: `tick` where the clock is not in it."""
        self._date = b""
        self._templates: list[tuple[bytes, int]] = []
        self._hundreds: list[tuple[int, list[bytes]]] = []

    def tick(self) -> None:
        """Look at the clock: `Date` is good for the second (RFC 9110, 6.6.1). Safe to call again."""
        second = int(self.clock())
        if second != self.since_s:
            self.since_s, self.until_s = second, second + 1
            self._date = http_date(second)
            self._templates = [self._template(kind) for kind in range(KINDS)]
            self._hundreds = [NO_HUNDRED] * KINDS

    def remember(self, data: bytes, kind: int, count: int) -> None:
        """`data` is known from here on."""
        if len(self.known) >= KNOWN_REQUESTS:
            self.known.clear()
        self.known[data] = kind, count

    def next_answer(self, kind: int) -> tuple[int | None, bytes]:
        """The next number and its 200; None and a 503 where no number can be promised. `tick` must have been called."""
        try:
            number = self.take()
        except LocalError as error:
            self.failed(error)
            self.take = self._take_again
            return None, self.refusal(503, "the state cannot be written", kind)
        return number, self.numbered(number, kind)

    def _take_again(self) -> int:
        """In place of `take` while there was no number to be had, so that it costs nothing while all is well."""
        number = self._take()
        self.take = self._take
        self.recovered()
        return number

    def numbered(self, number: int, kind: int) -> bytes:
        """The 200 for `number`. `tick` must have been called."""
        self.requests += 1
        hundred, pieces = self._hundreds[kind]
        if number // 100 == hundred:
            return TWO_DIGITS[number % 100].join(pieces)
        return self._numbered_anew(number, kind)

    def _numbered_anew(self, number: int, kind: int) -> bytes:
        """Keeps what the answers to a hundred numbers have in common: all but the last two digits. To join that takes
        half of the time that writing a number does."""
        template, fixed_bytes = self._templates[kind]
        if number < 100:
            digits = b"%d" % number
            return template % (fixed_bytes + len(digits), digits, digits)
        digits = b"%d" % (number // 100) + GAP
        pieces = (template % (fixed_bytes + len(digits) + 1, digits, digits)).split(GAP)
        self._hundreds[kind] = number // 100, pieces
        return TWO_DIGITS[number % 100].join(pieces)

    def described_head(self, number: int, kind: int) -> bytes:
        """As `numbered`, but without the body, and the fields that tell of it. `tick` must have been called."""
        self.requests += 1
        return self._head(200, b"OK", b"application/json", kind) + b"X-Request-Number: %d\r\n" % number

    def refusal(self, status: int, detail: str, kind: int) -> bytes:
        """An answer without a number. `detail` is plain ASCII of ours or of the parser's, never the peer's."""
        self.errors += 1
        reason = REASONS.get(status) or _reason(status)
        body = b"%d %s: %s\n" % (status, reason, detail.encode("ascii"))
        extra = _ALLOW if status == 405 else b"Retry-After: %d\r\n" % self.retry_after_s if status == 503 else b""
        head = self._head(status, reason, b"text/plain; charset=utf-8", kind)
        return head + extra + b"Content-Length: %d\r\n\r\n" % len(body) + (b"" if kind & HEAD else body)

    def _head(self, status: int, reason: bytes, media_type: bytes, kind: int) -> bytes:
        connection = b"Connection: close\r\n" if kind & CLOSE else b""
        if kind & KEEP_ALIVE:
            connection = b"Connection: keep-alive\r\n"
        return (
            b"HTTP/1.1 %d %s\r\nContent-Type: %s\r\nCache-Control: no-store\r\nDate: %s\r\nX-Instance: %s\r\n%s"
        ) % (status, reason, media_type, self._date, self._instance, connection)

    def _template(self, kind: int) -> tuple[bytes, int]:
        """Three places: the body's length, the number, and the number in the body; and the body's length without it."""
        media_type, body = b"text/plain; charset=utf-8", b"I am request #%s\n"
        if kind & JSON:
            media_type, body = b"application/json", b'{"v": 1, "request": %s}\n'
        fixed_bytes = len(body) - len(b"%s")
        if kind & HEAD:
            body = b"%.0s"  # takes the third place, and prints none of it
        head = self._head(200, b"OK", media_type, kind)
        return head + b"Content-Length: %d\r\nX-Request-Number: %s\r\n\r\n" + body, fixed_bytes


def _reason(status: int) -> bytes:
    """What a status that was asked for is called; one that nobody knows may go without (RFC 9112, 4)."""
    try:
        return HTTPStatus(status).phrase.encode("ascii")
    except ValueError:
        return b"Error"


def http_date(second: int) -> bytes:
    """Seconds since the epoch in the one form that is still sent (RFC 9110, 5.6.7), whatever the locale."""
    at = time.gmtime(second)
    day, month = _DAYS[at.tm_wday], _MONTHS[at.tm_mon - 1]
    clock = f"{at.tm_hour:02d}:{at.tm_min:02d}:{at.tm_sec:02d}"
    return f"{day}, {at.tm_mday:02d} {month} {at.tm_year:04d} {clock} GMT".encode("ascii")


def is_host(value: bytes) -> bool:
    """Whether a Host field names at most one host and port (RFC 9112, 3.2). It may be empty."""
    return _HOST.fullmatch(value.strip(b" \t")) is not None


def is_target(target: bytes) -> bool:
    """Whether a GET may ask for it: a path, or an absolute URL as through a proxy (RFC 9112, 3.2.1 and 3.2.2).

    A URL has a host and no user (RFC 9110, 4.2.1 and 4.2.4), and a fragment is never sent (RFC 9110, 7.1).
    """
    return (target.startswith(b"/") or _URL.match(target) is not None) and b"#" not in target


def wants_json(accept: bytes) -> bool:
    """Whether an Accept field lists `application/json`, and not with a weight of zero (RFC 9110, 12.5.1)."""
    for media_range in accept.lower().split(b","):
        media_type, *parameters = (part.strip(b" \t") for part in media_range.split(b";"))
        if media_type == b"application/json":
            return not any(re.fullmatch(rb"q=0(\.0*)?", parameter) for parameter in parameters)
    return False
