"""How much of a request to the counter is taken, and what of it is looked at."""

import re

HEADER_LIMIT_BYTES = 32 * 1024
"""Of a request line with its header, of trailers, and of a chunk's extensions: all that httptools would buffer. This
one and a body's hold unless the user says otherwise."""

TARGET_LIMIT_BYTES = 8192
"""RFC 9112, section 3, asks for 8,000 at least."""

BODY_LIMIT_BYTES = 1024 * 1024
"""Of a request's body, which is read and forgotten, so that the connection can go on."""

REPEATED_LIMIT_BYTES = 1024
"""A longer request is parsed each time: what is kept to compare with is kept for every connection."""

KNOWN_REQUESTS = 64
"""So many are known to all connections. A fleet of health checks has fewer; one with names that never come again, as
`?t=123`, makes us forget the others now and then, and parse each once more."""

METHOD = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}")
"""A method's name is a token (RFC 9110, 9.1); longer ones are nobody's."""

NOTED = frozenset((b"accept", b"connection", b"content-length", b"expect", b"transfer-encoding"))
"""Header fields that have a say, in lower case, beside Host."""

END = b"\r\n\r\n"
"""Of a header, of trailers, and so of all that has no body of a given length."""

_STRANGE = re.compile(END + rb"(?!(?:GET|HEAD|POST|PUT|DELETE|OPTIONS|PATCH|TRACE|CONNECT) |\Z)")

ONLY_GET = "only GET and HEAD are answered"


def boundary(data: bytes, begun: bool) -> int:
    """How much of `data` may be parsed at once, so that a request with an unknown method starts a piece.

    httptools does not say where it stopped. So it gets nothing that goes beyond the end of a header unless a common
    method follows there; a piece more costs little, and does no harm. `begun`: `data` starts within a request. (What
    remains, a body that looks like a request and an unknown method in one piece, is a 400 and the end.)
    """
    if begun and data[0] in END:
        return len(data) - len(data.lstrip(END))  # the end of a header that was cut apart
    if begun:
        return data.find(END) + len(END) if END in data else len(data)
    if (strange := _STRANGE.search(data)) is not None:
        return strange.start() + len(END)
    return len(data)


def coding_fault(value: bytes) -> int:
    """The status that a Transfer-Encoding is refused with, 0 for `chunked` alone.

    Where chunked is not the last, nobody knows where the body ends (RFC 9112, 6.3: 400); where something stands before
    it, that is not known (6.1: 501).
    """
    codings = [coding.strip(b" \t").lower() for coding in value.split(b",")]
    if codings == [b"chunked"]:
        return 0
    return 501 if codings.count(b"chunked") == 1 and codings[-1] == b"chunked" else 400
