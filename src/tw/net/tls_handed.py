"""A server's key and certificates as text, for another process of the same server: what one has read, all show."""

from typing import TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from tw.net.tls import ServerTls, pair_tls

Handed: TypeAlias = dict[str, str | None]
"""PEM: `key`, `chain` and `authorities` (None where no client certificates are asked for). It holds the key: it goes
over a socket that only parent and child have, and nowhere else."""


def hand_over(tls: ServerTls) -> Handed:
    key = tls.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    authorities = None if tls.authorities is None else pem_of(tls.authorities)
    return {"key": key.decode("ascii"), "chain": pem_of(tls.chain), "authorities": authorities}


def take_over(handed: Handed, alpn: tuple[bytes, ...]) -> ServerTls:
    """What `hand_over` has made, with the protocols that are spoken inside. Raises ValueError for anything else."""
    chain = certificates_of(handed["chain"])
    if chain is None:
        raise ValueError("no certificate was handed over")
    key = load_pem_private_key((handed["key"] or "").encode("ascii"), None)
    return pair_tls(key, chain, certificates_of(handed["authorities"]), alpn)


def pem_of(certificates: list[x509.Certificate]) -> str:
    return "".join(each.public_bytes(Encoding.PEM).decode("ascii") for each in certificates)


def certificates_of(text: str | None) -> list[x509.Certificate] | None:
    """What `pem_of` has made. Raises ValueError for anything else."""
    return None if text is None else x509.load_pem_x509_certificates(text.encode("ascii"))
