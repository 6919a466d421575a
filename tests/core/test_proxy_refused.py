"""Nothing that is not exactly a PROXY header is taken, and it is refused as soon as that shows."""

import pytest

from tw.core.crc32c import crc32c
from tw.core.proxy import (
    SIGNATURE,
    V1_LIMIT_BYTES,
    V2_LIMIT_BYTES,
    HeaderReader,
    HostAddress,
    ProxyHeaderError,
    parse_header,
    v2_header,
)

SOURCE, DESTINATION = HostAddress("192.0.2.1", 56324), HostAddress("198.51.100.7", 443)
CRC32C = bytes([3, 0, 4])


def refused(data: bytes) -> str:
    """Why these bytes are refused: in one piece, and no later when they come one at a time."""
    with pytest.raises(ProxyHeaderError) as whole:
        parse_header(data)
    reader = HeaderReader()
    found = (reader.feed(data[at : at + 1]) for at in range(len(data)))
    with pytest.raises(ProxyHeaderError):
        assert not any(found)
    return str(whole.value)


# Version 1 refuses ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        b"proxy TCP4 1.1.1.1 2.2.2.2 1 2\r\n",
        b" PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\n",
        b"PROXY\tTCP4 1.1.1.1 2.2.2.2 1 2\r\n",
        b"PROXY\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00",
        b"\0",
        b"\n",
    ],
)
def test_what_begins_in_another_way_is_no_header(line: bytes) -> None:
    assert refused(line) == "it begins with something else"


@pytest.mark.parametrize(
    "line",
    [
        b"PROXY TCP4  1.1.1.1 2.2.2.2 1 2\r\n",
        b"PROXY TCP4 1.1.1.1 2.2.2.2 1 2 \r\n",
        b"PROXY TCP4 1.1.1.1 2.2.2.2 1\r\n",
        b"PROXY TCP4 1.1.1.1 2.2.2.2 1 2 3\r\n",
        b"PROXY TCP4\r\n",
    ],
)
def test_words_are_counted_and_stand_apart_by_one_space(line: bytes) -> None:
    assert refused(line) == "not two addresses and two ports with single spaces in between"


@pytest.mark.parametrize("protocol", [b"", b"TCP", b"TCP5", b"tcp4", b"UDP4", b"UNKNOWNX", b" TCP4", b"UNIX"])
def test_other_protocols_are_refused(protocol: bytes) -> None:
    assert refused(b"PROXY %s 1.1.1.1 2.2.2.2 1 2\r\n" % protocol) == "the protocol is not TCP4, TCP6 or UNKNOWN"


@pytest.mark.parametrize(
    "host",
    [
        b"01.1.1.1",
        b"1.1.1",
        b"1.1.1.256",
        b"1.1.1.1.1",
        b"+1.1.1.1",
        b"1.1.1.1\0",
        b"::1",
        b"",
        b"0x1.1.1.1",
        b"\xb2.1.1.1",
    ],
)
def test_what_is_no_ipv4_address_is_refused(host: bytes) -> None:
    for line in (b"PROXY TCP4 %s 2.2.2.2 1 2\r\n", b"PROXY TCP4 2.2.2.2 %s 1 2\r\n"):
        assert refused(line % host) == "an address is not IPv4"


@pytest.mark.parametrize(
    "host",
    [
        b"1.1.1.1",
        b"fe80::1%eth0",
        b"::1%",
        b"::1::",
        b":::",
        b"12345::",
        b"1:2:3:4:5:6:7",
        b"1:2:3:4:5:6:7:8:9",
        b"[::1]",
        b"::g",
        b":",
    ],
)
def test_what_is_no_ipv6_address_is_refused(host: bytes) -> None:
    for line in (b"PROXY TCP6 %s ::1 1 2\r\n", b"PROXY TCP6 ::1 %s 1 2\r\n"):
        assert refused(line % host) == "an address is not IPv6"


@pytest.mark.parametrize(
    "port", [b"", b"00", b"01", b"65536", b"99999", b"100000", b"-1", b"+1", b"1e3", b"0x1", b"\xb2"]
)
def test_what_is_no_port_is_refused(port: bytes) -> None:
    for line in (b"PROXY TCP4 1.1.1.1 2.2.2.2 %s 2\r\n", b"PROXY TCP4 1.1.1.1 2.2.2.2 2 %s\r\n"):
        assert refused(line % port) == "a port is not a number of 0 to 65535"


@pytest.mark.parametrize(
    "line",
    [
        b"PROXY TCP4 1.1.1.1 2.2.2.2 1 2\n",
        b"PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\r\n",
        b"PROXY TCP4 1.1.1.1\r 2.2.2.2 1 2\r\n",
        b"PROXY UNKNOWN\n",
        b"PROXY UNKNOWN a\nb\r\n",
        b"PROXY UNKNOWN a\rb\r\n",
        b"PROXY \n",
    ],
)
def test_a_line_ends_in_cr_lf_and_holds_neither_of_them_before(line: bytes) -> None:
    assert refused(line) == "the line does not end in CR LF"


def test_a_line_may_have_107_bytes_and_no_more() -> None:
    start, end = b"PROXY UNKNOWN ", b"\r\n"
    longest = start + b"x" * (V1_LIMIT_BYTES - len(start + end)) + end
    header = parse_header(longest)
    assert header is not None
    assert header.size == V1_LIMIT_BYTES == 107
    assert refused(start + b"x" + longest[len(start) :]) == "the line is longer than 107 bytes"
    assert refused(longest[:-2] + b"xx") == "the line is longer than 107 bytes"
    assert parse_header(longest[:-2] + b"\r") is None


# Version 2 refuses ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("at", range(1, len(SIGNATURE)))
def test_each_byte_of_the_signature_counts(at: int) -> None:
    wrong = bytearray(v2_header(SOURCE, DESTINATION))
    wrong[at] ^= 1
    assert refused(bytes(wrong)) == "it begins with something else"


@pytest.mark.parametrize("number", [number for number in range(256) if number not in (0x20, 0x21)])
def test_other_versions_and_commands_are_refused_at_their_byte(number: int) -> None:
    what = "command" if number >> 4 == 2 else "version"
    assert refused(SIGNATURE + bytes([number])) == f"an unknown {what} in a version 2 header"


@pytest.mark.parametrize("number", [0x40, 0xF1, 0x13, 0x3F, 0x03, 0xFF])
def test_other_families_and_protocols_are_refused_at_their_byte(number: int) -> None:
    assert refused(SIGNATURE + bytes([0x21, number])) == "an unknown family or protocol in a version 2 header"


def test_a_header_may_have_4_kib_and_no_more() -> None:
    most = V2_LIMIT_BYTES - 16
    for second in (b"\x20\x00", b"\x21\x00"):
        header = parse_header(SIGNATURE + second + most.to_bytes(2, "big") + bytes(most))
        assert header is not None
        assert header.size == V2_LIMIT_BYTES
        for size in (most + 1, 65_535):
            longer = SIGNATURE + second + size.to_bytes(2, "big")
            assert refused(longer) == "the header is longer than 4096 bytes"


@pytest.mark.parametrize(
    ("family", "needs"), [(0x11, 12), (0x12, 12), (0x21, 36), (0x22, 36), (0x31, 216), (0x32, 216)]
)
def test_a_length_that_cuts_the_addresses_is_refused(family: int, needs: int) -> None:
    for size in range(needs + 1):
        data = SIGNATURE + bytes([0x21, family]) + size.to_bytes(2, "big") + bytes(size)
        if size < needs:
            assert refused(data) == "the header is too short for its addresses"
        else:
            assert parse_header(data) is not None


@pytest.mark.parametrize("behind", [b"\1", b"\1\0", b"\1\0\1", b"\4\0\0\4", b"\4\xff\xff"])
def test_a_vector_that_does_not_end_within_the_header_is_refused(behind: bytes) -> None:
    whole = v2_header(SOURCE, DESTINATION)
    size = len(whole) - 16 + len(behind)
    data = whole[:14] + size.to_bytes(2, "big") + whole[16:] + behind
    assert refused(data) == "a vector of the header is cut short"


def test_a_checksum_covers_each_byte_of_the_header() -> None:
    whole = v2_header(SOURCE, DESTINATION, vectors=[(4, b"padding")], checksum=True)
    covered = [at for at in range(16, len(whole)) if at not in (28, 29, 30, 38, 39, 40)]  # not the vectors' own lengths
    for at in covered:
        wrong = bytearray(whole)
        wrong[at] ^= 0x80
        assert refused(bytes(wrong)) == "the checksum does not fit", at


def test_a_checksum_is_one_and_of_4_bytes() -> None:
    for vectors in ([(3, b"abc")], [(3, b"")], [(3, bytes(5))]):
        assert refused(v2_header(SOURCE, DESTINATION, vectors=vectors)) == "a checksum that is not one of 4 bytes"
    once = v2_header(SOURCE, DESTINATION, checksum=True)
    again = once[:14] + (len(once) - 16 + 7).to_bytes(2, "big") + once[16:-4] + bytes(4) + CRC32C + bytes(4)
    first = crc32c(again).to_bytes(4, "big")
    twice = again[: len(once) - 4] + first + again[len(once) :]
    assert refused(twice) == "a checksum that is not one of 4 bytes"
