"""What is said of a TARGET that means nothing."""

import pytest

from targets import WEB, complaint, web
from tw.core.target import parse_endpoint
from tw.errors import UsageError


@pytest.mark.parametrize("text", ["https://h/", "tls:h:1", "ssl:h:1", "ssl:host=h:port=1"])
def test_tls_asked_for_twice_is_refused(text: str) -> None:
    assert "TLS asked for twice" in complaint(text, tls=True, schemes=WEB)
    assert web(text).tls


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
    assert complaint(text).startswith(what)


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
    assert complaint(text, schemes=WEB).startswith(what)


def test_an_error_says_what_where_and_what_to_try() -> None:
    assert complaint("h:70000") == "no such port: 70000 (probe target 'h:70000'); use a port from 1 to 65535"
    assert complaint("ftp://h") == "no such scheme: 'ftp' (probe target 'ftp://h'); use tcp:// or tls:// or echo://"
    assert "write unix:PATH" in complaint("unix:///run/x")
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
    message = complaint(f"{kind}:h:1:{keyword}=x")
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
    message = complaint(text, schemes=WEB)
    assert "hun" not in message
    assert "@" in message
