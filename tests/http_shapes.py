"""Requests with which a front and a back server are set at odds, or a parser is: bytes, and what the counter answers.

`REFUSED` get one answer without a number, and then nothing that follows on their connection is a request any more.
`TAKEN` look odd and are right, or do no harm: the request that follows them is answered too. Sections without an RFC
are RFC 9112's.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from tw.protocols.request_rules import BODY_LIMIT_BYTES, HEADER_LIMIT_BYTES, TARGET_LIMIT_BYTES

CHUNKED = b"Transfer-Encoding: chunked"
GET = b"GET / HTTP/1.1"
NEXT = b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n"


@dataclass(frozen=True)
class Shape:
    """`statuses`: of the answers to it, in order."""

    name: str
    data: bytes
    statuses: tuple[int, ...]


def request(*fields: bytes, line: bytes = GET, body: bytes = b"") -> bytes:
    return b"\r\n".join([line, b"Host: a", *fields, b"", b""]) + body


def chunks(body: bytes) -> bytes:
    return request(CHUNKED, body=body)


def _refused() -> Iterator[Shape]:
    def bad(name: str, data: bytes, status: int = 400) -> None:
        found.append(Shape(name, data, (status,)))

    found: list[Shape] = []
    # How long is the body? 6.1, 6.3: whoever gets two answers is being lied to.
    bad("Content-Length and chunked", request(b"Content-Length: 5", CHUNKED, body=b"0\r\n\r\n"))
    bad("chunked and Content-Length", request(CHUNKED, b"Content-Length: 5", body=b"0\r\n\r\n"))
    for value in (b"xchunked", b"identity", b"gzip", b"", b"chunked, identity", b"chunked, gzip", b"chunked,"):
        bad(f"Transfer-Encoding: {value.decode()}", request(b"Transfer-Encoding: " + value, body=b"0\r\n\r\n"))
    for value in (
        b"chunked;q=1",
        b'"chunked"',
        b"\x0bchunked",
        b"chunked\xa0",
        b"chunked, chunked",
        b"chunked chunked",
    ):
        bad(f"Transfer-Encoding: {value!r}", request(b"Transfer-Encoding: " + value, body=b"0\r\n\r\n"))
    for line in (b"GET / RTSP/1.0", b"GET / RTSP/1.1", b"GET  *   RTSP/1.0", b"OPTIONS / RTSP/1.0", b"PLAY / RTSP/1.0"):
        bad(line.decode(), request(line=line))  # 2.3: the parser takes it for HTTP, and does not say so
    bad("http/1.1", request(line=b"GET / http/1.1"))
    bad("XYZ / RTSP/1.0", request(line=b"XYZ / RTSP/1.0"))
    bad("chunked twice", request(CHUNKED, CHUNKED, body=b"0\r\n\r\n"))
    for value in (b"gzip, chunked", b"identity, chunked", b", chunked"):  # 6.1: a coding that is not known, 501
        name = f"Transfer-Encoding: {value.decode()}"
        bad(name, request(b"Transfer-Encoding: " + value, body=b"0\r\n\r\n"), 501)
    bad("chunked in HTTP/1.0", request(CHUNKED, line=b"GET / HTTP/1.0", body=b"0\r\n\r\n"))
    for value in (
        b"+1",
        b"-1",
        b"0x1",
        b"1e0",
        b"1.0",
        b"1_0",
        b"1 1",
        b"1, 1",
        b"1, 2",
        b"1,",
        b"",
        b"1\x0b",
        b"\xb2",
    ):
        bad(f"Content-Length: {value!r}", request(b"Content-Length: " + value, body=b"x"))  # RFC 9110, 8.6
    bad("Content-Length in Arabic digits", request(b"Content-Length: " + b"\xd9\xa1", body=b"x"))
    bad("two equal Content-Lengths", request(b"Content-Length: 1", b"Content-Length: 1", body=b"x"))
    bad("two different Content-Lengths", request(b"Content-Length: 1", b"Content-Length: 2", body=b"xx"))
    bad("Content-Length over 64 bits", request(b"Content-Length: 18446744073709551617", body=b"x"))
    bad("Content-Length of 64 bits", request(b"Content-Length: 18446744073709551615", body=b"x"), 413)
    bad("a body over the limit", request(b"Content-Length: %d" % (BODY_LIMIT_BYTES + 1)), 413)
    # 7.1: chunks
    bad("a chunk size over 64 bits", chunks(b"ffffffffffffffff0\r\nx\r\n0\r\n\r\n"))
    for size in (b"-1", b"+1", b" 1", b"1 ", b"1\t", b"", b"0x1", b"0_1", b"1\x0c", b"g"):
        bad(f"a chunk size of {size!r}", chunks(size + b"\r\nx\r\n0\r\n\r\n"))
    bad("a chunk size that ends in LF", chunks(b"1\nx\r\n0\r\n\r\n"))
    bad("a chunk extension that ends in LF", chunks(b"1;a\nx\r\n0\r\n\r\n"))
    bad("a chunk extension with a bare CR", chunks(b"1;a\rx\r\nx\r\n0\r\n\r\n"))
    bad("a chunk extension with a control character", chunks(b"1;a\x01\r\nx\r\n0\r\n\r\n"))
    bad("a chunk that ends in LF", chunks(b"1\r\nx\n0\r\n\r\n"))
    bad("a chunk longer than its size", chunks(b"1\r\nxy\r\n0\r\n\r\n"))
    bad("a last chunk that ends in LF", chunks(b"0\n\r\n"))
    bad("chunks that end in LF", chunks(b"0\r\n\n"))
    bad("a trailer with a space before its colon", chunks(b"0\r\nT : 1\r\n\r\n"))
    bad("a folded trailer", chunks(b"0\r\nT: 1\r\n 2\r\n\r\n"))
    bad("a Content-Length in a trailer", chunks(b"0\r\nContent-Length: 5\r\n\r\n"))
    bad("a Transfer-Encoding in a trailer", chunks(b"0\r\nTransfer-Encoding: chunked\r\n\r\n"))
    bad("a huge chunk extension", chunks(b"1;" + b"a" * 2 * HEADER_LIMIT_BYTES + b"\r\nx\r\n0\r\n\r\n"), 431)
    bad("a huge trailer", chunks(b"0\r\nT: " + b"a" * 2 * HEADER_LIMIT_BYTES + b"\r\n\r\n"), 431)
    # 2.2: lines end in CRLF, and nothing else is an end
    bad("a request line that ends in LF", b"GET / HTTP/1.1\nHost: a\r\n\r\n")
    bad("a field that ends in LF", b"GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n")
    bad("a header that ends in LF", b"GET / HTTP/1.1\r\nHost: a\r\n\n")
    bad("LF alone", b"GET / HTTP/1.1\nHost: a\n\n")
    bad("a request line that ends in CR", b"GET / HTTP/1.1\rHost: a\r\n\r\n")
    bad("a request line that ends in CR CR LF", b"GET / HTTP/1.1\r\r\nHost: a\r\n\r\n")
    bad("a field that ends in CR CR LF", b"GET / HTTP/1.1\r\nHost: a\r\r\n\r\n")
    bad("a header that ends in CR CR LF", b"GET / HTTP/1.1\r\nHost: a\r\n\r\r\n")
    bad("a bare CR in a value", request(b"X: a\rY: b"))
    bad("a bare CR in a name", request(b"X\r: a"))
    # 5.1, 5.2: fields
    bad("obs-fold", request(b"X: a\r\n b"))
    bad("obs-fold with a tab", request(b"X: a\r\n\tb"))
    bad("a folded Transfer-Encoding", request(b"Transfer-Encoding:\r\n chunked", body=b"0\r\n\r\n"))
    bad("a space before the first field", b"GET / HTTP/1.1\r\n Host: a\r\n\r\n")
    bad("a space before the colon", request(b"X : a"))
    bad("a space before Content-Length's colon", request(b"Content-Length : 1", body=b"x"))
    bad("a tab before the colon", request(b"X\t: a"))
    bad("no name", request(b": a"))
    bad("no colon", request(b"X"))
    for char in (b" ", b"\0", b"\x01", b"\x1b", b"\x7f", b"\xff", b"(", b"@", b"/", b'"', b"[", b"{"):
        bad(f"{char!r} in a name", request(b"X" + char + b"Y: a"))  # RFC 9110, 5.1
    for char in (b"\0", b"\x01", b"\x08", b"\x0b", b"\x1b", b"\x7f"):
        bad(f"{char!r} in a value", request(b"X: a" + char + b"b"))  # RFC 9110, 5.5
    bad("a huge value", request(b"X: " + b"a" * 2 * HEADER_LIMIT_BYTES), 431)  # RFC 6585, 5
    bad("a huge name", request(b"X" * 2 * HEADER_LIMIT_BYTES + b": a"), 431)
    bad("too many fields", request(*[b"X: a"] * (HEADER_LIMIT_BYTES // 3)), 431)
    # 3.2: targets
    for char in (b"\0", b"\x01", b"\t", b"\x1b", b"\x7f", b"\xff", b" a", b"#a"):
        bad(f"{char!r} in the target", request(line=b"GET /" + char + b" HTTP/1.1"))
    bad("a huge target", request(line=b"GET /" + b"a" * TARGET_LIMIT_BYTES + b" HTTP/1.1"), 414)
    bad("a target without an end", b"GET /" + b"a" * 2 * HEADER_LIMIT_BYTES, 414)
    bad("no target", request(line=b"GET HTTP/1.1"))
    bad("two spaces and no target", request(line=b"GET  HTTP/1.1"))
    bad("the authority form", request(line=b"GET a:80 HTTP/1.1"))  # 3.2.3: CONNECT's alone
    bad("the asterisk form", request(line=b"GET * HTTP/1.1"))  # 3.2.4: OPTIONS' alone
    bad("an absolute form without a scheme", request(line=b"GET ://a HTTP/1.1"))
    bad("an absolute form without a host", request(line=b"GET http:/// HTTP/1.1"))  # RFC 9110, 4.2.1
    bad("an absolute form with a user", request(line=b"GET http://u:p@a/ HTTP/1.1"))  # RFC 9110, 4.2.4
    bad("an absolute form of another scheme", request(line=b"GET ftp://a/ HTTP/1.1"))  # RFC 9110, 7.4
    bad("a scheme in the middle", request(line=b"GET x?http://a/ HTTP/1.1"))
    bad("CONNECT", request(line=b"CONNECT a:80 HTTP/1.1"), 405)
    # 3.2: one Host, and one that names something
    bad("no Host", b"GET / HTTP/1.1\r\n\r\n")
    bad("two Hosts", request(b"Host: a"))
    bad("two Hosts in HTTP/1.0", request(b"Host: a", line=b"GET / HTTP/1.0"))
    for value in (
        b"a, b",
        b"a b",
        b"u@a",
        b"a:x",
        b"a/b",
        b"a\xff",
        b"[::1",
        b"a?b",
        b"a#b",
        b"a\\b",
        b"a\0",
        b"a\x01",
    ):
        bad(f"Host: {value!r}", b"GET / HTTP/1.1\r\nHost: " + value + b"\r\n\r\n")
    # 2.3, 3: versions and request lines
    for version in (
        b"HTTP/1.2",
        b"HTTP/1.10",
        b"HTTP/01.1",
        b"HTTP/1.",
        b"HTTP/1.1x",
        b"HTTP/1,1",
        b"http/1.1",
        b"XTTP/1.1",
    ):
        bad(version.decode(), request(line=b"GET / " + version))
    bad("HTTP/0.9 by name", request(line=b"GET / HTTP/0.9"))
    bad("HTTP/3.0", request(line=b"GET / HTTP/3.0"))
    bad("HTTP/2.0", request(line=b"GET / HTTP/2.0"), 505)  # RFC 9110, 15.6.6
    bad("HTTP/0.9", b"GET /\r\n")
    bad("HTTP/2 with prior knowledge", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")  # RFC 9113, 3.4
    bad("a space behind the version", request(line=GET + b" "))
    bad("tabs for spaces", request(line=b"GET\t/\tHTTP/1.1"))
    bad("a space before the method", b" " + request())
    bad("a NUL before the method", b"\0" + request())
    bad("a byte order mark", b"\xef\xbb\xbf" + request())
    bad("a TLS hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
    bad("a PROXY header", b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n" + request())
    bad("a method of 33 letters", request(line=b"M" * 33 + b" / HTTP/1.1"))
    yield from found


def _taken() -> Iterator[Shape]:
    def good(name: str, data: bytes, *statuses: int) -> None:
        found.append(Shape(name, data, statuses or (200,)))

    found: list[Shape] = []
    good("chunks with an extension", chunks(b'1;a=b;c="d;\\"e"\r\nx\r\n0\r\n\r\n'))  # 7.1.1: ignored
    good("chunks with a trailer", chunks(b"0\r\nT: 1\r\nHost: b\r\n\r\n"))  # RFC 9110, 6.5.1: it has no say
    good("a chunk size with zeros before it", chunks(b"0" * 40 + b"1\r\nx\r\n0\r\n\r\n"))
    good("CHUNKED", request(b"Transfer-Encoding:\tCHUNKED ", body=b"0\r\n\r\n"))  # RFC 9110, 10.1.4
    good("a request in a body", request(b"Content-Length: 31", body=NEXT[:31]))
    good("a request in a chunk", chunks(b"%x\r\n" % len(NEXT) + NEXT + b"\r\n0\r\n\r\n"))
    good("a Content-Length with zeros before it", request(b"Content-Length: " + b"0" * 40 + b"1", body=b"x"))
    good("Transfer_Encoding", request(b"Transfer_Encoding: chunked", b"Content-Length: 0"))  # another field's name
    good("8-bit characters in a value", request(b"X: \xff"))  # RFC 9110, 5.5: obs-text
    good("a CRLF before the request line", b"\r\n" + request())  # 2.2
    good("a LF before the request line", b"\n" + request())  # as harmless: a line without anything
    good("spaces around the target", request(line=b"GET  /  HTTP/1.1"))  # 3: may be parsed so
    good("the absolute form, of another host", request(line=b"GET http://b:80/x HTTP/1.1"))  # 3.2.2: Host is ignored
    good("an empty Host", b"GET / HTTP/1.1\r\nHost:\r\n\r\n")  # 3.2
    good("an IPv6 Host", b"GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n")
    good("RTSP/1.1 in a target, a field and a body", request(
        b"Via: RTSP/1.1 x", b"Content-Length: 18", line=b"GET /RTSP/1.1 HTTP/1.1", body=b"GET / RTSP/1.1\r\n\r\n"
    ))  # fmt: skip
    good("HTTP/1.0 that stays", b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    good("a lower-case method", request(line=b"get / HTTP/1.1"), 501)  # RFC 9110, 9.1: another method
    good("OPTIONS *", request(line=b"OPTIONS * HTTP/1.1"), 405)  # 3.2.4
    good("Expect: 100-continue", request(b"Expect: 100-continue", b"Content-Length: 1", body=b"x"), 100, 200)
    good("Upgrade", request(b"Connection: Upgrade", b"Upgrade: websocket"))  # RFC 9110, 7.8: ignored
    yield from found


REFUSED = tuple(_refused())
TAKEN = tuple(_taken())
