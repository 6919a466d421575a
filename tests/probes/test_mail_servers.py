"""Finding the servers of a mail domain: what the DNS says is heeded, but never trusted with a password."""

from itertools import pairwise
from typing import Any

import pytest
from twisted.names import dns

from mail_dns import DOMAIN, USUAL, Zone, alias, find, least, srv
from memory import Network
from tw.core.imap_types import Security
from tw.errors import ConnectError, UsageError
from tw.probes.mail_servers import MAX_ALIASES, MAX_CANDIDATES, Candidate, find_mail_servers


def never(most: int) -> int:
    raise AssertionError("there is nothing to choose")


def hosts(net: Network, *answers: dns.RRHeader, draw: Any = least) -> list[str]:
    return [candidate.host for candidate in find(net, Zone(*answers), draw=draw).result]


# What is asked for, and what is found --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("security", "asked", "port"),
    [("tls", "_imaps._tcp.example.org", 993), ("starttls", "_imap._tcp.example.org", 143)],
)
def test_each_security_has_its_own_service_and_no_other(
    net: Network, security: Security, asked: str, port: int
) -> None:
    zone = Zone()
    assert find(net, zone, security, never).result == [Candidate(host, port, security) for host in USUAL]  # type: ignore[arg-type]
    assert zone.asked == [(asked, dns.SRV)]


def test_a_record_gives_host_and_port(net: Network) -> None:
    zone = Zone(srv("IMAP.Example.ORG", 1993))
    assert find(net, zone).result == [Candidate("imap.example.org", 1993, "tls")]
    zone = Zone(srv("example.org", 1143, owner="_imap._tcp.example.org"))
    assert find(net, zone, "starttls").result == [Candidate("example.org", 1143, "starttls")]


def test_plain_is_not_for_a_host_that_only_the_dns_names(net: Network) -> None:
    zone = Zone()
    running = find(net, zone, "plain")
    assert isinstance(running.error, UsageError)
    assert str(running.error) == "--security plain without a host (example.org); name a server with --host"
    assert zone.asked == []


# Order ---------------------------------------------------------------------------------------------------------------


def test_a_lower_priority_comes_first_whatever_the_weights(net: Network) -> None:
    answers = srv("c.example.org", 993, 20, 65535), srv("a.example.org", 993, 0, 0), srv("b.example.org", 993, 10, 9)
    assert hosts(net, *answers) == ["a.example.org", "b.example.org", "c.example.org"]


def test_the_lot_is_drawn_up_to_the_sum_of_the_weights_that_are_left(net: Network) -> None:
    mosts: list[int] = []

    def greatest(most: int) -> int:
        mosts.append(most)
        return most

    answers = [srv(f"{name}.example.org", 993, 5, weight) for name, weight in (("a", 1), ("b", 2), ("c", 4))]
    found = hosts(net, *answers, draw=greatest)
    assert found == ["c.example.org", "b.example.org", "a.example.org"]
    assert mosts == [7, 3, 1]


def test_each_server_is_chosen_by_as_many_lots_as_its_weight(net: Network) -> None:
    answers = [
        srv("three.example.org", 993, 0, 3),
        srv("one.example.org", 993, 0, 1),
        srv("none.example.org", 993, 0, 0),
    ]
    chosen = [hosts(net, *answers, draw=lambda most, lot=lot: min(lot, most))[0] for lot in range(5)]
    assert chosen == ["none.example.org"] + ["three.example.org"] * 3 + ["one.example.org"]


def test_without_other_wishes_the_lot_is_random(net: Network) -> None:
    zone = Zone(srv("a.example.org", 993, 0, 1000), srv("b.example.org", 993, 0, 1000))
    firsts = {net.run(find_mail_servers(net, DOMAIN, "tls", 1.0, zone)).result[0].host for _ in range(100)}
    assert firsts == {"a.example.org", "b.example.org"}


def test_a_server_that_is_named_again_is_tried_once_and_in_its_better_place(net: Network) -> None:
    answers = [
        srv("a.example.org", 993, 30, 5),
        srv("b.example.org", 993, 20),
        srv("A.example.org", 993, 10),
        srv("a.example.org", 993, 10, 7),
        srv("a.example.org", 994, 40),
    ]
    assert [(found.host, found.port) for found in find(net, Zone(*answers)).result] == [
        ("a.example.org", 993),
        ("b.example.org", 993),
        ("a.example.org", 994),
    ]


def test_of_absurdly_many_only_the_best_are_tried(net: Network) -> None:
    answers = [srv(f"h{number}.example.org", 993, 1000 - number // 2, number) for number in range(1001)]
    found = hosts(net, *answers)
    assert len(found) == MAX_CANDIDATES
    assert found[0] == "h1000.example.org"


# Who may be trusted --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("port", "said"), [(993, "--host imap.provider.net"), (1993, "--host imap.provider.net --port 1993")]
)
def test_a_host_outside_of_the_domain_is_for_the_user_to_name(net: Network, port: int, said: str) -> None:
    running = find(net, Zone(srv("imap.provider.net", port), srv("backup.provider.net", 993, 9)))
    assert isinstance(running.error, ConnectError)
    assert str(running.error) == (
        f"the domain names imap.provider.net, which is not within it (example.org); if that is right, say {said}"
    )


@pytest.mark.parametrize("near", ["evilexample.org", "org", "example.org.evil.net", "imap.example.com", "example-org"])
def test_a_name_that_only_looks_like_the_domains_is_outside(net: Network, near: str) -> None:
    with pytest.raises(ConnectError, match=f"the domain names {near}, which is not within it"):
        _ = find(net, Zone(srv(near))).result


def test_hosts_outside_are_passed_over_where_there_are_others(net: Network) -> None:
    assert hosts(net, srv("imap.provider.net"), srv("imap.example.org", 993, 9)) == ["imap.example.org"]


def test_a_service_that_is_decidedly_not_there_is_not_guessed_at(net: Network) -> None:
    running = find(net, Zone(srv(b".", 0)))
    assert isinstance(running.error, ConnectError)
    assert str(running.error) == (
        "the domain declares that it has no IMAP over TLS (example.org); "
        "name a server with --host, or try --security starttls"
    )
    with pytest.raises(ConnectError, match="no IMAP with STARTTLS"):
        _ = find(net, Zone(srv(b".", 0, owner="_imap._tcp.example.org")), "starttls").result


def test_beside_a_server_the_dot_means_nothing(net: Network) -> None:
    assert hosts(net, srv(b".", 0), srv("imap.example.org", 993, 9)) == ["imap.example.org"]


@pytest.mark.parametrize(
    "target",
    [
        b"a b.example.org",
        b"\x1b[31m.example.org",
        b"imap.example.org\n",
        b"\xff\xfe.example.org",
        b"-imap.example.org",
        b"imap-.example.org",
        b"imap_1.example.org",
        b"x%eth0.example.org",
        b"user@host.example.org",
        b"192.0.2.1",
        b".".join([b"x" * 60] * 4) + b".example.org",
    ],
)
def test_what_cannot_be_a_host_is_no_server(net: Network, target: bytes) -> None:
    assert hosts(net, srv(target)) == USUAL
    assert hosts(net, srv(target), srv("imap.example.org", 993, 9)) == ["imap.example.org"]


def test_a_port_that_cannot_be_is_no_server(net: Network) -> None:
    assert hosts(net, srv("imap.example.org", 0)) == USUAL


# Noise ---------------------------------------------------------------------------------------------------------------


def test_only_the_answer_to_the_question_counts(net: Network) -> None:
    noise = [
        srv("noise1.example.org", owner="_imap._tcp.example.org"),
        dns.RRHeader("_imaps._tcp.example.org", dns.A, payload=dns.Record_A("192.0.2.1")),
        dns.RRHeader("_imaps._tcp.example.org", dns.TXT, payload=dns.Record_TXT(b"noise2.example.org")),
        alias("imap.example.org", "noise3.example.org"),
    ]
    additional = [srv("noise4.example.org"), dns.RRHeader("imap.example.org", dns.A, payload=dns.Record_A("192.0.2.2"))]
    zone = Zone(*noise, srv("imap.example.org", owner="_IMAPS._tcp.EXAMPLE.org"), additional=additional)
    assert [found.host for found in find(net, zone).result] == ["imap.example.org"]


def test_aliases_of_the_service_are_followed_in_any_order(net: Network) -> None:
    answers = [
        srv("imap.example.org", owner="_imaps._tcp.provider.net"),
        alias("_Imaps.example.org", "_imaps._tcp.provider.net"),
        alias("_imaps._tcp.example.org", "_imaps.example.org"),
        alias("_imaps._tcp.provider.net", "_imaps._tcp.example.org"),
    ]
    assert hosts(net, *answers) == ["imap.example.org"]


def test_aliases_are_not_followed_for_ever(net: Network) -> None:
    chain = ["_imaps._tcp.example.org", *(f"a{number}.example.org" for number in range(100))]
    links = [alias(owner, target) for owner, target in pairwise(chain)]
    assert hosts(net, *reversed(links), srv("imap.example.org", owner=chain[MAX_ALIASES])) == ["imap.example.org"]
    assert hosts(net, *reversed(links), srv("imap.example.org", owner=chain[MAX_ALIASES + 1])) == USUAL
