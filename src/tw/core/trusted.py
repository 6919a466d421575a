"""Which peers may say who someone else is: the networks of `--proxy-trust`."""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

LOOPBACK = ("127.0.0.0/8", "::1/128")


@dataclass(frozen=True, slots=True)
class Networks:
    """IPv4 and IPv6 networks. An IPv4-mapped address (RFC 4291, 2.5.5.2) counts as IPv4."""

    networks: tuple[IPv4Network | IPv6Network, ...]

    @classmethod
    def parse(cls, texts: Iterable[str]) -> "Networks":
        """From `10.0.0.0/8`, `2001:db8::/32` or single addresses. Raises ValueError, whose text names the wrong one."""
        return cls(tuple(ip_network(text) for text in texts))

    def __contains__(self, host: object) -> bool:
        try:
            address = _plain(str(host))
        except ValueError:
            return False
        return any(address.version == network.version and address in network for network in self.networks)


def _plain(host: str) -> IPv4Address | IPv6Address:
    address = ip_address(host.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
