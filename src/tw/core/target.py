"""What TARGET on a probe's command line is: a host, a URL, or an endpoint string; and how a peer is written.

Nothing here looks a name up or opens anything. Every error is a UsageError that quotes the target, but not the part of
it that may hold a password.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from tw.errors import UsageError

DEFAULT_HOST = "127.0.0.1"
URL_PORTS: Mapping[str, int] = {"http": 80, "https": 443}
"""The port that a URL without one means (RFC 9110 section 4.2). These are also the schemes whose URLs have paths."""

_OWN_TYPES = frozenset({"tcp", "tls", "ssl", "unix"})
_TLS_OPTIONS = {
    "bindAddress": "--bind",
    "caCertsDir": "--ca-file",
    "certKey": "--client-cert",
    "certificate": "--client-cert",
    "hostname": "--server-name",
    "privateKey": "--client-key",
    "timeout": "--timeout",
    "trustRoots": "--ca-file",
}


def format_peer(host: str, port: int) -> str:
    """A peer as it is written everywhere: `127.0.0.1:5`, `[::1]:5`, `[fe80::1%eth0]:5`, `localhost:5`.

    An IPv4-mapped IPv6 address (RFC 4291 section 2.5.5.2) is written as IPv4: it is what a dual-stack listener calls an
    IPv4 peer.
    """
    if ":" not in host:
        return f"{host}:{port}"
    if "ffff" in host.lower() and "%" not in host:
        from ipaddress import IPv6Address

        try:
            mapped = IPv6Address(host).ipv4_mapped
        except ValueError:
            mapped = None
        if mapped is not None:
            return f"{mapped}:{port}"
    return f"[{host}]:{port}"


@dataclass(frozen=True, slots=True)
class HostTarget:
    """A host's name or address (IPv6 without brackets) and a TCP port; `path` only where a URL names one."""

    host: str
    port: int
    tls: bool = False
    path: str | None = None

    def __str__(self) -> str:
        return format_peer(self.host, self.port)


@dataclass(frozen=True, slots=True)
class UnixTarget:
    """The path of a unix socket."""

    path: str
    tls: bool = False

    def __str__(self) -> str:
        return f"unix:{self.path}"


@dataclass(frozen=True, slots=True)
class EndpointTarget:
    """An endpoint string that is for Twisted to read. `tls` says that TLS is to be wrapped around it."""

    description: str
    tls: bool = False

    def __str__(self) -> str:
        return self.description


Target: TypeAlias = HostTarget | UnixTarget | EndpointTarget


def parse_target(
    text: str | None,
    *,
    default_port: int,
    tls: bool = False,
    schemes: Mapping[str, bool],
    endpoint_types: Collection[str] = (),
) -> Target:
    """What a TARGET means (DESIGN section 3).

    `text` is None where none was given: the server's default, `default_port` on 127.0.0.1. `tls` is whether TLS was
    asked for by an option. `schemes` maps the URL schemes that are understood to whether they imply TLS.
    `endpoint_types` are those that Twisted's plugins add to tcp, tls, ssl and unix, in lower case.

    Raises UsageError for everything that cannot be connected to, and for TLS that is asked for twice.
    """
    if text is None:
        return HostTarget(DEFAULT_HOST, default_port, tls)
    where = f"probe target {_quoted(text)}"
    if not text:
        raise UsageError("the target is empty", where, "leave it out for the server's default, or name a host")
    before, colon, after = text.partition(":")
    if "://" in text and re.fullmatch(r"[A-Za-z0-9+.-]*", before) and after.startswith("//"):
        return _url(before.lower(), after[2:], default_port, tls, schemes, where)
    is_endpoint = before.lower() in _OWN_TYPES or before.lower() in endpoint_types
    if colon and is_endpoint and not re.fullmatch(r"[0-9]+", after):
        return parse_endpoint(text, tls=tls, where=where)
    if "@" in text:
        raise _no_user(where)
    if _is_ipv6(text):
        return HostTarget(text, default_port, tls)
    host, port_text = _split_authority(text, where)
    port = default_port if port_text is None else _port(port_text, where)
    return HostTarget(_host(host, where) if host else DEFAULT_HOST, port, tls)


def parse_endpoint(text: str, *, tls: bool = False, where: str = "") -> Target:
    """What a client's endpoint string means; its grammar is Twisted's (`twisted.internet.endpoints`).

    `tcp:`, `tls:`, `ssl:` and `unix:` are read here, so that `tw` itself connects, and verifies. With keywords that are
    Twisted's business (`tcp:h:1:timeout=5`), and for any other type, the string stays as it is.

    Raises UsageError, with `where`, or else the string, as the place.
    """
    where = where or f"endpoint {_quoted(text)}"
    positional: list[str] = []
    keywords: dict[str, str] = {}
    for name, value in _arguments(text, where):
        if name is None:
            positional.append(value)
        elif name in keywords:
            raise UsageError(f"{_quoted(name)} is given twice", where, "name it once")
        else:
            keywords[name] = value
    kind = positional.pop(0).lower() if positional else ""
    if kind not in _OWN_TYPES:
        return EndpointTarget(text, tls)
    names = ("path",) if kind == "unix" else ("host", "port")
    form = f"write {kind}:{':'.join(names).upper()}"
    free = [name for name in names if name not in keywords]
    if len(positional) > len(free):
        raise UsageError(f"too many parts for {kind}:", where, f"{form}, and a colon within a part as \\:")
    keywords.update(zip(free, positional, strict=False))
    others = [name for name in keywords if name not in names]
    if kind in ("tls", "ssl"):
        if others:
            raise _tls_keyword(kind, others[0], where)
        if tls:
            raise _tls_twice(f"{kind}: implies it", where)
    elif others:
        return EndpointTarget(text, tls)
    if missing := [name for name in names if not keywords.get(name)]:
        raise UsageError(f"no {missing[0]}", where, form)
    if kind == "unix":
        if "\0" in keywords["path"]:
            raise UsageError("a path cannot hold a NUL", where, "name the socket's path")
        return UnixTarget(keywords["path"], tls)
    return HostTarget(_host(keywords["host"], where), _port(keywords["port"], where), tls or kind != "tcp")


def _url(scheme: str, rest: str, default_port: int, tls: bool, schemes: Mapping[str, bool], where: str) -> HostTarget:
    """`scheme://rest` as a target (RFC 3986 section 3). `urllib` is not asked: it drops line ends and tabs silently."""
    end = next((index for index, char in enumerate(rest) if char in "/?#"), len(rest))
    authority, tail = rest[:end], rest[end:]
    # A password with an unescaped slash in it puts its `@` into the tail, and its first half where the port stands.
    if "@" in authority or ("@" in tail and not re.fullmatch(r"([^:]*|\[.*\])(:[0-9]*)?", authority)):
        raise _no_user(where)
    if scheme not in schemes:
        hint = "write unix:PATH" if scheme == "unix" else "use " + " or ".join(f"{name}://" for name in schemes)
        raise UsageError(f"no such scheme: {_quoted(scheme)}", where, hint)
    if schemes[scheme] and tls:
        raise _tls_twice(f"{scheme}:// implies it", where)
    if "#" in tail:
        raise UsageError("a fragment is never sent to a server", where, "leave out the # and what follows it")
    if " " in tail or not tail.isprintable():
        raise UsageError("a URL cannot hold white space or control characters", where, "write them as %20 and the like")
    if scheme not in URL_PORTS and tail not in ("", "/"):
        raise UsageError(f"a path means nothing to {scheme}://", where, "leave out what follows the port")
    host, port_text = _split_authority(authority, where)
    if not host:
        raise UsageError("no host in the URL", where, f"write {scheme}://HOST:PORT")
    if authority.startswith("["):
        host = host.replace("%25", "%", 1)  # RFC 6874 section 2: a zone's % is written %25 in a URL
    port = URL_PORTS.get(scheme, default_port) if port_text is None else _port(port_text, where)
    path = None if not tail or scheme not in URL_PORTS else tail if tail.startswith("/") else f"/{tail}"
    return HostTarget(_host(host, where), port, tls or schemes[scheme], path)


def _split_authority(text: str, where: str) -> tuple[str, str | None]:
    """`HOST`, `HOST:PORT`, `:PORT`, `[IPV6]` or `[IPV6]:PORT` as host and port, both still unchecked."""
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket:
            raise UsageError("no closing bracket", where, "write an IPv6 address as [::1] or [::1]:PORT")
        if not _is_ipv6(host):
            raise UsageError(f"not an IPv6 address: {_quoted(host)}", where, "brackets are for IPv6 addresses only")
        if rest and not rest.startswith(":"):
            raise UsageError(f"unexpected {_quoted(rest)} after the bracket", where, "write [::1]:PORT")
        return host, rest[1:] if rest else None
    host, colon, port_text = text.partition(":")
    if ":" in port_text:
        # Not even where the last part can only be a port: ::1:80 is an address as a whole.
        raise UsageError("more than one colon", where, "write HOST:PORT, or an IPv6 address as [ADDRESS]:PORT")
    return host, port_text if colon else None


def _arguments(text: str, where: str) -> Iterator[tuple[str | None, str]]:
    """The parts of an endpoint string, unescaped: a keyword's name, or None, and the value.

    Colons separate parts, the first `=` in a part makes it a keyword, a backslash takes the next character as it is.
    """
    name: str | None = None
    value = ""
    chars = iter(text)
    for char in chars:
        if char == "\\":
            escaped = next(chars, None)
            if escaped is None:
                raise UsageError("a backslash at the end escapes nothing", where, "write a backslash as \\\\")
            value += escaped
        elif char == ":":
            yield name, value
            name, value = None, ""
        elif char == "=" and name is None:
            name, value = value, ""
        else:
            value += char
    yield name, value


def _host(host: str, where: str) -> str:
    """The host as it is, if it can be one: an IPv6 address, or a name of 1 to 63 characters a label (RFC 1035 2.3.4).

    What may stand in a name is left to the resolver: underscores and names in any script (IDNA) do occur.
    """
    if _is_ipv6(host):
        return host
    if not host.isprintable() or re.search(r"[\s/\\?#@%:\[\]<>\"']", host):
        raise UsageError(f"not a host: {_quoted(host)}", where, "write HOST:PORT, or an IPv6 address as [ADDRESS]:PORT")
    if re.fullmatch(r"[0-9]+", host):
        # The C library takes 8080 for the address 0.0.31.144, which nobody means.
        raise UsageError(f"a number is not a host: {_quoted(host)}", where, "write :PORT for a port on this machine")
    labels = host.removesuffix(".").split(".")
    if len(host) > 254 or not all(1 <= len(label) <= 63 for label in labels):
        raise UsageError(f"not a host name: {_quoted(host)}", where, "a name has 1 to 63 characters between its dots")
    return host


def _is_ipv6(text: str) -> bool:
    # The zone after a % can be nearly anything for `ipaddress`.
    if ":" not in text or not text.isprintable() or re.search(r"[\s/\]]|%.*:", text):
        return False
    from ipaddress import IPv6Address  # not loaded for a target without a colon

    try:
        IPv6Address(text)
    except ValueError:
        return False
    return True


def _port(text: str, where: str) -> int:
    if not text:
        raise UsageError("no port after the colon", where, "write HOST:PORT, or HOST alone for the default port")
    if not re.fullmatch(r"[0-9]+", text):
        raise UsageError(f"not a port: {_quoted(text)}", where, "use a port from 1 to 65535; a path needs a URL")
    digits = text.lstrip("0") or "0"
    if len(digits) > 5 or not 1 <= int(digits) <= 65535:
        raise UsageError(f"no such port: {text[:80]}", where, "use a port from 1 to 65535")
    return int(digits)


def _quoted(text: str) -> str:
    """Part of a target as errors quote it: without what stands before an `@`, printable, and not at any length."""
    _, at, shown = text.rpartition("@")
    shown = f"…@{shown}" if at else shown
    return repr(shown if len(shown) <= 80 else f"{shown[:79]}…")


def _no_user(where: str) -> UsageError:
    return UsageError("a target takes no user or password", where, "leave out everything up to the @")


def _tls_twice(why: str, where: str) -> UsageError:
    return UsageError(f"TLS asked for twice: {why}", where, "leave out --tls, or use the plain form")


def _tls_keyword(kind: str, name: str, where: str) -> UsageError:
    option = _TLS_OPTIONS.get(name)
    hint = f"use {option}" if option else f"use {', '.join(sorted(set(_TLS_OPTIONS.values())))}"
    return UsageError(f"{kind}: takes only a host and a port, not {_quoted(name)}", where, hint)
