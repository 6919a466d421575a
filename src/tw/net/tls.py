"""TLS contexts, throw-away certificates and pins. Nothing here is ever unverified by accident.

TLS 1.2 is the least on both sides (RFC 8996 retires what came before).
"""

import base64
import hashlib
import ipaddress
from dataclasses import dataclass, field
from typing import Any

from cryptography import x509
from OpenSSL import SSL
from service_identity.hazmat import DNS_ID
from service_identity.pyopenssl import verify_hostname, verify_ip_address
from twisted.internet import ssl
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.python.failure import Failure
from zope.interface import implementer

from tw.core.text import safe
from tw.errors import LocalError, UsageError
from tw.net.pem import load_chain, load_pair, trust_root, trust_root_of
from tw.net.tls_failures import PinMismatch, noting_why, openssl_reason
from tw.options import TlsClientOptions

PIN_PREFIX = "sha256//"
MINIMUM: dict[str, Any] = {"raiseMinimumTo": ssl.TLSVersion.TLSv1_2}

SERVER_CIPHERS = ssl.AcceptableCiphers.fromOpenSSLCipherString("ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL")
"""For TLS 1.2: forward secrecy and authenticated encryption alone (RFC 9325, 4.2). TLS 1.3 has nothing else."""


def pin_of(certificate: Any) -> str:
    """curl's form of a public key's fingerprint: base64 of SHA-256 over the SubjectPublicKeyInfo (RFC 7469, 2.4).

    `certificate` is one of `cryptography`'s.
    """
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return PIN_PREFIX + base64.b64encode(hashlib.sha256(key).digest()).decode()


def checked_pins(text: str) -> tuple[str, ...]:
    """The pins of `--pin`, several parted by `;` as curl takes them. Raises UsageError for another form."""
    pins = tuple(pin.strip() for pin in text.split(";"))
    for pin in pins:
        try:
            digest = base64.b64decode(pin.removeprefix(PIN_PREFIX), validate=True)
        except ValueError:
            digest = b""
        if not pin.startswith(PIN_PREFIX) or len(digest) != hashlib.sha256().digest_size:
            raise UsageError("not a pin", f"--pin {text!r}", "a pin is sha256// and 44 characters of base64")
    return pins


@dataclass(frozen=True, slots=True)
class ServerTls:
    """A server's side: the context for its connections, and the pin of its key, for clients to hold it to.

    `key`, `chain` and `authorities` (those of client certificates; None where none are asked for) are what it was made
    of.
    """

    context: ssl.CertificateOptions
    pin: str
    key: Any = field(repr=False)
    chain: list[x509.Certificate] = field(repr=False)
    authorities: list[x509.Certificate] | None = field(default=None, repr=False)


def server_tls(cert_file: str, key_file: str, client_ca_file: str | None, alpn: tuple[bytes, ...] = ()) -> ServerTls:
    """TLS with the user's certificate. Raises LocalError for files that cannot be read, parsed, or do not match.

    `alpn` names the protocols that are spoken inside, best first (RFC 7301); a client that offers none of them is
    served all the same.
    """
    chain, key = load_pair(cert_file, key_file)
    return pair_tls(key, chain, authorities_of(client_ca_file), alpn)


def self_signed_tls(host: str, client_ca_file: str | None = None, alpn: tuple[bytes, ...] = ()) -> ServerTls:
    """TLS with a throw-away certificate for `host`, localhost, 127.0.0.1 and ::1."""
    from tw.net.selfsigned import throw_away_certificate

    key, certificate = throw_away_certificate(host)
    return pair_tls(key, [certificate], authorities_of(client_ca_file), alpn)


def authorities_of(client_ca_file: str | None) -> list[x509.Certificate] | None:
    """The authorities of client certificates. Raises LocalError."""
    return None if client_ca_file is None else load_chain(client_ca_file)


def pair_tls(
    key: Any, chain: list[x509.Certificate], authorities: list[x509.Certificate] | None, alpn: tuple[bytes, ...]
) -> ServerTls:
    """TLS with a key and its certificate that are read already. Raises LocalError."""
    options = MINIMUM | _own(chain, key) | {"acceptableCiphers": SERVER_CIPHERS}
    if authorities is not None:
        options["trustRoot"] = trust_root_of(authorities)
    context = _context(options)
    context.getContext().set_alpn_select_callback(_chooser(alpn))
    if authorities is not None:
        context.getContext().set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, noting_why)
    return ServerTls(context, pin_of(chain[0]), key, chain, authorities)


def _context(options: dict[str, Any]) -> ssl.CertificateOptions:
    """A context that OpenSSL has taken: it refuses, say, a key that is too short. Raises LocalError then."""
    context = ssl.CertificateOptions(**options)
    try:
        context.getContext()
    except SSL.Error as error:
        raise LocalError(f"OpenSSL refuses the certificate: {openssl_reason(error)}") from error
    return context


def _chooser(alpn: tuple[bytes, ...]) -> Any:
    """The choice among what a client offers. Twisted's own answers "none" with an alert that ends the handshake."""

    def choose(_connection: SSL.Connection, offered: list[bytes]) -> Any:
        return next((name for name in alpn if name in offered), SSL.NO_OVERLAPPING_PROTOCOLS)

    return choose


def _own(chain: list[x509.Certificate], key: Any) -> dict[str, Any]:
    """The options for showing a certificate of one's own."""
    return {"privateKey": key, "certificate": chain[0], "extraCertChain": chain[1:]}


def client_creator(hostname: str, options: TlsClientOptions, root: Any = None) -> Any:
    """How a client makes a TLS connection to `hostname` (a DNS name or an IP address).

    Verified against the CA file or the platform's authorities, with the name. `--pin` names the key itself, which is
    more than any authority says, so it stands alone unless a CA file is given beside it. `--insecure` checks nothing
    but the pin. `root` holds authorities that are read already, in place of a CA file. Raises UsageError and LocalError
    for names and files that cannot be used.
    """
    name = options.server_name or hostname
    pins = checked_pins(options.pin) if options.pin is not None else ()
    extra = dict(MINIMUM)
    if options.client_cert is not None:
        extra |= _own(*load_pair(options.client_cert, options.client_key or options.client_cert))
        _context(extra)
    if options.ca_file:
        root = trust_root(options.ca_file)
    if root is None and not pins and not options.insecure:
        root = ssl.platformTrust()
    try:
        return VerifyingCreator(name, pins, root, extra)
    except (ValueError, UnicodeError) as error:
        raise UsageError(
            "not a name that a certificate can hold", safe(name), "write a host name, or an IP address"
        ) from error


@implementer(IOpenSSLClientConnectionCreator)
class VerifyingCreator:
    """Makes client connections whose chain and name are verified with `root`, and whose key is held to `pins`.

    Without `root` the pins stand alone; without either nothing is verified (`--insecure`). The check runs inside the
    handshake, so that not a byte of the application's leaves before it. Raises ValueError for a name that cannot be
    sent, or not be verified.
    """

    def __init__(
        self,
        name: str,
        pins: tuple[str, ...],
        root: object | None,
        options: dict[str, Any],
    ) -> None:
        if root is not None:
            options = options | {"trustRoot": root}
            if not _is_address(name):
                DNS_ID(name)
        self._sent_name = None if _is_address(name) else name.encode("idna")
        self._name = name
        self._pins = pins
        self._verify_name = root is not None
        self._context = _context(options).getContext()
        if root is not None:
            self._context.set_verify(SSL.VERIFY_PEER, noting_why)
        self._context.set_info_callback(self._on_handshake)

    def clientConnectionForTLS(self, tlsProtocol: object) -> SSL.Connection:
        connection = SSL.Connection(self._context, None)
        connection.set_app_data(tlsProtocol)
        if self._sent_name is not None:
            connection.set_tlsext_host_name(self._sent_name)
        return connection

    def _on_handshake(self, connection: SSL.Connection, where: int, _ret: int) -> None:
        if not where & SSL.SSL_CB_HANDSHAKE_DONE:
            return
        try:
            self._check(connection)
        except Exception:
            # An exception would be lost in OpenSSL's callback.
            connection.get_app_data().failVerification(Failure())

    def _check(self, connection: SSL.Connection) -> None:
        if self._verify_name:
            if _is_address(self._name):
                verify_ip_address(connection, self._name)
            else:
                verify_hostname(connection, self._name)
        if self._pins:
            shown = connection.get_peer_certificate()
            seen = pin_of(shown.to_cryptography()) if shown is not None else "none"
            if seen not in self._pins:
                raise PinMismatch(seen)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def certificate_end_s(transport: Any) -> float | None:
    """When the certificate of a connection's peer expires, in seconds since the epoch; None where there is none."""
    shown = transport.getPeerCertificate() if hasattr(transport, "getPeerCertificate") else None
    return None if shown is None else float(shown.to_cryptography().not_valid_after_utc.timestamp())
