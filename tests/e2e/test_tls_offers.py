"""What a TLS server of `tw`'s takes and what it refuses, asked with `openssl s_client` as testssl.sh asks."""

import datetime
import re
import socket
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme

from e2e.harness import TIMEOUT_S, Server, serving
from e2e.programs import need

LEGACY = ("-cipher", "ALL:@SECLEVEL=0")
"""Without it s_client itself would refuse what is to be refused here."""


@dataclass(frozen=True)
class Answer:
    """What s_client came to. `cipher` is `(NONE)` where there was no handshake."""

    text: str

    @property
    def version(self) -> str:
        return self._find(r"^\s*Protocol\s*: (\S+)$") or self._find(r"^New, (\S+), Cipher is")

    @property
    def cipher(self) -> str:
        return self._find(r"^New, .*, Cipher is (\S+)$")

    @property
    def works(self) -> bool:
        return self.cipher not in ("", "(NONE)")

    def _find(self, pattern: str) -> str:
        found = re.search(pattern, self.text, re.MULTILINE)
        return found[1] if found else ""


def ask(server: Server, *options: str, says: str = "") -> Answer:
    """A handshake, `says`, and the end."""
    need("openssl")
    done = subprocess.run(
        ["openssl", "s_client", "-connect", server.target, *options],
        input=says,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=TIMEOUT_S,
        check=False,
    )
    return Answer(done.stdout + done.stderr)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving("counter", "--tls-self-signed") as made:
        yield made


@pytest.fixture(scope="module")
def rsa_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    both = str(tmp_path_factory.mktemp("rsa") / "both.pem")
    issued = trustme.CA().issue_cert("localhost", key_type=trustme.KeyType.RSA)
    issued.private_key_and_cert_chain_pem.write_to_path(both)
    Path(both).chmod(0o600)
    with serving("echo", "--tls-cert", both, "--tls-key", both) as made:
        yield made


@pytest.mark.parametrize("version", ["-tls1", "-tls1_1"])
def test_retired_versions_are_refused_with_the_alert_that_says_so(server: Server, version: str) -> None:
    """RFC 8996."""
    answer = ask(server, version, *LEGACY)
    assert not answer.works
    assert "alert protocol version" in answer.text


@pytest.mark.parametrize(("option", "version"), [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")])
def test_the_versions_of_today_are_spoken(server: Server, option: str, version: str) -> None:
    answer = ask(server, option)
    assert (answer.works, answer.version) == (True, version)
    assert "Compression: NONE" in answer.text


@pytest.mark.parametrize(
    "cipher",
    [
        "NULL",
        "aNULL",
        "SHA1",
        "SHA256:!ECDHE:!DHE",
        "ECDHE-ECDSA-AES256-SHA384",
        "ECDHE-ECDSA-AES128-SHA",
        "ECDHE-ECDSA-AES128-CCM8",
        "ARIA",
        "CAMELLIA",
    ],
)
def test_weak_ciphers_are_refused(server: Server, cipher: str) -> None:
    """RFC 9325, 4.1: nothing without forward secrecy, without authenticated encryption, or without a certificate."""
    answer = ask(server, "-tls1_2", "-cipher", f"{cipher}:@SECLEVEL=0")
    assert not answer.works
    assert "handshake failure" in answer.text


@pytest.mark.parametrize(
    "cipher",
    ["kRSA", "AES128-GCM-SHA256", "DHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-SHA384", "ECDHE-RSA-AES128-SHA"],
)
def test_with_an_rsa_key_no_more_is_taken(rsa_server: Server, cipher: str) -> None:
    answer = ask(rsa_server, "-tls1_2", "-cipher", f"{cipher}:@SECLEVEL=0")
    assert not answer.works
    assert "handshake failure" in answer.text
    assert ask(rsa_server, "-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256").works


@pytest.mark.parametrize(
    "cipher", ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305"]
)
def test_good_ciphers_of_tls_1_2_are_taken(server: Server, cipher: str) -> None:
    assert ask(server, "-tls1_2", "-cipher", cipher).cipher == cipher


@pytest.mark.parametrize("group", ["X25519", "P-256", "P-384"])
def test_the_usual_groups_are_taken(server: Server, group: str) -> None:
    assert ask(server, "-tls1_3", "-groups", group).works


def test_no_session_is_resumed(server: Server, tmp_path: Path) -> None:
    """So that a certificate which is no longer trusted, or was exchanged, counts for every connection."""
    request = "GET / HTTP/1.0\r\n\r\n"
    kept = tmp_path / "session"
    assert ask(server, "-tls1_2", "-ign_eof", "-sess_out", str(kept), says=request).works
    assert not kept.exists(), "TLS 1.2: it has no number, and no ticket"
    assert ask(server, "-tls1_3", "-ign_eof", "-sess_out", str(kept), says=request).works
    assert kept.exists(), "TLS 1.3: OpenSSL sends tickets all the same"
    again = ask(server, "-tls1_3", "-sess_in", str(kept))
    assert again.works
    assert "Reused" not in again.text


def test_early_data_is_not_taken(server: Server) -> None:
    """RFC 8446, 8: it could be replayed, and a number taken twice."""
    answer = ask(server, "-tls1_3", says="GET / HTTP/1.0\r\n\r\n")
    assert "Max Early Data: 0" in answer.text or "Max Early Data" not in answer.text
    assert "Early data was not sent" in answer.text


@pytest.mark.parametrize(
    ("offers", "chosen"),
    [
        ("h2,http/1.1", "ALPN protocol: http/1.1"),
        ("http/1.1", "ALPN protocol: http/1.1"),
        ("h2", "No ALPN negotiated"),
    ],
)
def test_alpn_chooses_what_is_spoken_and_refuses_nobody(server: Server, offers: str, chosen: str) -> None:
    answer = ask(server, "-alpn", offers)
    assert answer.works
    assert chosen in answer.text


@pytest.mark.parametrize("name", ["localhost", "somebody.else.example", "xn--mnchen-3ya.example"])
def test_any_server_name_gets_the_one_certificate(server: Server, name: str) -> None:
    """RFC 6066, 3: a server may go on where it does not know the name; the client decides."""
    answer = ask(server, "-servername", name)
    assert answer.works
    assert "tw throw-away" in answer.text


def test_secure_renegotiation_is_spoken_and_not_granted(server: Server) -> None:
    """RFC 5746; that a client which asks is refused is in test_serve_tls."""
    assert "Secure Renegotiation IS supported" in ask(server, "-tls1_2").text


def test_what_is_no_tls_hello_is_refused_and_the_next_one_served(server: Server) -> None:
    need("openssl")
    for junk in (
        b"GET / HTTP/1.0\r\n\r\n",
        b"\x16\x03\x01\xff\xff" + bytes(100),
        bytes(5),
        b"\x80\x2e\x01\x00\x02" * 9,
    ):
        with socket.create_connection(("127.0.0.1", server.port), timeout=TIMEOUT_S) as client:
            with suppress(OSError):  # it may be reset before all is said
                client.sendall(junk)
                client.shutdown(socket.SHUT_WR)
                while client.recv(1000):
                    pass
    assert ask(server).works


# Mutual TLS ----------------------------------------------------------------------------------------------------------

PAST = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
DAY = datetime.timedelta(days=1)


@dataclass(frozen=True)
class Clients:
    """A server that asks for certificates, and PEM files (key and chain) of who may come and who may not."""

    server: Server
    folder: Path

    def ask(self, version: str, name: str | None) -> Answer:
        identity = () if name is None else ("-cert", str(self.folder / name), "-key", str(self.folder / name))
        request = "GET / HTTP/1.0\r\n\r\n"
        return ask(self.server, version, "-ign_eof", *identity, says=request)


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clients]:
    folder = tmp_path_factory.mktemp("mutual")
    ours, theirs = trustme.CA(), trustme.CA()
    made = {
        "right": ours.issue_cert("client@example.org"),
        "wrong": theirs.issue_cert("client@example.org"),
        "expired": ours.issue_cert("client@example.org", not_before=PAST, not_after=PAST + DAY),
    }
    for name, certificate in made.items():
        certificate.private_key_and_cert_chain_pem.write_to_path(str(folder / name))
    ours.cert_pem.write_to_path(str(folder / "ca"))
    with serving("counter", "--tls-self-signed", "--tls-client-ca", str(folder / "ca"), "--access-log") as server:
        yield Clients(server, folder)


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
@pytest.mark.parametrize(
    ("name", "alert", "reason"),
    [
        ("right", "", ""),
        ("wrong", "unknown ca", "unable to get local issuer certificate"),
        ("expired", "certificate expired", "certificate has expired"),
        (None, "certificate required|handshake failure", "peer did not return a certificate"),
    ],
)
def test_only_a_client_with_a_valid_certificate_is_served(
    clients: Clients, version: str, name: str | None, alert: str, reason: str
) -> None:
    answer = clients.ask(version, name)
    closed = clients.server.wait_for("close")
    assert ("I am request #" in answer.text) == (not alert)
    if alert:
        assert re.search(f"alert {alert}", answer.text), answer.text
        assert reason in closed["reason"]
    else:
        assert closed["sent_bytes"] > 0
