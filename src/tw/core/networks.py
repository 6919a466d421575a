"""IP networks in CIDR form (RFC 4632, 3.1; RFC 4291, 2.3), and which of them an address is in.

An IPv4-mapped address (RFC 4291, 2.5.5.2) is what a listener on `::` calls an IPv4 peer: it counts as that IPv4 address
everywhere, in a network that is asked for too. `::/0` therefore holds no IPv4 peer; that is `0.0.0.0/0`.
"""

import ipaddress
from collections.abc import Iterable
from typing import TypeAlias

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

MAPPED_BITS = 96
"""The prefix that every IPv4-mapped address begins with, `::ffff:0:0/96`."""

HOST_BITS_IPV6 = 64
"""What of an IPv6 address is the subscriber's own choice: a /64 is what one gets at least (RFC 6177, 2)."""

LOOPBACK = ("127.0.0.0/8", "::1/128")
"""This machine (RFC 1122, 3.2.1.3; RFC 4291, 2.5.3)."""

FORMS = "write 10.0.0.0/8, 2001:db8::/32 or an address"


def parse_address(text: str) -> Address:
    """An IP address, without its zone (RFC 4007, 11), an IPv4-mapped one as IPv4. Raises ValueError."""
    address = ipaddress.ip_address(text.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def parse_network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    """A network; an address alone is a network of one. Raises ValueError, whose text says what to write instead."""
    place, slash, prefix = text.strip().partition("/")
    if place.startswith("[") and place.endswith("]"):
        place = place[1:-1]
    try:
        if "%" in place:
            raise ValueError("a zone")
        address = ipaddress.ip_address(place)
    except ValueError:
        raise ValueError(f"{text!r} is not a network; {FORMS}") from None
    bits = int(prefix) if prefix.isascii() and prefix.isdigit() and len(prefix) < 4 else -1
    if not slash:
        bits = address.max_prefixlen
    if not 0 <= bits <= address.max_prefixlen:
        longest = address.max_prefixlen
        raise ValueError(f"{text!r} has no prefix length; write {place}/N with N from 0 to {longest}")
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    if mapped is not None and bits >= MAPPED_BITS:
        address, bits = mapped, bits - MAPPED_BITS
    network = ipaddress.ip_network((address, bits), strict=False)
    if network.network_address != address:
        raise ValueError(f"{text!r} has host bits set; write {network}, or {address} for that address alone")
    return network


def host_group(host: str) -> str | int:
    """A key for what counts as one host: an IPv4 address, or the /64 that an IPv6 address is in, as its first 64 bits.

    Texts that are no address are as they are. Whoever has one IPv6 address has 2^64 of them: a limit by address would
    be none.
    """
    if ":" not in host:
        return host  # it is asked for three times for each connection, and to parse it costs 3 us
    try:
        address = parse_address(host)
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    return int(address) >> HOST_BITS_IPV6


class Networks:
    """A set of networks. Asking takes one look-up for each prefix length in use, however many networks there are."""

    def __init__(self, networks: Iterable[ipaddress.IPv4Network | ipaddress.IPv6Network]) -> None:
        self._starts: dict[int, dict[int, set[int]]] = {4: {}, 6: {}}  # version, host bits, start without those
        for network in networks:
            host_bits = network.max_prefixlen - network.prefixlen
            starts = self._starts[network.version].setdefault(host_bits, set())
            starts.add(int(network.network_address) >> host_bits)

    @classmethod
    def parse(cls, texts: Iterable[str]) -> "Networks":
        """The networks of these texts. Raises ValueError for one that is none."""
        return cls(parse_network(text) for text in texts)

    def __bool__(self) -> bool:
        return any(self._starts.values())

    def __contains__(self, host: str) -> bool:
        """Whether an address is in one of them; what is no address is in none."""
        try:
            address = parse_address(host)
        except ValueError:
            return False
        number = int(address)
        return any(number >> host_bits in starts for host_bits, starts in self._starts[address.version].items())
