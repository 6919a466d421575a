"""Certificates for tests: an authority, and what it signed, as PEM files."""

from dataclasses import dataclass
from pathlib import Path

import trustme


@dataclass(frozen=True)
class Certificates:
    """Paths of PEM files: the authority's certificate, and a server's and a client's certificate with its key."""

    ca: str
    cert: str
    key: str
    client_cert: str
    client_key: str


def make_certificates(folder: Path, *names: str) -> Certificates:
    """A fresh authority with a server certificate for `names` and one for a client."""
    authority = trustme.CA()
    server = authority.issue_cert(*names)
    client = authority.issue_cert("client@example.org")
    paths = {name: str(folder / f"{name}.pem") for name in ("ca", "cert", "key", "client_cert", "client_key")}
    authority.cert_pem.write_to_path(paths["ca"])
    for blob in server.cert_chain_pems:
        blob.write_to_path(paths["cert"], append=True)
    server.private_key_pem.write_to_path(paths["key"])
    Path(paths["key"]).chmod(0o600)
    client.cert_chain_pems[0].write_to_path(paths["client_cert"])
    client.private_key_pem.write_to_path(paths["client_key"])
    return Certificates(**paths)
