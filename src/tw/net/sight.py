"""What a transport tells of its connection: its addresses, its TLS session, the PROXY header that came in front."""

import hashlib
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL

from tw.core.proxy import Address, Header, HostAddress
from tw.core.proxy_vectors import told_by
from tw.core.sight import CertificateSight, ProxySight, Sight, TlsSight, text_of
from tw.core.target import format_peer
from tw.net.endpoint import address_text

EXPORTER_LABEL = b"EXPERIMENTAL tw describe"
"""RFC 5705, 4: labels that are not registered begin so. Of its own, so that what is told here opens nothing else."""

EXPORTER_BYTES = 16


def sight_of(transport: Any, *, is_server: bool) -> Sight:
    """What `transport` sees. Over TLS, once the handshake is done. A server's view has the client's certificate.

    A PROXY header is that which came, or that which a client has sent.
    """
    handle = getattr(transport, "getHandle", lambda: None)()
    header = getattr(transport, "proxy_header", None)
    return Sight(
        peer=address_text(transport.getPeer()),
        local=address_text(transport.getHost()),
        proxy=_proxy_sight(header) if header is not None else None,
        tls=_tls_sight(handle, is_server) if isinstance(handle, SSL.Connection) else None,
    )


def _proxy_sight(header: Header) -> ProxySight:
    return ProxySight(
        version=header.version,
        source=_place(header.source),
        destination=_place(header.destination),
        told=told_by(header.vectors),
    )


def _place(address: Address | None) -> str | None:
    if address is None:
        return None
    if isinstance(address, HostAddress):
        return format_peer(address.host, address.port)
    return f"unix:{text_of(address.path)}"


def _tls_sight(connection: SSL.Connection, is_server: bool) -> TlsSight:
    name, alpn = connection.get_servername(), connection.get_alpn_proto_negotiated()
    return TlsSight(
        version=connection.get_protocol_version_name(),
        cipher=connection.get_cipher_name(),
        server_name=text_of(name) if name else None,
        alpn=text_of(alpn) if alpn else None,
        exporter=connection.export_keying_material(EXPORTER_LABEL, EXPORTER_BYTES).hex(),
        client=_client_certificate(connection) if is_server else None,
    )


def _client_certificate(connection: SSL.Connection) -> CertificateSight | None:
    shown = connection.get_peer_certificate()
    if shown is None:
        return None
    certificate = shown.to_cryptography()
    return CertificateSight(
        subject=certificate.subject.rfc4514_string(),
        issuer=certificate.issuer.rfc4514_string(),
        sha256=hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest(),
        # A listener that asks for one refuses the handshake unless it verifies (net.tls.pair_tls).
        verified=bool(connection.get_verify_mode() & SSL.VERIFY_PEER),
    )
