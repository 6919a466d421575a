"""What the two ends of one connection see of it, and how they see it end."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from e2e.certificates import make_certificates
from handshakes import shake
from proxied import PROXY, V1, Door
from tls_pair import Program, TlsPair, versions
from tw.core.proxy import HostAddress, UnixAddress, v2_header
from tw.core.sight import ProxySight, TlsSight
from tw.net.sight import EXPORTER_BYTES, sight_of
from tw.net.tls import server_tls
from tw.net.wire_end import WireEnd
from tw.options import TlsClientOptions

# TLS ------------------------------------------------------------------------------------------------------------------


def tls_of(program: Any, *, is_server: bool) -> TlsSight:
    tls = sight_of(program.transport, is_server=is_server).tls
    assert tls is not None
    return tls


def both(pair: TlsPair) -> tuple[TlsSight, TlsSight]:
    return tls_of(pair.client, is_server=False), tls_of(pair.server, is_server=True)


@versions
def test_both_ends_of_one_session_export_the_same(version: int) -> None:
    client, server = both(TlsPair(version=version))
    assert client == server
    assert client.exporter is not None
    assert len(bytes.fromhex(client.exporter)) == EXPORTER_BYTES
    assert client.version == {0x0303: "TLSv1.2", 0x0304: "TLSv1.3"}[version]
    assert (client.server_name, client.alpn, client.client) == ("localhost", None, None)
    assert client.cipher


@versions
def test_no_two_sessions_export_the_same(version: int) -> None:
    assert len({both(TlsPair(version=version))[0].exporter for _ in range(3)}) == 3


def test_a_client_certificate_is_told_to_the_one_who_has_seen_it(tmp_path: Path) -> None:
    files = make_certificates(tmp_path, "localhost")
    options = TlsClientOptions(ca_file=files.ca, client_cert=files.client_cert, client_key=files.client_key)
    shaken = shake(server_tls(files.cert, files.key, files.ca), "localhost", options)
    assert shaken.works
    shown = x509.load_pem_x509_certificate(Path(files.client_cert).read_bytes())
    told = tls_of(shaken.server, is_server=True).client
    assert told is not None
    assert told.sha256 == hashlib.sha256(shown.public_bytes(Encoding.DER)).hexdigest()
    assert (told.subject, told.issuer) == (shown.subject.rfc4514_string(), shown.issuer.rfc4514_string())
    assert told.verified
    assert tls_of(shaken.client, is_server=False).client is None


# Addresses and PROXY headers ------------------------------------------------------------------------------------------


def test_without_anything_more_there_are_two_addresses() -> None:
    sight = sight_of(StringTransport(), is_server=True)
    assert (sight.peer, sight.local) == ("192.168.1.1:54321", "10.0.0.1:12345")
    assert sight.proxy is sight.tls is None


HERE, THERE = HostAddress("::1", 7), HostAddress("::1", 8)


@pytest.mark.parametrize(
    ("header", "sight"),
    [
        (V1, ProxySight(version=1, source="192.0.2.1:4711", destination="192.0.2.9:80", told={})),
        (b"PROXY UNKNOWN\r\n", ProxySight(version=1, source=None, destination=None, told={})),
        (
            v2_header(HERE, THERE, vectors=[(2, b"a")]),
            ProxySight(version=2, source="[::1]:7", destination="[::1]:8", told={"authority": "a"}),
        ),
        (
            v2_header(UnixAddress(b"/x"), UnixAddress(b"")),
            ProxySight(version=2, source="unix:/x", destination="unix:", told={}),
        ),
    ],
)
@pytest.mark.usefixtures("quiet")
def test_a_header_is_kept_for_one_who_tells_of_it(header: bytes, sight: ProxySight) -> None:
    door = Door()
    door.factory.keeps_headers = True
    with door.visit() as far:
        far.send(header)
        door.reactor.turn()
        transport: Any = door.program.transport
        transport.getHost = lambda: PROXY  # the door's sockets are a pair, without addresses of TCP
        assert sight_of(transport, is_server=True).proxy == sight


@pytest.mark.usefixtures("quiet")
def test_a_header_is_kept_for_nobody_else() -> None:
    door = Door()
    with door.visit() as far:
        far.send(V1)
        door.reactor.turn()
        assert not hasattr(door.program.transport, "proxy_header")


# The end --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("error", "how"), [(ConnectionDone, "closed"), (ConnectionLost, "reset")])
def test_over_tls_the_end_is_that_of_the_connection_below(error: type[Exception], how: str) -> None:
    pair = TlsPair(Program(), Program())
    end = WireEnd(pair.client.transport)
    pair.client.end.end(error())
    assert pair.client.lost is not None
    assert end.how(pair.client.lost) == how
    pair.settle()


@pytest.mark.parametrize(("error", "how"), [(ConnectionDone, "closed"), (ConnectionLost, "reset")])
def test_without_tls_the_end_is_what_it_is_told_to_be(error: type[Exception], how: str) -> None:
    assert WireEnd(StringTransport()).how(Failure(error())) == how
