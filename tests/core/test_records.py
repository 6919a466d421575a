"""TLS records are counted the same however the stream is split."""

from itertools import combinations_with_replacement, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tw.core.records import HEADER_BYTES, RecordCounter


def record(size: int, filler: bytes = b"\xff") -> bytes:
    return b"\x17\x03\x03" + size.to_bytes(2, "big") + filler * size


def whole(stream: bytes) -> tuple[int, bool]:
    """The rule said differently: cut record after record off the front of all that came."""
    count = 0
    while len(stream) >= HEADER_BYTES and len(stream) >= HEADER_BYTES + int.from_bytes(stream[3:5], "big"):
        stream = stream[HEADER_BYTES + int.from_bytes(stream[3:5], "big") :]
        count += 1
    return count, stream == b""


def agree(stream: bytes, cuts: list[int]) -> None:
    """After each chunk, the counter says of the stream up to there what the rule says."""
    counter = RecordCounter()
    assert counter.at_boundary
    count = 0
    for start, end in pairwise([0, *cuts, len(stream)]):
        count += counter.feed(stream[start:end])
        assert (count, counter.at_boundary) == whole(stream[:end])


STREAMS = [
    b"",
    record(0),
    record(0) + record(0) + record(0),
    record(1) + record(0) + record(2),
    record(6, b"\0") + record(3),
    record(0) + record(5)[:-1],
    record(2) + record(9)[:4],
    bytes(13),
    b"GET / HTTP/1.1\r\n",
]
"""`record(6, b"\\0")` holds what looks like a header: whoever loses his place there counts one more."""


@pytest.mark.parametrize("stream", STREAMS)
def test_every_split_counts_the_same(stream: bytes) -> None:
    agree(stream, list(range(len(stream))))
    for parts in range(4):
        for cuts in combinations_with_replacement(range(len(stream) + 1), parts):
            agree(stream, list(cuts))


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 16_384, 65_535])
def test_a_record_ends_with_its_last_byte(size: int) -> None:
    counter = RecordCounter()
    assert [counter.feed(record(size)[:-1]), counter.at_boundary] == [0, False]
    assert [counter.feed(record(size)[-1:]), counter.at_boundary] == [1, True]
    assert [counter.feed(record(size) * 3), counter.at_boundary] == [3, True]


@given(st.lists(st.integers(0, 65_535) | st.sampled_from([0, 1, 255, 256])), st.data())
def test_any_split_of_records_counts_the_same(sizes: list[int], data: st.DataObject) -> None:
    stream = b"".join(record(size) for size in sizes)
    end = data.draw(st.integers(0, len(stream)) | st.just(len(stream)))
    cuts = sorted(data.draw(st.lists(st.integers(0, end), max_size=20)))
    agree(stream[:end], cuts)


NEAR_ZERO = st.lists(st.integers(0, 9), max_size=300).map(bytes)
"""Where any byte may be a length, short ones show more records."""


@given(st.binary(max_size=300) | NEAR_ZERO, st.data())
def test_any_split_of_anything_counts_the_same(stream: bytes, data: st.DataObject) -> None:
    agree(stream, sorted(data.draw(st.lists(st.integers(0, len(stream))))))
