"""PEM files: certificates, keys and authorities, with an error that names the file."""

import os
import stat
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from OpenSSL import crypto
from twisted.internet import ssl

from tw.errors import LocalError
from tw.net.pem_file import read_pem


def load_chain(path: str) -> list[x509.Certificate]:
    """The certificates in the file, the server's or client's own first. Raises LocalError; the list is not empty."""
    data = read_pem(path, "certificate")
    try:
        return x509.load_pem_x509_certificates(data)
    except ValueError as error:
        raise LocalError("no PEM certificate in the file", path, "check the file") from error


def load_key(path: str) -> Any:
    """The private key in the file. Raises LocalError, also for an encrypted one: a server cannot ask."""
    data = read_pem(path, "key")
    try:
        return load_pem_private_key(data, None)
    except TypeError as error:
        raise LocalError("the key is encrypted", path, "decrypt it with: openssl pkey -in KEY -out PLAIN") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise LocalError("no PEM private key in the file", path, "check the file") from error


def load_pair(cert_file: str, key_file: str) -> tuple[list[x509.Certificate], Any]:
    """A certificate chain and its key. Raises LocalError, also where the one is not the other's."""
    chain = load_chain(cert_file)
    key = load_key(key_file)
    try:
        matches = chain[0].public_key() == key.public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        raise LocalError("the certificate's key is of an unknown kind", cert_file, "check the file") from error
    if not matches:
        raise LocalError("the key does not match the certificate", key_file, f"is it the key of {cert_file}?")
    return chain, key


def trust_root(path: str) -> Any:
    """The authorities in a CA file, as Twisted's contexts take them. Raises LocalError."""
    return trust_root_of(load_chain(path))


def trust_root_of(authorities: list[x509.Certificate]) -> Any:
    """The same of certificates that are read already."""
    return ssl.trustRootFromCertificates(
        [ssl.Certificate(crypto.X509.from_cryptography(certificate)) for certificate in authorities]
    )


def readable_by_others(path: str) -> int | None:
    """The file's permissions where more than its owner can read it; None where not, or where it is no file.

    Of a pipe or a device the mode says nothing about who has the key.
    """
    try:
        status = os.stat(path)
    except OSError:
        return None
    mode = stat.S_IMODE(status.st_mode)
    return mode if stat.S_ISREG(status.st_mode) and mode & (stat.S_IRGRP | stat.S_IROTH) else None
