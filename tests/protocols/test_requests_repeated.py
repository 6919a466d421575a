"""A request that is repeated byte for byte is not parsed again: nobody may be able to tell."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counter_memory import Rig, get, post, responses
from tw.protocols import request_rules as requests
from tw.protocols.request_rules import KNOWN_REQUESTS, REPEATED_LIMIT_BYTES

PARTS = st.sampled_from(
    [
        get(),
        get("/x", "Accept: application/json"),
        get("/y", method="HEAD"),
        get("/", "Connection: keep-alive", version="1.0"),
        get("/", "Connection: close"),
        get("/", "Content-Length: 4") + b"\r\n\r\n",
        get("/", "Content-Length: 4"),
        get("/", method="PURGE"),
        get("/", method="DELETE"),
        get("/", "Expect: 100-continue", "Content-Length: 1"),
        get("/", "Host: b"),
        get()[:5],
        get()[5:],
        get() * 2,
        get() * 3 + get("/y", method="HEAD"),
        get("/y", method="HEAD") * 2,
        post(b"some body"),
        b"\r\n",
        b"abcd",
        b"\0",
        get("/" + "a" * REPEATED_LIMIT_BYTES),
    ]
)


def answers_to(pieces: list[bytes], *, forgetful: bool = False) -> tuple[bytes, bool]:
    rig = Rig()
    for piece in pieces:
        if forgetful:
            rig.server._requests._repeated = None
        rig.send(piece)
    return rig.transport.read(), rig.closed


@given(st.lists(st.tuples(PARTS, st.integers(1, 3)), max_size=12))
@settings(max_examples=400)
def test_the_answers_are_those_of_one_who_parses_everything(script: list[tuple[bytes, int]]) -> None:
    pieces = [piece for piece, times in script for _ in range(times)]
    assert answers_to(pieces) == answers_to(pieces, forgetful=True)


def answers_on_connections(scripts: list[list[bytes]], *, forgetful: bool) -> list[tuple[bytes, bool]]:
    """What several connections of one server get, one after the other."""
    rig = Rig()
    got = []
    for pieces in scripts:
        rig.server, rig.transport = rig.connect()
        for piece in pieces:
            if forgetful:
                rig.site.known.clear()
                rig.server._requests._repeated = None
            rig.send(piece)
        got.append((rig.transport.read(), rig.closed))
    return got


@given(st.lists(st.lists(PARTS, max_size=3), max_size=8))
@settings(max_examples=400)
def test_nor_can_anybody_tell_what_others_have_asked_for(scripts: list[list[bytes]]) -> None:
    assert answers_on_connections(scripts, forgetful=False) == answers_on_connections(scripts, forgetful=True)


@pytest.mark.parametrize(
    "request_bytes", [get(), get("/", "Connection: close"), get() * 3, get("/", "Accept: application/json")]
)
def test_what_another_connection_has_asked_for_needs_no_parser(request_bytes: bytes) -> None:
    rig = Rig()
    rig.send(request_bytes)
    rig.server, rig.transport = rig.connect()
    first = rig.ask(request_bytes)
    assert [answer.status for answer in first] == [200] * request_bytes.count(b"Host")
    assert rig.server._requests._parser is None
    assert rig.closed == (b"close" in request_bytes)


@pytest.mark.parametrize(
    "request_bytes",
    [
        get("/", "Content-Length: 0"),
        get("/", "Expect: 100-continue"),
        get(method="POST"),
        get(method="PURGE"),
        get("/", "Connection: upgrade", "Upgrade: websocket"),
        get("/", version="1.2"),
        get("/" + "a" * REPEATED_LIMIT_BYTES),
    ],
)
def test_what_has_more_to_it_is_parsed_for_each_connection(request_bytes: bytes) -> None:
    rig = Rig()
    rig.send(request_bytes)
    assert rig.site.known == {}


def test_what_is_known_is_bounded() -> None:
    rig = Rig()
    for number in range(3 * KNOWN_REQUESTS):
        rig.send(get(f"/{number}"))
        assert len(rig.site.known) <= KNOWN_REQUESTS
    assert get(f"/{3 * KNOWN_REQUESTS - 1}") in rig.site.known


def test_a_known_request_is_the_last_while_the_server_stops() -> None:
    rig = Rig()
    rig.send(get())
    rig.server, rig.transport = rig.connect()
    rig.server._requests.draining = True
    (answer,) = rig.ask(get())
    assert (answer.number, answer.headers["connection"], rig.closed) == (2, "close", True)


def test_a_repeated_request_never_reaches_the_parser() -> None:
    rig = Rig()
    rig.send(get())
    rig.server._requests._parser = None  # whoever feeds it fails
    for _ in range(3):
        rig.send(get())
    assert [answer.number for answer in responses(rig.transport.read())] == [1, 2, 3, 4]


def test_a_repeated_batch_never_reaches_the_parser() -> None:
    rig = Rig()
    rig.send(get() * 16)
    rig.server._requests._parser = None
    rig.send(get() * 16)
    rig.send(get() * 16)
    assert [answer.number for answer in responses(rig.transport.read())] == list(range(1, 49))


def test_a_batch_of_several_kinds_is_parsed_each_time() -> None:
    for batch in (get() + get(method="HEAD"), get(method="HEAD") + get(), get() + get("/", "Accept: application/json")):
        rig = Rig()
        rig.send(batch)
        assert rig.server._requests._repeated is None


def test_another_kind_of_request_in_between_changes_nothing() -> None:
    rig = Rig()
    as_json = get("/", "Accept: application/json")
    for piece in (get(), as_json + as_json, get(), as_json, get(), as_json):
        rig.send(piece)
    kinds = [answer.body[:1] for answer in responses(rig.transport.read())]
    assert kinds == [b"I", b"{", b"{", b"I", b"{", b"I", b"{"]


def test_a_repeated_request_is_the_last_while_the_server_stops() -> None:
    rig = Rig()
    rig.send(get())
    rig.send(get())
    rig.send(get()[:5])
    rig.server.drain()
    rig.send(get()[5:])
    assert [answer.number for answer in responses(rig.transport.read())] == [1, 2, 3]
    assert rig.closed


def test_with_an_access_log_every_request_is_parsed_and_told() -> None:
    rig = Rig(access_log=True)
    for _ in range(3):
        rig.send(get("/path"))
    assert len(rig.requested) == 3
    assert rig.server._requests._repeated is None


def test_a_long_request_is_not_kept() -> None:
    rig = Rig()
    for _ in range(2):
        rig.send(get("/" + "a" * requests.REPEATED_LIMIT_BYTES))
    assert rig.server._requests._repeated is None


def test_a_repeated_request_that_is_held_is_the_last_while_the_server_stops() -> None:
    rig = Rig()
    rig.send(get())
    rig.server.pauseProducing()
    rig.send(get())
    rig.server.drain()
    rig.server.resumeProducing()
    rig.send(get())
    first, last = responses(rig.transport.read())
    assert (first.number, last.number, rig.closed) == (1, 2, True)
    assert [answer.headers.get("connection") for answer in (first, last)] == [None, "close"]
