"""The connection without a reactor, over TLS: OpenSSL on both sides."""

import os
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme

from direct_rig import LONG_S, SHORT_S, WHERE, side_by_side
from tw.errors import LocalError, TlsError, TwError
from tw.net.direct import Deadline, Direct, Overdue, verifying_context


@pytest.fixture
def pair() -> Iterator[tuple[Direct, socket.socket]]:
    here, there = socket.socketpair()
    there.settimeout(LONG_S)
    direct = Direct(here, Deadline(LONG_S), WHERE)
    yield direct, there
    direct.close()
    there.close()


AUTHORITY = trustme.CA()
AGO = datetime.now(UTC) - timedelta(days=1)


@pytest.fixture(scope="module")
def ca_file(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    # A bundle's comments may be in any language.
    path.write_bytes("# Autorität für Prüfungen\n".encode() + AUTHORITY.cert_pem.bytes())
    return str(path)


def _server(*names: str, authority: trustme.CA = AUTHORITY, **more: Any) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names, **more).configure_cert(context)
    return context


def _shake(
    pair: tuple[Direct, socket.socket],
    ca_file: str,
    server: ssl.SSLContext,
    then: Callable[[ssl.SSLSocket], object] = lambda peer: peer.recv(1),
    name: str = "mail.example",
) -> Direct:
    """The handshake, and what the server does after it, in a thread that has ended when this returns."""
    direct, there = pair

    def peer() -> None:
        with server.wrap_socket(there, server_side=True, suppress_ragged_eofs=False) as shaken:
            then(shaken)

    with side_by_side(peer):
        try:
            direct.start_tls(verifying_context(ca_file), name, WHERE)
            direct.send(b"x")
        except BaseException:
            direct.close()
            raise
    return direct


@pytest.mark.parametrize("name", ["mail.example", "127.0.0.1", "::1"])
def test_a_name_that_the_certificate_shows_is_trusted(
    pair: tuple[Direct, socket.socket], ca_file: str, name: str
) -> None:
    def echo(peer: ssl.SSLSocket) -> None:
        peer.sendall(peer.recv(1))
        peer.setblocking(False)
        with suppress(ssl.SSLWantReadError):
            peer.unwrap()

    ends = AGO + timedelta(days=30)
    direct = _shake(pair, ca_file, _server(name, not_after=ends), echo, name)
    assert direct.protection.startswith("TLSv1.3, ")
    assert direct.certificate_end_s == pytest.approx(ends.timestamp(), abs=1)
    assert direct.receive() == b"x"
    assert direct.receive() == b""  # TLS was ended


@pytest.mark.parametrize(
    ("server", "words"),
    [
        (_server("elsewhere.example"), "the certificate is for another name"),
        (_server("127.0.0.1"), "the certificate is for another name"),
        (_server(common_name="mail.example"), "the certificate is for another name"),
        (_server("mail.example", authority=trustme.CA()), "the certificate is not trusted"),
        (
            _server("mail.example", not_before=AGO - timedelta(days=9), not_after=AGO),
            "not trusted: certificate has expired",
        ),
    ],
    ids=["name", "address", "common-name", "stranger", "expired"],
)
def test_another_certificate_ends_the_handshake_before_a_byte_is_sent(
    pair: tuple[Direct, socket.socket], ca_file: str, server: ssl.SSLContext, words: str
) -> None:
    heard: list[bytes] = []
    with pytest.raises(TlsError, match=words):
        _shake(pair, ca_file, server, lambda peer: heard.append(peer.recv(1)))
    assert heard == []


def test_an_address_is_not_a_name(pair: tuple[Direct, socket.socket], ca_file: str) -> None:
    with pytest.raises(TlsError, match="another name"):
        _shake(pair, ca_file, _server("mail.example"), name="127.0.0.1")


def _handshake_with(direct: Direct, ca_file: str) -> TwError:
    with pytest.raises(TwError) as caught:
        direct.start_tls(verifying_context(ca_file), "mail.example", "server:1, tls")
    return caught.value


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"* OK IMAP4 ready\r\n", "the peer does not speak TLS: wrong version number (server:1, tls); "),
        (b"", "the peer left during the TLS handshake (server:1, tls); does it speak TLS on this port?"),
    ],
)
def test_a_peer_that_speaks_no_tls_is_told(
    pair: tuple[Direct, socket.socket], ca_file: str, answer: bytes, words: str
) -> None:
    direct, there = pair
    there.sendall(answer)
    there.shutdown(socket.SHUT_WR)
    assert str(_handshake_with(direct, ca_file)).startswith(words)


def test_an_older_tls_is_not_spoken(pair: tuple[Direct, socket.socket], ca_file: str) -> None:
    # A server's hello for TLS 1.1, whatever this OpenSSL would still offer by itself.
    hello = b"\x02\x00\x00\x26\x03\x02" + bytes(32) + b"\x00\xc0\x13\x00"
    direct, there = pair
    there.sendall(b"\x16\x03\x02" + len(hello).to_bytes(2, "big") + hello)
    assert "unsupported protocol" in str(_handshake_with(direct, ca_file))


def test_a_silent_handshake_costs_the_deadline(ca_file: str) -> None:
    here, there = socket.socketpair()
    with there:
        direct = Direct(here, Deadline(SHORT_S), WHERE)
        with pytest.raises(Overdue):
            direct.start_tls(verifying_context(ca_file), "mail.example", WHERE)
        direct.close()


def test_tls_that_just_stops_is_told_from_its_end(pair: tuple[Direct, socket.socket], ca_file: str) -> None:
    def cut(peer: ssl.SSLSocket) -> None:
        peer.recv(1)
        os.close(peer.detach())

    direct = _shake(pair, ca_file, _server("mail.example"), cut)
    with pytest.raises(ConnectionError):
        direct.receive()


def test_a_server_that_wants_a_certificate_says_so_after_the_handshake(
    pair: tuple[Direct, socket.socket], ca_file: str
) -> None:
    server = _server("mail.example")
    server.verify_mode = ssl.CERT_REQUIRED
    AUTHORITY.configure_trust(server)
    direct = _shake(pair, ca_file, server)
    with pytest.raises(TlsError, match="certificate required"):
        direct.receive()


def test_parting_over_tls_lets_the_last_words_arrive(pair: tuple[Direct, socket.socket], ca_file: str) -> None:
    heard: list[bytes] = []
    shaken = threading.Event()
    direct, there = pair

    def peer() -> None:
        with _server("mail.example").wrap_socket(there, server_side=True, suppress_ragged_eofs=False) as tls:
            shaken.set()
            while data := tls.recv(100):
                heard.append(data)

    with side_by_side(peer):
        direct.start_tls(verifying_context(ca_file), "mail.example", WHERE)
        shaken.wait(LONG_S)
        direct.send(b"A9 LOGOUT\r\n")
        direct.part(LONG_S)
    assert b"".join(heard) == b"A9 LOGOUT\r\n"


# Authorities -------------------------------------------------------------------------------------------------------


def test_without_a_file_the_systems_authorities_are_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "system.pem"
    path.write_bytes(AUTHORITY.cert_pem.bytes())
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    assert len(verifying_context(None).get_ca_certs()) == 1


@pytest.mark.parametrize("text", ["", "nothing", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_a_file_without_a_certificate_is_told(tmp_path: Path, text: str) -> None:
    path = tmp_path / "ca.pem"
    path.write_text(text)
    with pytest.raises(LocalError, match="no PEM certificate in the file"):
        verifying_context(str(path))


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="cannot read the certificate: No such file"):
        verifying_context(str(tmp_path / "none"))
