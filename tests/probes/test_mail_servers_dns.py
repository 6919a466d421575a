"""Finding mail servers when names are odd, when nobody answers, and with Twisted's own resolver and name server."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred, TimeoutError, fail
from twisted.internet.protocol import DatagramProtocol
from twisted.names import dns
from twisted.names.error import DNSNameError, DNSServerError, ResolverError
from twisted.names.server import DNSServerFactory

from mail_dns import DOMAIN, USUAL, Zone, find, srv
from memory import Network
from tw.errors import UsageError
from tw.probes import mail_servers
from tw.probes.mail_servers import LOOKUP_S, find_mail_servers, mail_domain, name_servers

# No answer -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "failure", [DNSNameError, DNSServerError, TimeoutError, ResolverError, OSError, lambda: ValueError("\x1b")]
)
def test_where_the_dns_fails_the_usual_names_are_tried(net: Network, failure: Any) -> None:
    zone = Zone()
    zone.answer = lambda: fail(failure())  # type: ignore[method-assign]
    assert [found.host for found in find(net, zone).result] == USUAL


def test_a_resolver_that_raises_is_one_that_fails(net: Network) -> None:
    assert [found.host for found in find(net, object()).result] == USUAL


@pytest.mark.parametrize(("timeout_s", "waits_s"), [(30.0, LOOKUP_S), (2.0, 2.0), (-1.0, 0.0)])
def test_the_dns_is_not_waited_for_longer_than_it_may_take(net: Network, timeout_s: float, waits_s: float) -> None:
    zone, cancelled = Zone(), []
    zone.answer = lambda: Deferred(cancelled.append)  # type: ignore[method-assign]
    running = net.run(find_mail_servers(net, DOMAIN, "tls", timeout_s, zone))
    if waits_s:
        net.pass_s(waits_s - 0.01)
        assert not running.over
        net.pass_s(0.01)
    assert [found.host for found in running.result] == USUAL
    assert len(cancelled) == 1


def test_one_who_is_cancelled_does_not_go_on(net: Network) -> None:
    zone, cancelled = Zone(), []
    zone.answer = lambda: Deferred(cancelled.append)  # type: ignore[method-assign]
    running = find(net, zone)
    running.deferred.cancel()
    assert isinstance(running.error, CancelledError)
    assert len(cancelled) == 1


# Domains -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("Example.ORG", "example.org"),
        ("example.org.", "example.org"),
        ("corp", "corp"),
        ("3com.com", "3com.com"),
        ("münchen.example", "xn--mnchen-3ya.example"),
        ("MÜNCHEN.example.", "xn--mnchen-3ya.example"),
        ("\uff25xample.org", "example.org"),
        ("例え。テスト", "xn--r8jz45g.xn--zckzah"),
        ("xn--mnchen-3ya.example", "xn--mnchen-3ya.example"),
        (".".join(["x" * 60] * 3 + ["y" * 57]), ".".join(["x" * 60] * 3 + ["y" * 57])),
    ],
)
def test_a_domain_is_brought_into_the_form_of_the_dns(net: Network, typed: str, meant: str) -> None:
    assert mail_domain(typed) == meant
    zone = Zone()
    assert [found.host for found in find(net, zone, domain=typed).result] == [f"imap.{meant}", f"mail.{meant}", meant]
    assert zone.asked == [(f"_imaps._tcp.{meant}", dns.SRV)]


BAD = [
    "",
    ".",
    "a..b",
    ".a",
    "a b",
    "a\n",
    "a\0.b",
    "-a.b",
    "a_b.c",
    "alice@b.c",
    "[192.0.2.1]",
    "192.0.2.1",
    "\uff11\uff19\uff12.0.2.1",
]
BAD += [
    "::1",
    "x" * 64,
    "ü..x",
    "ü" * 300,
    "☃.net",
    "\udcff.org",
    "a" * 100_000,
    ".".join(["x" * 60] * 4),
    "ex\u202eample.org",
]


@pytest.mark.parametrize("typed", BAD)
def test_what_is_no_mail_domain_is_a_usage_error(net: Network, typed: str) -> None:
    zone = Zone()
    running = find(net, zone, domain=typed)
    assert isinstance(running.error, UsageError)
    assert running.error.what == "not a mail domain"
    assert str(running.error).isprintable()
    assert len(str(running.error)) < 200
    assert zone.asked == []


@given(st.text(max_size=300))
def test_any_text_is_a_domain_of_plain_letters_or_a_usage_error(text: str) -> None:
    try:
        name = mail_domain(text)
    except UsageError:
        return
    assert name.isascii()
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-.")
    assert mail_domain(name) == name


# The name servers ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (None, ["127.0.0.1"]),
        ("", ["127.0.0.1"]),
        ("search example.org\noptions edns0\n", ["127.0.0.1"]),
        ("nameserver 192.0.2.1\n", ["192.0.2.1"]),
        ("nameserver\t192.0.2.1 # the first\nnameserver 2001:db8::1\n", ["192.0.2.1", "2001:db8::1"]),
        ("nameserver\n#nameserver 192.0.2.1\n; nameserver 192.0.2.2\nnameserver fe80::1%eth0", ["fe80::1%eth0"]),
        ("nameserver dns.example.org\n\xff\nnameserver 192.0.2.1", ["192.0.2.1"]),
        ("".join(f"nameserver 192.0.2.{number}\n" for number in range(9)), ["192.0.2.0", "192.0.2.1", "192.0.2.2"]),
    ],
)
def test_the_name_servers_are_those_of_the_system(tmp_path: Path, text: str | None, found: list[str]) -> None:
    path = tmp_path / "resolv.conf"
    if text is not None:
        path.write_text(text, encoding="latin-1")
    assert name_servers(str(path)) == found


class Silent(DatagramProtocol):
    """A name server that says nothing, or the same to everybody."""

    def __init__(self, said: bytes = b"") -> None:
        self.asked: list[bytes] = []
        self._said = said

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        self.asked.append(datagram)
        if self._said:
            transport: Any = self.transport
            transport.write(datagram[:2] + self._said, addr)


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, net: Network) -> Network:
    """A network whose name server is to be at 127.0.0.1."""
    path = tmp_path / "resolv.conf"
    path.write_text("nameserver 127.0.0.1\n")
    monkeypatch.setattr(mail_servers, "RESOLV_CONF", str(path))
    return net


class Server(DNSServerFactory):
    """Twisted's, but in datagrams it says no more than the asker must take (RFC 1035, 4.2.1)."""

    def sendReply(self, protocol: Any, message: Any, address: Any) -> None:
        message.maxSize = 0 if address is None else 512
        super().sendReply(protocol, message, address)


def serve(net: Network, zone: Zone) -> None:
    net.ports[53] = Server(clients=[zone])
    net.listenUDP(53, dns.DNSDatagramProtocol(net.ports[53], reactor=net))


def test_the_systems_name_server_is_asked(system: Network) -> None:
    zone = Zone(srv("imap.example.org", 1993))
    serve(system, zone)
    (found,) = find(system, None).result
    assert (found.host, found.port) == ("imap.example.org", 1993)
    assert zone.asked == [("_imaps._tcp.example.org", dns.SRV)]
    assert [place for place in system.ports if place not in (53, ("udp", 53))] == []


def test_an_answer_that_fits_in_no_datagram_comes_over_tcp(system: Network) -> None:
    serve(system, Zone(*(srv(f"imap{number}.example.org", 993, number) for number in range(100))))
    assert find(system, None).result[0].host == "imap0.example.org"
    assert [place for place, _ in system.dialled] == [("127.0.0.1", 53)]
    assert not any(end.connected for end in system.ends)


def test_without_tcp_such_an_answer_is_none(system: Network) -> None:
    serve(system, Zone(*(srv(f"imap{number}.example.org", 993, number) for number in range(100))))
    del system.ports[53]
    assert [found.host for found in find(system, None).result] == USUAL


@pytest.mark.parametrize("code", [dns.ENAME, dns.ESERVER, dns.EREFUSED, dns.ENOTIMP, dns.EFORMAT, 11])
def test_a_name_server_that_refuses_leads_to_the_usual_names(system: Network, code: int) -> None:
    said = dns.Message(answer=1, rCode=code).toStr()[2:]
    system.listenUDP(53, Silent(said))
    assert [found.host for found in find(system, None).result] == USUAL


def test_a_silent_name_server_is_asked_again_and_then_left(system: Network) -> None:
    silent = Silent()
    system.listenUDP(53, silent)
    running = find(system, None)
    system.pass_s(1.0)
    assert len(silent.asked) == 2
    system.pass_s(LOOKUP_S - 1.0)
    assert [found.host for found in running.result] == USUAL
    assert list(system.ports) == [("udp", 53)]


@pytest.mark.parametrize("said", [b"\x80", b"\x80\0\0\1\xff\xff\0\0\0\0\xc0\x0c" + b"\xc0\x0c" * 40])
def test_a_garbled_answer_is_none(system: Network, said: bytes) -> None:
    system.listenUDP(53, Silent(said))
    running = find(system, None)
    system.pass_s(LOOKUP_S)
    assert [found.host for found in running.result] == USUAL


def test_no_run_that_needs_no_dns_loads_its_code() -> None:
    program = "import sys, tw.probes.mail_servers as m; m.mail_domain('a.b'); sys.exit('twisted.names' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], timeout=60, check=False).returncode == 0
