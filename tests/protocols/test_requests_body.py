"""Requests with a body, and those that ask first: what is read, and what ends the connection."""

import pytest

from counter_memory import CHUNKED, CONTINUE, Rig, get, one, responses
from tw.protocols.request_rules import BODY_LIMIT_BYTES

# Bodies --------------------------------------------------------------------------------------------------------------


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


@pytest.mark.parametrize(("method", "status"), [("POST", 405), ("BREW", 501)])
def test_who_asks_for_permission_to_post_is_refused_before_he_sends(method: str, status: int) -> None:
    answer, rig = one(get("/", "Expect: 100-continue", "Content-Length: 3", method=method))
    assert (answer.status, answer.headers["connection"]) == (status, "close")
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
    assert [a.status for a in responses(rig.transport.read())] == [501]
