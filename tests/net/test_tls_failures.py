"""What a TLS connection that cannot be made is called: names that cannot be, and each cause in its own words."""

from pathlib import Path
from typing import Any

import pytest
import trustme
from OpenSSL import SSL
from service_identity import VerificationError
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.protocol import Factory, Protocol
from twisted.python.failure import Failure

from handshakes import WHERE, shake_hands
from tw.errors import ConnectError, ProtocolError, TlsError, UsageError
from tw.net.tls import client_creator
from tw.net.tls_failures import CertificateRejected, openssl_reason, tls_failure
from tw.options import TlsClientOptions as Options

pytestmark = pytest.mark.usefixtures("quiet")

NOBODYS_PIN = "sha256//" + "A" * 43 + "="


@pytest.mark.parametrize("name", ["a" * 64, "a..b", ".", "\udcff"])
@pytest.mark.parametrize("options", [Options(), Options(insecure=True), Options(pin=NOBODYS_PIN)])
def test_a_name_that_cannot_be_sent_is_a_usage_error(name: str, options: Options) -> None:
    with pytest.raises(UsageError, match="not a name that a certificate can hold"):
        client_creator(name, options)


@pytest.mark.parametrize("pin", [None, NOBODYS_PIN])
def test_a_name_that_is_to_be_verified_must_be_one(tmp_path: Path, pin: str | None) -> None:
    authority = str(tmp_path / "ca.pem")
    trustme.CA().cert_pem.write_to_path(authority)
    with pytest.raises(UsageError, match="not a name that a certificate can hold"):
        client_creator("*.server.example", Options(ca_file=authority, pin=pin))


class Answering(Protocol):
    """Answers the first bytes with `answer`, or with the same."""

    answer: bytes | None = None

    def dataReceived(self, data: bytes) -> None:
        transport: Any = self.transport
        transport.write(data if self.answer is None else self.answer)


@pytest.mark.parametrize(
    "answer", [None, b"HTTP/1.1 400 Bad Request\r\n\r\n", b"SSH-2.0-x\r\n", b"220 mail\r\n", bytes(99)]
)
@pytest.mark.parametrize("options", [Options(), Options(insecure=True)])
def test_a_server_without_tls_is_told_as_such(answer: bytes | None, options: Options) -> None:
    """The first is an echo server's."""
    serving = Factory.forProtocol(type("Answers", (Answering,), {"answer": answer}))
    client = shake_hands(serving, client_creator("localhost", options))
    assert client.lost is not None
    error = tls_failure(client.lost, WHERE)
    assert isinstance(error, TlsError)
    assert error.what.startswith("the peer does not speak TLS: ")


@pytest.mark.parametrize(
    ("problem", "kind", "what"),
    [
        (SSL.Error([("SSL routines", "", "wrong version number")]), TlsError, "the peer does not speak TLS: wrong ver"),
        (SSL.Error([("SSL routines", "", "sslv3 alert handshake failure")]), TlsError, "the TLS handshake failed: ssl"),
        (SSL.Error([("SSL routines", "", "certificate verify failed")]), TlsError, "the certificate is not trusted"),
        (CertificateRejected(20), TlsError, "the certificate is not trusted"),
        (CertificateRejected(10), TlsError, "the certificate expired"),
        (CertificateRejected(10, 1), TlsError, "a certificate above the server's expired"),
        (CertificateRejected(26), TlsError, "the certificate is not trusted: unsu"),
        (VerificationError([]), TlsError, "the certificate is for another name"),
        (ConnectionDone(), TlsError, "the peer left during the TLS handshake"),
        (ConnectionLost(), TlsError, "the peer left during the TLS handshake"),
        (RuntimeError("odd\x1b[31m"), ProtocolError, "the connection failed: odd\\x1b[31m"),
        (RuntimeError(), ProtocolError, "the connection failed: RuntimeError"),
    ],
)
def test_each_cause_has_its_words(problem: Exception, kind: type[Exception], what: str) -> None:
    error = tls_failure(Failure(problem), WHERE)
    assert type(error) is kind
    assert error.what.startswith(what)
    assert error.where == WHERE


def test_what_has_its_words_already_keeps_them() -> None:
    told = ConnectError("no such host", "nowhere")
    assert tls_failure(Failure(told), WHERE) is told


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (SSL.Error([("lib", "f", "one"), ("lib", "f", "two"), ("lib", "f", "one")]), "one; two"),
        (SSL.Error([("lib", "", "")]), "Error"),
        (SSL.Error([]), "Error"),
        (SSL.Error(), "Error"),
        (RuntimeError(""), "RuntimeError"),
        (SSL.SysCallError(-1, "Unexpected EOF"), "-1"),
        (SSL.Error([("lib", "", "red\x1b[31m")]), "red\\x1b[31m"),
    ],
)
def test_openssls_words_are_made_safe(error: Exception, words: str) -> None:
    assert openssl_reason(error) == words
