"""What a client says that plays the proxy: the PROXY header in front of its connection (`proxy-protocol.txt`, 2)."""

from ipaddress import IPv6Address, ip_address
from typing import Literal, TypeAlias

from tw.core.proxy import HostAddress, v1_header, v2_header

Version: TypeAlias = Literal["v1", "v2"]


def proxy_header(version: Version, source: HostAddress | None, destination: HostAddress | None) -> bytes:
    """The header for a connection from `source` to `destination`; None for the end of a unix socket.

    Without a source it says that the connection is the proxy's own (UNKNOWN, LOCAL). A source of another family than
    the destination's is told as HAProxy does it, both as IPv6, the IPv4 one mapped (RFC 4291, 2.5.5.2); one without a
    destination went to no address in particular.
    """
    if source is not None:
        source, destination = _alike(source, destination or _nowhere(source))
    return v1_header(source, destination) if version == "v1" else v2_header(source, destination)


def _nowhere(source: HostAddress) -> HostAddress:
    return HostAddress("::" if ":" in source.host else "0.0.0.0", 0)  # noqa: S104 # nothing is bound to it


def _alike(*addresses: HostAddress) -> tuple[HostAddress, ...]:
    if len({":" in address.host for address in addresses}) == 1:
        return addresses
    return tuple(_mapped(address) for address in addresses)


def _mapped(address: HostAddress) -> HostAddress:
    if ":" in address.host:
        return address
    return HostAddress(str(IPv6Address(0xFFFF << 32 | int(ip_address(address.host)))), address.port)
