"""What a TARGET means, and how it is written."""

import ipaddress
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.endpoints import quoteStringArgument

from targets import ECHO, WEB, complaint, echo, web
from tw.core.target import (
    EndpointTarget,
    HostTarget,
    Target,
    UnixTarget,
    format_peer,
    parse_endpoint,
    parse_target,
)
from tw.errors import UsageError


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        (None, "127.0.0.1", 1234),
        ("h", "h", 1234),
        ("h:80", "h", 80),
        ("h:00080", "h", 80),
        ("h:1", "h", 1),
        ("h:65535", "h", 65535),
        (":80", "127.0.0.1", 80),
        ("[::1]", "::1", 1234),
        ("[::1]:80", "::1", 80),
        ("::1", "::1", 1234),
        ("::", "::", 1234),
        ("::1:80", "::1:80", 1234),
        ("::ffff:1.2.3.4", "::ffff:1.2.3.4", 1234),
        ("fe80::1%eth0", "fe80::1%eth0", 1234),
        ("[fe80::1%eth0]:5", "fe80::1%eth0", 5),
        ("[fe80::1%25]:5", "fe80::1%25", 5),
        ("192.0.2.1:5", "192.0.2.1", 5),
        ("example.com.", "example.com.", 1234),
        ("bücher.example:5", "bücher.example", 5),
        ("例え.テスト", "例え.テスト", 1234),
        ("_dmarc.a-b.example", "_dmarc.a-b.example", 1234),
        ("a" * 63 + ".b", "a" * 63 + ".b", 1234),
        # the name of an endpoint type, and digits: a host
        ("tcp:80", "tcp", 80),
        ("unix:80", "unix", 80),
        ("tls:80", "tls", 80),
        ("tcp", "tcp", 1234),
    ],
)
@pytest.mark.parametrize("tls", [False, True])
def test_a_host_and_a_port(text: str | None, host: str, port: int, tls: bool) -> None:
    assert echo(text, tls=tls) == HostTarget(host, port, tls, None)


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("http://h", HostTarget("h", 80, False, None)),
        ("http://h/", HostTarget("h", 80, False, "/")),
        ("HTTP://H:8080/a/b?c=d&e", HostTarget("H", 8080, False, "/a/b?c=d&e")),
        ("http://h?q=/x", HostTarget("h", 80, False, "/?q=/x")),
        ("http://h/a?b://c:d@e", HostTarget("h", 80, False, "/a?b://c:d@e")),
        ("http://h:80/a@b", HostTarget("h", 80, False, "/a@b")),
        ("http://[::1]:80/a@b", HostTarget("::1", 80, False, "/a@b")),
        ("http://h/%20%zz", HostTarget("h", 80, False, "/%20%zz")),
        ("http://h/grün", HostTarget("h", 80, False, "/grün")),
        ("https://h", HostTarget("h", 443, True, None)),
        ("https://h:8443/x", HostTarget("h", 8443, True, "/x")),
        ("http://[::1]", HostTarget("::1", 80, False, None)),
        ("http://[::1]:5/x", HostTarget("::1", 5, False, "/x")),
        ("http://[fe80::1%25eth0]:5/", HostTarget("fe80::1%eth0", 5, False, "/")),
        ("http://[fe80::1%eth0]/", HostTarget("fe80::1%eth0", 80, False, "/")),
        ("http://bücher.example/", HostTarget("bücher.example", 80, False, "/")),
    ],
)
def test_a_url(text: str, target: HostTarget) -> None:
    assert web(text) == target


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("echo://h", HostTarget("h", 1234, False, None)),
        ("tcp://h:5/", HostTarget("h", 5, False, None)),
        ("tls://h", HostTarget("h", 1234, True, None)),
        ("tcp://[::1]:5", HostTarget("::1", 5, False, None)),
    ],
)
def test_a_url_of_another_scheme_has_the_default_port_and_no_path(text: str, target: HostTarget) -> None:
    assert echo(text) == target


def test_tls_can_be_asked_for_beside_a_plain_url() -> None:
    assert web("http://h:1/x", tls=True) == HostTarget("h", 1, True, "/x")
    assert echo("tcp://h:1", tls=True) == HostTarget("h", 1, True, None)


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("tcp:h:1", HostTarget("h", 1, False, None)),
        ("TCP:h:1", HostTarget("h", 1, False, None)),
        ("tcp:host=h:port=1", HostTarget("h", 1, False, None)),
        ("tcp:port=1:host=h", HostTarget("h", 1, False, None)),
        ("tcp:h:port=1", HostTarget("h", 1, False, None)),
        ("tcp:host=h:1", HostTarget("h", 1, False, None)),
        (r"tcp:\:\:1:5", HostTarget("::1", 5, False, None)),
        (r"tcp:host=fe80\:\:1%eth0:port=5", HostTarget("fe80::1%eth0", 5, False, None)),
        ("tls:h:1", HostTarget("h", 1, True, None)),
        ("ssl:h:1", HostTarget("h", 1, True, None)),
        ("ssl:host=h:port=1", HostTarget("h", 1, True, None)),
        ("unix:path", UnixTarget("path", False)),
        ("unix:/run/x.sock", UnixTarget("/run/x.sock", False)),
        ("unix:path=/x", UnixTarget("/x", False)),
        (r"unix:/a\:b\=c\\d", UnixTarget("/a:b=c\\d", False)),
        ("unix:path=/a=b", UnixTarget("/a=b", False)),
        ("unix:/a\\://b", UnixTarget("/a://b", False)),
        ("unix:80/x", UnixTarget("80/x", False)),
        # Twisted's business
        ("tcp:h:1:timeout=5", EndpointTarget("tcp:h:1:timeout=5", False)),
        ("tcp:h:1:bindAddress=192.0.2.1", EndpointTarget("tcp:h:1:bindAddress=192.0.2.1", False)),
        ("unix:/x:lockfile=1", EndpointTarget("unix:/x:lockfile=1", False)),
        ("plug:any:thing=x:", EndpointTarget("plug:any:thing=x:", False)),
        ("Plug:x", EndpointTarget("Plug:x", False)),
    ],
)
def test_an_endpoint_string(text: str, target: Target) -> None:
    assert web(text) == target
    assert parse_endpoint(text) == target


@pytest.mark.parametrize("text", ["tcp:h:1", "unix:/x", "tcp:h:1:timeout=5", "plug:x"])
def test_tls_is_wrapped_around_a_plain_endpoint(text: str) -> None:
    assert web(text, tls=True).tls
    assert not web(text).tls


def test_an_unknown_type_is_an_endpoint_only_where_one_is_expected() -> None:
    assert parse_endpoint("haproxy:tcp:h:1", tls=True) == EndpointTarget("haproxy:tcp:h:1", True)
    assert parse_endpoint("host=h") == EndpointTarget("host=h", False)
    assert "more than one colon" in complaint("haproxy:tcp:h:1")


@pytest.mark.parametrize(
    ("target", "written"),
    [
        (HostTarget("127.0.0.1", 1234), "127.0.0.1:1234"),
        (HostTarget("::1", 5, True, "/x"), "[::1]:5"),
        (UnixTarget("/path"), "unix:/path"),
        (EndpointTarget("plug:x"), "plug:x"),
    ],
)
def test_a_target_is_written_like_a_peer(target: Target, written: str) -> None:
    assert str(target) == written


@pytest.mark.parametrize(
    ("host", "written"),
    [
        ("127.0.0.1", "127.0.0.1:5"),
        ("localhost", "localhost:5"),
        ("::1", "[::1]:5"),
        ("fe80::1%eth0", "[fe80::1%eth0]:5"),
        ("::ffff:1.2.3.4", "1.2.3.4:5"),
        ("::FFFF:1.2.3.4", "1.2.3.4:5"),
        ("::ffff:102:304", "1.2.3.4:5"),
        ("0:0:0:0:0:ffff:102:304", "1.2.3.4:5"),
        ("::ffff:1.2.3.4%eth0", "[::ffff:1.2.3.4%eth0]:5"),
        ("2001:db8::ffff:1", "[2001:db8::ffff:1]:5"),
        ("::ffff:1", "[::ffff:1]:5"),
        ("::ffff:x", "[::ffff:x]:5"),
    ],
)
def test_a_peer_is_written_with_its_port_and_a_mapped_one_as_ipv4(host: str, written: str) -> None:
    assert format_peer(host, 5) == written


@given(st.ip_addresses(), st.integers(1, 65535))
def test_a_peer_as_it_is_written_is_a_target(address: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int) -> None:
    parsed = echo(format_peer(str(address), port))
    assert isinstance(parsed, HostTarget)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    assert ipaddress.ip_address(parsed.host) == (mapped or address)
    assert parsed.port == port


@given(st.text(st.characters(exclude_characters="\0"), min_size=1))
def test_a_path_that_twisted_quotes_comes_back(path: str) -> None:
    assert parse_endpoint(f"unix:path={quoteStringArgument(path)}") == UnixTarget(path)
    # Twisted quotes for the place behind a keyword; elsewhere an = needs a backslash too.
    positional = quoteStringArgument(path).replace("=", "\\=")
    assert parse_endpoint(f"unix:{positional}") == UnixTarget(path)


_PIECES = st.sampled_from(
    [*":=[]/@\\%#?. ", "://", "http", "tcp:", "tls:", "unix:", "::1", "h", "80", "host=", "\n", "\x1b"]
)


@given(st.lists(_PIECES | st.text(max_size=3), max_size=10).map("".join), st.booleans())
def test_any_text_is_a_target_or_a_usage_error_of_one_line(text: str, tls: bool) -> None:
    try:
        target = parse_target(text, default_port=1234, tls=tls, schemes=WEB | ECHO)
    except UsageError as error:
        message = str(error)
    else:
        message = ""
        assert target.tls or not tls
        if isinstance(target, HostTarget):
            assert 1 <= target.port <= 65535
            assert target.host.isprintable()
            assert not set(target.host) & set(string.whitespace + "/\\?#@[]")
    assert message.isprintable()
