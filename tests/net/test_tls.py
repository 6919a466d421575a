"""TLS as a client and a server of `tw` speak it: verified unless told otherwise, and told why where it fails."""

import datetime
import hashlib
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLContextFactory
from zope.interface import implementer

from e2e.certificates import Certificates, make_certificates
from handshakes import WHERE, shake, shake_with
from tw.errors import LocalError, TlsError, UsageError
from tw.net.pem import load_chain, load_pair
from tw.net.selfsigned import throw_away_certificate
from tw.net.tls import checked_pins, client_creator, pin_of, self_signed_tls, server_tls
from tw.options import TlsClientOptions as Options

pytestmark = pytest.mark.usefixtures("quiet")

NOBODYS_PIN = "sha256//" + "A" * 43 + "="
NAMES = ("server.example", "*.wild.example", "192.0.2.7", "2001:db8::7")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("tls"), *NAMES)


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("others"), *NAMES)


def serving(files: Certificates, client_ca: str | None = None) -> Any:
    return server_tls(files.cert, files.key, client_ca)


# Verified by an authority and the name -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["server.example", "SERVER.example", "a.wild.example", "192.0.2.7", "2001:db8::7"])
@pytest.mark.parametrize("pinned", [False, True])
def test_an_authority_and_the_name_are_enough(files: Certificates, name: str, pinned: bool) -> None:
    server = serving(files)
    options = Options(ca_file=files.ca, pin=server.pin if pinned else None)
    assert shake(server, name, options).works


@pytest.mark.parametrize("name", ["other.example", "wild.example", "a.b.wild.example", "192.0.2.8", "2001:db8::8"])
@pytest.mark.parametrize("pinned", [False, True])
def test_another_name_is_refused_even_with_the_right_key(files: Certificates, name: str, pinned: bool) -> None:
    server = serving(files)
    error = shake(server, name, Options(ca_file=files.ca, pin=server.pin if pinned else None)).error
    assert isinstance(error, TlsError)
    assert (error.what, error.where) == ("the certificate is for another name", WHERE)


def test_the_server_name_takes_the_place_of_the_host(files: Certificates) -> None:
    assert shake(serving(files), "127.0.0.1", Options(ca_file=files.ca, server_name="server.example")).works


@pytest.mark.parametrize("pinned", [False, True])
def test_another_authority_is_refused_even_with_the_right_key(
    files: Certificates, others: Certificates, pinned: bool
) -> None:
    server = serving(files)
    error = shake(server, "server.example", Options(ca_file=others.ca, pin=server.pin if pinned else None)).error
    assert isinstance(error, TlsError)
    assert (error.what, error.reason) == ("the certificate is not trusted", "unknown-authority")
    assert "--ca-file" in error.hint


def test_without_a_word_the_platforms_authorities_decide(files: Certificates) -> None:
    error = shake(serving(files), "server.example", Options()).error
    assert isinstance(error, TlsError)
    assert error.what == "the certificate is not trusted"


YEAR_2020 = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
YEAR_2099 = datetime.datetime(2099, 1, 1, tzinfo=datetime.UTC)


@pytest.mark.parametrize("name", ["server.example", "other.example"])
@pytest.mark.parametrize(
    ("begins", "what", "reason"),
    [
        (YEAR_2020, "the certificate expired on 2020-01-02", "expired"),
        (YEAR_2099, "the certificate is not valid yet, but from 2099-01-01", "not-yet-valid"),
    ],
)
def test_a_certificate_out_of_its_time_is_refused_and_told_as_that(
    tmp_path: Path, begins: datetime.datetime, what: str, reason: str, name: str
) -> None:
    authority = trustme.CA()
    odd = authority.issue_cert("server.example", not_before=begins, not_after=begins + datetime.timedelta(days=1))
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    odd.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "odd.pem"))
    server = server_tls(str(tmp_path / "odd.pem"), str(tmp_path / "odd.pem"), None)
    error = shake(server, name, Options(ca_file=str(tmp_path / "ca.pem"))).error
    assert isinstance(error, TlsError)
    assert (error.what, error.reason, error.where) == (what, reason, WHERE)


def test_a_certificate_that_signed_itself_is_told_as_that() -> None:
    error = shake(self_signed_tls("localhost"), "localhost", Options()).error
    assert isinstance(error, TlsError)
    assert (error.reason, "--pin" in error.hint) == ("self-signed", True)


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1", "192.0.2.9"])
def test_a_throw_away_certificate_is_its_own_authority(tmp_path: Path, name: str) -> None:
    key, certificate = throw_away_certificate("192.0.2.9")
    path = tmp_path / "own.pem"
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(certificate.public_bytes(Encoding.PEM) + secret)
    server = server_tls(str(path), str(path), None)
    assert shake(server, name, Options(ca_file=str(path))).works
    assert not shake(server, "192.0.2.10", Options(ca_file=str(path))).works


@pytest.mark.parametrize(
    ("name", "seen"),
    [("server.example", b"server.example"), ("b\u00fccher.example", b"xn--bcher-kva.example"), ("::1", None)],
)
@pytest.mark.parametrize("options", [Options(), Options(insecure=True)])
def test_the_server_is_told_which_name_is_meant(
    files: Certificates, name: str, seen: bytes | None, options: Options
) -> None:
    server, names = serving(files), []
    server.context.getContext().set_tlsext_servername_callback(lambda it: names.append(it.get_servername()))
    shake(server, name, options)
    assert names == [seen]


# Pinned, or not verified at all -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["server.example", "other.example", "192.0.2.99"])
def test_a_pin_stands_alone(name: str) -> None:
    server = self_signed_tls("localhost")
    assert shake(server, name, Options(pin=server.pin)).works
    assert shake(server, name, Options(pin=f"{NOBODYS_PIN};{server.pin}")).works


@pytest.mark.parametrize("insecure", [False, True])
def test_another_key_is_refused_and_its_pin_is_told(insecure: bool) -> None:
    server = self_signed_tls("localhost")
    error = shake(server, "localhost", Options(pin=f"{NOBODYS_PIN}; {NOBODYS_PIN}", insecure=insecure)).error
    assert isinstance(error, TlsError)
    assert error.what == "the server's key is not the pinned one"
    assert server.pin in error.hint


def test_a_right_authority_does_not_make_up_for_a_wrong_key(files: Certificates) -> None:
    error = shake(serving(files), "server.example", Options(ca_file=files.ca, pin=NOBODYS_PIN)).error
    assert isinstance(error, TlsError)
    assert error.what == "the server's key is not the pinned one"


@pytest.mark.parametrize("name", ["other.example", "192.0.2.99", "under_score.example"])
def test_insecure_takes_anybody(name: str) -> None:
    assert shake(self_signed_tls("localhost"), name, Options(insecure=True)).works


def test_a_pin_is_curls_of_the_public_key(files: Certificates) -> None:
    (certificate,) = load_chain(files.cert)
    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert pin_of(certificate) == "sha256//" + b64encode(hashlib.sha256(key).digest()).decode() == serving(files).pin


@pytest.mark.parametrize("text", [NOBODYS_PIN, f"{NOBODYS_PIN};{NOBODYS_PIN}", f" {NOBODYS_PIN} ; {NOBODYS_PIN} "])
def test_pins_are_parted_by_semicolons(text: str) -> None:
    assert set(checked_pins(text)) == {NOBODYS_PIN}


@pytest.mark.parametrize(
    "text",
    ["", ";", f"{NOBODYS_PIN};", "A" * 43 + "=", "sha256//", "sha256//AAAA", "sha1//" + "A" * 43 + "=", "sha256//é",
     "sha256//" + "A" * 42 + "!=", f"{NOBODYS_PIN},{NOBODYS_PIN}", "sha256//" + "A" * 44],
)  # fmt: skip
def test_what_is_not_a_pin_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError, match="not a pin") as caught:
        client_creator("localhost", Options(pin=text))
    assert "44 characters" in caught.value.hint


# Client certificates -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("insecure", [False, True])
def test_a_client_certificate_is_shown_and_verified(files: Certificates, insecure: bool) -> None:
    server = serving(files, files.ca)
    own = {"client_cert": files.client_cert, "client_key": files.client_key}
    verified = {"insecure": True} if insecure else {"ca_file": files.ca}
    assert shake(server, "server.example", Options(**own, **verified)).works


def test_a_client_without_a_certificate_or_with_a_strangers_is_refused(
    files: Certificates, others: Certificates
) -> None:
    server = serving(files, files.ca)
    stranger = {"client_cert": others.client_cert, "client_key": others.client_key}
    for own in ({}, stranger):
        shaken = shake(server, "server.example", Options(ca_file=files.ca, **own))
        assert isinstance(shaken.error, TlsError)
        assert shaken.server.lost is not None


def test_one_file_may_hold_the_clients_certificate_and_key(files: Certificates, tmp_path: Path) -> None:
    both = tmp_path / "both.pem"
    both.write_bytes(Path(files.client_cert).read_bytes() + Path(files.client_key).read_bytes())
    assert shake(serving(files, files.ca), "server.example", Options(ca_file=files.ca, client_cert=str(both))).works


def test_a_self_signed_server_may_ask_for_client_certificates_too(files: Certificates) -> None:
    server = self_signed_tls("localhost", files.ca)
    own = {"client_cert": files.client_cert, "client_key": files.client_key}
    assert shake(server, "localhost", Options(pin=server.pin, **own)).works
    assert not shake(server, "localhost", Options(pin=server.pin)).works


def weak(path: Path) -> str:
    """A certificate whose key OpenSSL finds too short."""
    key = rsa.generate_private_key(65_537, 1024)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "weak")])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + datetime.timedelta(days=1))
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM) + secret)
    return str(path)


def test_a_certificate_that_openssl_does_not_take_is_told_at_once(tmp_path: Path) -> None:
    path = weak(tmp_path / "weak.pem")
    with pytest.raises(LocalError, match=r"OpenSSL refuses the certificate: .*key too small"):
        server_tls(path, path, None)
    for options in (Options(client_cert=path), Options(client_cert=path, insecure=True)):
        with pytest.raises(LocalError, match=r"OpenSSL refuses the certificate: .*key too small"):
            client_creator("localhost", options)


# Versions and protocols ---------------------------------------------------------------------


@implementer(IOpenSSLContextFactory)
class OldPeer:
    """Speaks TLS 1.0 and 1.1 alone, as either side."""

    def __init__(self, files: Certificates) -> None:
        self._context = SSL.Context(SSL.TLS_METHOD)
        self._context.set_min_proto_version(SSL.TLS1_VERSION)
        self._context.set_max_proto_version(SSL.TLS1_1_VERSION)
        self._context.set_cipher_list(b"ALL:@SECLEVEL=0")
        chain, key = load_pair(files.cert, files.key)
        self._context.use_certificate(chain[0])
        self._context.use_privatekey(key)

    def getContext(self) -> SSL.Context:
        return self._context


def test_tls_1_1_is_refused_by_both_sides(files: Certificates) -> None:
    peer = OldPeer(files)
    assert shake_with(peer, peer).works  # they understand each other
    shaken = shake_with(serving(files).context, peer)
    assert (shaken.client.shaken, shaken.server.shaken) == (False, False)
    error = shake_with(peer, client_creator("localhost", Options(insecure=True))).error
    assert isinstance(error, TlsError)
    assert "protocol version" in error.what


@pytest.mark.parametrize(
    ("spoken", "offered", "chosen"),
    [
        ((b"http/1.1",), [b"h2", b"http/1.1"], b"http/1.1"),
        ((b"a", b"b"), [b"b", b"a"], b"a"),
        ((b"http/1.1",), [b"h2"], None),
        ((), [b"h2"], None),
    ],
)
def test_a_protocol_is_chosen_where_one_is_spoken_and_the_connection_works_either_way(
    files: Certificates, spoken: tuple[bytes, ...], offered: list[bytes], chosen: bytes | None
) -> None:
    for server in (server_tls(files.cert, files.key, None, spoken), self_signed_tls("localhost", None, spoken)):
        client = client_creator("localhost", Options(insecure=True))
        client._context.set_alpn_protos(offered)
        shaken = shake_with(server.context, client)
        assert shaken.works
        transport: Any = shaken.client.transport
        assert transport.negotiatedProtocol == chosen
