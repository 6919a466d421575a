"""The vectors of a PROXY header of version 2 that are worth telling (proxy-protocol.txt, 2.2.1 to 2.2.7)."""

from collections.abc import Sequence

from tw.core.sight import text_of

TEXTS = {0x01: "alpn", 0x02: "authority", 0x30: "netns"}
UNIQUE_ID = 0x05
TLS = 0x20
TLS_TEXTS = {0x21: "tls_version", 0x22: "tls_cn", 0x23: "tls_cipher", 0x24: "tls_sig_alg", 0x25: "tls_key_alg"}
"""2.2.6; they stand inside the TLS vector."""

TLS_FIXED_BYTES = 5
"""A bit field of what the client did, and whether its certificate failed to verify (0: it did not)."""

CLIENT_SSL, CLIENT_CERT_CONN, CLIENT_CERT_SESS = 1, 2, 4


def told_by(vectors: Sequence[tuple[int, bytes]]) -> dict[str, str]:
    """Names and values of the vectors that mean something here; of one that comes twice, the last one counts."""
    told: dict[str, str] = {}
    for number, value in vectors:
        if number in TEXTS:
            told[TEXTS[number]] = text_of(value)
        elif number == UNIQUE_ID and value:
            told["unique_id"] = value.hex()
        elif number == TLS and len(value) >= TLS_FIXED_BYTES:
            told |= _told_of_tls(value)
    return told


def _told_of_tls(value: bytes) -> dict[str, str]:
    if not value[0] & CLIENT_SSL:
        return {}
    told = {"tls": "yes"}
    if value[0] & (CLIENT_CERT_CONN | CLIENT_CERT_SESS):
        verified = int.from_bytes(value[1:TLS_FIXED_BYTES], "big") == 0
        told["tls_client_certificate"] = "verified" if verified else "not verified"
    for number, text in split_vectors(value[TLS_FIXED_BYTES:]):
        if number in TLS_TEXTS:
            told[TLS_TEXTS[number]] = text_of(text)
    return told


def split_vectors(data: bytes) -> list[tuple[int, bytes]]:
    """Types and values of a run of vectors, up to where one is cut short."""
    found = []
    start = 0
    while start + 3 <= len(data):
        value = start + 3
        end = value + int.from_bytes(data[start + 1 : value], "big")
        if end > len(data):
            break
        found.append((data[start], data[value:end]))
        start = end
    return found
