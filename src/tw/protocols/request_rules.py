"""How much of a request to the counter is taken, and what of it is looked at."""

import re

HEADER_LIMIT_BYTES = 32_768
"""Of a request line with its header, of trailers, and of a chunk's extensions: all that httptools would buffer."""

TARGET_LIMIT_BYTES = 8192
"""RFC 9112, section 3, asks for 8,000 at least."""

BODY_LIMIT_BYTES = 1024 * 1024
"""Of a request's body, which is read and forgotten, so that the connection can go on."""

REPEATED_LIMIT_BYTES = 1024
"""A longer request is parsed each time: what is kept to compare with is kept for every connection."""

METHOD = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}")
"""A method's name is a token (RFC 9110, 9.1); longer ones are nobody's."""

NOTED = frozenset((b"accept", b"connection", b"content-length", b"expect", b"transfer-encoding"))
"""Header fields that have a say, in lower case, beside Host."""

ONLY_GET = "only GET and HEAD are answered"
