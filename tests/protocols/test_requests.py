"""What the counter takes for a request, and what becomes of it: a number, a 405, a 501 or a 503, a line in the log."""

import pytest
from httptools import HttpParserCallbackError
from hypothesis import given
from hypothesis import strategies as st

from counter_memory import Rig, StingyNumbers, get, one, post, responses
from tw.protocols.request_rules import TARGET_LIMIT_BYTES
from tw.services.state import Numbers

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


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "PURGE"])
def test_another_method_gets_405_and_takes_no_number(method: str) -> None:
    rig = Rig()
    (answer,) = rig.ask(get(method=method))
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")
    assert "connection" not in answer.headers
    assert rig.ask(get())[0].number == 1


@pytest.mark.parametrize("method", ["BREW", "get", "G-E.T"])
def test_a_method_that_nobody_knows_gets_501_and_takes_no_number(method: str) -> None:
    rig = Rig()
    (answer,) = rig.ask(get(method=method))
    assert (answer.status, answer.headers.get("allow")) == (501, None)
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
    assert (refused.status, answered.number) == (501, 1)


METHODS_AND_BODIES = (
    post(b"some body")
    + get(method="BREW")
    + get()
    + b"\r\n"
    + post(b"body", method="get")
    + get("/", "Transfer-Encoding: chunked")
    + b"3\r\nabc\r\n0\r\n\r\n"
    + get(method="G-E.T")
    + get("/", "Transfer-Encoding: chunked", method="XPOST")
    + b"0\r\nT: 1\r\n\r\n"
    + get(method="XGET")
    + get(method="HEAD")
    + get(method="PURGE")
    + get("/", "Connection: close", method="GE")
)


def test_an_unknown_method_is_told_wherever_it_stands_and_wherever_the_input_is_split() -> None:
    for at in range(len(METHODS_AND_BODIES)):
        rig = Rig()
        rig.send(METHODS_AND_BODIES[:at])
        rig.send(METHODS_AND_BODIES[at:])
        statuses = [a.status for a in responses(rig.transport.read(), heads=[8])]
        assert statuses == [405, 501, 200, 501, 200, 501, 501, 501, 200, 405, 501], at
        assert rig.closed


@pytest.mark.parametrize(
    "before",
    [
        get("/RTSP/1.0") * 2 + post(b"GET / RTSP/1.0\r\n") + get("/", "Via: RTSP/1.0 x"),
        get() * 2 + post(b"a b\r\n\r\nc") + get(),
    ],
)
def test_another_protocol_is_told_wherever_the_input_is_split_and_whatever_stands_before_it(before: bytes) -> None:
    data = before + b"GET / RTSP/1.0\r\nHost: a\r\n\r\n" + get()
    splits = [[data[:at], data[at:]] for at in range(len(data))]
    for parts in [*splits, *([data[at : at + size] for at in range(0, len(data), size)] for size in (1, 2, 3, 7))]:
        rig = Rig(access_log=True)
        for part in parts:
            rig.send(part)
        assert [a.status for a in responses(rig.transport.read())] == [200, 200, 405, 200, 400], parts
        assert rig.requested[-1].method == "GET"
        assert rig.requested[-1].path == "/"


@given(
    st.lists(st.sampled_from([get(), get(method="BREW"), post(b"G"), post(b"ab", method="get"), b"\r\n"])),
    st.lists(st.integers(1, 60), min_size=1),
)
def test_unknown_methods_among_others_are_all_answered(requests: list[bytes], sizes: list[int]) -> None:
    rig = Rig()
    data, turn = b"".join(requests), 0
    while data:
        size = sizes[turn % len(sizes)]
        rig.send(data[:size])
        data, turn = data[size:], turn + 1
    status = {b"G": 200, b"B": 501, b"P": 405, b"g": 501}
    wanted = [status[request[:1]] for request in requests if request != b"\r\n"]
    assert [a.status for a in responses(rig.transport.read())] == wanted


def test_an_unknown_method_behind_a_body_that_looks_like_a_request_may_be_a_400() -> None:
    """The parser does not say where it stopped, so nobody knows; what is certain is that it is refused."""
    rig = Rig()
    assert [a.status for a in rig.ask(post(b"GET x") + get(method="BREW") + get())] == [405, 400]
    assert rig.transport.half_closed


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


# When there is no number ---------------------------------------------------------------------------------------------


def test_a_state_that_cannot_be_written_is_a_503_and_later_works_again() -> None:
    numbers = StingyNumbers(1)
    rig = Rig(numbers)
    answers = rig.ask(get() * 3)
    assert [(a.status, a.number) for a in answers] == [(200, 1), (503, None), (503, None)]
    assert [a.headers.get("retry-after") for a in answers] == [None, "10", "10"]
    assert (rig.site.requests, rig.site.errors, len(rig.failures)) == (1, 2, 2)
    numbers.left = 1
    assert rig.recoveries == 0
    assert rig.ask(get())[0].number == 2
    assert rig.recoveries == 1
    numbers.left = 2
    assert [a.number for a in rig.ask(get() * 2)] == [3, 4]
    assert rig.recoveries == 1
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
        (None, "BREW", "/d", 501, "192.0.2.1:5"),
        (None, "GET", "*", 400, "192.0.2.1:5"),
    ]


def test_the_access_log_invents_no_method() -> None:
    rig = Rig(access_log=True)
    rig.send(b"\x16\x03\x01")
    assert [(e.method, e.path, e.status) for e in rig.requested] == [("-", "", 400)]
