"""What was sent, held against what arrived."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tw.core.difference import (
    FieldsDifference,
    TlsPath,
    asks_to_keep,
    compare_connections,
    compare_fields,
    compare_requests,
    tls_path,
)
from tw.core.sight import Fields, ProxySight, RequestSight, Sight, TlsSight

HERE = Sight(peer="10.0.0.9:80", local="192.0.2.1:5000")
TLS = TlsSight(version="TLSv1.3", cipher="A", server_name=None, alpn=None, exporter="01")
GET = RequestSight(method="GET", target="/a", version="1.1", headers=(("Host", "a"),), body_bytes=0, ordinal=1)
NAMES = st.sampled_from(["A", "a", "B", "Via"])
FIELDS = st.lists(st.tuples(NAMES, st.sampled_from("123")), max_size=6).map(tuple)


def fields(*lines: str) -> Fields:
    pairs = (line.split(": ") for line in lines)
    return tuple((name, value) for name, value in pairs)


def lowered(header: Fields) -> list[tuple[str, str]]:
    return sorted((name.lower(), value) for name, value in header)


@pytest.mark.parametrize(
    ("sent", "arrived", "difference"),
    [
        (fields("Host: a", "Via: b"), fields("Host: a", "Via: b"), FieldsDifference()),
        (fields("Host: a"), fields("Host: a", "Via: b"), FieldsDifference(added=fields("Via: b"))),
        (fields("Host: a", "Via: b"), fields("Host: a"), FieldsDifference(removed=fields("Via: b"))),
        (fields("Host: a"), fields("host: a"), FieldsDifference(respelled=(("Host", "host"),))),
        (fields("Host: a"), fields("Host: b"), FieldsDifference(changed=(("Host", "a", "b"),))),
        (fields("A: 1", "B: 2"), fields("B: 2", "A: 1"), FieldsDifference(reordered=True)),
        (fields("A: 1", "A: 2"), fields("A: 2"), FieldsDifference(removed=fields("A: 1"))),
        (fields("A: 1"), fields("A: 1", "A: 3"), FieldsDifference(added=fields("A: 3"))),
        (fields("A: 1", "A: 2"), fields("A: 2", "A: 3"), FieldsDifference(changed=(("A", "1", "3"),))),
        (fields("X: 1"), fields("X: 1, 2"), FieldsDifference(changed=(("X", "1", "1, 2"),))),
        (
            fields("A: 1", "B: 2"),
            fields("B: 2", "C: 3", "A: 1"),
            FieldsDifference(added=fields("C: 3"), reordered=True),
        ),
    ],
)
def test_a_change_of_a_header_is_called_what_it_is(sent: Fields, arrived: Fields, difference: FieldsDifference) -> None:
    assert compare_fields(sent, arrived) == difference
    kinds = (difference.added, difference.removed, difference.changed, difference.respelled)
    assert difference.count == sum(map(len, kinds)) + difference.reordered


@given(FIELDS, FIELDS)
def test_what_was_sent_and_the_changes_make_what_arrived(sent: Fields, arrived: Fields) -> None:
    difference = compare_fields(sent, arrived)
    made = lowered(sent)
    for name, value in lowered(difference.removed + tuple((name, before) for name, before, _ in difference.changed)):
        made.remove((name, value))
    made += lowered(difference.added + tuple((name, after) for name, _, after in difference.changed))
    assert sorted(made) == lowered(arrived)
    assert (difference.count == 0) == (difference == FieldsDifference())


@given(FIELDS)
def test_nothing_changed_where_all_is_the_same(header: Fields) -> None:
    assert compare_fields(header, header).count == 0


@pytest.mark.parametrize(
    ("probe", "server", "path"),
    [
        (None, None, TlsPath.NONE),
        (None, TLS, TlsPath.ADDED),
        (TLS, None, TlsPath.TERMINATED),
        (TLS, replace(TLS, server_name="a"), TlsPath.PASSED),
        (TLS, replace(TLS, exporter="02"), TlsPath.RE_ENCRYPTED),
        (TLS, replace(TLS, exporter=None), TlsPath.UNKNOWN),
        (TLS, replace(TLS, exporter=None, version="TLSv1.2"), TlsPath.RE_ENCRYPTED),
    ],
)
def test_what_became_of_tls_is_what_both_ends_prove(probe: TlsSight, server: TlsSight, path: TlsPath) -> None:
    assert tls_path(probe, server) is path
    there = Sight(peer="", local="", tls=server)
    assert compare_connections(replace(HERE, tls=probe), there).tls is path


@pytest.mark.parametrize(
    ("server", "source_kept", "destination_kept"),
    [
        (Sight(peer="192.0.2.1:5000", local="10.0.0.9:80"), True, True),
        (Sight(peer="192.0.2.1:5001", local="10.0.0.9:80"), False, True),
        (Sight(peer="192.0.2.1:5000", local="172.16.0.1:80"), True, False),
        (Sight(peer="unix:1", local="unix:0"), False, False),
    ],
)
def test_addresses_are_the_same_at_both_ends_or_not(server: Sight, source_kept: bool, destination_kept: bool) -> None:
    found = compare_connections(HERE, server)
    assert (found.source_kept, found.destination_kept) == (source_kept, destination_kept)


def test_unix_sockets_have_no_names_to_compare() -> None:
    found = compare_connections(Sight(peer="unix:0", local="unix:0"), Sight(peer="unix:7", local="unix:0"))
    assert (found.source_kept, found.destination_kept) == (None, None)


@pytest.mark.parametrize(
    ("source", "headers", "told_by"),
    [
        ("192.0.2.1:5000", (), ("the PROXY header",)),
        ("192.0.2.1:5001", (), ()),
        (None, (("X-Forwarded-For", "1.1.1.1, 192.0.2.1"),), ("X-Forwarded-For",)),
        (None, (("x-forwarded-for", "192.0.2.1:5000"),), ("X-Forwarded-For",)),
        (None, (("X-Forwarded-For", "192.0.2.11"),), ()),
        (None, (("forwarded", 'for="192.0.2.1:9";proto=http'),), ("Forwarded",)),
    ],
)
def test_what_tells_the_probe_s_own_address_is_named(
    source: str | None, headers: Fields, told_by: tuple[str, ...]
) -> None:
    proxy = ProxySight(version=1, source=source, destination=None, told={})
    assert compare_connections(HERE, Sight(peer="p:1", local="l:1", proxy=proxy), headers).told_by == told_by


def test_a_header_of_the_probe_s_own_is_no_word_of_the_path_s() -> None:
    proxy = ProxySight(version=1, source=HERE.local, destination=None, told={})
    server = Sight(peer="p:1", local="l:1", proxy=proxy)
    assert compare_connections(replace(HERE, proxy=proxy), server).told_by == ()
    assert compare_connections(replace(HERE, proxy=replace(proxy, version=2)), server).told_by == ("the PROXY header",)


@pytest.mark.parametrize("written", ["::1", "[::1]", "[::1]:5", '"[::1]:5"'])
def test_an_ipv6_address_is_known_in_every_form(written: str) -> None:
    here = Sight(peer="[::1]:80", local="[::1]:5000")
    headers = (("Forwarded", f'for="{written}"'),) if '"' not in written else (("Forwarded", f"for={written}"),)
    assert compare_connections(here, Sight(peer="x:1", local="y:1"), headers).told_by == ("Forwarded",)


@pytest.mark.parametrize(
    ("version", "connection", "keeps"),
    [
        ("1.1", None, True),
        ("1.1", "Close", False),
        ("1.1", "x, close", False),
        ("1.1", "keep-alive", True),
        ("1.0", None, False),
        ("1.0", "Keep-Alive", True),
        ("1.0", "keep-alive, close", False),
    ],
)
def test_a_request_asks_to_keep_its_connection_or_not(version: str, connection: str | None, keeps: bool) -> None:
    header = (("connection", connection),) if connection is not None else ()
    assert asks_to_keep(version, header) is keeps


def test_a_request_line_is_compared_part_by_part() -> None:
    arrived = replace(GET, target="/b", version="1.0")
    found = compare_requests(GET, arrived)
    assert found.line == (("target", "/a", "/b"), ("version", "1.1", "1.0"))
    assert (found.asked, found.asked_of_server) == (True, False)
    assert compare_requests(GET, replace(GET, method="HEAD")).line == (("method", "GET", "HEAD"),)
    assert compare_requests(GET, GET).line == ()
