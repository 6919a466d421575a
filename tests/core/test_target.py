"""What a TARGET means, and what is said of one that means nothing."""

import ipaddress
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.endpoints import quoteStringArgument

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

_WEB = {"http": False, "https": True}
_ECHO = {"tcp": False, "tls": True, "echo": False}


def _web(text: str | None, *, tls: bool = False) -> Target:
    return parse_target(text, default_port=8080, tls=tls, schemes=_WEB, endpoint_types=("plug",))


def _echo(text: str | None, *, tls: bool = False) -> Target:
    return parse_target(text, default_port=1234, tls=tls, schemes=_ECHO)


def _complaint(text: str, *, tls: bool = False, schemes: dict[str, bool] = _ECHO) -> str:
    with pytest.raises(UsageError) as caught:
        parse_target(text, default_port=1234, tls=tls, schemes=schemes)
    message = str(caught.value)
    assert message.isprintable(), "an error is one line, safe to print"
    assert caught.value.hint
    assert caught.value.where.startswith("probe target ")
    assert len(message) < 400
    return message


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
    assert _echo(text, tls=tls) == HostTarget(host, port, tls, None)


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
    assert _web(text) == target


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
    assert _echo(text) == target


def test_tls_can_be_asked_for_beside_a_plain_url() -> None:
    assert _web("http://h:1/x", tls=True) == HostTarget("h", 1, True, "/x")
    assert _echo("tcp://h:1", tls=True) == HostTarget("h", 1, True, None)


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
    assert _web(text) == target
    assert parse_endpoint(text) == target


@pytest.mark.parametrize("text", ["tcp:h:1", "unix:/x", "tcp:h:1:timeout=5", "plug:x"])
def test_tls_is_wrapped_around_a_plain_endpoint(text: str) -> None:
    assert _web(text, tls=True).tls
    assert not _web(text).tls


def test_an_unknown_type_is_an_endpoint_only_where_one_is_expected() -> None:
    assert parse_endpoint("haproxy:tcp:h:1", tls=True) == EndpointTarget("haproxy:tcp:h:1", True)
    assert parse_endpoint("host=h") == EndpointTarget("host=h", False)
    assert "more than one colon" in _complaint("haproxy:tcp:h:1")


@pytest.mark.parametrize("text", ["https://h/", "tls:h:1", "ssl:h:1", "ssl:host=h:port=1"])
def test_tls_asked_for_twice_is_refused(text: str) -> None:
    assert "TLS asked for twice" in _complaint(text, tls=True, schemes=_WEB)
    assert _web(text).tls


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "the target is empty"),
        (":", "no port after the colon"),
        ("h:", "no port after the colon"),
        ("[::1]:", "no port after the colon"),
        ("h:abc", "not a port: 'abc'"),
        ("h:+1", "not a port: '+1'"),
        ("h:1_0", "not a port: '1_0'"),
        ("h:٣", "not a port: '٣'"),
        ("h: 1", "not a port: ' 1'"),
        ("h:80/x", "not a port: '80/x'"),
        ("h:0", "no such port: 0"),
        ("h:65536", "no such port: 65536"),
        ("h:70000", "no such port: 70000"),
        ("h:" + "9" * 5000, "no such port: 99999"),
        ("[::1", "no closing bracket"),
        ("[::1]5", "unexpected '5' after the bracket"),
        ("[h]:1", "not an IPv6 address: 'h'"),
        ("[127.0.0.1]:1", "not an IPv6 address: '127.0.0.1'"),
        ("[]:1", "not an IPv6 address: ''"),
        ("[fe80::1%]:1", "not an IPv6 address: 'fe80::1%'"),
        ("[fe80::1%a b]:1", "not an IPv6 address: 'fe80::1%a b'"),
        ("[fe80::1%a:b]:1", "not an IPv6 address: 'fe80::1%a:b'"),
        ("[::1\n]:1", "not an IPv6 address: '::1\\n'"),
        ("h:1:2", "more than one colon"),
        ("fe80::1%eth0:80", "more than one colon"),
        ("1:2:3:4:5:6:7:8:80", "more than one colon"),
        (" ", "not a host: ' '"),
        ("a b:1", "not a host: 'a b'"),
        ("h\t:1", "not a host: 'h\\t'"),
        ("h\n", "not a host: 'h\\n'"),
        ("h\x1b[31m", "not a host: 'h\\x1b[31m'"),
        ("h\u202e", "not a host: 'h\\u202e'"),
        ("h\udcff", "not a host: 'h\\udcff'"),
        ("h/path", "not a host: 'h/path'"),
        ("h?x", "not a host: 'h?x'"),
        ("h#x", "not a host: 'h#x'"),
        ("a%20b:1", "not a host: 'a%20b'"),
        ("a[b", "not a host: 'a[b'"),
        ("8080", "a number is not a host: '8080'"),
        ("a..b", "not a host name: 'a..b'"),
        (".", "not a host name: '.'"),
        ("a" * 64, "not a host name: 'aaa"),
        (".".join(["a" * 60] * 5), "not a host name: 'aaa"),
        # endpoint strings
        ("tcp:", "no host"),
        ("tcp:h", "no port"),
        ("tcp:host=h", "no port"),
        ("tcp:h:", "no port"),
        ("tcp::1:", "too many parts for tcp:"),
        ("tcp::port=1", "no host"),
        ("tcp:h:x", "not a port: 'x'"),
        ("tcp:h:0", "no such port: 0"),
        ("tcp:h:1:2", "too many parts for tcp:"),
        ("tcp:h:1:host=x", "too many parts for tcp:"),
        ("tcp:host=h:host=x:port=1", "'host' is given twice"),
        ("tcp:[::1]:80", "too many parts for tcp:"),
        ("tcp:a b:1", "not a host: 'a b'"),
        ("tcp:h:1\\", "a backslash at the end escapes nothing"),
        ("unix:", "no path"),
        ("unix:path=", "no path"),
        ("unix:/a:b", "too many parts for unix:"),
        ("unix:/a\0b", "a path cannot hold a NUL"),
        ("tls:h", "no port"),
        # URLs
        ("ftp://h", "no such scheme: 'ftp'"),
        ("://h", "no such scheme: ''"),
        ("unix:///run/x", "no such scheme: 'unix'"),
        ("tcp://", "no host in the URL"),
        ("tcp://:80", "no host in the URL"),
        ("tcp://h:", "no port after the colon"),
        ("tcp://h:0", "no such port: 0"),
        ("tcp://h:x", "not a port: 'x'"),
        ("tcp://::1", "more than one colon"),
        ("tcp://::1:80", "more than one colon"),
        ("tcp://[::1", "no closing bracket"),
        ("tcp://[fe80::1%25]", "not a host: 'fe80::1%'"),
        ("tcp://a%20b", "not a host: 'a%20b'"),
        ("tcp://a b", "not a host: 'a b'"),
        ("tcp://h\n:1", "not a host: 'h\\n'"),
        ("tcp://h/x", "a path means nothing to tcp://"),
        ("tcp://h?x", "a path means nothing to tcp://"),
    ],
)
def test_what_cannot_be_a_target_is_named(text: str, what: str) -> None:
    assert _complaint(text).startswith(what)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("http://h/#top", "a fragment is never sent"),
        ("http://h#top", "a fragment is never sent"),
        ("http://h/a b", "a URL cannot hold white space"),
        ("http://h/a\r\nHost: x", "a URL cannot hold white space"),
        ("http://h/\x1b", "a URL cannot hold white space"),
        ("http:///x", "no host in the URL"),
    ],
)
def test_what_cannot_be_sent_is_refused(text: str, what: str) -> None:
    assert _complaint(text, schemes=_WEB).startswith(what)


def test_an_error_says_what_where_and_what_to_try() -> None:
    assert _complaint("h:70000") == "no such port: 70000 (probe target 'h:70000'); use a port from 1 to 65535"
    assert _complaint("ftp://h") == "no such scheme: 'ftp' (probe target 'ftp://h'); use tcp:// or tls:// or echo://"
    assert "write unix:PATH" in _complaint("unix:///run/x")
    with pytest.raises(UsageError, match=r"^no port \(endpoint 'tls:h'\); write tls:HOST:PORT$"):
        parse_endpoint("tls:h")
    with pytest.raises(UsageError, match=r"^no port \(--endpoint\); write tls:HOST:PORT$"):
        parse_endpoint("tls:h", where="--endpoint")


@pytest.mark.parametrize(
    ("keyword", "option"),
    [
        ("timeout", "use --timeout"),
        ("bindAddress", "use --bind"),
        ("caCertsDir", "use --ca-file"),
        ("trustRoots", "use --ca-file"),
        ("certKey", "use --client-cert"),
        ("certificate", "use --client-cert"),
        ("privateKey", "use --client-key"),
        ("hostname", "use --server-name"),
        ("other", "use --bind, --ca-file, --client-cert, --client-key, --server-name, --timeout"),
    ],
)
@pytest.mark.parametrize("kind", ["tls", "ssl"])
def test_what_twisted_would_do_about_tls_is_an_option_here(kind: str, keyword: str, option: str) -> None:
    message = _complaint(f"{kind}:h:1:{keyword}=x")
    assert f"{kind}: takes only a host and a port, not '{keyword}'" in message
    assert message.endswith(f"; {option}")


@pytest.mark.parametrize(
    "text",
    [
        "http://user:hunter2@h/",
        "http://hunter2@h",
        "HTTP://user:hunter2@h:99999/a@b",
        "http://user:hun/hunter2@h/",
        "http://user:hunter2#x@h/",
        "http://user:hunter2?x@h/",
        "ftp://user:hunter2@h/",
        "user:hunter2@h",
        "user:hunter2@h:80",
        "hunter2@h",
        "tcp:user:hunter2@h",
        "tcp:user:hunter2@h:80",
        "tls:user:hunter2@h",
        "tcp:hunter2@h:80",
    ],
)
def test_a_password_in_a_target_is_refused_and_never_repeated(text: str) -> None:
    message = _complaint(text, schemes=_WEB)
    assert "hun" not in message
    assert "@" in message


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
    parsed = _echo(format_peer(str(address), port))
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
        target = parse_target(text, default_port=1234, tls=tls, schemes=_WEB | _ECHO)
    except UsageError as error:
        complaint = str(error)
    else:
        complaint = ""
        assert target.tls or not tls
        if isinstance(target, HostTarget):
            assert 1 <= target.port <= 65535
            assert target.host.isprintable()
            assert not set(target.host) & set(string.whitespace + "/\\?#@[]")
    assert complaint.isprintable()
