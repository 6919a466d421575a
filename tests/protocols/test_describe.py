"""Servers that tell their clients what they saw."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock

from counter_memory import Keeper, Response, StingyNumbers, TcpTransport, get, one, post, responses, take_turns
from counter_memory import Rig as PlainRig
from tw.core.description import content_digest, read_body
from tw.errors import LocalError
from tw.events import Requested
from tw.protocols.answers import CounterSite
from tw.protocols.describe import DescribingCounter, DescribingEcho
from tw.services.state import Numbers

ASKED = (
    b"GET /a%20b?c HTTP/1.1\r\nHoSt: a\r\nX-Two: 1\r\nAccept:  text/html, */*  \r\nx-two:\t2 \r\nX-Empty:\r\n"
    b"X-Raw: \xc3\xa9\xff\r\n\r\n"
)
HEADERS = [["HoSt", "a"], ["X-Two", "1"], ["Accept", "text/html, */*"], ["x-two", "2"], ["X-Empty", ""]]
RAW = ["X-Raw", "é\\xff"]


class Rig:
    """A connection to a counter that describes."""

    def __init__(self, numbers: Any = None, *, access_log: bool = True) -> None:
        self.clock = Clock()
        self.requested: list[Requested] = []
        self.failures: list[LocalError] = []
        self.site = CounterSite(
            self.clock,
            numbers or Numbers(),
            lambda: 0.0,
            requested=self.requested.append if access_log else None,
            failed=self.failures.append,
        )
        self.server = DescribingCounter(self.site, Keeper())
        self.transport = TcpTransport()
        self.server.makeConnection(self.transport)

    def ask(self, *pieces: bytes, heads: tuple[int, ...] = ()) -> list[Response]:
        for piece in pieces:
            self.server.dataReceived(piece)
            take_turns(self.clock)
        return responses(self.transport.read(), heads)


def told(answer: Response) -> Any:
    return json.loads(answer.body)


def saw(*pieces: bytes) -> Any:
    (answer,) = Rig().ask(*pieces)
    return told(answer)["saw"]


# The counter ----------------------------------------------------------------------------------------------------------


def test_a_request_is_told_as_it_came() -> None:
    (answer,) = Rig().ask(ASKED)
    assert (answer.status, answer.number) == (200, 1)
    document = told(answer)
    assert (document["v"], document["request"]) == (1, 1)
    assert document["saw"] == {
        "peer": "192.168.1.1:54321",
        "local": "10.0.0.1:12345",
        "proxy": None,
        "tls": None,
        "http": {
            "method": "GET",
            "target": "/a%20b?c",
            "version": "1.1",
            "headers": [*HEADERS, RAW],
            "body_bytes": 0,
            "ordinal": 1,
            "forwarded": [],
            "forwarded_for": [],
        },
    }


def test_every_split_of_a_request_is_told_alike() -> None:
    whole = saw(ASKED)
    for at in range(1, len(ASKED)):
        assert saw(ASKED[:at], ASKED[at:]) == whole, f"split at {at}"
    assert saw(*(ASKED[at : at + 1] for at in range(len(ASKED)))) == whole


def test_who_has_passed_it_on_is_told_in_parts() -> None:
    request = get("/", "X-Forwarded-For: 1.1.1.1, ::1", "Forwarded: for=1.1.1.1;proto=http", "X-Forwarded-For: 2.2.2.2")
    http = saw(request)["http"]
    assert http["forwarded"] == [{"for": "1.1.1.1", "proto": "http"}]
    assert http["forwarded_for"] == ["1.1.1.1", "::1", "2.2.2.2"]


@pytest.mark.parametrize("access_log", [False, True])
def test_requests_of_one_connection_are_counted_and_none_is_taken_for_the_one_before(access_log: bool) -> None:
    rig = Rig(access_log=access_log)
    answers = rig.ask(get("/a"), get("/a"), get("/a") * 3)
    seen = [told(answer)["saw"]["http"] for answer in answers]
    assert [(http["method"], http["target"], http["ordinal"]) for http in seen] == [
        ("GET", "/a", number) for number in range(1, 6)
    ]
    assert [answer.number for answer in answers] == [1, 2, 3, 4, 5]
    (other,) = rig.ask(get("/b", "A: b"))
    assert told(other)["saw"]["http"]["headers"] == [["Host", "a"], ["A", "b"]]


@pytest.mark.parametrize(
    ("request_", "size"),
    [
        (post(b"12345", method="GET"), 5),
        (get("/", "Transfer-Encoding: chunked") + b"3\r\nabc\r\n2;x\r\nde\r\n0\r\nTrailer: x\r\n\r\n", 5),
        (get(), 0),
    ],
)
def test_the_bytes_of_a_body_are_counted_and_a_trailer_is_no_header(request_: bytes, size: int) -> None:
    http = saw(request_)["http"]
    assert http["body_bytes"] == size
    assert "Trailer" not in dict(http["headers"])


def test_an_old_request_is_told_as_old() -> None:
    assert saw(get(version="1.0"))["http"]["version"] == "1.0"


@given(st.integers(0, 1200))
def test_the_answer_names_what_is_sent_its_own_length_too(size: int) -> None:
    (answer,) = Rig().ask(get("/" + "a" * size))
    sent = dict(read_body(answer.body).sent)
    assert sent.pop("Content-Length") == str(len(answer.body))
    digest = answer.headers.pop("content-digest")
    assert digest == content_digest(answer.body)
    assert {name.lower() for name in sent} | {"content-length"} == set(answer.headers)
    assert all(answer.headers[name.lower()] == value for name, value in sent.items())
    assert told(answer)["sent"]["status"] == 200


def test_a_head_has_the_header_and_no_body() -> None:
    rig = Rig()
    head, got = rig.ask(get(method="HEAD"), get(), heads=(0,))
    assert head.body == b""
    assert head.headers["content-digest"]
    assert (head.number, got.number) == (1, 2)


@pytest.mark.parametrize(
    "request_", [post(b"a"), get(method="BREW"), b"GET / HTTP/1.1\r\n\r\n", get("no"), get(version="1.2")]
)
def test_what_gets_no_number_is_answered_as_ever(request_: bytes) -> None:
    plain, _ = one(request_)
    (answer,) = Rig().ask(request_)
    assert (answer.status, answer.body, answer.number) == (plain.status, plain.body, None)


def test_a_connection_is_closed_where_that_is_asked_for() -> None:
    rig = Rig()
    (answer,) = rig.ask(get("/", "Connection: close"))
    assert answer.headers["connection"] == "close"
    assert rig.transport.disconnecting


def test_without_a_number_there_is_no_description() -> None:
    rig = Rig(StingyNumbers(1))
    first, refused = rig.ask(get(), get())
    assert (first.status, refused.status) == (200, 503)
    assert len(rig.failures) == 1
    assert b"saw" not in refused.body
    assert [(each.number, each.status) for each in rig.requested] == [(1, 200), (None, 503)]


def test_secrets_are_told_to_their_owner_and_to_no_log() -> None:
    rig = Rig()
    (answer,) = rig.ask(get("/", "Authorization: Basic c2VjcmV0"))
    assert b"c2VjcmV0" in answer.body
    assert "c2VjcmV0" not in repr(rig.requested)
    assert answer.headers["cache-control"] == "no-store"


STREAMS = st.lists(
    st.sampled_from(
        [
            get(),
            get(),
            get("/y", method="HEAD"),
            get("/", "Connection: keep-alive", version="1.0"),
            get("/", "Connection: close"),
            get("/", "Content-Length: 4") + b"\r\n\r\n",
            get("/", "Transfer-Encoding: chunked") + b"2\r\n\r\n\r\n0\r\n\r\n",
            get("/", "Upgrade: h2c", "Connection: Upgrade"),
            get(method="BREW"),
            post(b"GET / HTTP/1.1"),
            b"\r\n",
            b"\0",
        ]
    ),
    max_size=12,
)


@given(STREAMS, st.integers(1, 400))
def test_it_answers_as_a_server_that_does_not_describe(stream: list[bytes], size: int) -> None:
    """The same numbers and the same statuses to the same bytes, in any pieces."""
    data = b"".join(stream)
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    plain, describing = PlainRig(access_log=True), Rig()
    for piece in pieces:
        plain.send(piece)
        describing.server.dataReceived(piece)
        take_turns(describing.clock)
    told_of = [(each.number, each.status, each.method, each.path) for each in describing.requested]
    assert told_of == [(each.number, each.status, each.method, each.path) for each in plain.requested]
    assert describing.transport.disconnecting == plain.closed
    assert describing.transport.half_closed == plain.transport.half_closed


# Echo -----------------------------------------------------------------------------------------------------------------


def test_an_echo_says_one_line_and_then_every_byte() -> None:
    echo, transport = DescribingEcho(Keeper()), TcpTransport()
    echo.makeConnection(transport)
    line = transport.read()
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    sight = {"peer": "192.168.1.1:54321", "local": "10.0.0.1:12345", "proxy": None, "tls": None}
    assert json.loads(line) == {"v": 1, "describe": sight}
    for data in (b"a", b"\n", bytes(range(256))):
        echo.dataReceived(data)
        assert transport.read() == data


def test_a_silent_client_that_shuts_its_side_gets_the_line_first() -> None:
    echo, transport = DescribingEcho(Keeper()), TcpTransport()
    echo.makeConnection(transport)
    echo.readConnectionLost()
    assert transport.read().startswith(b'{"v": 1, "describe": ')
    assert transport.disconnecting
