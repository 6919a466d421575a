"""What the counter takes for a request, what it refuses, and that nothing refused ever takes a number."""

import pytest
from httptools import HttpParserCallbackError
from hypothesis import given, settings
from hypothesis import strategies as st

from counter_memory import Response, Rig, StingyNumbers, get, responses
from tw.protocols.requests import BODY_LIMIT_BYTES, HEADER_LIMIT_BYTES, TARGET_LIMIT_BYTES
from tw.services.state import Numbers

CHUNKED = b"Transfer-Encoding: chunked\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


def post(body: bytes = b"", *fields: str, method: str = "POST") -> bytes:
    return get("/", f"Content-Length: {len(body)}", *fields, method=method) + body


def one(data: bytes) -> tuple[Response, Rig]:
    rig = Rig()
    (answer,) = rig.ask(data)
    return answer, rig


# What is answered ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "target", ["/", "/a/b?c=d&e", "//", "http://elsewhere/x", "/%00", "/" + "a" * (TARGET_LIMIT_BYTES - 1)]
)
def test_any_path_takes_a_number(target: str) -> None:
    answer, rig = one(get(target))
    assert (answer.status, answer.body) == (200, b"I am request #1\n")
    assert not rig.closed


def test_pipelined_requests_are_answered_in_order_and_in_one_write() -> None:
    rig = Rig()
    answers = rig.ask(get("/a") + post(b"x") + get("/b", method="HEAD") + get("/c"), heads=[2])
    assert [(a.status, a.number) for a in answers] == [(200, 1), (405, None), (200, 2), (200, 3)]
    assert len(rig.transport.writes) == 1
    assert (rig.site.requests, rig.site.errors) == (3, 1)


@pytest.mark.parametrize(
    "method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "PURGE", "BREW", "get", "G-E.T"]
)
def test_another_method_gets_405_and_takes_no_number(method: str) -> None:
    rig = Rig()
    (answer,) = rig.ask(get(method=method))
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")
    assert "connection" not in answer.headers
    assert rig.ask(get())[0].number == 1


@pytest.mark.parametrize("target", ["*", "/"])
def test_options_of_the_whole_server_is_another_method(target: str) -> None:
    assert one(get(target, method="OPTIONS"))[0].status == 405


@pytest.mark.parametrize("size", [1, 2, 3, 5, 1000])
@pytest.mark.parametrize("method", ["BREW", "GETX", "XGET", "GE", "PROPFINDX", "M" * 32])
def test_a_method_that_the_parser_does_not_know_may_come_in_pieces(method: str, size: int) -> None:
    rig = Rig()
    rig.send(b"\r\n" + post(b"body", method=method) + get(), size)
    refused, answered = responses(rig.transport.read())
    assert (refused.status, answered.number) == (405, 1)


def test_an_unknown_method_behind_another_request_ends_the_connection() -> None:
    rig = Rig()
    answered, refused = rig.ask(get() + get(method="BREW") + get())
    assert (answered.number, refused.status, refused.headers["connection"]) == (1, 400, "close")
    rig = Rig()
    assert [a.status for a in rig.ask(get() + b"BR")] == [200, 400]
    rig = Rig()
    rig.send(get() + b"P")  # where it starts is not known: another request came before it in the same piece
    rig.send(b"X / HTTP/1.1\r\n")
    assert [a.status for a in responses(rig.transport.read())] == [200, 400]
    rig = Rig()
    rig.send(get() + b"P")
    rig.send(get(method="POST")[1:])
    rig.send(get(method="BREW"))  # a piece that starts with a request: it is known again
    assert [a.status for a in responses(rig.transport.read())] == [200, 405, 405]


@pytest.mark.parametrize(
    ("version", "field", "connection", "closes"),
    [
        ("1.1", "X: y", None, False),
        ("1.1", "Connection: keep-alive", None, False),
        ("1.1", "Connection: close", "close", True),
        ("1.1", "Connection: x, Close", "close", True),
        ("1.0", "X: y", "close", True),
        ("1.0", "Connection: keep-alive", "keep-alive", False),
        ("1.0", "Connection: Keep-Alive", "keep-alive", False),
    ],
)
def test_the_connection_stays_open_as_the_version_and_the_header_say(
    version: str, field: str, connection: str | None, closes: bool
) -> None:
    rig = Rig()
    (answer,) = rig.ask(get("/", field, version=version))
    assert (answer.number, answer.headers.get("connection"), rig.closed) == (1, connection, closes)
    assert rig.ask(get()) == [] if closes else rig.ask(get())[0].number == 2


def test_what_follows_a_request_to_close_is_not_answered() -> None:
    rig = Rig()
    assert [a.number for a in rig.ask(get("/", "Connection: close") + get() + b"garbage")] == [1]
    assert rig.site.requests == 1


def test_without_json_among_them_what_a_client_accepts_does_not_matter() -> None:
    assert one(get("/", "Accept: text/html", "Accept: image/png"))[0].headers["content-type"].startswith("text/plain")


def test_http_1_0_needs_no_host() -> None:
    assert one(b"GET / HTTP/1.0\r\n\r\n")[0].number == 1


@pytest.mark.parametrize(
    "body",
    [
        b"Content-Length: 5\r\n\r\nGET /",
        CHUNKED + b"\r\n5;ext=1\r\nGET /\r\n0\r\n\r\n",
        CHUNKED + b"\r\n1\r\nG\r\n2\r\nET\r\n0\r\nHost: b\r\nHost: c\r\n\r\n",
        b"Content-Length: 0\r\n\r\n",
    ],
)
@pytest.mark.parametrize("method", [b"GET", b"POST"])
def test_a_body_is_read_and_forgotten(method: bytes, body: bytes) -> None:
    rig = Rig()
    answers = rig.ask(method + b" / HTTP/1.1\r\nHost: a\r\n" + body + get())
    assert [a.number for a in answers] == ([1, 2] if method == b"GET" else [None, 1])


def test_a_trailer_that_closes_is_heeded_since_the_parser_heeds_it() -> None:
    (answer,) = Rig().ask(get("/", "Transfer-Encoding: chunked") + b"0\r\nConnection: close\r\n\r\n" + get())
    assert (answer.number, answer.headers["connection"]) == (1, "close")


def test_a_trailer_has_no_say() -> None:
    (answer,) = Rig().ask(get("/", "Transfer-Encoding: chunked") + b"0\r\nAccept: application/json\r\n\r\n")
    assert answer.body == b"I am request #1\n"


def test_the_largest_body_is_read() -> None:
    rig = Rig()
    rig.send(get("/", f"Content-Length: {BODY_LIMIT_BYTES}"))
    rig.send(bytes(BODY_LIMIT_BYTES))
    assert [a.number for a in responses(rig.transport.read())] == [1]


# Expect and Upgrade --------------------------------------------------------------------------------------------------


def test_who_waits_for_permission_to_send_gets_it_and_then_the_answer() -> None:
    rig = Rig()
    rig.send(get("/", "Content-Length: 3", "Expect: 100-Continue"))
    assert rig.transport.read() == CONTINUE
    assert [a.number for a in rig.ask(b"abc")] == [1]


@pytest.mark.parametrize(
    "request_",
    [
        get("/", "Expect: 100-continue"),
        get("/", "Expect: 100-continue", "Content-Length: 0"),
        get("/", "Expect: something", "Content-Length: 1") + b"x",
        get("/", "Expect: 100-continue", "Content-Length: 1", version="1.0") + b"x",
    ],
)
def test_nobody_else_gets_permission(request_: bytes) -> None:
    answer, _ = one(request_)
    assert (answer.status, answer.number) == (200, 1)


@pytest.mark.parametrize("method", ["POST", "BREW"])
def test_who_asks_for_permission_to_post_is_refused_before_he_sends(method: str) -> None:
    answer, rig = one(get("/", "Expect: 100-continue", "Content-Length: 3", method=method))
    assert (answer.status, answer.headers["connection"]) == (405, "close")
    assert rig.ask(b"abc" + get()) == []


@pytest.mark.parametrize("protocol", ["h2c", "websocket"])
def test_an_upgrade_is_answered_as_if_nobody_had_asked(protocol: str) -> None:
    rig = Rig()
    upgrade = get("/", "Connection: Upgrade, HTTP2-Settings", f"Upgrade: {protocol}", "HTTP2-Settings: AAMAAABk")
    assert [a.number for a in rig.ask(upgrade + upgrade + get())] == [1, 2, 3]
    assert not rig.closed


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_an_upgrade_with_a_body_ends_the_connection_since_the_parser_takes_the_body_for_a_request(version: str) -> None:
    rig = Rig()
    fields = ("Connection: Upgrade, keep-alive", "Upgrade: h2c", "Content-Length: 27")
    (answer,) = rig.ask(get("/", *fields, version=version) + get())
    assert (answer.number, answer.headers["connection"], rig.site.requests) == (1, "close", 1)


@pytest.mark.parametrize("fields", [(), ("Connection: Upgrade", "Upgrade: h2c")])
def test_connect_and_posts_that_upgrade_end_the_connection(fields: tuple[str, ...]) -> None:
    method, target = ("POST", "/") if fields else ("CONNECT", "b:80")
    answer, _ = one(get(target, *fields, method=method) + get())
    assert (answer.status, answer.headers["connection"]) == (405, "close")


def test_an_unknown_method_may_ask_for_an_upgrade_as_well() -> None:
    rig = Rig()
    rig.send(get("/", "Connection: Upgrade", "Upgrade: h2c", method="BREW") + get(), 7)
    assert [a.status for a in responses(rig.transport.read())] == [405]


# What is refused -----------------------------------------------------------------------------------------------------

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


# When there is no number ---------------------------------------------------------------------------------------------


def test_a_state_that_cannot_be_written_is_a_503_and_later_works_again() -> None:
    numbers = StingyNumbers(1)
    rig = Rig(numbers)
    assert [(a.status, a.number) for a in rig.ask(get() * 3)] == [(200, 1), (503, None), (503, None)]
    assert (rig.site.requests, rig.site.errors, len(rig.failures)) == (1, 2, 2)
    numbers.left = 1
    assert rig.ask(get())[0].number == 2
    assert b"space" not in rig.transport.value()


def test_a_bug_in_a_callback_is_not_taken_for_the_peers() -> None:
    class Broken(Numbers):
        def take(self) -> int:
            raise RuntimeError("a bug")

    rig = Rig(Broken())
    with pytest.raises(HttpParserCallbackError) as caught:
        rig.send(get())
    assert isinstance(caught.value.__context__, RuntimeError)
    assert rig.transport.value() == b""


# The access log ------------------------------------------------------------------------------------------------------


def test_the_access_log_tells_of_every_answer() -> None:
    rig = Rig(StingyNumbers(2), access_log=True)
    rig.send(get("/a?b") + get("/b", method="HEAD") + post(b"x") + get("/c"))
    rig.send(get("/d", method="BREW"))
    rig.send(get("*"))
    assert [(e.number, e.method, e.path, e.status, e.peer) for e in rig.requested] == [
        (1, "GET", "/a?b", 200, "192.0.2.1:5"),
        (2, "HEAD", "/b", 200, "192.0.2.1:5"),
        (None, "POST", "/", 405, "192.0.2.1:5"),
        (None, "GET", "/c", 503, "192.0.2.1:5"),
        (None, "BREW", "/d", 405, "192.0.2.1:5"),
        (None, "GET", "*", 400, "192.0.2.1:5"),
    ]


def test_the_access_log_invents_no_method() -> None:
    rig = Rig(access_log=True)
    rig.send(b"\x16\x03\x01")
    assert [(e.method, e.path, e.status) for e in rig.requested] == [("-", "", 400)]


# Any input, any split ------------------------------------------------------------------------------------------------

SCRIPT = (
    b"\r\n"
    + get("/a", "Accept: application/json")
    + post(b"some body")
    + get("/b", method="HEAD")
    + b"GET /c HTTP/1.1\r\nHost: a\r\n"
    + CHUNKED
    + b"\r\n3\r\nabc\r\n0\r\nT: 1\r\n\r\n"
    + get("/d", "Connection: Upgrade", "Upgrade: h2c")
    + get("/e", "Connection: close")
)


def answers_to(pieces: list[bytes]) -> bytes:
    rig = Rig()
    for piece in pieces:
        rig.send(piece)
    assert rig.closed
    return rig.transport.read()


def test_the_answers_are_the_same_wherever_the_input_is_split() -> None:
    whole = answers_to([SCRIPT])
    assert [a.number for a in responses(whole, heads=[2])] == [1, None, 2, 3, 4, 5]
    for at in range(1, len(SCRIPT)):
        assert answers_to([SCRIPT[:at], SCRIPT[at:]]) == whole
    assert answers_to([SCRIPT[i : i + 1] for i in range(len(SCRIPT))]) == whole


REQUESTS = st.sampled_from(
    [
        get(),
        get("/x", "Accept: application/json"),
        get("/y", method="HEAD"),
        get("/", "Connection: keep-alive", version="1.0"),
        get("/", "Content-Length: 4") + b"\r\n\r\n",
        post(b"GET / HTTP/1.1"),
        get("/", "Transfer-Encoding: chunked") + b"2\r\n\r\n\r\n0\r\n\r\n",
        b"\r\n",
    ]
)


@given(st.lists(REQUESTS, max_size=30), st.lists(st.integers(1, 400), min_size=1))
@settings(max_examples=150, deadline=None)
def test_every_request_is_answered_once_however_they_come(requests: list[bytes], sizes: list[int]) -> None:
    rig = Rig()
    data = b"".join(requests)
    turn = 0
    while data:
        size = sizes[turn % len(sizes)]
        rig.send(data[:size])
        data = data[size:]
        turn += 1
    wanted = [request for request in requests if request != b"\r\n"]
    answers = responses(rig.transport.read(), [i for i, request in enumerate(wanted) if request.startswith(b"HEAD")])
    assert len(answers) == len(wanted)
    numbers = [a.number for a in answers if a.number is not None]
    assert numbers == list(range(1, len(numbers) + 1))
    assert [a.status == 405 for a in answers] == [request.startswith(b"POST") for request in wanted]


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_no_input_raises_and_nothing_after_a_refusal_is_answered(data: st.DataObject) -> None:
    script = bytearray(SCRIPT)
    for _ in range(data.draw(st.integers(0, 4))):
        at = data.draw(st.integers(0, len(script) - 1))
        script[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
    rig = Rig(access_log=True)
    rig.send(bytes(script), data.draw(st.integers(1, len(script) or 1)))
    statuses = [event.status for event in rig.requested]
    numbers = [event.number for event in rig.requested if event.number is not None]
    assert numbers == list(range(1, len(numbers) + 1))
    assert rig.numbers.take() == len(numbers) + 1
    assert not [status for status in statuses[:-1] if status not in (200, 405)]


@given(st.binary(max_size=300), st.integers(1, 50))
@settings(max_examples=200, deadline=None)
def test_garbage_takes_no_number(garbage: bytes, size: int) -> None:
    rig = Rig()
    rig.send(garbage, size)
    assert rig.site.requests == 0
    assert rig.site.errors <= 1
