"""What a client says in a PROXY header, as a server reads it."""

from ipaddress import IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tw.core.proxy import HostAddress, parse_header
from tw.core.proxy_sender import Version, proxy_header

versions = pytest.mark.parametrize("version", ["v1", "v2"])

ADDRESSES = st.builds(HostAddress, st.ip_addresses().map(str), st.integers(0, 65535))


@versions
@given(ADDRESSES, ADDRESSES)
def test_both_ends_are_said_in_one_family(version: Version, source: HostAddress, destination: HostAddress) -> None:
    data = proxy_header(version, source, destination)
    header = parse_header(data)
    assert header is not None
    assert (header.version, header.size) == (int(version[1]), len(data))
    for said, meant in ((header.source, source), (header.destination, destination)):
        assert isinstance(said, HostAddress)
        assert said.port == meant.port
        address = ip_address(said.host)
        mixed = (":" in source.host) != (":" in destination.host)
        if mixed and ":" not in meant.host:
            assert isinstance(address, IPv6Address)
            assert str(address.ipv4_mapped) == meant.host
        else:
            assert address == ip_address(meant.host)


@pytest.mark.parametrize(
    ("version", "expected"), [("v1", b"PROXY UNKNOWN\r\n"), ("v2", b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0")]
)
def test_a_unix_sockets_connection_is_the_proxys_own(version: Version, expected: bytes) -> None:
    assert proxy_header(version, None, None) == expected


@versions
@pytest.mark.parametrize(("host", "nowhere"), [("192.0.2.1", "0.0.0.0"), ("2001:db8::7", "::")])
def test_a_source_can_be_said_of_a_unix_sockets_connection_too(version: Version, host: str, nowhere: str) -> None:
    header = parse_header(proxy_header(version, HostAddress(host, 5), None))
    assert header is not None
    assert (header.source, header.destination) == (HostAddress(host, 5), HostAddress(nowhere, 0))


@versions
def test_a_zone_is_left_out(version: Version) -> None:
    here, there = HostAddress("fe80::1%eth0", 1), HostAddress("fe80::2%eth0", 2)
    header = parse_header(proxy_header(version, here, there))
    assert header is not None
    assert (header.source, header.destination) == (HostAddress("fe80::1", 1), HostAddress("fe80::2", 2))
