"""Request smuggling and other odd shapes, each by every split: what is refused takes no number and is the last."""

from collections.abc import Iterator

import pytest

from counter_memory import Rig, responses
from http_shapes import NEXT, REFUSED, TAKEN, Shape

SPLITS = 300
"""Of a long shape, so many splits are tried, evenly spread; of others, all."""


def pieces(data: bytes) -> Iterator[list[bytes]]:
    """Whole with what follows, whole before it, in two wherever it can be split, and byte by byte."""
    yield [data + NEXT]
    yield [data, NEXT]
    for at in range(1, len(data), 1 + len(data) // SPLITS):
        yield [data[:at], data[at:], NEXT]
        yield [data[:at], data[at:] + NEXT]
    size = 1 + len(data) // 2000
    yield [*(data[i : i + size] for i in range(0, len(data), size)), NEXT]


def fed(parts: list[bytes]) -> Rig:
    rig = Rig()
    for part in parts:
        rig.send(part)
    return rig


def names(shape: Shape) -> str:
    return shape.name


@pytest.mark.parametrize("shape", REFUSED, ids=names)
def test_what_is_refused_is_the_last_and_takes_no_number(shape: Shape) -> None:
    for parts in pieces(shape.data):
        rig = fed(parts)
        answers = responses(rig.transport.read())
        assert tuple(answer.status for answer in answers) == shape.statuses, parts
        assert answers[-1].headers["connection"] == "close"
        assert (rig.site.requests, rig.site.errors) == (0, 1)
        assert rig.transport.half_closed


@pytest.mark.parametrize("shape", REFUSED, ids=names)
def test_a_refusal_behind_other_requests_is_the_same(shape: Shape) -> None:
    for parts in ([NEXT * 3 + shape.data + NEXT], [NEXT, NEXT, NEXT, shape.data + NEXT]):
        rig = fed(parts)
        assert [answer.number for answer in responses(rig.transport.read())] == [1, 2, 3, None]
        assert (rig.site.requests, rig.site.errors) == (3, 1)


@pytest.mark.parametrize("shape", TAKEN, ids=names)
def test_what_is_right_or_harmless_is_answered_and_so_is_what_follows(shape: Shape) -> None:
    for parts in pieces(shape.data):
        rig = fed(parts)
        answers = responses(rig.transport.read())
        assert tuple(answer.status for answer in answers) == (*shape.statuses, 200), parts
        assert rig.site.requests == 1 + shape.statuses.count(200)


def test_a_chunk_that_is_announced_too_large_is_a_413_as_soon_as_it_is_too_large() -> None:
    """Until then all that comes is body, and none of it a request."""
    rig = fed([next(shape for shape in TAKEN if shape.name == "chunks with a trailer").data])
    rig.transport.read()
    rig.send(b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n")
    rig.send(NEXT * 10)
    assert rig.transport.read() == b""
    rig.send(NEXT * 40_000)
    assert [answer.status for answer in responses(rig.transport.read())] == [413]
    assert rig.site.requests == 1
