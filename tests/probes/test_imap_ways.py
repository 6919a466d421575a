"""The ways to an IMAP server that has no named host: through a command, and by the user's mail domain."""

from typing import Any

import pytest
from twisted.internet.address import UNIXAddress
from twisted.internet.defer import CancelledError, succeed
from twisted.protocols.tls import TLSMemoryBIOFactory

from ends import End, Peer
from imap_runs import answers, first_subject, greets, options, visit
from imap_script import FETCHED, OPENED, PASSWORD
from memory import Network
from running import Running
from tw.errors import AnswerTimeout, AuthError, ConnectError, TlsError, UsageError
from tw.net.tls import ServerTls, self_signed_tls
from tw.options import TlsClientOptions
from tw.probes import imap, mail_servers
from tw.probes.mail_servers import Candidate
from tw.secret import Secret


@pytest.fixture(scope="module")
def server() -> ServerTls:
    return self_signed_tls("localhost")


def wrapped(net: Network, server: ServerTls) -> Any:
    return lambda factory: TLSMemoryBIOFactory(server.context, False, factory, net)


# A tunnel


@pytest.fixture
def tunnels(net: Network, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The commands that were started: whatever they are, they are what stands at the place `tunnel`."""
    commands: list[str] = []

    def connect(reactor: Any, command: str, protocol: Any) -> None:
        assert reactor is net
        commands.append(command)
        address = UNIXAddress(None)
        near, far = End(protocol, address), End(net.ports["tunnel"].buildProtocol(address), address)
        near.peer, far.peer = far, near
        net.ends += [near, far]
        far.protocol.makeConnection(far)
        near.protocol.makeConnection(near)

    monkeypatch.setattr(imap, "connect_tunnel", connect)
    return commands


def through(net: Network, password: str | None = None, **more: Any) -> Running:
    secret: Any = None if password is None else Secret(password)
    return net.run(first_subject(net, options(**{"tunnel": "ssh h imapd", "user": "", **more}), secret))


def lets_in(peer: Peer) -> None:
    peer.say(b"* PREAUTH [CAPABILITY IMAP4rev1] welcome\r\n")


def opens(peer: Peer, data: bytes) -> None:
    if b"FETCH" in data:
        peer.say(OPENED.replace(b"A2", b"A1") + FETCHED.replace(b"A3", b"A2"))


def test_through_a_tunnel_no_login_may_be_needed(net: Network, tunnels: list[str]) -> None:
    net.scripted("tunnel", opens, lets_in)
    running = through(net)
    assert running.result["subject"] == "Hello world"
    assert tunnels == ["ssh h imapd"]
    assert net.peers[0].got.startswith(b'A1 EXAMINE "INBOX"\r\n')


def test_a_server_behind_a_tunnel_that_wants_a_login_gets_one_or_says_so(net: Network, tunnels: list[str]) -> None:
    net.scripted("tunnel", answers, greets)
    error = through(net).error
    assert type(error) is AuthError
    assert str(error).startswith("the server wants a login, and there is no password (tunnel, login); ")
    assert through(net, PASSWORD, user="alice").result["subject"] == "Hello world"


def test_tls_may_run_inside(net: Network, tunnels: list[str], server: ServerTls) -> None:
    net.scripted("tunnel", opens, lets_in, wrapped(net, server))
    running = through(net, security="tls", verify=TlsClientOptions(pin=server.pin))
    assert running.result["subject"] == "Hello world"
    other = TlsClientOptions(pin=self_signed_tls("localhost").pin)
    error = through(net, security="tls", verify=other).error
    assert type(error) is TlsError
    assert "(tunnel" in str(error)


@pytest.mark.parametrize(
    ("more", "what"),
    [
        ({"security": "tls"}, "TLS needs a name to verify (tunnel); add --server-name or --pin"),
        ({"security": "starttls"}, "STARTTLS in a tunnel (tunnel); use --security tls, or leave it to the tunnel"),
        (
            {"verify": TlsClientOptions(insecure=True)},
            "--insecure without TLS (tunnel); leave it out, or use --security tls",
        ),
    ],
)
def test_what_makes_no_sense_in_a_tunnel_starts_no_command(
    net: Network, tunnels: list[str], more: dict[str, Any], what: str
) -> None:
    error = through(net, **more).error
    assert (type(error), str(error)) == (UsageError, what)
    assert tunnels == []


def test_a_silent_tunnel_is_a_timeout(net: Network, tunnels: list[str], server: ServerTls) -> None:
    net.scripted("tunnel")
    for more in ({}, {"security": "tls", "verify": TlsClientOptions(server_name="h")}):
        running = through(net, **more)
        net.pass_s(5.0)
        assert type(running.error) is AnswerTimeout
        assert "(tunnel" in str(running.error)
    assert not any(end.connected for end in net.ends)


def test_a_command_that_ends_in_the_handshake_is_its_failure(net: Network, tunnels: list[str]) -> None:
    net.scripted("tunnel", meets=lambda peer: peer.transport.loseConnection())
    error = through(net, security="tls", verify=TlsClientOptions(server_name="h")).error
    assert isinstance(error, TlsError)
    assert "(tunnel)" in str(error)


def test_a_visit_through_a_tunnel_can_be_cancelled(net: Network, tunnels: list[str]) -> None:
    net.scripted("tunnel")
    for more in ({}, {"security": "tls", "verify": TlsClientOptions(server_name="h")}):
        running = through(net, **more)
        running.deferred.cancel()
        net.settle()
        assert isinstance(running.error, CancelledError)
    assert not any(end.connected for end in net.ends)


# The mail domain

CANDIDATES = [Candidate("a.example.org", 1993, "tls"), Candidate("b.example.org", 2993, "tls")]


@pytest.fixture
def asked(net: Network, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What was asked of the DNS, which names two servers."""
    questions: list[tuple[Any, ...]] = []

    def find(reactor: Any, *question: Any) -> Any:
        questions.append(question)
        return succeed(CANDIDATES)

    monkeypatch.setattr(mail_servers, "find_mail_servers", find)
    for candidate in CANDIDATES:
        net.names[candidate.host] = ["192.0.2.1"]
    return questions


def of_the_domain(net: Network, server: ServerTls, **more: Any) -> Running:
    given = {"user": "alice@example.org", "host_given": False, "security": "tls"}
    return visit(net, **given, verify=TlsClientOptions(pin=server.pin), **more)


def test_the_servers_of_the_domain_are_tried_one_after_the_other(
    net: Network, asked: list[tuple[Any, ...]], server: ServerTls
) -> None:
    net.scripted(2993, answers, greets, wrapped(net, server))
    assert of_the_domain(net, server).result["subject"] == "Hello world"
    assert asked == [("example.org", "tls", 5.0)]
    assert [port for (_, port), _ in net.dialled] == [1993, 2993]


def test_a_silent_one_leaves_time_for_the_next(net: Network, asked: list[tuple[Any, ...]], server: ServerTls) -> None:
    net.silent.add(1993)
    net.scripted(2993, answers, greets, wrapped(net, server))
    running = of_the_domain(net, server)
    net.pass_s(2.5)
    assert running.result["subject"] == "Hello world"


def test_a_port_that_was_named_replaces_the_one_in_the_dns(
    net: Network, asked: list[tuple[Any, ...]], server: ServerTls
) -> None:
    net.scripted(7, answers, greets, wrapped(net, server))
    assert of_the_domain(net, server, port=7).result["subject"] == "Hello world"
    assert net.dialled == [(("192.0.2.1", 7), None)]


def test_where_none_can_be_reached_all_are_named(net: Network, asked: list[tuple[Any, ...]], server: ServerTls) -> None:
    error = of_the_domain(net, server).error
    assert type(error) is ConnectError
    assert str(error).startswith(
        "no mail server can be reached: tried a.example.org, b.example.org (example.org); name a server with --host"
    )


def test_one_that_shows_the_wrong_certificate_is_not_passed_over(
    net: Network, asked: list[tuple[Any, ...]], server: ServerTls
) -> None:
    """Whoever is in between could have the client go on to a server that suits him."""
    net.scripted(1993, answers, greets, wrapped(net, self_signed_tls("a.example.org")))
    net.scripted(2993, answers, greets, wrapped(net, server))
    error = of_the_domain(net, server).error
    assert type(error) is TlsError
    assert "a.example.org:1993" in str(error)
    assert [port for (_, port), _ in net.dialled] == [1993]


def test_what_the_dns_says_against_it_stands(net: Network, monkeypatch: pytest.MonkeyPatch, server: ServerTls) -> None:
    def find(*_question: Any) -> Any:
        raise ConnectError("the domain names evil.example.net, which is not within it", "example.org", "say --host")

    monkeypatch.setattr(mail_servers, "find_mail_servers", find)
    error = of_the_domain(net, server).error
    assert str(error) == "the domain names evil.example.net, which is not within it (example.org); say --host"
    assert net.dialled == []


@pytest.mark.parametrize(
    "more",
    [{"host_given": True}, {"user": "alice"}, {"user": "alice@localhost"}, {"endpoint": "tcp:localhost:1"}],
)
def test_a_place_that_was_named_or_a_user_without_a_domain_asks_no_dns(
    net: Network, asked: list[tuple[Any, ...]], server: ServerTls, more: dict[str, Any]
) -> None:
    given = {"user": "alice@example.org", "host_given": False, "security": "tls", **more}
    assert type(visit(net, **given).error) is ConnectError
    assert asked == []
    assert [host for (host, _), _ in net.dialled] == ["127.0.0.1"]
