"""A request of the counter's client side, checked and as it is sent (RFC 9112)."""

import re
from dataclasses import dataclass
from functools import cached_property

from tw.core.text import safe
from tw.errors import UsageError

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_WITH_BODY = frozenset(("POST", "PUT", "PATCH"))


@dataclass(frozen=True, kw_only=True)
class HttpRequest:
    """What to ask for. `host` is the Host field's value, `path` begins with a slash, `headers` are (name, value).

    A header replaces the request's own of the same name; with an empty value it takes it away, as in curl. Raises
    UsageError for what would break the request's form.
    """

    host: str
    path: str = "/"
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    keepalive: bool = True

    def __post_init__(self) -> None:
        _require(bool(_TOKEN.fullmatch(self.method)), "not a method", f"--method {self.method}")
        _require(self.path.startswith("/"), "a path begins with a slash", f"--path {self.path}")
        _require(not re.search(r"[\x00-\x20\x7f]", self.path), "a space or a control in the path", self.path)
        for name, value in (("Host", self.host), *self.headers):
            _require(bool(_TOKEN.fullmatch(name)), "not the name of a header", name)
            _require(not re.search(r"[\x00-\x08\x0a-\x1f\x7f]", value), "a control in a header", name)

    @cached_property
    def wire(self) -> bytes:
        """The request as it is sent. Bytes of the path outside of ASCII are percent-encoded (RFC 3986, 2.5)."""
        own = {"Host": self.host, "User-Agent": "tw", "Accept": "*/*"}
        if not self.keepalive:
            own["Connection"] = "close"
        if self.method in _WITH_BODY:
            own["Content-Length"] = "0"  # RFC 9110, 8.6
        given = {name.lower() for name, _ in self.headers}
        fields = [(name, value) for name, value in own.items() if name.lower() not in given]
        fields += [(name, value) for name, value in self.headers if value]
        path = "".join(
            chr(byte) if byte < 0x80 else f"%{byte:02X}" for byte in self.path.encode("utf-8", "surrogateescape")
        )
        lines = [f"{self.method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields), "", ""]
        return "\r\n".join(lines).encode("utf-8", "surrogateescape")


def _require(condition: bool, what: str, where: str) -> None:
    if not condition:
        raise UsageError(what, safe(where, 80))
