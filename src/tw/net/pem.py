"""PEM files: certificates, keys and authorities, with an error that names the file."""

import os
from typing import Any

from OpenSSL import crypto
from twisted.internet import ssl

from tw.errors import LocalError

MAX_PEM_BYTES = 4 * 1024 * 1024
"""A bundle of every public authority is about 220 KiB; more is a file named by mistake."""

BEGIN_CERTIFICATE = b"-----BEGIN CERTIFICATE-----"


def _read(path: str, what: str) -> bytes:
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_PEM_BYTES + 1)
    except OSError as error:
        raise LocalError(f"cannot read the {what}: {os.strerror(error.errno or 0)}", path) from error
    if len(data) > MAX_PEM_BYTES:
        raise LocalError(f"a {what} of over {MAX_PEM_BYTES} bytes", path, "is it the right file?")
    return data


def load_chain(path: str) -> list[crypto.X509]:
    """The certificates in the file, the server's or client's own first. Raises LocalError; the list is not empty."""
    data = _read(path, "certificate")
    parts = data.split(BEGIN_CERTIFICATE)[1:]
    try:
        chain = [crypto.load_certificate(crypto.FILETYPE_PEM, BEGIN_CERTIFICATE + part) for part in parts]
    except (crypto.Error, ValueError) as error:
        raise LocalError("not a PEM certificate", path, "check the file") from error
    if not chain:
        raise LocalError("no PEM certificate in the file", path, "check the file")
    return chain


def load_key(path: str) -> crypto.PKey:
    """The private key in the file. Raises LocalError, also for an encrypted one: a server cannot ask."""
    data = _read(path, "key")
    asked = False

    def no_passphrase(*_: object) -> bytes:
        nonlocal asked
        asked = True
        return b""

    try:
        return crypto.load_privatekey(crypto.FILETYPE_PEM, data, no_passphrase)
    except (crypto.Error, ValueError, TypeError) as error:
        if asked or b"ENCRYPTED" in data:
            raise LocalError(
                "the key is encrypted", path, "decrypt it with: openssl pkey -in KEY -out PLAIN"
            ) from error
        raise LocalError("no PEM private key in the file", path, "check the file") from error


def load_authorities(path: str) -> list[ssl.Certificate]:
    """The authorities in a CA file, as Twisted's trust roots take them. Raises LocalError."""
    return [ssl.Certificate(certificate) for certificate in load_chain(path)]


def load_pair(cert_file: str, key_file: str) -> tuple[list[crypto.X509], crypto.PKey]:
    """A certificate chain and its key. Raises LocalError, also where the one is not the other's."""
    chain = load_chain(cert_file)
    key = load_key(key_file)
    private: Any = key.to_cryptography_key()
    if chain[0].get_pubkey().to_cryptography_key() != private.public_key():
        raise LocalError("the key does not match the certificate", key_file, f"is it the key of {cert_file}?")
    return chain, key
