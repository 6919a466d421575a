"""Reading what a server with `--describe` has told: JSON of a stranger's, taken only where it has the right form."""

import base64
import hashlib
import json
import zlib
from dataclasses import dataclass

from tw.core.sight import Fields, NotASight, RequestSight, Sight, fields_from_json

CODINGS = {"gzip": 31, "x-gzip": 31, "deflate": 47}
"""Content codings (RFC 9110, 8.4.1), and how zlib is told of each: gzip alone, or zlib's own form."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What a server saw, and of HTTP also the request, and the answer as it was sent."""

    sight: Sight
    request: RequestSight | None = None
    status: int = 0
    sent: Fields = ()


def read_line(line: bytes) -> Description:
    """The first line of `tw serve echo --describe`. Raises NotASight."""
    return Description(sight=Sight.from_json(_object(line).get("describe")))


def read_body(body: bytes) -> Description:
    """The body of an answer of `tw serve counter --describe`. Raises NotASight."""
    document = _object(body)
    saw, sent = document.get("saw"), document.get("sent")
    if not isinstance(saw, dict) or not isinstance(sent, dict):
        raise NotASight("it tells neither what it saw nor what it sent")
    status = sent.get("status")
    if not isinstance(status, int):
        raise NotASight("the status is not a number")
    return Description(
        sight=Sight.from_json(saw),
        request=RequestSight.from_json(saw.get("http")),
        status=status,
        sent=fields_from_json(sent.get("headers")),
    )


DIGEST_FIELD = "Content-Digest"
"""RFC 9530. It is the one field that the body does not list, since it is the digest of that body."""


def content_digest(body: bytes) -> str:
    """The value of `Content-Digest` for a body (RFC 9530, 2)."""
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


def _object(text: bytes) -> dict[str, object]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise NotASight("no JSON") from None
    if not isinstance(document, dict):
        raise NotASight("not an object")
    return document


def decoded(body: bytes, coding: str, limit_bytes: int) -> bytes | None:
    """The body without its content coding; None for a coding that is not known here, or a body that is not in it, or
    that grows past `limit_bytes`."""
    bits = CODINGS.get(coding.strip().lower())
    if bits is None:
        return None
    inflate = zlib.decompressobj(bits)
    try:
        content = inflate.decompress(body, limit_bytes)
    except zlib.error:
        return None
    return content if inflate.eof else None
