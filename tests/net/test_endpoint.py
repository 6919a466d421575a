"""Endpoints: whatever Twisted makes of what a user typed, or of a network, a typed error comes out of it."""

import errno
import os
import socket
from pathlib import Path
from typing import Any

import pytest
from twisted.internet import error
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import CancelledError
from twisted.internet.endpoints import TCP4ServerEndpoint, TCP6ServerEndpoint
from twisted.internet.protocol import Factory
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure

from tw.errors import ConnectError, LocalError, UsageError
from tw.net.endpoint import (
    LISTEN_BACKLOG,
    address_text,
    bind_error,
    client_from_string,
    connect_error,
    host_endpoint,
    is_tls,
    server_endpoint,
    unlock,
)

pytestmark = pytest.mark.usefixtures("quiet")

WHERE = "some:where"


@pytest.mark.parametrize(
    "text",
    [
        "tcp:x",
        "tcp",
        "tcp:\\",
        "ssl::::",
        "nonsense:1",
        "tcp:1:2:3:4:5:6:7",
        "tcp:1:colour=red",
        "",
        ":",
        "unix",
    ],
)
def test_what_twisted_cannot_parse_is_a_usage_error_with_an_example(text: str) -> None:
    with pytest.raises(UsageError, match="not an endpoint string") as caught:
        server_endpoint(MemoryReactorClock(), text)
    assert "tcp:1234:interface=127.0.0.1" in caught.value.hint
    assert caught.value.where == f"--listen {text}"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("tcp", "an argument is missing, unknown or one too many"),
        ("tcp:1:colour=red", "an argument is missing, unknown or one too many"),
        ("systemd:domain=INET", "it needs an index or a name, and not both"),
        ("systemd:INET:x", "'x' is not a number"),
        ("systemd:INET:0:a:b", "an argument is unknown or one too many"),
        ("tcp:\\", "an argument cannot be read"),
        ("tcp:x\n", "'x\\n' is not a number"),
        ("unix:/p:mode=9", "'9' is not a number"),
        ("nonsense:1", "Unknown endpoint type: 'nonsense'"),
    ],
)
def test_what_is_wrong_with_a_string_is_told_without_pythons_own_words(text: str, reason: str) -> None:
    with pytest.raises(UsageError) as caught:
        server_endpoint(MemoryReactorClock(), text)
    assert caught.value.what == f"not an endpoint string: {reason}"


@pytest.mark.parametrize(
    ("text", "tls"),
    [
        ("ssl:1", True),
        ("SSL:1", True),
        ("tls:1", True),
        ("Tls", True),
        ("tcp:1", False),
        ("sslx:1", False),
        ("", False),
    ],
)
def test_some_types_are_tls_by_themselves(text: str, tls: bool) -> None:
    assert is_tls(text) == tls


@pytest.mark.parametrize("text", ["stdio:", "stdio", "haproxy:tcp:0", "STDIO:"])
def test_what_cannot_be_served_is_refused_with_the_reason(text: str) -> None:
    with pytest.raises(UsageError, match="endpoints are not served") as caught:
        server_endpoint(MemoryReactorClock(), text)
    assert caught.value.hint


@pytest.mark.parametrize("text", ["unix:", "unix:address=", "unix::mode=600", "unix:mode=600:address="])
def test_a_unix_endpoint_needs_a_path(text: str) -> None:
    with pytest.raises(UsageError, match="without a path"):
        server_endpoint(MemoryReactorClock(), text)


def test_files_that_an_endpoint_names_and_that_cannot_be_used_are_local_errors(tmp_path: Path) -> None:
    missing = tmp_path / "missing.pem"
    with pytest.raises(LocalError, match=r"cannot read a file that it names: .*missing\.pem"):
        server_endpoint(MemoryReactorClock(), f"ssl:0:privateKey={missing}")
    garbage = tmp_path / "garbage.pem"
    garbage.write_text("not PEM")
    with pytest.raises(LocalError, match=r"cannot use a file that it names: [a-z ]+ \(--listen"):
        server_endpoint(MemoryReactorClock(), f"ssl:0:privateKey={garbage}")
    with pytest.raises(LocalError, match=r"cannot read a file that it names: \w+ \(ssl:"):
        client_from_string(MemoryReactorClock(), f"ssl:localhost:1:caCertsDir={tmp_path}/none")
    with pytest.raises(LocalError, match="cannot use a file that it names"):
        client_from_string(MemoryReactorClock(), f"tls:localhost:1:certificate={garbage}:privateKey={garbage}")


def test_escape_sequences_do_not_get_into_a_message() -> None:
    for make in (server_endpoint, client_from_string):
        with pytest.raises(UsageError) as caught:
            make(MemoryReactorClock(), "\x1b[31mtcp:1")
        assert "\x1b" not in str(caught.value)


def test_host_and_port_are_the_family_that_the_host_is_of() -> None:
    reactor = MemoryReactorClock()
    for host, kind in (
        ("127.0.0.1", TCP4ServerEndpoint),
        ("localhost", TCP4ServerEndpoint),
        ("::1", TCP6ServerEndpoint),
    ):
        endpoint = host_endpoint(reactor, host, 7)
        assert isinstance(endpoint, kind)
        endpoint.listen(Factory())
        port, _, backlog, interface = reactor.tcpServers.pop()
        assert (port, backlog, interface) == (7, LISTEN_BACKLOG, host)


# Errors of binding ----------------------------------------------------------------------------------------------------


def cannot_listen(number: int, port: object = 80) -> error.CannotListenError:
    return error.CannotListenError("127.0.0.1", port, OSError(number, os.strerror(number)))


@pytest.mark.parametrize(
    ("problem", "message"),
    [
        (cannot_listen(errno.EADDRINUSE), "cannot listen: address already in use (some:where); choose"),
        (cannot_listen(errno.EADDRINUSE, b"/p"), "cannot listen: address already in use (some:where); stop"),
        (cannot_listen(errno.EACCES), "cannot listen: permission denied (some:where); use a port above 1023"),
        (PermissionError(errno.EACCES, "Permission denied"), "cannot listen: permission denied (some:where); use a"),
        (cannot_listen(errno.EADDRNOTAVAIL), "cannot listen: cannot assign requested address (some:where)"),
        (socket.gaierror(-2, "Name or service not known"), "cannot listen: name or service not known (some:where)"),
        (error.CannotListenError(None, b"/p", "Cannot acquire lock"), "cannot listen: cannot acquire lock (some:"),
        (error.CannotListenError(None, b"/p", OSError("AF_UNIX path too long")), "cannot listen: AF_UNIX path too"),
        (RuntimeError(), "cannot listen: RuntimeError (some:where)"),
    ],
)  # fmt: skip
def test_what_keeps_a_listener_from_being_bound_is_told(problem: Exception, message: str) -> None:
    told = bind_error(problem, WHERE)
    assert type(told) is ConnectError
    assert str(told).startswith(message)


@pytest.mark.parametrize("nested", [False, True])
def test_a_port_out_of_range_is_a_usage_error(nested: bool) -> None:
    problem: Exception = OverflowError("bind(): port must be 0-65535.")
    told = bind_error(error.CannotListenError("::", 99_999, problem) if nested else problem, WHERE)
    assert type(told) is UsageError
    assert str(told) == "port out of range (some:where); a port is 0 to 65535"


def test_a_typed_error_of_a_plugins_stays_as_it_is() -> None:
    told = UsageError("no such thing")
    assert bind_error(told, WHERE) is told
    assert connect_error(Failure(told), WHERE) is told


@pytest.mark.parametrize("form", [str, os.fsencode])
def test_our_own_lock_is_removed(tmp_path: Path, form: Any) -> None:
    lock = tmp_path / "socket.lock"
    lock.symlink_to(str(os.getpid()))
    unlock(form(str(tmp_path / "socket")))
    assert not os.path.lexists(lock)


def test_what_is_not_our_lock_stays(tmp_path: Path) -> None:
    foreign, plain = tmp_path / "foreign.lock", tmp_path / "plain.lock"
    foreign.symlink_to(str(os.getppid()))
    plain.write_text(str(os.getpid()))
    for path in (foreign, plain):
        unlock(str(path).removesuffix(".lock"))
        assert os.path.lexists(path)
    unlock(str(tmp_path / "none"))
    unlock(b"\0abstract")


# Errors of connecting -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("problem", "what"),
    [
        (error.ConnectionRefusedError(), "connection refused"),
        (error.DNSLookupError(), "no such host"),
        (error.UnknownHostError(), "no such host"),
        (error.NoRouteError(), "no route to the host"),
        (error.TCPTimedOutError(), "connecting timed out"),
        (error.TimeoutError(), "connecting timed out"),
        (CancelledError(), "connecting timed out"),
        (error.getConnectError((errno.ENOENT, "as a unix socket's")), "cannot connect: no such file or directory"),
        (error.ConnectError(osError=OSError("odd")), "cannot connect: an error occurred while connecting: odd."),
        (RuntimeError("Odd\x1b"), "cannot connect: odd\\x1b"),
        (RuntimeError(), "cannot connect: RuntimeError"),
    ],
)
def test_what_keeps_a_connection_from_being_made_is_told(problem: Exception, what: str) -> None:
    told = connect_error(Failure(problem), WHERE)
    assert type(told) is ConnectError
    assert (told.what, told.where) == (what, WHERE)


# Addresses ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "text"),
    [
        (IPv4Address("TCP", "127.0.0.1", 5), "127.0.0.1:5"),
        (IPv6Address("TCP", "::1", 5), "[::1]:5"),
        (IPv6Address("TCP", "::ffff:192.0.2.1", 5), "192.0.2.1:5"),
        (UNIXAddress(None), "unix:3"),
        (UNIXAddress(b"/path"), "unix:3"),
        (None, "unix:3"),
    ],
)
def test_a_peer_is_written_in_one_way(address: object, text: str) -> None:
    assert address_text(address, 3) == text
