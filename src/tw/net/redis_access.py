"""How one gets in to a Redis or Valkey: where it is, the password, and whom its certificate must come from.

All of it is read once. Several processes of one server have it from the one that has read it, over a socket, so that
they get in alike whatever the files are by then, and no password is anybody's argument.
"""

from dataclasses import asdict, dataclass, field
from typing import Any, TypeAlias

from cryptography import x509

from tw.core.via import ViaPlace
from tw.net.pem import load_chain
from tw.net.tls_handed import certificates_of, pem_of
from tw.secret import Secret

HandedAccess: TypeAlias = dict[str, Any]
"""`place`, `password` and `authorities` (PEM), as JSON takes them. It holds the password: it goes over a socket that
only parent and child have, and nowhere else."""


@dataclass(frozen=True, slots=True)
class RedisAccess:
    """`secret`: None where there is no password. `authorities`: None for those of the platform."""

    place: ViaPlace
    secret: Secret | None = None
    authorities: list[x509.Certificate] | None = field(default=None, repr=False)


def read_access(place: ViaPlace, secret: Secret | None, ca_file: str | None) -> RedisAccess:
    """With the authorities that are in the file. Raises LocalError where it cannot be used."""
    return RedisAccess(place, secret, None if ca_file is None else load_chain(ca_file))


def hand_over_access(access: RedisAccess) -> HandedAccess:
    return {
        "place": asdict(access.place),
        "password": None if access.secret is None else access.secret.reveal(),
        "authorities": None if access.authorities is None else pem_of(access.authorities),
    }


def take_over_access(handed: HandedAccess) -> RedisAccess:
    """What `hand_over_access` has made. Raises KeyError, TypeError, ValueError for anything else."""
    password = handed["password"]
    secret = None if password is None else Secret(password)
    return RedisAccess(ViaPlace(**handed["place"]), secret, certificates_of(handed["authorities"]))
