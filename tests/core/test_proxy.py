"""PROXY headers say the same however they are split."""

import pytest

from tw.core.crc32c import crc32c
from tw.core.proxy import (
    DGRAM,
    SIGNATURE,
    Header,
    HeaderReader,
    HostAddress,
    UnixAddress,
    parse_header,
    v2_header,
)

SOURCE, DESTINATION = HostAddress("192.0.2.1", 56324), HostAddress("198.51.100.7", 443)
SOURCE_6, DESTINATION_6 = HostAddress("2001:db8::1", 1), HostAddress("2001:db8::2", 65535)
PATHS = UnixAddress(b"/run/a"), UnixAddress(b"\0abstract")

HAPROXYS = SIGNATURE + bytes.fromhex("2111 0016 7f000001 7f000001 d7b4 8e65 030004 fed9470a 050000")
"""What HAProxy 2.6 sends with `proxy-v2-options crc32c,unique-id`."""

HAPROXYS_CHECK = SIGNATURE + bytes.fromhex("2000 0007 030004 a9b87e8f")
"""Its health check."""

WHOLE = [
    (b"PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n", 1, SOURCE, DESTINATION),
    (b"PROXY TCP4 0.0.0.0 1.2.3.4 0 65535\r\n", 1, HostAddress("0.0.0.0", 0), HostAddress("1.2.3.4", 65535)),
    (b"PROXY TCP6 2001:DB8::1 2001:db8:0:0:0:0:0:2 1 65535\r\n", 1, SOURCE_6, DESTINATION_6),
    (b"PROXY TCP6 :: ::1 0 0\r\n", 1, HostAddress("::", 0), HostAddress("::1", 0)),
    (b"PROXY UNKNOWN\r\n", 1, None, None),
    (b"PROXY UNKNOWN whatever  may\0stand here\r\n", 1, None, None),
    (b"PROXY UNKNOWN " + b"ffff:" * 7 + b"ffff " + b"ffff:" * 7 + b"ffff 65535 65535\r\n", 1, None, None),
    (
        SIGNATURE + b"\x21\x11\x00\x0c\xc0\x00\x02\x01\xc6\x33\x64\x07\xdc\x04\x01\xbb",
        2, SOURCE, DESTINATION,
    ),
    (SIGNATURE + b"\x21\x12\x00\x0c\xc0\x00\x02\x01\xc6\x33\x64\x07\xdc\x04\x01\xbb", 2, SOURCE, DESTINATION),
    (v2_header(SOURCE_6, DESTINATION_6), 2, SOURCE_6, DESTINATION_6),
    (v2_header(SOURCE, DESTINATION, vectors=[(2, b"a.example"), (4, bytes(99)), (5, b"")]), 2, SOURCE, DESTINATION),
    (v2_header(SOURCE, DESTINATION, vectors=[(0xEE, b"x")], checksum=True), 2, SOURCE, DESTINATION),
    (v2_header(*PATHS), 2, *PATHS),
    (v2_header(*PATHS, kind=DGRAM), 2, *PATHS),
    (SIGNATURE + b"\x20\x00\x00\x00", 2, None, None),
    (HAPROXYS, 2, HostAddress("127.0.0.1", 55220), HostAddress("127.0.0.1", 36453)),
    (HAPROXYS_CHECK, 2, None, None),
    (SIGNATURE + b"\x20\xff\x00\x05what?", 2, None, None),
    (SIGNATURE + b"\x21\x00\x00\x00", 2, None, None),
    (SIGNATURE + b"\x21\x01\x00\x05what?", 2, None, None),
    (SIGNATURE + b"\x21\x20\x00\x03\xff\xff\xff", 2, None, None),
]  # fmt: skip
"""Headers, and what they say."""


def fed(*pieces: bytes) -> tuple[Header | None, bytes]:
    """The header that comes of these pieces, and what is left behind it."""
    reader = HeaderReader()
    header = None
    rest = b""
    for piece in pieces:
        if header is None:
            header = reader.feed(piece)
            rest = reader.rest(header) if header is not None else b""
        else:
            rest += piece
    return header, rest


# What a header says, however it comes ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("data", "version", "source", "destination"), WHOLE)
def test_every_split_of_a_header_says_the_same(data: bytes, version: int, source: object, destination: object) -> None:
    for behind in (b"", b"\r\n", b"PROXY TCP4 1.1.1.1 1.1.1.1 1 1\r\n", bytes(70_000)):
        stream = data + behind
        for at in range(len(data) + 2):
            header, rest = fed(stream[:at], stream[at:])
            assert header is not None, f"split at {at}"
            assert (header.version, header.source, header.destination) == (version, source, destination)
            assert header.size == len(data)
            assert rest == behind
    assert fed(*(data[at : at + 1] for at in range(len(data))))[0] is not None


@pytest.mark.parametrize(("data", "version", "source", "destination"), WHOLE)
def test_no_header_is_there_before_its_last_byte(
    data: bytes, version: int, source: object, destination: object
) -> None:
    for size in range(len(data)):
        assert parse_header(data[:size]) is None


def test_what_comes_before_a_header_shows_whether_anything_came() -> None:
    reader = HeaderReader()
    assert not reader.started
    reader.feed(b"P")
    assert reader.started


def test_an_ipv4_mapped_address_is_taken_in_either_form() -> None:
    binary = parse_header(v2_header(HostAddress("::ffff:192.0.2.1", 5), HostAddress("::1", 6)))
    assert binary is not None
    for text in (b"::ffff:192.0.2.1", b"::FFFF:c000:201"):
        header = parse_header(b"PROXY TCP6 %s ::1 5 6\r\n" % text)
        assert header is not None
        assert (header.source, header.destination) == (binary.source, binary.destination)


def test_the_checksum_is_castagnolis() -> None:
    """The check value of the catalogue of parametrised CRC algorithms, and RFC 3720's vectors (B.4)."""
    assert crc32c(b"123456789") == 0xE3069283
    assert crc32c(bytes(32)) == 0x8A9136AA
    assert crc32c(b"\xff" * 32) == 0x62A8AB43
    assert crc32c(bytes(range(32))) == 0x46DD794E
