"""The PROXY protocol, versions 1 and 2: who a proxy's connection really comes from, told in front of its first byte.

The rules are those of HAProxy's `proxy-protocol.txt`; a section in a comment is one of its. A receiver must accept
nothing that is not exactly a header, since whatever else it took would let a peer choose its own address.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TypeAlias

from tw.core.crc32c import crc32c

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
"""What version 2 begins with (2.2)."""

V1_LIMIT_BYTES = 107
"""The longest line of version 1, with its CR LF (2.1)."""

V2_LIMIT_BYTES = 4096
"""The longest header of version 2 that is taken. It may announce 64 KiB, which each pending connection could then make
the server hold; addresses take 232 bytes at most, and what proxies add (a server name, a unique id, the subject of a
certificate) takes some hundreds more."""

V1_START = b"PROXY "
V2_FIXED_BYTES = 16
CHECKSUM_TYPE = 0x03
CHECKSUM_BYTES = 4
UNIX_PATH_BYTES = 108

PORT = re.compile(rb"0|[1-9][0-9]{0,4}")
IPV6_TEXT = re.compile(rb"[0-9A-Fa-f:.]+")
"""Python reads a zone (`fe80::1%eth0`) as well, which a header must not have."""

STREAM, DGRAM = 1, 2
_UNSPEC, _INET, _INET6, _UNIX = range(4)
_ADDRESS_BYTES = {_INET: 4, _INET6: 16}


class ProxyHeaderError(ValueError):
    """What came is no PROXY header. The text says why, in words of `tw`'s alone."""


@dataclass(frozen=True, slots=True)
class HostAddress:
    """An IPv4 or IPv6 address as Python writes it, and a port."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class UnixAddress:
    """The path of a unix socket; empty where it has none."""

    path: bytes


Address: TypeAlias = HostAddress | UnixAddress


@dataclass(frozen=True, slots=True)
class Header:
    """A whole header. `source` is None where the connection's own peer is meant (LOCAL, UNKNOWN, UNSPEC).

    `size` is how many bytes it took: what stands behind is the application's. `vectors` are types and values (2.2).
    """

    version: int
    source: Address | None
    destination: Address | None
    size: int
    vectors: tuple[tuple[int, bytes], ...] = ()


class HeaderReader:
    """Takes the first bytes of a connection, in any pieces, until they are a header.

    It holds what it was given until then: `V2_LIMIT_BYTES` at most, and the rest of the last piece.
    """

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, data: bytes) -> Header | None:
        """The header, once it is there; None while more is needed.

        Raises ProxyHeaderError at the first byte that cannot belong to one.
        """
        self._held += data
        return parse_header(self._held)

    @property
    def started(self) -> bool:
        """Whether anything came at all."""
        return bool(self._held)

    def rest(self, header: Header) -> bytes:
        """What came behind `header`."""
        return bytes(self._held[header.size :])


def parse_header(data: bytes | bytearray) -> Header | None:
    """The header that `data` begins with; None where it is cut short. Raises ProxyHeaderError."""
    if _begins(data, V1_START):
        return _parse_v1(data) if len(data) >= len(V1_START) else None
    if _begins(data, SIGNATURE):
        return _parse_v2(data)
    raise ProxyHeaderError("it begins with something else")


def _begins(data: bytes | bytearray, start: bytes) -> bool:
    """Whether `data` begins with `start`, or may yet when there is more of it."""
    return data[: len(start)] == start[: len(data)]


# Version 1 -----------------------------------------------------------------------------------------------------------


def _parse_v1(data: bytes | bytearray) -> Header | None:
    end = data.find(b"\n", 0, V1_LIMIT_BYTES)
    if end < 0:
        if len(data) >= V1_LIMIT_BYTES:
            raise ProxyHeaderError(f"the line is longer than {V1_LIMIT_BYTES} bytes")
        return None
    line = bytes(data[:end])
    # "The receiver must not tolerate a single CR or LF character" (2.1), not even in what it ignores.
    if line.find(b"\r") != end - 1:
        raise ProxyHeaderError("the line does not end in CR LF")
    protocol, *words = line[len(V1_START) : -1].split(b" ")
    if protocol == b"UNKNOWN":
        return Header(1, None, None, end + 1)
    if protocol not in (b"TCP4", b"TCP6"):
        raise ProxyHeaderError("the protocol is not TCP4, TCP6 or UNKNOWN")
    if len(words) != 4:
        raise ProxyHeaderError("not two addresses and two ports with single spaces in between")
    to_host = _ipv4 if protocol == b"TCP4" else _ipv6
    source, destination = (
        HostAddress(to_host(host), _port(port)) for host, port in zip(words, words[2:], strict=False)
    )
    return Header(1, source, destination, end + 1)


def _ipv4(text: bytes) -> str:
    try:
        return str(IPv4Address(text.decode("ascii")))  # it takes no leading zero either
    except ValueError:
        raise ProxyHeaderError("an address is not IPv4") from None


def _ipv6(text: bytes) -> str:
    try:
        if IPV6_TEXT.fullmatch(text):
            return str(IPv6Address(text.decode("ascii")))
    except ValueError:
        pass
    raise ProxyHeaderError("an address is not IPv6")


def _port(text: bytes) -> int:
    if not PORT.fullmatch(text) or int(text) > 65535:
        raise ProxyHeaderError("a port is not a number of 0 to 65535")
    return int(text)


# Version 2 -----------------------------------------------------------------------------------------------------------


def _parse_v2(data: bytes | bytearray) -> Header | None:
    # The fixed part is checked as far as it is there: a peer that speaks something else learns of it at once.
    if len(data) > 12 and data[12] not in (0x20, 0x21):
        what = "command" if data[12] >> 4 == 2 else "version"
        raise ProxyHeaderError(f"an unknown {what} in a version 2 header")
    local = len(data) > 12 and data[12] == 0x20
    if len(data) > 13 and not local and (data[13] >> 4 > _UNIX or data[13] & 15 > DGRAM):
        raise ProxyHeaderError("an unknown family or protocol in a version 2 header")
    if len(data) < V2_FIXED_BYTES:
        return None
    size = V2_FIXED_BYTES + int.from_bytes(data[14:16], "big")
    if size > V2_LIMIT_BYTES:
        raise ProxyHeaderError(f"the header is longer than {V2_LIMIT_BYTES} bytes")
    if len(data) < size:
        return None
    family, kind = data[13] >> 4, data[13] & 15
    if local or not family or not kind:
        # Whatever else is in it is to be discarded (2.2).
        return Header(2, None, None, size)
    whole = bytes(data[:size])
    source, destination, end = _addresses(whole, family)
    return Header(2, source, destination, size, _checked_vectors(whole, end))


def _addresses(header: bytes, family: int) -> tuple[Address, Address, int]:
    """Source, destination, and where they end."""
    start = V2_FIXED_BYTES
    each = UNIX_PATH_BYTES if family == _UNIX else _ADDRESS_BYTES[family]
    middle, end = start + each, start + 2 * each
    if len(header) < end + (0 if family == _UNIX else 4):
        raise ProxyHeaderError("the header is too short for its addresses")
    one, other = header[start:middle], header[middle:end]
    if family == _UNIX:
        return UnixAddress(one.rstrip(b"\0")), UnixAddress(other.rstrip(b"\0")), end
    hosts = [str(IPv4Address(host) if family == _INET else IPv6Address(host)) for host in (one, other)]
    ports = [int.from_bytes(header[at : at + 2], "big") for at in (end, end + 2)]
    return HostAddress(hosts[0], ports[0]), HostAddress(hosts[1], ports[1]), end + 4


def _checked_vectors(header: bytes, start: int) -> tuple[tuple[int, bytes], ...]:
    """The type-length-value vectors behind the addresses (2.2); a checksum among them (2.2.3) is held."""
    checked = False
    vectors = []
    while start < len(header):
        value = start + 3
        end = value + int.from_bytes(header[start + 1 : value], "big")
        if value > len(header) or end > len(header):
            raise ProxyHeaderError("a vector of the header is cut short")
        if header[start] == CHECKSUM_TYPE:
            if checked or end - value != CHECKSUM_BYTES:
                raise ProxyHeaderError("a checksum that is not one of 4 bytes")
            checked = True
            if crc32c(header[:value] + bytes(CHECKSUM_BYTES) + header[end:]) != int.from_bytes(
                header[value:end], "big"
            ):
                raise ProxyHeaderError("the checksum does not fit")
        vectors.append((header[start], header[value:end]))
        start = end
    return tuple(vectors)


# Writing -------------------------------------------------------------------------------------------------------------


def v1_header(source: HostAddress | None, destination: HostAddress | None) -> bytes:
    """A header of version 1; UNKNOWN where either address is None. Raises ValueError for what it cannot express."""
    if source is None or destination is None:
        return b"PROXY UNKNOWN\r\n"
    hosts = _hosts(source, destination)
    text = f"PROXY TCP{hosts[0].version} {hosts[0]} {hosts[1]} {source.port} {destination.port}\r\n"
    return text.encode("ascii")


def v2_header(
    source: Address | None,
    destination: Address | None,
    *,
    kind: int = STREAM,
    vectors: Sequence[tuple[int, bytes]] = (),
    checksum: bool = False,
) -> bytes:
    """A header of version 2; LOCAL where either address is None, PROXY otherwise.

    `kind` is STREAM or DGRAM; `vectors` are pairs of type and value; `checksum` adds a CRC32c. Raises ValueError for
    addresses of two families, and for what does not fit into `V2_LIMIT_BYTES`.
    """
    command, family, addresses = 0, 0, b""
    if source is not None and destination is not None:
        command = 1
        family, addresses = _packed(source, destination)
    extra = b"".join(bytes([number]) + len(value).to_bytes(2, "big") + value for number, value in vectors)
    if checksum:
        extra += bytes([CHECKSUM_TYPE, 0, CHECKSUM_BYTES]) + bytes(CHECKSUM_BYTES)
    size = len(addresses) + len(extra)
    if size > V2_LIMIT_BYTES - V2_FIXED_BYTES:
        raise ValueError(f"a header of more than {V2_LIMIT_BYTES} bytes")
    second = bytes([0x20 | command, family << 4 | kind if family else 0])
    header = SIGNATURE + second + size.to_bytes(2, "big") + addresses + extra
    return header[:-CHECKSUM_BYTES] + crc32c(header).to_bytes(CHECKSUM_BYTES, "big") if checksum else header


def _hosts(source: HostAddress, destination: HostAddress) -> tuple[IPv4Address | IPv6Address, ...]:
    hosts = tuple(ip_address(address.host.partition("%")[0]) for address in (source, destination))
    if hosts[0].version != hosts[1].version:
        raise ValueError("source and destination are of two address families")
    return hosts


def _packed(source: Address, destination: Address) -> tuple[int, bytes]:
    """The family and the address block of version 2."""
    if isinstance(source, UnixAddress) and isinstance(destination, UnixAddress):
        if max(len(source.path), len(destination.path)) > UNIX_PATH_BYTES:
            raise ValueError(f"a path of more than {UNIX_PATH_BYTES} bytes")
        return _UNIX, b"".join(address.path.ljust(UNIX_PATH_BYTES, b"\0") for address in (source, destination))
    if isinstance(source, UnixAddress) or isinstance(destination, UnixAddress):
        raise ValueError("source and destination are of two address families")
    hosts = _hosts(source, destination)
    ports = b"".join(address.port.to_bytes(2, "big") for address in (source, destination))
    return (_INET if hosts[0].version == 4 else _INET6), hosts[0].packed + hosts[1].packed + ports
