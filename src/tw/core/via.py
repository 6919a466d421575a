"""What the URL of `--via` means: where a Redis or Valkey is, as whom, which database, and under what name.

The forms are those that redis-py and redis-cli take, with the name of what is shared in the query:

    redis://[USER@]HOST[:PORT][/DB]?stream=NAME         rediss:// likewise, over TLS
    unix://[USER@]/PATH?db=DB&stream=NAME               redis+unix:// likewise

No password: a command line is open to everyone on the machine. Nothing here looks a name up or opens anything.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias
from urllib.parse import unquote_to_bytes

from tw.core.target import HostTarget, parse_target
from tw.errors import UsageError

Shared: TypeAlias = Literal["stream", "key"]
"""What is shared, as the query names it: the pub/sub servers' stream, the counters' key."""

DEFAULT_PORT = 6379
DEFAULT_NAMES: dict[Shared, str] = {"stream": "tw:pubsub", "key": "tw:counter"}
MAX_NAME_BYTES = 512
"""Of what is shared. Redis takes more; every command carries it."""

MAX_DB = 2**31 - 1
"""How many there are is the server's to say; it holds the number in an int."""

MAX_PATH_BYTES = 107
"""Of a unix socket (unix(7))."""

_TCP = {"redis": False, "rediss": True}
_UNIX = frozenset(("unix", "redis+unix"))
_PARTS = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<place>[^/?#]*)(?P<path>[^?#]*)(?P<query>\?[^#]*)?(?P<rest>.*)",
    re.DOTALL,
)

_PASSWORD = re.compile(r"\?(?:.*&)?pass(?:wd|word)?=")
_UNKNOWN = re.compile(r"([?&](?!(?:stream|key|db)=)[^=&]*=)[^&]*")
"""A value in the query that means nothing here: where other programs take a password."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ViaPlace:
    """Where it is: `path` is a unix socket's, and `host`, `port` and `tls` mean nothing then. `user` is None for the
    default one. `name` is the stream's or the key's."""

    name: str
    host: str = ""
    port: int = DEFAULT_PORT
    path: str | None = None
    tls: bool = False
    user: str | None = None
    db: int = 0

    def __str__(self) -> str:
        return f"unix:{self.path}" if self.path is not None else str(HostTarget(self.host, self.port))


def parse_via(text: str, shared: Shared) -> ViaPlace:
    """The place that a URL names; `shared` is the one key of the query that names what is shared.

    Raises UsageError for a password in it, another scheme, unknown keys, and everything that can be no place. The
    message quotes no part of it that may be a password.
    """
    where = f"--via {_quoted(text)}"
    form = f"write redis://HOST:PORT/DB?{shared}=NAME, rediss:// for TLS, or unix:///PATH?{shared}=NAME"
    parts = _PARTS.fullmatch(text)
    if parts is None or not text.isprintable() or " " in text:
        raise UsageError("not a URL", where, form)
    scheme, place, path, query = parts["scheme"].lower(), parts["place"], parts["path"], parts["query"]
    if scheme not in _TCP and scheme not in _UNIX:
        raise UsageError("no such scheme", where, form)
    login, at, host = place.rpartition("@")
    # A password with an unescaped slash in it has its `@` in the path, and its first half where the port stands.
    if ":" in login or "@" in path or (query is not None and _PASSWORD.match(query)):
        raise UsageError(
            "a URL takes no password: a command line is open to others",
            where,
            "leave it out, and use --via-password-file or TW_VIA_PASSWORD",
        )
    if at and not login:
        raise UsageError("no user before the @", where, form)
    if parts["rest"]:
        raise UsageError("a fragment means nothing here", where, "write # as %23")
    reading = _Reading(where, form)
    user = reading.decoded(login, "the user") if at else None
    values = reading.query(query, (shared, "db") if scheme in _UNIX else (shared,))
    name = values.get(shared, DEFAULT_NAMES[shared])
    if len(name.encode()) > MAX_NAME_BYTES:
        raise UsageError(f"a {shared}'s name of over {MAX_NAME_BYTES} bytes", where, "choose a shorter one")
    if scheme in _UNIX:
        db = reading.db(values.get("db", "0"))
        return ViaPlace(name=name, path=reading.socket(host, path), user=user, db=db)
    target = reading.host(host)
    db = reading.db(path[1:] or "0")
    return ViaPlace(name=name, host=target.host, port=target.port, tls=_TCP[scheme], user=user, db=db)


@dataclass(frozen=True, slots=True)
class _Reading:
    """The parts of one URL: `where` it was given, and the `form` that it should have."""

    where: str
    form: str

    def host(self, text: str) -> HostTarget:
        if not text or text.startswith(":"):
            raise UsageError("no host in the URL", self.where, self.form)
        try:
            target = parse_target(f"redis://{text}", default_port=DEFAULT_PORT, schemes={"redis": False})
        except UsageError as error:
            raise UsageError(error.what, self.where, error.hint) from None
        assert isinstance(target, HostTarget)
        return target

    def socket(self, host: str, path: str) -> str:
        if host:
            raise UsageError("a unix socket is on no host", self.where, "write three slashes: unix:///PATH")
        if path in ("", "/"):
            raise UsageError("no path", self.where, "write unix:///PATH")
        decoded = self.decoded(path, "the path")
        if len(decoded.encode()) > MAX_PATH_BYTES:
            raise UsageError(f"a socket's path of over {MAX_PATH_BYTES} bytes", self.where, "use a shorter one")
        return decoded

    def db(self, text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,10}", text) or int(text) > MAX_DB:
            raise UsageError("the database is not a number", self.where, f"it is 0 in most places; {self.form}")
        return int(text)

    def query(self, text: str | None, known: tuple[str, ...]) -> dict[str, str]:
        values: dict[str, str] = {}
        for key, value in self._pairs(text):
            if key not in known:
                raise UsageError("the query has a key that means nothing here", self.where, self.form)
            if key in values:
                raise UsageError(f"{key} is given twice", self.where, "name it once")
            values[key] = value
        return values

    def _pairs(self, text: str | None) -> Iterator[tuple[str, str]]:
        for pair in text[1:].split("&") if text is not None else ():
            key, equals, value = pair.partition("=")
            if not equals or not value:
                raise UsageError("the query is not NAME=VALUE", self.where, self.form)
            yield key, self.decoded(value, key if key.isalpha() else "a value")

    def decoded(self, text: str, what: str) -> str:
        """Without its percent signs (RFC 3986, 2.1). A plus is a plus: this is no form."""
        if re.search(r"%(?![0-9A-Fa-f]{2})", text):
            raise UsageError(f"{what} has a percent sign without two digits", self.where, "write % as %25")
        try:
            decoded = unquote_to_bytes(text).decode()
        except UnicodeDecodeError:
            raise UsageError(f"{what} is not UTF-8", self.where, self.form) from None
        if not decoded.isprintable():
            raise UsageError(f"{what} has a control character", self.where, self.form)
        return decoded


def _quoted(text: str) -> str:
    """The URL as errors quote it: without what stands before an `@` and what nobody asked for in the query, printable,
    and not at any length."""
    before, at, shown = text.rpartition("@")
    scheme, slashes, _ = before.partition("://")
    shown = f"{scheme + slashes if slashes else ''}…@{shown}" if at else text
    shown = _UNKNOWN.sub(r"\1…", shown)
    return repr(shown if len(shown) <= 80 else f"{shown[:79]}…")
