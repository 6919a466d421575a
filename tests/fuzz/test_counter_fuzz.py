"""The counter among guests who send anything: a number is never given twice, never skipped, and only for a request."""

import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from counter_memory import CHUNKED, get, post, responses
from fuzz.guests import House, Op, ops
from fuzz.inputs import SIZES, bulk, fuzz, mutated, noise, pieces
from tw.net.stream import PAUSE_BYTES
from tw.protocols.counter import SLICE_BYTES
from tw.serve_options import ServeCounterOptions
from tw.services.counter import CounterService

ANSWER_BYTES = 512
"""The largest answer there is, with room."""

SHORTEST_BYTES = 24
"""A request of the fewest bytes that gets an answer, and no close (`GET / HTTP/1.0` and keep-alive are longer)."""

NUMBER = re.compile(rb"\r\nX-Request-Number: ([0-9]+)\r\n")

BODY = re.compile(rb'I am request #([0-9]+)\n|"request": ([0-9]+)}\n')

GETS = [
    get(),
    get("/a?b=c", "Accept: application/json"),
    get("http://a/x"),
    get("/", "X: y" * 50),
    b"\r\n" + get(),
    get("/up", "Connection: Upgrade", "Upgrade: h2c"),
    get("/", "Content-Length: 3") + b"abc",
    get("/", CHUNKED.decode().strip()) + b"3\r\nabc\r\n0\r\nX-Trailer: 1\r\n\r\n",
]
"""Requests that take a number each, and keep the connection open."""

OTHERS = [post(b"x=1"), post(b"", method="PURGE"), get(method="OPTIONS")]
"""Requests that take none."""

LAST = [
    get("/", "Connection: close"),
    get(version="1.0"),
    b"GET /\r\n\r\n",
    get(version="2.0"),
    b"PRI * HTTP/2.0\r\n\r\n",
]


MANY = st.builds(
    lambda some, times: some * times,
    st.lists(st.sampled_from([*GETS, *OTHERS]), max_size=40),
    st.sampled_from([1, 1, 60]),
)


def make(reactor: Any, emit: Any) -> CounterService:
    return CounterService(reactor, ServeCounterOptions(port=0, access_log=True), emit, lambda: 784_111_777.0)


def check(house: House) -> None:
    for guest in house.everyone:
        assert guest.buffered_bytes <= PAUSE_BYTES + SLICE_BYTES // SHORTEST_BYTES * ANSWER_BYTES
        assert len(guest.server._held) <= PAUSE_BYTES
        requests = guest.server._requests
        assert len(requests._target) <= 2 * 65_536
        assert requests.out == []


def numbers(data: bytes) -> list[int]:
    return [int(number) for number in NUMBER.findall(data)]


@fuzz
@given(
    ops(
        noise()
        | mutated([*GETS, *OTHERS, *LAST])
        | bulk(mutated(GETS, 1))
        | st.lists(mutated(GETS), max_size=8).map(b"".join)
    )
)
def test_numbers_are_given_once_each_and_in_order(script: list[Op]) -> None:
    with House(make, check) as house:
        house.play(script)
        given_out = house.service._site.requests
        friend = house.call()
        friend.says(get())
        house.settle_all()
        assert [answer.number for answer in responses(friend.got)] == [given_out + 1]
        seen: list[int] = []
        for guest in house.everyone:
            own = numbers(guest.got)
            assert own == sorted(own)
            in_bodies = [int(text or json) for text, json in BODY.findall(guest.got)]
            assert set(in_bodies) <= set(own)
            seen += own
        assert len(set(seen)) == len(seen)
        summary = house.close()
        assert summary.more["requests"] == house.service._site.requests
        if all(guest.faithful for guest in house.everyone):
            assert sorted(seen) == list(range(1, summary.more["requests"] + 1))
        else:
            assert set(seen) <= set(range(1, summary.more["requests"] + 1))


@fuzz
@given(MANY, SIZES, st.lists(st.booleans(), max_size=10))
def test_well_formed_requests_are_counted_exactly_however_they_come(
    requests: list[bytes], sizes: list[int], reads: list[bool]
) -> None:
    with House(make, check) as house:
        guest = house.call()
        for at, piece in enumerate(pieces(b"".join(requests), sizes)):
            while piece:
                piece = piece[guest.says(piece) :]
                house.turn()
                if piece or (reads and reads[at % len(reads)]):
                    guest.reads()
        guest.shuts()
        house.settle_all()
        answers = [answer for answer in responses(guest.got) if answer.status != 100]
        wanted = sum(request in GETS for request in requests)
        assert [answer.number for answer in answers if answer.number is not None] == list(range(1, wanted + 1))
        assert [answer.status for answer in answers] == [200 if request in GETS else 405 for request in requests]
        assert guest.ended
        assert house.close().more["requests"] == wanted
