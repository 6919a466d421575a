"""Networks in CIDR form: what is taken, what is in them, and what counts as one host."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tw.core.networks import LOOPBACK, Networks, host_group, parse_network

V4 = st.integers(0, 2**32 - 1).map(ipaddress.IPv4Address)
V6 = st.integers(0, 2**128 - 1).map(ipaddress.IPv6Address)
NETWORKS = st.one_of(
    st.tuples(V4, st.integers(0, 32)),
    st.tuples(V6, st.integers(0, 128)),
).map(lambda pair: ipaddress.ip_network(pair, strict=False))


@pytest.mark.parametrize(
    ("text", "network"),
    [
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("10.0.0.1", "10.0.0.1/32"),
        (" 10.0.0.1/32 ", "10.0.0.1/32"),
        ("::/0", "::/0"),
        ("2001:DB8::/32", "2001:db8::/32"),
        ("::1", "::1/128"),
        ("[::1]", "::1/128"),
        ("[2001:db8::]/32", "2001:db8::/32"),
        ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
        ("::ffff:10.0.0.1", "10.0.0.1/32"),
        ("::ffff:0:0/96", "0.0.0.0/0"),
        ("::/80", "::/80"),
    ],
)
def test_a_network_or_an_address_is_taken(text: str, network: str) -> None:
    assert str(parse_network(text)) == network


FORMS = " is not a network; write 10.0.0.0/8, 2001:db8::/32 or an address"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("localhost", "'localhost'" + FORMS),
        ("", "''" + FORMS),
        ("10.0.0/8", "'10.0.0/8'" + FORMS),
        ("010.0.0.1", "'010.0.0.1'" + FORMS),
        ("10.0.0.256", "'10.0.0.256'" + FORMS),
        ("fe80::1%eth0", "'fe80::1%eth0'" + FORMS),
        ("10.0.0.0/33", "'10.0.0.0/33' has no prefix length; write 10.0.0.0/N with N from 0 to 32"),
        ("10.0.0.0/", "'10.0.0.0/' has no prefix length; write 10.0.0.0/N with N from 0 to 32"),
        ("10.0.0.0/-1", "'10.0.0.0/-1' has no prefix length; write 10.0.0.0/N with N from 0 to 32"),
        ("10.0.0.0/+8", "'10.0.0.0/+8' has no prefix length; write 10.0.0.0/N with N from 0 to 32"),
        ("10.0.0.0/٨", "'10.0.0.0/٨' has no prefix length; write 10.0.0.0/N with N from 0 to 32"),
        ("10.0.0.0/255.0.0.0", "'10.0.0.0/255.0.0.0' has no prefix length; write 10.0.0.0/N with N from 0 to 32"),
        ("::/129", "'::/129' has no prefix length; write ::/N with N from 0 to 128"),
        (
            "10.1.2.3/8",
            "'10.1.2.3/8' has host bits set; write 10.0.0.0/8, or 10.1.2.3 for that address alone",
        ),
        (
            "2001:db8::1/32",
            "'2001:db8::1/32' has host bits set; write 2001:db8::/32, or 2001:db8::1 for that address alone",
        ),
        (
            "::ffff:10.1.2.3/104",
            "'::ffff:10.1.2.3/104' has host bits set; write 10.0.0.0/8, or 10.1.2.3 for that address alone",
        ),
    ],
)
def test_what_is_none_is_refused_with_what_to_write(text: str, said: str) -> None:
    with pytest.raises(ValueError, match="write") as caught:
        parse_network(text)
    assert str(caught.value) == said


@pytest.mark.parametrize(
    ("networks", "host", "inside"),
    [
        (["10.0.0.0/8"], "10.255.0.1", True),
        (["10.0.0.0/8"], "11.0.0.0", False),
        (["10.0.0.0/8"], "::ffff:10.0.0.1", True),
        (["::ffff:10.0.0.0/104"], "10.0.0.1", True),
        (["::/0"], "10.0.0.1", False),
        (["::/0"], "::ffff:10.0.0.1", False),
        (["::/0"], "2001:db8::1", True),
        (["0.0.0.0/0"], "::ffff:10.0.0.1", True),
        (["0.0.0.0/0"], "2001:db8::1", False),
        (["::a00:0/104"], "10.0.0.1", False),  # the same number as 10.0.0.0, of the other version
        (["fe80::/10"], "fe80::1%eth0", True),
        (["192.0.2.1"], "192.0.2.1", True),
        (["192.0.2.1"], "192.0.2.2", False),
        (["192.0.2.0/24", "192.0.3.0/24", "10.0.0.0/8", "::1"], "192.0.3.9", True),
        (["0.0.0.0/0", "::/0"], "no address", False),
        ([], "10.0.0.1", False),
    ],
)
def test_an_address_is_in_a_network_or_not(networks: list[str], host: str, inside: bool) -> None:
    assert (host in Networks.parse(networks)) is inside


def test_a_set_of_none_is_false() -> None:
    assert not Networks.parse([])
    assert Networks.parse(["0.0.0.0/0"])


@given(networks=st.lists(NETWORKS, max_size=6), host=st.one_of(V4, V6))
def test_it_agrees_with_pythons_networks(networks: list[ipaddress.IPv4Network], host: ipaddress.IPv4Address) -> None:
    found = Networks.parse(str(network) for network in networks)
    expected: ipaddress.IPv4Address | None = getattr(host, "ipv4_mapped", None) or host
    mapped = [parse_network(str(network)) for network in networks]
    assert (str(host) in found) == any(expected in network for network in mapped)


@given(network=NETWORKS)
def test_both_ends_of_a_network_are_in_it(network: ipaddress.IPv4Network) -> None:
    found = Networks([network])
    for address in (network[0], network[-1]):
        assert getattr(address, "ipv4_mapped", None) is not None or str(address) in found


@given(text=st.text(max_size=20))
def test_any_text_is_a_network_or_refused(text: str) -> None:
    try:
        network = parse_network(text)
    except ValueError as error:
        said = str(error)
    else:
        said = f"; write {parse_network(str(network))}"
    assert "; write " in said


@pytest.mark.parametrize(
    ("host", "group"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", 0x2001_0DB8_0001_0002),
        ("2001:db8:1:2::", 0x2001_0DB8_0001_0002),
        ("fe80::1%eth0", 0xFE80_0000_0000_0000),
        ("odd", "odd"),
        ("odd:", "odd:"),
    ],
)
def test_a_host_is_an_address_or_a_64_of_ipv6(host: str, group: str | int) -> None:
    assert host_group(host) == group


@pytest.mark.parametrize("host", ["127.0.0.1", "127.255.0.9", "::1", "::ffff:127.0.0.1", "::ffff:7f00:1"])
def test_loopback_is_all_of_it(host: str) -> None:
    assert host in Networks.parse(LOOPBACK)


@pytest.mark.parametrize(
    "host", ["126.0.0.1", "128.0.0.1", "::2", "::", "::ffff:10.0.0.1", "::7f00:1", "localhost", ""]
)
def test_nothing_else_is_loopback(host: str) -> None:
    assert host not in Networks.parse(LOOPBACK)
