"""One answer of HTTP/1.1 as it comes in (RFC 9112): bytes in, an `Answer` out, or a typed error."""

import re
from dataclasses import dataclass

from httptools import HttpParserCallbackError, HttpParserError, HttpParserUpgrade, HttpResponseParser
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.python.failure import Failure

from tw.core.counted import counted
from tw.core.text import safe, safe_bytes
from tw.errors import ProtocolError
from tw.net.tls_failures import tls_failure
from tw.protocols.http_request import HttpRequest

SLICE_BYTES = 8192
HEADER_LIMIT_BYTES = 65_536
"""Of an answer's header, with the 1xx answers before it; and of trailers. httptools would buffer any size."""

BODY_LIMIT_BYTES = 1024 * 1024
"""Of an answer's body, decoded from its chunks. The counter's has some 30 bytes; a proxy's error page fits as well."""

_TEXT_BODY = re.compile(rb"I am request #([0-9]{1,19})\r?\n?")
_JSON_BODY = re.compile(rb'\{"v": 1, "request": ([0-9]{1,19})(?:, "saw": \{.*\})?\}\r?\n?', re.DOTALL)
_NUMBER = re.compile(r"[0-9]{1,19}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back. Names and values of `headers` are as they were sent, in Latin-1, and not yet safe to print.

    `number` is X-Request-Number's, or without that field the body's; `body_number` is the body's alone: where the two
    differ, something on the way mixed answers up. `keep_alive`: whether the connection can be used again.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    number: int | None
    body_number: int | None
    instance: str | None
    keep_alive: bool

    def header(self, name: str) -> str | None:
        """The first value of a field, whatever its case."""
        return _first(self.headers, name.lower())


def _first(headers: tuple[tuple[str, str], ...], name: str) -> str | None:
    return next((value for field, value in headers if field.lower() == name), None)


def _body_number(body: bytes) -> int | None:
    match = _TEXT_BODY.fullmatch(body) or _JSON_BODY.fullmatch(body)
    return int(match[1]) if match else None


BEGINNING_BYTES = 40
"""Of an answer, kept to say what it is where it is no HTTP."""


class Exchange:
    """One request's answer as it comes in. httptools calls its `on_` methods."""

    def __init__(self, request: HttpRequest, where: str) -> None:
        self._request = request
        self._where = where
        self._parser = HttpResponseParser(self)
        self._headers: list[tuple[str, str]] = []
        self._body = bytearray()
        self._status = 0
        self._until_close = False
        self._keep_alive = False
        self._overhead_bytes = 0
        self._began_with = b""
        self.received_bytes = 0
        self.complete = False
        self.surplus = False

    def feed(self, data: bytes) -> None:
        """Raises ProtocolError for what is no HTTP answer, or too large a one. Bytes beyond its end are `surplus`."""
        self.received_bytes += len(data)
        if len(self._began_with) < BEGINNING_BYTES:
            self._began_with = (self._began_with + data[:BEGINNING_BYTES])[:BEGINNING_BYTES]
            self._check_name()
        for offset in range(0, len(data), SLICE_BYTES):
            part = data[offset : offset + SLICE_BYTES]
            self._overhead_bytes += len(part)
            try:
                self._parser.feed_data(part)
            except HttpParserUpgrade:
                self.surplus = True  # 101, which nobody asked for: no more HTTP comes
            except HttpParserCallbackError:
                raise  # a bug of ours, not the peer's
            except HttpParserError as error:
                self._fail(error)
            if len(self._body) > BODY_LIMIT_BYTES:
                raise ProtocolError(f"the answer's body is larger than {BODY_LIMIT_BYTES} bytes", self._where)
            if self._overhead_bytes > HEADER_LIMIT_BYTES and not self.complete:
                raise ProtocolError(f"the answer's header is larger than {HEADER_LIMIT_BYTES} bytes", self._where)

    def _check_name(self) -> None:
        """httptools takes the answers of RTSP and of Icecast, which look the same, for HTTP's."""
        name = self._began_with.lstrip(b"\r\n").partition(b"/")
        if name[1] and name[0] != b"HTTP":
            raise self._not_http()

    def _fail(self, error: HttpParserError) -> None:
        if self.complete:
            self.surplus = True
            return
        if self._began_with.lstrip(b"\r\n").startswith(b"HTTP/"):
            raise ProtocolError(f"the answer is broken HTTP: {error}", self._where)
        raise self._not_http()

    def _not_http(self) -> ProtocolError:
        began = safe_bytes(self._began_with, BEGINNING_BYTES)
        hint = "is it an HTTP server? for HTTPS use --tls"
        return ProtocolError(f"the peer does not speak HTTP: its answer begins with '{began}'", self._where, hint)

    def end(self) -> bool:
        """The peer has closed: whether the answer is whole (RFC 9112, 6.3, point 8)."""
        self.complete = self.complete or self._until_close
        return self.complete

    def on_message_begin(self) -> None:
        if self.complete:
            self.surplus = True
        else:
            self._headers.clear()

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.complete:
            self._headers.append((name.decode("latin-1"), value.decode("latin-1").strip(" \t")))

    def on_headers_complete(self) -> None:
        if self.complete:
            return
        self._status = self._parser.get_status_code()
        if 100 <= self._status < 200:
            return
        self._overhead_bytes = 0
        self._keep_alive = self._request.keepalive and self._parser.should_keep_alive()
        headers = tuple(self._headers)
        coding = _first(headers, "transfer-encoding")
        chunked = coding is not None and coding.lower().endswith("chunked")
        self._until_close = not chunked and _first(headers, "content-length") is None
        self.complete = self._request.method == "HEAD"  # httptools does not know, and would wait for a body

    def on_body(self, body: bytes) -> None:
        if self.complete:
            self.surplus = True
            return
        self._overhead_bytes = 0
        self._body += body

    def on_message_complete(self) -> None:
        if not 100 <= self._status < 200 or self._status == 101:
            self.complete = True

    def answer(self) -> Answer:
        """The answer, once `complete`."""
        headers = tuple(self._headers)
        body = bytes(self._body)
        in_body = _body_number(body)
        in_header = _first(headers, "x-request-number")
        number = in_body
        if in_header is not None:
            number = int(in_header) if _NUMBER.fullmatch(in_header) else None
        instance = _first(headers, "x-instance")
        return Answer(
            status=self._status,
            headers=headers,
            body=body,
            number=number,
            body_number=in_body,
            instance=safe(instance, 80) if instance is not None else None,
            keep_alive=self._keep_alive and not self.surplus,
        )


class CutShort(ProtocolError):
    """The connection ended in the middle of an answer."""

    def __init__(self, what: str, where: str, exchange: Exchange) -> None:
        super().__init__(what, where)
        self.reason = "truncated"
        self._exchange = exchange

    @property
    def answer(self) -> Answer:
        """What there is of it."""
        return self._exchange.answer()


def early_end(reason: Failure, where: str, exchange: Exchange | None) -> BaseException:
    """The error for a connection that ended before the answer was whole: CutShort where some of it had come.

    The `reason` of another one is `reset` where the end was none in good order.
    """
    received_bytes = 0 if exchange is None else exchange.received_bytes
    if not reason.check(ConnectionDone, ConnectionLost):
        return tls_failure(reason, where)
    how = "closed" if reason.check(ConnectionDone) else "broke"
    middle = f"in the middle of its answer, after {counted(received_bytes, 'bytes')}"
    when = middle if received_bytes else "without an answer"
    if exchange is not None and received_bytes:
        return CutShort(f"the peer {how} the connection {when}", where, exchange)
    error = ProtocolError(f"the peer {how} the connection {when}", where)
    if reason.check(ConnectionLost):
        error.reason = "reset"
    return error
