"""What a probe found out about a path, as JSON and in words."""

import json
from dataclasses import replace
from typing import Any

import pytest

from tw.core.difference import (
    BodyPath,
    ConnectionDifference,
    FieldsDifference,
    PathDifference,
    RequestDifference,
    ResponseDifference,
)
from tw.core.sight import CertificateSight, ProxySight, RequestSight, Sight, TlsSight
from tw.report import IdleTimeout, ProbeReport
from tw.report.path import difference_json
from tw.report.path_words import VALUE_CHARS, difference_lines, difference_text, idle_text
from tw.summary import report_lines, report_rows

HERE = Sight(peer="192.0.2.9:80", local="192.0.2.1:5")
TLS = TlsSight(version="TLSv1.3", cipher="AES", server_name="a.example", alpn=None, exporter="01")
GET = RequestSight(method="GET", target="/", version="1.1", headers=(), body_bytes=0, ordinal=1)
REQUEST = RequestDifference(line=(), headers=FieldsDifference(), asked=True, asked_of_server=True, arrived=GET)
RESPONSE = ResponseDifference(
    body=BodyPath.SAME, sizes=(30, 30), status=(200, 200), headers=FieldsDifference(), kept=True
)
SAME = PathDifference(
    connection=ConnectionDifference(probe=HERE, server=Sight(peer=HERE.local, local=HERE.peer)),
    request=REQUEST,
    response=RESPONSE,
)
SECRET = "c2VjcmV0"
SECRETS = FieldsDifference(
    added=(("Set-Cookie", SECRET),),
    removed=(("cookie", SECRET),),
    changed=(("Authorization", SECRET, SECRET + "2"), ("PROXY-AUTHORIZATION", SECRET, SECRET + "2")),
)


def lines(difference: PathDifference, part: str) -> list[str]:
    return dict(difference_lines(difference))[part]


def changed(connection: Any = None, request: Any = None, response: Any = None) -> PathDifference:
    return PathDifference(
        connection=replace(SAME.connection, **connection or {}),
        request=replace(REQUEST, **request or {}),
        response=replace(RESPONSE, **response or {}),
    )


# In words -------------------------------------------------------------------------------------------------------------


def test_nothing_changed_is_said_of_each_part() -> None:
    assert difference_lines(SAME) == [
        ("request", ["= nothing changed"]),
        ("response", ["= nothing changed"]),
        ("connection", ["= the same two addresses at both ends"]),
    ]
    assert difference_text(difference_lines(SAME)) == "ok, nothing changed"


def test_echo_has_no_request() -> None:
    echo = replace(SAME, request=None, response=ResponseDifference(body=BodyPath.SAME, sizes=(64, 64)))
    assert [part for part, _ in difference_lines(echo)] == ["response", "connection"]


def test_every_change_of_a_header_has_a_sign() -> None:
    fields = FieldsDifference(
        added=(("Via", "x"),),
        removed=(("Accept", "*/*"),),
        changed=(("Host", "a", "b"),),
        respelled=(("Host", "host"), ("User-Agent", "user-agent")),
        reordered=True,
    )
    expected = [
        "+ Via: x",
        "- Accept: */*",
        "~ Host: a -> b",
        "~ names Host -> host, User-Agent -> user-agent",
        "~ the fields are in another order",
    ]
    assert lines(changed(request={"headers": fields}), "request") == expected
    assert lines(changed(response={"headers": fields}), "response") == expected


def test_a_request_line_and_a_status_are_told_before_and_after() -> None:
    request = {"line": (("target", "/", "/x"), ("version", "1.1", "1.0")), "asked_of_server": False}
    found = changed(request=request, response={"status": (200, 203), "kept": False})
    assert lines(found, "request") == ["~ target / -> /x", "~ version 1.1 -> 1.0"]
    assert lines(found, "response") == ["~ status 200 -> 203"]
    assert lines(found, "connection")[1:] == [
        "~ asked to be kept alive -> the server is asked to have it closed",
        "~ asked to be kept alive -> the answer ends it",
    ]
    assert difference_text(difference_lines(found)) == "ok, 5 differences"


def test_one_that_is_to_be_closed_is_no_surprise_when_it_is() -> None:
    found = changed(request={"asked": False, "asked_of_server": False}, response={"kept": False})
    assert difference_text(difference_lines(found)) == "ok, nothing changed"
    kept = changed(request={"asked": False}, response={"kept": False})
    assert lines(kept, "connection")[1:] == ["~ asked to be closed -> the server is asked to have it kept alive"]
    assert difference_text(difference_lines(kept)) == "ok, 1 difference"


@pytest.mark.parametrize(
    ("body", "first", "line"),
    [
        (BodyPath.CHANGED, 17, "~ the body differs from what was sent, from byte 17 on (30 bytes -> 29)"),
        (BodyPath.RECODED, None, "~ the same body in another content coding (30 bytes -> 29)"),
        (BodyPath.UNKNOWN, None, "~ the body's digest is gone, and nothing else tells whether the body changed"),
    ],
)
def test_what_became_of_a_body_is_told(body: BodyPath, first: int | None, line: str) -> None:
    (said,) = lines(changed(response={"body": body, "first": first, "sizes": (30, 29)}), "response")
    assert said.startswith(line)


@pytest.mark.parametrize(
    ("told_by", "told"),
    [
        ((), "nothing tells the probe's own"),
        (("Forwarded",), "Forwarded tells the probe's own"),
        (("the PROXY header", "X-Forwarded-For"), "the PROXY header and X-Forwarded-For tell the probe's own"),
    ],
)
def test_other_addresses_are_told_with_what_tells_the_probe_s_own(told_by: tuple[str, ...], told: str) -> None:
    server = Sight(peer="10.0.0.1:7", local="10.0.0.2:8080")
    assert lines(changed({"server": server, "told_by": told_by}), "connection") == [
        f"~ source 192.0.2.1:5 -> 10.0.0.1:7 ({told})",
        "~ destination 192.0.2.9:80 -> 10.0.0.2:8080",
    ]


def test_a_proxy_header_is_told_with_all_that_it_tells() -> None:
    proxy = ProxySight(version=2, source=None, destination=None, told={"authority": "a", "tls": "yes"})
    server = replace(SAME.connection.server, proxy=proxy)
    came = "version 2: no source, authority a, tls yes"
    assert lines(changed({"server": server}), "connection")[1:] == [f"+ PROXY header, {came}"]
    same, other = replace(HERE, proxy=proxy), replace(HERE, proxy=replace(proxy, version=1, source="::1", told={}))
    assert lines(changed({"server": server, "probe": same}), "connection")[1:] == [f"= PROXY header, {came}"]
    assert lines(changed({"probe": same}), "connection")[1:] == [f"- PROXY header, {came}"]
    both = changed({"server": server, "probe": other})
    assert lines(both, "connection")[1:] == [f"~ PROXY header, version 1: ::1 -> {came}"]


@pytest.mark.parametrize(
    ("probe", "server", "line"),
    [
        (TLS, TLS, "= TLS passed through: one session (TLSv1.3, AES, SNI a.example)"),
        (TLS, None, "~ TLS terminated: TLSv1.3, AES, SNI a.example -> none"),
        (
            TLS,
            replace(TLS, exporter="02", server_name=None, alpn="h2", cipher=None),
            "~ TLS terminated and re-encrypted: TLSv1.3, AES, SNI a.example -> TLSv1.3, no cipher, ALPN h2",
        ),
        (
            None,
            replace(TLS, client=CertificateSight(subject="CN=me", issuer="", sha256="", verified=True)),
            "~ TLS added: none -> TLSv1.3, AES, SNI a.example, client CN=me",
        ),
        (
            TLS,
            replace(TLS, exporter=None),
            "= TLS at both ends, of the same kind (TLSv1.3, AES, SNI a.example); one session or two, nothing tells",
        ),
    ],
)
def test_what_became_of_tls_is_told(probe: TlsSight | None, server: TlsSight | None, line: str) -> None:
    connection = {"probe": replace(HERE, tls=probe), "server": replace(SAME.connection.server, tls=server)}
    assert lines(changed(connection), "connection")[1:] == [line]


def test_no_secret_is_shown_and_no_stranger_s_escape_sequence() -> None:
    hostile = FieldsDifference(added=(("X", "\x1b[31m" + "a" * 1000),), respelled=(("A", "a\x1b"),))
    for found in (
        changed(request={"headers": SECRETS}, response={"headers": SECRETS}),
        changed(request={"headers": hostile}, connection={"server": Sight(peer="\x1b", local="\x9b")}),
    ):
        said = [line for _, all_lines in difference_lines(found) for line in all_lines]
        assert SECRET not in "".join(said)
        assert all(line.isprintable() for line in said)
        assert all(len(line) < VALUE_CHARS + 100 for line in said)
        assert SECRET not in json.dumps(difference_json(found))
    found = changed(request={"headers": SECRETS})
    assert lines(found, "request") == [
        "+ Set-Cookie: (not shown)",
        "- cookie: (not shown)",
        "~ Authorization: changed (not shown)",
        "~ PROXY-AUTHORIZATION: changed (not shown)",
    ]


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (IdleTimeout(kept_s=30.004, lost_s=30.004, how="closed"), "kept for 30.004 s, closed at 30.004 s (FIN)"),
        (IdleTimeout(kept_s=2.0, lost_s=2.5, how="reset"), "kept for 2 s, reset at 2.5 s (RST)"),
        (IdleTimeout(kept_s=99.5, lost_s=100.123456, how="dropped"), "kept for 99.5 s, dropped without a word at 100"),
        (IdleTimeout(kept_s=300.0), "kept for at least 300 s"),
    ],
)
def test_an_idle_timeout_in_words(found: IdleTimeout, text: str) -> None:
    assert idle_text(found).startswith(text)


# In a report ----------------------------------------------------------------------------------------------------------


def report(**more: Any) -> ProbeReport:
    return ProbeReport(probe="counter", target="h:1", ok=True, sent=1, received=1, duration_s=0.5, **more)


def test_a_report_about_a_path_tells_of_the_path_and_not_of_counts() -> None:
    assert report_lines(report(difference=SAME)) == [
        "counter h:1: ok, nothing changed",
        "request: = nothing changed",
        "response: = nothing changed",
        "connection: = the same two addresses at both ends",
        "duration: 0.500 s",
    ]
    assert report_lines(report(idle_timeout=IdleTimeout(kept_s=60.0))) == [
        "counter h:1: ok",
        "silent connection: kept for at least 60 s",
        "duration: 0.500 s",
    ]
    assert all(good is None for _, _, good in report_rows(report(difference=SAME))[1:])


def test_a_difference_s_json() -> None:
    fields = FieldsDifference(added=(("Via", "x"),), changed=(("Cookie", "a", "b"),), reordered=True)
    found = changed(
        {"told_by": ("Forwarded",)},
        {"line": (("version", "1.1", "1.0"),), "headers": fields, "asked_of_server": False},
        {"body": BodyPath.RECODED, "sizes": (30, 20), "status": (200, 203)},
    )
    document: Any = report(difference=found).to_json()["diff"]
    assert document["request"] == {
        "method": None,
        "target": None,
        "version": {"sent": "1.1", "arrived": "1.0"},
        "headers": {
            "added": [["Via", "x"]],
            "removed": [],
            "changed": [["Cookie", None, None]],
            "respelled": [],
            "reordered": True,
        },
        "keep_alive": {"sent": True, "arrived": False},
    }
    no_fields = {"added": [], "removed": [], "changed": [], "respelled": [], "reordered": False}
    assert document["response"] == {
        "body": "recoded",
        "body_bytes": {"sent": 30, "arrived": 20},
        "status": {"sent": 200, "arrived": 203},
        "headers": no_fields,
        "kept_alive": True,
    }
    connection = document["connection"]
    assert (connection["source_kept"], connection["destination_kept"]) == (True, True)
    assert (connection["told_by"], connection["tls"]) == (["Forwarded"], "none")
    assert connection["probe"] == HERE.to_json()
    json.dumps(document)


def test_an_idle_timeout_s_json() -> None:
    found = IdleTimeout(kept_s=29.9999, lost_s=30.0046, how="dropped")
    assert report(idle_timeout=found).to_json()["idle_timeout"] == {"kept_s": 30.0, "lost_s": 30.005, "how": "dropped"}
    nothing = IdleTimeout(kept_s=60.0).to_json()
    assert nothing == {"kept_s": 60.0, "lost_s": None, "how": None}
    assert not {"diff", "idle_timeout"} & set(report().to_json())
