"""Whom `--proxy-trust` means."""

import pytest

from tw.core.trusted import LOOPBACK, Networks


@pytest.mark.parametrize("host", ["127.0.0.1", "127.255.0.9", "::1", "::ffff:127.0.0.1", "::ffff:7f00:1"])
def test_loopback_is_all_of_it(host: str) -> None:
    assert host in Networks.parse(LOOPBACK)


@pytest.mark.parametrize(
    "host", ["126.0.0.1", "128.0.0.1", "::2", "::", "::ffff:10.0.0.1", "::7f00:1", "localhost", ""]
)
def test_nothing_else_is_loopback(host: str) -> None:
    assert host not in Networks.parse(LOOPBACK)


def test_an_address_alone_is_a_network_and_a_zone_does_not_matter() -> None:
    networks = Networks.parse(["192.0.2.7", "fe80::/10"])
    assert "192.0.2.7" in networks
    assert "fe80::1%eth0" in networks
    assert "192.0.2.8" not in networks


@pytest.mark.parametrize("text", ["", "10.0.0.1/8", "10.0.0.0/33", "10.0.0/8", "a.name"])
def test_what_is_no_network_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Networks.parse([text])
