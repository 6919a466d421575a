"""PEM files: what is in them is read, and whatever else they hold is told with the file's name."""

import datetime
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, x25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from e2e.certificates import Certificates, make_certificates
from tw.errors import LocalError
from tw.net.pem import load_chain, load_key, load_pair, trust_root
from tw.net.pem_file import MAX_PEM_BYTES
from tw.net.selfsigned import throw_away_certificate

pytestmark = pytest.mark.usefixtures("quiet")

EC_KEY_OID, UNKNOWN_OID = bytes.fromhex("06072a8648ce3d0201"), bytes.fromhex("06072a8648ce3d020f")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("pem"), "localhost")


def test_a_certificate_and_its_key_are_read(files: Certificates) -> None:
    chain, key = load_pair(files.cert, files.key)
    assert chain[0].public_key() == key.public_key()


def test_the_chain_keeps_its_order(files: Certificates, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(Path(files.cert).read_bytes() + Path(files.ca).read_bytes())
    own, authority = load_chain(str(bundle))
    assert own.issuer == authority.subject
    assert own.subject != authority.subject


def test_one_file_may_hold_both(files: Certificates, tmp_path: Path) -> None:
    both = tmp_path / "both.pem"
    both.write_bytes(Path(files.key).read_bytes() + Path(files.cert).read_bytes())
    chain, key = load_pair(str(both), str(both))
    assert chain == load_chain(files.cert)
    assert key.public_key() == load_key(files.key).public_key()


@contextmanager
def refusal(what: str, where: str) -> Iterator["pytest.ExceptionInfo[LocalError]"]:
    with pytest.raises(LocalError) as caught:
        yield caught
    assert (caught.value.what, caught.value.where) == (what, where)


def test_a_key_of_another_certificate_is_told(files: Certificates) -> None:
    with refusal("the key does not match the certificate", files.client_key) as caught:
        load_pair(files.cert, files.client_key)
    assert files.cert in caught.value.hint


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_an_encrypted_key_is_told_with_the_way_out(tmp_path: Path, form: PrivateFormat) -> None:
    path = tmp_path / "key.pem"
    key = ec.generate_private_key(ec.SECP256R1())
    path.write_bytes(key.private_bytes(Encoding.PEM, form, BestAvailableEncryption(b"x")))
    with refusal("the key is encrypted", str(path)) as caught:
        load_key(str(path))
    assert "openssl pkey" in caught.value.hint


@pytest.mark.parametrize("content", [b"", b"not PEM", b"\x00\xff" * 100])
def test_a_file_without_pem_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "garbage"
    path.write_bytes(content)
    with refusal("no PEM certificate in the file", str(path)):
        load_chain(str(path))
    with refusal("no PEM private key in the file", str(path)):
        load_key(str(path))
    with refusal("no PEM certificate in the file", str(path)):
        trust_root(str(path))


def test_each_for_the_other_is_told(files: Certificates) -> None:
    with refusal("no PEM certificate in the file", files.key):
        load_chain(files.key)
    with refusal("no PEM private key in the file", files.cert):
        load_key(files.cert)


def test_pem_around_garbage_is_told(tmp_path: Path) -> None:
    path = tmp_path / "damaged.pem"
    for label in ("CERTIFICATE", "PRIVATE KEY"):
        path.write_text(f"-----BEGIN {label}-----\nZGFtYWdlZA==\n-----END {label}-----\n")
        with pytest.raises(LocalError, match=r"no PEM .* in the file \(.*damaged.pem\)"):
            load_chain(str(path)) if label == "CERTIFICATE" else load_key(str(path))


def test_a_certificate_with_a_key_of_an_unknown_kind_is_told(tmp_path: Path) -> None:
    key, certificate = throw_away_certificate("localhost")
    changed = certificate.public_bytes(Encoding.DER).replace(EC_KEY_OID, UNKNOWN_OID)
    odd = tmp_path / "odd.pem"
    odd.write_bytes(x509.load_der_x509_certificate(changed).public_bytes(Encoding.PEM))
    plain = tmp_path / "key.pem"
    plain.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with refusal("the certificate's key is of an unknown kind", str(odd)):
        load_pair(str(odd), str(plain))


def test_a_key_of_another_kind_does_not_match(files: Certificates, tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    key = x25519.X25519PrivateKey.generate()
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with refusal("the key does not match the certificate", str(path)):
        load_pair(files.cert, str(path))


def test_a_file_that_cannot_be_read_is_told_with_the_reason(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing")
    with refusal("cannot read the certificate: No such file or directory", missing):
        load_chain(missing)
    with refusal("cannot read the key: Is a directory", str(tmp_path)):
        load_key(str(tmp_path))


def test_a_file_that_is_too_large_is_not_read_to_its_end(files: Certificates, tmp_path: Path) -> None:
    path = tmp_path / "large.pem"
    certificate = Path(files.cert).read_bytes()
    path.write_bytes(certificate + b"#" * (MAX_PEM_BYTES - len(certificate)))
    assert load_chain(str(path)) == load_chain(files.cert)
    with path.open("ab") as file:
        file.write(b"#")
    with refusal(f"a certificate of over {MAX_PEM_BYTES} bytes", str(path)):
        load_chain(str(path))
    with refusal(f"a key of over {MAX_PEM_BYTES} bytes", "/dev/zero"):
        load_key("/dev/zero")


@pytest.mark.parametrize(
    ("host", "names", "addresses"),
    [
        ("127.0.0.1", ["localhost"], ["127.0.0.1", "::1"]),
        ("192.0.2.7", ["localhost"], ["192.0.2.7", "127.0.0.1", "::1"]),
        ("2001:db8::7", ["localhost"], ["2001:db8::7", "127.0.0.1", "::1"]),
        ("example.org", ["example.org", "localhost"], ["127.0.0.1", "::1"]),
        ("0.0.0.0", ["localhost"], ["127.0.0.1", "::1"]),
        ("::", ["localhost"], ["127.0.0.1", "::1"]),
        ("", ["localhost"], ["127.0.0.1", "::1"]),
        ("bücher.example", ["localhost"], ["127.0.0.1", "::1"]),
    ],
)
def test_a_throw_away_certificate_names_the_host_and_this_machine(
    host: str, names: list[str], addresses: list[str]
) -> None:
    _, certificate = throw_away_certificate(host)
    held = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert held.get_values_for_type(x509.DNSName) == names
    assert [str(address) for address in held.get_values_for_type(x509.IPAddress)] == addresses


def test_a_throw_away_certificate_is_short_lived_and_each_has_its_own_key() -> None:
    key, certificate = throw_away_certificate("localhost")
    now = datetime.datetime.now(datetime.UTC)
    assert certificate.not_valid_before_utc < now - datetime.timedelta(minutes=59)
    assert datetime.timedelta(days=6) < certificate.not_valid_after_utc - now < datetime.timedelta(days=8)
    assert certificate.public_key() == key.public_key()
    assert isinstance(certificate.signature_hash_algorithm, hashes.SHA256)
    assert throw_away_certificate("localhost")[0].public_key() != key.public_key()
