"""Whatever is written is read back, and whatever comes is a header, needs more, or is refused: in any pieces."""

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tw.core.proxy import (
    CHECKSUM_TYPE,
    DGRAM,
    SIGNATURE,
    STREAM,
    V1_LIMIT_BYTES,
    V2_LIMIT_BYTES,
    Address,
    Header,
    HeaderReader,
    HostAddress,
    ProxyHeaderError,
    UnixAddress,
    parse_header,
    v1_header,
    v2_header,
)

PORTS = st.integers(0, 65535)
IPV4 = st.builds(HostAddress, st.ip_addresses(v=4).map(str), PORTS)
IPV6 = st.builds(HostAddress, st.ip_addresses(v=6).map(str), PORTS)
PATHS = st.builds(UnixAddress, st.binary(max_size=108).filter(lambda path: not path.endswith(b"\0")))
HOST_PAIRS = st.tuples(IPV4, IPV4) | st.tuples(IPV6, IPV6)
VECTORS = st.lists(
    st.tuples(st.integers(0, 255).filter(lambda number: number != 3), st.binary(max_size=300)), max_size=8
)

HEADERS = st.one_of(
    HOST_PAIRS.map(lambda pair: v1_header(*pair)),
    st.builds(
        lambda pair, kind, vectors, checksum: v2_header(*pair, kind=kind, vectors=vectors, checksum=checksum),
        HOST_PAIRS | st.tuples(PATHS, PATHS) | st.just((None, None)),
        st.sampled_from([STREAM, DGRAM]),
        VECTORS,
        st.booleans(),
    ),
)


def outcome(pieces: list[bytes]) -> object:
    """What comes of bytes: a header and what is behind it, a refusal, or nothing yet."""
    reader = HeaderReader()
    for number, piece in enumerate(pieces):
        try:
            header = reader.feed(piece)
        except ProxyHeaderError:
            return "refused"
        if header is not None:
            return header, reader.rest(header) + b"".join(pieces[number + 1 :])
    return None


def split(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted(min(cut, len(data)) for cut in cuts)
    return [data[start:end] for start, end in pairwise([0, *places, len(data)])]


@given(HOST_PAIRS)
def test_version_1_comes_back(pair: tuple[HostAddress, HostAddress]) -> None:
    data = v1_header(*pair)
    assert len(data) <= V1_LIMIT_BYTES
    assert parse_header(data) == Header(1, *pair, len(data))


@given(HOST_PAIRS | st.tuples(PATHS, PATHS), st.sampled_from([STREAM, DGRAM]), VECTORS, st.booleans())
def test_version_2_comes_back(
    pair: tuple[Address, Address], kind: int, vectors: list[tuple[int, bytes]], checksum: bool
) -> None:
    data = v2_header(*pair, kind=kind, vectors=vectors, checksum=checksum)
    header = parse_header(data)
    assert header is not None
    told, sums = header.vectors[: len(vectors)], header.vectors[len(vectors) :]
    assert header == Header(2, *pair, len(data), told + sums)
    assert list(told) == vectors
    assert [number for number, _ in sums] == [CHECKSUM_TYPE] * checksum
    assert data[13] & 15 == kind


@given(HEADERS, st.binary(max_size=50), st.lists(st.integers(0, 5000), max_size=6))
def test_the_pieces_do_not_matter(header: bytes, behind: bytes, cuts: list[int]) -> None:
    found = parse_header(header)
    assert outcome(split(header + behind, cuts)) == (found, behind)


@given(HEADERS, st.integers(0, 5000), st.integers(1, 255), st.lists(st.integers(0, 300), max_size=4))
def test_a_harmed_header_means_the_same_in_any_pieces(header: bytes, at: int, harm: int, cuts: list[int]) -> None:
    harmed = bytearray(header)
    harmed[at % len(header)] ^= harm
    assert outcome(split(bytes(harmed), cuts)) == outcome([bytes(harmed)])


@given(
    st.sampled_from([b"", b"PROXY ", b"PROXY TCP4 ", b"PROXY UNKNOWN ", SIGNATURE, SIGNATURE + b"\x21\x11\x00"]),
    st.binary(max_size=150),
    st.lists(st.integers(0, 200), max_size=6),
)
@example(b"", b"", [])
def test_garbage_raises_nothing_else_and_means_the_same_in_any_pieces(
    start: bytes, garbage: bytes, cuts: list[int]
) -> None:
    data = start + garbage
    whole = outcome([data])
    assert outcome(split(data, cuts)) == whole
    if whole is None:
        assert len(data) < V2_LIMIT_BYTES  # what is held is bounded


@given(st.from_regex(rb"PROXY TCP[46] [0-9a-f.:]{2,20} [0-9a-f.:]{2,20} [0-9]{1,6} [0-9]{1,6}\r\n", fullmatch=True))
def test_what_looks_like_a_line_and_is_taken_means_what_it_says(line: bytes) -> None:
    """Written again, it is read as the same: no second spelling of a port, no address that was not there."""
    whole = outcome([line])
    if isinstance(whole, tuple):
        header, rest = whole
        assert rest == b""
        again = parse_header(v1_header(header.source, header.destination))
        assert again is not None
        assert (again.source, again.destination) == (header.source, header.destination)
        assert line.rstrip().endswith(b" %d %d" % (header.source.port, header.destination.port))


# What cannot be written -----------------------------------------------------------------------------------------------


def test_without_both_addresses_a_header_says_unknown_or_local() -> None:
    here = HostAddress("::1", 1)
    assert v1_header(None, here) == v1_header(here, None) == b"PROXY UNKNOWN\r\n"
    assert v2_header(None, here) == v2_header(here, None) == SIGNATURE + b"\x20\x00\x00\x00"


def test_a_zone_is_left_out() -> None:
    here = HostAddress("fe80::1%eth0", 1)
    assert v1_header(here, here) == b"PROXY TCP6 fe80::1 fe80::1 1 1\r\n"


@pytest.mark.parametrize(
    "pair",
    [
        (HostAddress("1.1.1.1", 1), HostAddress("::1", 1)),
        (HostAddress("1.1.1.1", 1), UnixAddress(b"/a")),
        (UnixAddress(b"/a"), HostAddress("::1", 1)),
        (UnixAddress(b"x" * 109), UnixAddress(b"")),
        (HostAddress("a.name", 1), HostAddress("::1", 1)),
    ],
)
def test_addresses_that_do_not_go_together_are_refused(pair: tuple[Address, Address]) -> None:
    with pytest.raises(ValueError, match=r"families|108|a\.name"):
        v2_header(*pair)


def test_a_header_that_no_one_would_take_is_not_written() -> None:
    here = HostAddress("::1", 1)
    room = V2_LIMIT_BYTES - 16 - 36 - 3
    assert len(v2_header(here, here, vectors=[(4, bytes(room))])) == V2_LIMIT_BYTES
    with pytest.raises(ValueError, match="4096"):
        v2_header(here, here, vectors=[(4, bytes(room + 1))])
