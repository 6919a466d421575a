"""What the counter refuses: with the right status, a closed connection, and no number taken."""

import pytest

from counter_memory import CHUNKED, Rig, get, one, responses
from tw.protocols.request_rules import BODY_LIMIT_BYTES, HEADER_LIMIT_BYTES, TARGET_LIMIT_BYTES

REFUSED = {
    "no Host": (400, b"GET / HTTP/1.1\r\n\r\n"),
    "two Hosts": (400, get("/", "Host: a")),
    "two Hosts, old": (400, get("/", "Host: b", version="1.0")),
    "a Host that is none": (400, b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
    "HTTP/0.9": (400, b"GET /\r\n\r\n"),
    "HTTP/0.9 by name": (400, get(version="0.9")),
    "HTTP/1.2": (400, get(version="1.2")),
    "HTTP/2.0": (505, get(version="2.0")),
    "HTTP/2 with prior knowledge": (400, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "another protocol": (400, b"GET / XTTP/1.1\r\nHost: a\r\n\r\n"),
    "a TLS hello": (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
    "no method": (400, b" / HTTP/1.1\r\nHost: a\r\n\r\n"),
    "a word": (400, b"hello\r\n\r\n"),
    "a method of 33 letters": (400, get(method="M" * 33)),
    "a target that is none": (400, get("*")),
    "a target without a slash": (400, get("a")),
    "a NUL in the target": (400, get("/\0")),
    "an 8-bit target": (400, get("/é")),
    "a space in the target": (400, get("/a b")),
    "both lengths": (400, b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n" + CHUNKED + b"\r\n0\r\n\r\n"),
    "both lengths, reversed": (400, b"GET / HTTP/1.1\r\nHost: a\r\n" + CHUNKED + b"Content-Length: 5\r\n\r\n0\r\n\r\n"),
    "two Content-Lengths": (400, get("/", "Content-Length: 1", "Content-Length: 1") + b"x"),
    "Content-Length: +1": (400, get("/", "Content-Length: +1") + b"x"),
    "Content-Length: 1, 1": (400, get("/", "Content-Length: 1, 1") + b"x"),
    "an endless Content-Length": (400, get("/", "Content-Length: " + "9" * 30)),
    "chunked in HTTP/1.0": (400, get("/", "Transfer-Encoding: chunked", version="1.0") + b"0\r\n\r\n"),
    "chunked, but not last": (400, get("/", "Transfer-Encoding: chunked, gzip") + b"0\r\n\r\n"),
    "not chunked": (400, get("/", "Transfer-Encoding: xchunked") + b"0\r\n\r\n"),
    "a bad chunk": (400, get("/", "Transfer-Encoding: chunked") + b"0x1\r\na\r\n0\r\n\r\n"),
    "a folded header": (400, get("/", "X: a\r\n b")),
    "a bare LF": (400, b"GET / HTTP/1.1\nHost: a\n\n"),
    "a bare CR": (400, get("/", "X: a\rY: b")),
    "a space before the colon": (400, get("/", "X : a")),
    "a space before the first field": (400, b"GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
    "a NUL in a field": (400, get("/", "X: a\0b")),
    "no colon": (400, get("/", "X")),
    "no name": (400, get("/", ": x")),
    "a long target": (414, get("/" + "a" * TARGET_LIMIT_BYTES)),
    "a large body": (413, get("/", f"Content-Length: {BODY_LIMIT_BYTES + 1}")),
    "a large body to another method": (405, get("/", f"Content-Length: {BODY_LIMIT_BYTES + 1}", method="PUT")),
    "a large header": (431, get("/", "X: " + "a" * HEADER_LIMIT_BYTES)),
    "many fields": (431, get("/", *["X: a"] * (HEADER_LIMIT_BYTES // 6))),
    "a large trailer": (
        431,
        get("/", "Transfer-Encoding: chunked") + b"0\r\nX: " + b"a" * (HEADER_LIMIT_BYTES + 10_000) + b"\r\n\r\n",
    ),
    "line ends without end": (400, b"\r\n" * HEADER_LIMIT_BYTES),
    "spaces without end": (400, b"GET " + b" " * HEADER_LIMIT_BYTES),
}


@pytest.mark.parametrize("size", [None, 1000, 1])
@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_takes_no_number_and_ends_the_connection(name: str, size: int | None) -> None:
    status, data = REFUSED[name]
    rig = Rig()
    rig.send(data, size)
    rig.send(get())
    (answer,) = responses(rig.transport.read())
    assert (answer.status, answer.headers["connection"]) == (status, "close")
    assert "x-request-number" not in answer.headers
    assert (rig.site.requests, rig.site.errors) == (0, 1)
    assert rig.ask(get()) == []


@pytest.mark.parametrize("rest", [get(), get(method="BREW"), b"garbage", b"\x00" * 100])
@pytest.mark.parametrize("name", ["no Host", "HTTP/0.9", "a large body", "a target that is none"])
def test_what_follows_a_refusal_at_once_is_thrown_away(name: str, rest: bytes) -> None:
    status, data = REFUSED[name]
    rig = Rig()
    assert [answer.status for answer in rig.ask(data + rest)] == [status]


def test_a_refusal_says_why_in_a_line() -> None:
    answer, _ = one(REFUSED["no Host"][1])
    assert answer.body == b"400 Bad Request: a request needs one Host, a name and a port\n"
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


def test_requests_before_a_broken_one_are_answered() -> None:
    rig = Rig()
    assert [(a.status, a.number) for a in rig.ask(get() * 3 + b"GET / HTTP/9\r\n")] == [
        (200, 1),
        (200, 2),
        (200, 3),
        (400, None),
    ]


@pytest.mark.parametrize("data", [get("*", method="HEAD"), get("/", "X: " + "a" * HEADER_LIMIT_BYTES, method="HEAD")])
def test_a_refused_head_gets_no_body(data: bytes) -> None:
    rig = Rig()
    (answer,) = rig.ask(data, heads=[0])
    assert answer.status in (400, 431)


@pytest.mark.parametrize(("method", "status"), [("GET", 413), ("POST", 405)])
def test_a_chunked_body_is_bounded_too(method: str, status: int) -> None:
    rig = Rig()
    rig.send(get("/", "Transfer-Encoding: chunked", method=method))
    rig.send(b"%x\r\n" % BODY_LIMIT_BYTES + bytes(BODY_LIMIT_BYTES) + b"\r\n")
    assert rig.transport.read() == b""
    assert [a.status for a in rig.ask(b"1\r\nx\r\n0\r\n\r\n")] == [status]


@pytest.mark.parametrize("size", [None, 8192, 1000, 1])
def test_the_largest_header_is_taken_however_it_comes(size: int | None) -> None:
    rig = Rig()
    head = get("/", "X: ")
    rig.send(get("/", "X: " + "a" * (HEADER_LIMIT_BYTES - len(head))), size)
    assert [a.number for a in responses(rig.transport.read())] == [1]


def test_a_body_may_follow_the_largest_header() -> None:
    rig = Rig()
    head = get("/", "Content-Length: 1", "X: ")
    rig.send(get("/", "Content-Length: 1", "X: " + "a" * (HEADER_LIMIT_BYTES - len(head))))
    assert [a.number for a in rig.ask(b"x")] == [1]
