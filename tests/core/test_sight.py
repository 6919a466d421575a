"""What one end tells of a path comes back at the other end; what is nothing of the kind is refused."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tw.core.description import CODINGS, Description, content_digest, decoded, read_body, read_line
from tw.core.sight import (
    MAX_FIELDS,
    CertificateSight,
    NotASight,
    ProxySight,
    RequestSight,
    Sight,
    TlsSight,
    fields_from_json,
    text_of,
)

TEXT = st.text(max_size=10)
MAYBE = st.none() | TEXT
CERTIFICATES = st.builds(CertificateSight, subject=TEXT, issuer=TEXT, sha256=TEXT, verified=st.booleans())
TLS = st.builds(
    TlsSight, version=TEXT, cipher=MAYBE, server_name=MAYBE, alpn=MAYBE, exporter=MAYBE, client=st.none() | CERTIFICATES
)
PROXIES = st.builds(
    ProxySight, version=st.integers(), source=MAYBE, destination=MAYBE, told=st.dictionaries(TEXT, TEXT, max_size=3)
)
SIGHTS = st.builds(Sight, peer=TEXT, local=TEXT, proxy=st.none() | PROXIES, tls=st.none() | TLS)
FIELDS = st.lists(st.tuples(TEXT, TEXT), max_size=4).map(tuple)
REQUESTS = st.builds(
    RequestSight,
    method=TEXT,
    target=TEXT,
    version=TEXT,
    headers=FIELDS,
    body_bytes=st.integers(),
    ordinal=st.integers(),
    forwarded=st.just(()),
    forwarded_for=st.just(()),
)
JSON: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
PLAIN = Sight(peer="a:1", local="b:2")
REQUEST = RequestSight(method="GET", target="/", version="1.1", headers=(("A", "b"),), body_bytes=0, ordinal=1)


def told(sight: Sight, request: RequestSight, **more: Any) -> bytes:
    sent = {"status": 200, "headers": [["C", "d"]]}
    return json.dumps({"saw": {**sight.to_json(), "http": request.to_json()}, "sent": sent, **more}).encode()


@given(SIGHTS)
def test_a_line_comes_back(sight: Sight) -> None:
    line = json.dumps({"v": 1, "describe": sight.to_json()}).encode()
    assert read_line(line) == Description(sight=sight)


@given(SIGHTS, REQUESTS)
def test_a_body_comes_back(sight: Sight, request: RequestSight) -> None:
    expected = Description(sight=sight, request=request, status=200, sent=(("C", "d"),))
    assert read_body(told(sight, request)) == expected


@given(st.binary() | JSON.map(lambda document: json.dumps(document).encode()))
def test_whatever_else_comes_is_refused_and_breaks_nothing(data: bytes) -> None:
    for read in (read_line, read_body):
        with pytest.raises(NotASight):
            read(data)


@given(st.sampled_from(["peer", "local", "proxy", "tls", "http"]), JSON)
def test_any_part_of_another_kind_is_refused_or_a_sight(part: str, value: Any) -> None:
    document = json.loads(told(replace(PLAIN, tls=None), REQUEST))
    document["saw"][part] = value
    try:
        assert isinstance(read_body(json.dumps(document).encode()), Description)
    except NotASight:
        assert value is not None or part not in ("proxy", "tls")


@pytest.mark.parametrize(
    "broken",
    [
        b"[" * 100_000,
        told(PLAIN, REQUEST, sent={"status": "200", "headers": []}),
        told(PLAIN, REQUEST, sent={"status": 200, "headers": [["a"]]}),
        told(PLAIN, REQUEST, sent={"status": 200, "headers": {}}),
        told(PLAIN, REQUEST, sent=None),
        told(PLAIN, replace(REQUEST, body_bytes=True)),
        told(replace(PLAIN, proxy=ProxySight(version=1, source=None, destination=None, told={"a": 1})), REQUEST),  # type: ignore[dict-item]
        told(replace(PLAIN, peer=1), REQUEST),  # type: ignore[arg-type]
    ],
    ids=range(8),
)
def test_a_wrong_kind_anywhere_is_refused(broken: bytes) -> None:
    with pytest.raises(NotASight):
        read_body(broken)


def test_more_fields_than_a_server_sends_are_refused() -> None:
    assert len(fields_from_json([["a", "b"]] * MAX_FIELDS)) == MAX_FIELDS
    with pytest.raises(NotASight):
        fields_from_json([["a", "b"]] * (MAX_FIELDS + 1))


def test_bytes_outside_of_utf_8_are_escaped() -> None:
    assert text_of(b"\xc3\xa9\xff") == "é\\xff"


def test_the_digest_is_that_of_rfc_9530() -> None:
    # The example of its appendix D.
    assert content_digest(b'{"hello": "world"}') == "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:"


@pytest.mark.parametrize("coding", CODINGS)
def test_a_coded_body_is_decoded_whole_and_within_its_limit(coding: str) -> None:
    import zlib

    deflate = zlib.compressobj(wbits=15 if coding == "deflate" else 31)
    coded = deflate.compress(b"a" * 5000) + deflate.flush()
    assert decoded(coded, f" {coding.upper()} ", 5000) == b"a" * 5000
    assert decoded(coded, coding, 4999) is None
    assert decoded(coded[:-1], coding, 5000) is None
    assert decoded(b"?" + coded, coding, 5000) is None
    assert decoded(coded, "br", 5000) is None
