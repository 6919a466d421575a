"""What one end of a path sees of it: addresses, a PROXY header, TLS, a request. Server and probe write it alike.

A server tells it with `--describe`; the probe's `--diff` holds it against what itself has seen. Texts are not yet safe
to print; bytes outside of UTF-8 stand as `\\xNN`, since JSON is UTF-8.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

Fields: TypeAlias = tuple[tuple[str, str], ...]
"""Header fields, (name, value), in their order and as they came."""

MAX_FIELDS = 10_000
"""Of a description that is read: a server's largest header holds fewer, with three bytes for each at least."""


class NotASight(ValueError):
    """What was read describes nothing."""


def text_of(data: bytes) -> str:
    return data.decode("utf-8", "backslashreplace")


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateSight:
    """A certificate that was shown. `sha256` is its DER form's, in hex; `verified`: an authority vouched for it."""

    subject: str
    issuer: str
    sha256: str
    verified: bool

    def to_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_json(cls, document: object) -> "CertificateSight":
        told = _Reader(document)
        return cls(
            subject=told.text("subject"),
            issuer=told.text("issuer"),
            sha256=told.text("sha256"),
            verified=told.flag("verified"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsSight:
    """One end's view of a TLS session.

    `exporter` is keying material that is exported under a label of `tw`'s own (RFC 5705), in hex. Both ends of one
    session have the same, and nobody who ends TLS in between can have it: equal means that TLS passed through.
    """

    version: str
    cipher: str | None
    server_name: str | None
    alpn: str | None
    exporter: str | None = None
    client: CertificateSight | None = None

    def to_json(self) -> dict[str, Any]:
        told = {name: getattr(self, name) for name in self.__slots__}
        return {**told, "client": self.client.to_json() if self.client else None}

    @classmethod
    def from_json(cls, document: object) -> "TlsSight":
        told = _Reader(document)
        client = told.get("client")
        return cls(
            version=told.text("version"),
            cipher=told.maybe("cipher"),
            server_name=told.maybe("server_name"),
            alpn=told.maybe("alpn"),
            exporter=told.maybe("exporter"),
            client=None if client is None else CertificateSight.from_json(client),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxySight:
    """A PROXY header: its version, its addresses (None where it leaves them open), and what else it told, by name."""

    version: int
    source: str | None
    destination: str | None
    told: Mapping[str, str]

    def to_json(self) -> dict[str, Any]:
        return {
            "version": self.version,
            "source": self.source,
            "destination": self.destination,
            "told": dict(self.told),
        }

    @classmethod
    def from_json(cls, document: object) -> "ProxySight":
        reader = _Reader(document)
        told = reader.get("told")
        if not isinstance(told, dict) or not all(isinstance(value, str) for value in told.values()):
            raise NotASight("a PROXY header's vectors are not texts")
        return cls(
            version=reader.number("version"),
            source=reader.maybe("source"),
            destination=reader.maybe("destination"),
            told=told,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestSight:
    """A request: `version` is "1.1", `ordinal` counts the requests of its connection from 1 on.

    `forwarded` holds the elements of `Forwarded` (RFC 7239), `forwarded_for` those of `X-Forwarded-For`: the farthest
    first, as they are written.
    """

    method: str
    target: str
    version: str
    headers: Fields
    body_bytes: int
    ordinal: int
    forwarded: tuple[Mapping[str, str], ...] = ()
    forwarded_for: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        told = {name: getattr(self, name) for name in self.__slots__}
        return {**told, "forwarded": [dict(element) for element in self.forwarded]}

    @classmethod
    def from_json(cls, document: object) -> "RequestSight":
        told = _Reader(document)
        return cls(
            method=told.text("method"),
            target=told.text("target"),
            version=told.text("version"),
            headers=fields_from_json(told.get("headers")),
            body_bytes=told.number("body_bytes"),
            ordinal=told.number("ordinal"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """All that one end sees. `peer` and `local` are the TCP connection's own addresses."""

    peer: str
    local: str
    proxy: ProxySight | None = None
    tls: TlsSight | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "peer": self.peer,
            "local": self.local,
            "proxy": self.proxy.to_json() if self.proxy else None,
            "tls": self.tls.to_json() if self.tls else None,
        }

    @classmethod
    def from_json(cls, document: object) -> "Sight":
        """Raises NotASight for what is none, as all of them do."""
        told = _Reader(document)
        proxy, tls = told.get("proxy"), told.get("tls")
        return cls(
            peer=told.text("peer"),
            local=told.text("local"),
            proxy=None if proxy is None else ProxySight.from_json(proxy),
            tls=None if tls is None else TlsSight.from_json(tls),
        )


def fields_from_json(document: object) -> Fields:
    """Header fields as `[[name, value], …]`. Raises NotASight."""
    if not isinstance(document, list) or len(document) > MAX_FIELDS:
        raise NotASight("header fields are not a list")
    for pair in document:
        if not (isinstance(pair, list) and len(pair) == 2 and all(isinstance(part, str) for part in pair)):
            raise NotASight("a header field is not a name and a value")
    return tuple((name, value) for name, value in document)


class _Reader:
    """Takes values of a JSON object by name and kind."""

    def __init__(self, document: object) -> None:
        if not isinstance(document, dict):
            raise NotASight("not an object")
        self._document = document

    def get(self, name: str) -> object:
        return self._document.get(name)

    def maybe(self, name: str) -> str | None:
        return None if self.get(name) is None else self.text(name)

    def text(self, name: str) -> str:
        value = self.get(name)
        if not isinstance(value, str):
            raise NotASight(f"{name} is not a text")
        return value

    def number(self, name: str) -> int:
        value = self.get(name)
        if not isinstance(value, int) or isinstance(value, bool):
            raise NotASight(f"{name} is not a number")
        return value

    def flag(self, name: str) -> bool:
        value = self.get(name)
        if not isinstance(value, bool):
            raise NotASight(f"{name} is neither true nor false")
        return value
