"""The counter's client: one answer for one request, however it comes."""

from itertools import count

import pytest
from twisted.python.failure import Failure

from counter_memory import Rig
from http_client_memory import (
    CHUNKED,
    CONTINUED,
    OK,
    REQUEST,
    TEXT,
    UNTIL_CLOSE,
    Outcome,
    Transport,
    answered,
    connected,
    end,
    give,
)
from tw.errors import UsageError
from tw.protocols.http_client import CounterClient
from tw.protocols.http_request import HttpRequest

# The request ---------------------------------------------------------------------------------------------------------


def test_a_request_has_these_bytes() -> None:
    _, transport, _ = connected()
    assert transport.value() == b"GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: tw\r\nAccept: */*\r\n\r\n"


@pytest.mark.parametrize(
    ("request_", "line"),
    [
        (HttpRequest(host="a", keepalive=False), b"Connection: close"),
        (HttpRequest(host="a", method="POST"), b"Content-Length: 0"),
        (HttpRequest(host="a", headers=(("accept", "text/html"),)), b"accept: text/html"),
        (HttpRequest(host="a", headers=(("HOST", "b"),)), b"HOST: b"),
        (HttpRequest(host="a", headers=(("X", "é"),)), "X: é".encode()),
        (HttpRequest(host="a", path="/é?x"), b"GET /%C3%A9?x HTTP/1.1"),
        (HttpRequest(host="a", path="/\udcff"), b"GET /%FF HTTP/1.1"),
    ],
)
def test_options_of_a_request_are_in_its_bytes(request_: HttpRequest, line: bytes) -> None:
    lines = request_.wire.split(b"\r\n")
    assert line in lines
    names = [part.split(b":")[0].lower() for part in lines[1:]]
    assert len(set(names)) + 1 == len(names)  # the two empty ones at the end


def test_a_header_without_a_value_takes_the_requests_own_away() -> None:
    assert (
        HttpRequest(host="a", headers=(("accept", ""), ("User-Agent", ""))).wire == b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    )


@pytest.mark.parametrize(
    "bad",
    [
        {"method": "GE T"},
        {"method": ""},
        {"path": "x"},
        {"path": "/a b"},
        {"path": "/a\r\nX: y"},
        {"host": "a\r\nX: y"},
        {"headers": (("X y", "z"),)},
        {"headers": (("X", "y\nz"),)},
        {"headers": (("X", "y\0z"),)},
    ],
)
def test_a_request_that_would_break_the_protocol_is_not_made(bad: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        HttpRequest(**{"host": "a", **bad})


# The answer ----------------------------------------------------------------------------------------------------------


def test_an_answer_holds_what_came() -> None:
    answer = answered(OK)
    assert (answer.status, answer.body, answer.keep_alive) == (200, TEXT, True)
    assert (answer.number, answer.body_number, answer.instance) == (7, 7, "abc")
    assert answer.header("CONTENT-type") == "text/plain"
    assert answer.header("x") is None


@pytest.mark.parametrize("data", [OK, CHUNKED, CONTINUED])
def test_an_answer_is_the_same_wherever_it_is_split(data: bytes) -> None:
    whole = answered(data)
    assert whole.number == 7
    for at in range(1, len(data)):
        client, _, outcome = connected()
        give(client, data[:at])
        assert outcome.answers == []
        give(client, data[at:])
        assert outcome.answer == whole
    assert answered(data, size=1) == whole
    assert whole.header("link") is None  # an early hint's, not the answer's


def test_a_body_may_end_with_the_connection() -> None:
    client, _, outcome = connected()
    give(client, UNTIL_CLOSE, 3)
    assert outcome.answers == []
    end(client)
    assert (outcome.answer.body, outcome.answer.keep_alive) == (TEXT, False)


def test_an_answer_to_head_has_no_body() -> None:
    head = OK.removesuffix(TEXT)
    client, _, outcome = connected(HttpRequest(host="a", method="HEAD"))
    give(client, head, 5)
    assert (outcome.answer.body, outcome.answer.number, outcome.answer.body_number) == (b"", 7, None)
    assert client.usable
    again = Outcome(client.request(REQUEST))
    give(client, OK)
    assert again.answer.number == 7


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
def test_some_answers_never_have_a_body(status: bytes) -> None:
    assert answered(b"HTTP/1.1 " + status + b"\r\n\r\n").body == b""


@pytest.mark.parametrize(
    ("field", "body", "number", "body_number"),
    [
        (b"X-Request-Number: 8", TEXT, 8, 7),
        (b"X-Request-Number: x", TEXT, None, 7),
        (b"X-Request-Number: " + b"9" * 20, TEXT, None, 7),
        (b"X-Other: 8", TEXT, 7, 7),
        (b"X-Other: 8", b'{"v": 1, "request": 9}\n', 9, 9),
        (b"X-Other: 8", b"I am request #9", 9, 9),
        (b"X-Other: 8", b"I am request #9\nand more", None, None),
        (b"X-Other: 8", b"", None, None),
    ],
)
def test_the_number_is_the_fields_or_else_the_bodys(
    field: bytes, body: bytes, number: int | None, body_number: int | None
) -> None:
    answer = answered(b"HTTP/1.1 200 OK\r\n%b\r\nContent-Length: %d\r\n\r\n%b" % (field, len(body), body))
    assert (answer.number, answer.body_number) == (number, body_number)


def test_an_instance_is_safe_to_print() -> None:
    answer = answered(b"HTTP/1.1 200 OK\r\nX-Instance: \xc2\x9b31m\r\nContent-Length: 0\r\n\r\n")
    assert answer.instance == "Â\\x9b31m"


def test_it_reads_what_the_counter_answers() -> None:
    rig = Rig()
    client, transport, outcome = connected(HttpRequest(host="a", headers=(("Accept", "application/json"),)))
    rig.send(transport.value())
    give(client, rig.transport.read())
    assert (outcome.answer.number, outcome.answer.body_number) == (1, 1)
    assert outcome.answer.instance == rig.numbers.instance


# Keep-alive ----------------------------------------------------------------------------------------------------------


def test_a_connection_takes_one_request_after_the_other() -> None:
    client, transport, first = connected()
    with pytest.raises(RuntimeError):
        client.request(REQUEST)
    give(client, OK)
    assert client.usable
    second = Outcome(client.request(REQUEST))
    give(client, OK.replace(b"Number: 7", b"Number: 8"))
    assert (first.answer.number, second.answer.number) == (7, 8)
    assert transport.value() == 2 * REQUEST.wire


@pytest.mark.parametrize(
    "data",
    [
        OK.replace(b"\r\n", b"\r\nConnection: close\r\n", 1),
        OK.replace(b"HTTP/1.1", b"HTTP/1.0"),
        OK.replace(b"\r\n", b"\r\nConnection: close\r\n", 1) + b"more",
        OK + b"H",
        OK + OK,
        OK + b"\x00",
        b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n\x00\x01",
        b"HTTP/1.1 101 Switching\r\n\r\n",
    ],
)
def test_these_answers_end_the_connection(data: bytes) -> None:
    client, _, outcome = connected()
    give(client, data)
    assert not outcome.answer.keep_alive
    assert not client.usable
    with pytest.raises(RuntimeError):
        client.request(REQUEST)


def test_a_body_after_head_ends_the_connection() -> None:
    client, _, outcome = connected(HttpRequest(host="a", method="HEAD"))
    give(client, OK)
    assert (outcome.answer.body, client.usable) == (b"", False)


def test_a_second_answer_after_head_ends_the_connection() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: 1\r\n\r\n"
    client, _, outcome = connected(HttpRequest(host="a", method="HEAD"))
    give(client, head + head)
    assert (outcome.answer.header("x"), len(outcome.answer.headers), client.usable) == ("1", 2, False)


def test_who_asked_for_the_end_does_not_go_on() -> None:
    client, _, outcome = connected(HttpRequest(host="a", keepalive=False))
    give(client, OK)
    assert not outcome.answer.keep_alive
    assert not client.usable


def test_bytes_that_nobody_asked_for_end_the_connection() -> None:
    client, _, _ = connected()
    give(client, OK)
    give(client, b"x")
    assert not client.usable


def test_a_server_that_closes_between_requests_is_told_of_and_is_no_error() -> None:
    told: list[Failure] = []
    client = CounterClient(gone=told.append)
    client.makeConnection(Transport())
    outcome = Outcome(client.request(REQUEST))
    give(client, OK)
    end(client)
    assert (outcome.answer.number, client.usable, len(told)) == (7, False, 1)


# When ----------------------------------------------------------------------------------------------------------------


def ticking() -> CounterClient:
    """A client for which 1 s passes with each piece that comes."""
    seconds = count(1)
    client = CounterClient(clock=lambda: float(next(seconds)))
    client.makeConnection(Transport())
    return client


def test_an_answer_has_a_first_byte_and_a_last_one() -> None:
    client = ticking()
    for began_s, size, whole_s in ((1.0, 1, len(OK)), (len(OK) + 1.0, len(OK), len(OK) + 1.0)):
        outcome = Outcome(client.request(REQUEST))
        give(client, OK, size)
        assert outcome.answer.number == 7
        assert (client.first_byte_s, client.whole_s) == (began_s, whole_s)


def test_an_answer_that_ends_with_its_connection_is_whole_then() -> None:
    client = ticking()
    outcome = Outcome(client.request(REQUEST))
    give(client, b"HTTP/1.1 200 OK\r\n\r\nI am request #7\n")
    end(client)
    assert outcome.answer.number == 7
    assert (client.first_byte_s, client.whole_s) == (1.0, 2.0)
