"""One connection's requests to the counter: bytes in, answers out; no transport (HTTP/1.1, RFC 9110 and 9112).

httptools parses; what it lacks is here (DESIGN 4.9): it knows no limit, and takes requests without a Host.
"""

from httptools import (
    HttpParserCallbackError,
    HttpParserError,
    HttpParserInvalidMethodError,
    HttpParserUpgrade,
    HttpRequestParser,
)

from tw.protocols.answers import CLOSE, CONTINUE, HEAD, JSON, KEEP_ALIVE, CounterSite, is_host, is_target, wants_json
from tw.protocols.repeats import Repeats
from tw.protocols.request_rules import (
    END,
    METHOD,
    NOTED,
    REPEATED_LIMIT_BYTES,
    TARGET_LIMIT_BYTES,
    boundary,
    coding_fault,
)

_SLASH = ord("/")


class Requests(Repeats):
    """Feed it; take the answers from `out`.

    A request's number is taken when the request is complete. `begun`: one is under way; `headed`: and its header is
    complete. `draining` makes the next answer the last one.
    `room_bytes` is how much may be fed at once: where it is not above 0, call `refuse_oversize`.
    """

    # More attributes than the 30 that instances of a class share the names of: without slots each would cost more.
    __slots__ = (
        "_bad_coding", "_body_bytes", "_chunked", "_expects", "_good_host", "_header_limit_bytes", "_hosts", "_kind",
        "_last_kind", "_length_bytes", "_messages", "_nameless", "_noted", "_opening", "_other", "_parser", "_run",
        "_singular", "begun", "headed", "room_bytes",
    )  # fmt: skip

    def __init__(self, site: CounterSite) -> None:
        super().__init__(site)
        self.begun = False
        self._header_limit_bytes = site.header_limit_bytes
        self._good_host = b""
        self._messages = 0
        self._parser: HttpRequestParser | None = None  # where all that comes was parsed for others before, it has none
        self._prepare()

    def _start_over(self) -> None:
        """A new parser, at the start of a request."""
        self._parser = HttpRequestParser(self)
        self._prepare()

    def _prepare(self) -> None:
        # Less what was fed since a header ended or a piece of a body came: all that httptools may have buffered.
        self.room_bytes = self._header_limit_bytes
        self._opening: bytes | None = b""  # the request as long as it has no target; None where its start is not known
        self._nameless = b""  # the start of a method that httptools does not know, kept from it until it is whole
        self._noted = True
        self._run = 0  # plain requests of one kind up to here
        self._last_kind = 0
        self._repeated = None
        self._reset()

    def _reset(self) -> None:
        """Forget one request. What few requests have is under `_noted`, which keeps this short."""
        self.begun = False
        self.headed = False
        self._target = b""
        self._hosts = 0
        self._kind = 0
        if self._noted:
            # `_singular`: another one with the same bytes must be parsed as well.
            self._noted = self._singular = self._chunked = self._expects = self._other = False
            self._length_bytes = self._body_bytes = self._bad_coding = 0
            self._other_method = b""

    def close(self) -> None:
        """The connection is gone. Parser and callbacks refer to each other: parted, they need no garbage collector."""
        self.over = True
        self._parser = None

    def feed(self, data: bytes) -> int:
        """Parse at most `room_bytes` bytes; gives how many of them are done with, at least one."""
        if data == self._repeated and not self.begun and not self.draining:
            # Byte for byte an earlier request, as a load generator's are: parsing costs half of what an answer does.
            self._number(self._repeated_kind)
            if self._repeated_count > 1:
                for _ in range(self._repeated_count - 1):
                    self._number(self._repeated_kind)
            return len(data)
        parser = self._parser
        if parser is None:
            if self._recall(data):
                return len(data)
            parser = self._parser = HttpRequestParser(self)
        if self._nameless:
            return self._feed_other_method(self._nameless, data)
        if self.begun or data.find(END) != len(data) - 4:
            data = data[: self._cut(data)]
        messages = self._messages
        is_alone = not self.begun and len(data) <= REPEATED_LIMIT_BYTES
        self.room_bytes -= len(data)
        try:
            parser.feed_data(data)
        except HttpParserUpgrade as upgrade:
            # The request is answered as if it had not asked (RFC 9110, 7.8); the next one starts here.
            return int(upgrade.args[0])
        except HttpParserCallbackError:
            raise  # a bug of ours, not the peer's
        except HttpParserInvalidMethodError as error:
            if self._opening is not None and messages == self._messages and not self.over:
                return self._feed_other_method(self._opening, data)
            self.refuse(400, str(error))
        except HttpParserError as error:
            self.refuse(400, str(error))
        count = self._messages - messages
        if is_alone and 0 < count <= self._run and not self.begun:
            self._remember(data, self._last_kind, count)
        if self.begun and not self._target:
            known = self._opening is not None and messages == self._messages
            self._opening = (self._opening or b"") + data if known else None
        return len(data)

    def _cut(self, data: bytes) -> int:
        """How much of `data` to parse at once, so that an unknown method is found at the start of a piece."""
        if self.headed and self._length_bytes:
            return self._length_bytes - self._body_bytes or len(data)
        return boundary(data, self.begun)

    def _feed_other_method(self, opening: bytes, data: bytes) -> int:
        """A method that httptools does not know gets its 501: it is parsed under the name of one that it knows.

        `opening` is what came of the request before `data`. Gives how much of `data` is done with.
        """
        request = (opening + data).lstrip(b"\r\n")
        method = METHOD.match(request)
        rest = request[method.end() :] if method else b""
        self._start_over()
        if method is None or (rest and rest[0] != ord(" ")):
            self.refuse(400, "the method is not a name")
        elif not rest:
            self.begun = True
            self._nameless = request
        else:
            self._noted = self._singular = True
            self._other_method = method[0]
            name = b"DELETE"
            return len(data) - len(rest) + self.feed(name + rest) - len(name)
        return len(data)

    # What the parser calls. An exception here would kill it ---------------------------------------------------------

    def on_message_begin(self) -> None:
        self.begun = True

    def on_url(self, url: bytes) -> None:
        self._target += url
        if len(self._target) > TARGET_LIMIT_BYTES:
            self.refuse(414, f"the target is longer than {TARGET_LIMIT_BYTES} bytes")

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.headed:
            return  # a trailer, which has no say (RFC 9110, 6.5.1)
        name = name.lower()
        if name == b"host":
            self._hosts += 1
            if value != self._good_host:
                if is_host(value):
                    self._good_host = value
                else:
                    self._hosts += 1
        elif name in NOTED:
            self._note(name, value)

    def _note(self, name: bytes, value: bytes) -> None:
        if name == b"accept":
            if b"json" in value.lower() and wants_json(value):
                self._kind |= JSON
            return
        self._noted = True
        if name == b"connection":
            return  # the parser heeds it
        self._singular = True
        if name == b"content-length":
            self._length_bytes = int(value)
        elif name == b"transfer-encoding":
            self._chunked = True
            self._bad_coding = self._bad_coding or coding_fault(value)
        elif name == b"expect":
            self._expects = value.strip(b" \t").lower() == b"100-continue"

    def on_headers_complete(self) -> None:
        assert self._parser is not None
        self.room_bytes = self._header_limit_bytes
        self.headed = True
        if self.over:
            return
        method = self._other_method or self._parser.get_method()
        if method == b"HEAD":
            self._kind |= HEAD
        elif method != b"GET":
            self._noted = self._singular = self._other = True
        keeps_alive = self._parser.should_keep_alive()
        # Without a Connection field, which is noted, only HTTP/1.1 keeps alive. Asking costs more than all the rest.
        version = "1.1" if keeps_alive and not self._noted else self._parser.get_http_version()
        if not keeps_alive:
            self._kind |= CLOSE
        elif version == "1.0":
            self._kind |= KEEP_ALIVE
        if (fault := self._fault(version)) is not None:
            self.refuse(*fault)
        elif self._noted:
            self._mind_body(version, self._parser.should_upgrade())

    def _fault(self, version: str) -> tuple[int, str] | None:
        """Why a request with this header is not answered with a number (RFC 9112, sections 2.3, 3.2 and 6.1)."""
        old = version == "1.0"
        if not old and version != "1.1":
            return 400 if version == "0.9" else 505, "HTTP/1.0 and HTTP/1.1 are spoken here"
        if self._hosts > 1 or not (self._hosts or old):
            return 400, "a request needs one Host, a name and a port"
        if self._chunked and (old or self._bad_coding):
            if old:
                return 400, "HTTP/1.0 has no Transfer-Encoding"
            return self._bad_coding, "chunked is the only transfer coding that is known here"
        target = self._target
        if (target[0] != _SLASH or b"#" in target) and not self._other and not is_target(target):
            return 400, "the target is neither a path nor a URL"
        return None

    def _mind_body(self, version: str, upgrade: bool) -> None:
        """A body that is announced, or a protocol that is asked for (RFC 9110, sections 7.8 and 10.1.1)."""
        has_body = self._chunked or self._length_bytes > 0
        if self._length_bytes > self._site.body_limit_bytes:
            self._refuse_body()
        elif self._other and self._expects and has_body:
            self._refuse_other()
        elif upgrade and (has_body or self._other):
            # httptools takes what follows the header for the new protocol's: the next request cannot be found.
            self._kind = self._kind & ~KEEP_ALIVE | CLOSE
            self.lingers = True
        elif self._expects and has_body and version == "1.1":
            self.out.append(CONTINUE)

    def on_body(self, body: bytes) -> None:
        self.room_bytes = self._header_limit_bytes
        self._body_bytes += len(body)
        if self._body_bytes > self._site.body_limit_bytes:
            self._refuse_body()

    def on_message_complete(self) -> None:
        if self.over:
            return
        kind = self._kind
        if self.draining or (self._chunked and self._closes_in_trailer()):
            kind = kind & ~KEEP_ALIVE | CLOSE
        if self._singular or self._site.requested is not None:
            self._run = 0
        else:
            self._run = self._run + 1 if kind == self._last_kind else 1
        self._last_kind = kind
        if self._other:
            self._answer_other(kind)
        else:
            self._number(kind)
        self._messages += 1
        self.room_bytes = self._header_limit_bytes
        self._opening = b""
        self.over = kind & CLOSE != 0
        self._reset()

    def _closes_in_trailer(self) -> bool:
        # `Connection: close` has no business there, but llhttp heeds it, and would refuse what comes next.
        assert self._parser is not None
        return not self._parser.should_keep_alive()

    def refuse_oversize(self) -> None:
        """The header under way has no end within the limit."""
        if self._target:
            self.refuse(431, f"the header is larger than {self._header_limit_bytes} bytes")
        else:
            self.refuse(400, "no request line")

    def _refuse_body(self) -> None:
        if self._other:
            self._refuse_other()
        else:
            self.refuse(413, f"a body has {self._site.body_limit_bytes} bytes at most")

    def _method(self) -> bytes:
        return self._other_method or (self._parser.get_method() if self._parser and self._target else b"-")
