"""Where the mail of `alice@example.org` is, when no host was named (RFC 6186, RFC 8314).

The domain says so in SRV records, and where it has none, the usual names are tried. What a name server says is not
authentic, so it must not decide who gets a password:

- A server whose name lies within the domain is taken. Whoever forges the answer still needs a certificate for a name in
  it, and the server's own name is what the certificate has to show.
- A name outside of it is what a forged answer would hold, with a certificate that is in order. RFC 6186, section 6, has
  the user asked before any connection to it, and RFC 9325, section 6.1, advises against verifying such a name. Nobody
  can be asked here, so it is an error, which says how the user names the host. A certificate for the mail domain itself
  would do (RFC 6125, 6.2.1; RFC 7817, 3), but those who serve mail for the domains of others do not have it.
- No answer, or a broken one, leads to the usual names, which lie within the domain.

The connection is never protected less than was asked for: `tls` looks for `_imaps._tcp` alone, `starttls` for
`_imap._tcp`.
"""

import ipaddress
import re
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Literal, TypeAlias

from twisted.internet.defer import CancelledError, maybeDeferred
from twisted.logger import Logger

from tw.core.imap_types import Security
from tw.core.text import safe, safe_bytes
from tw.errors import ConnectError, UsageError
from tw.probes.timing import within

LOOKUP_S = 5.0
"""How long to wait for the DNS, where there is more time: resolv.conf(5) gives a name server as long."""

RESENDS_S = (1, 3)
"""How long each name server has at first, and the second time."""

MAX_CANDIDATES = 8
"""Nobody waits until more servers than these have failed one after the other."""

MAX_ALIASES = 8
"""How far aliases of the name that is looked up are followed."""

MAX_NAME_CHARS = 253
"""RFC 1035, 2.3.4, without the length of the first label and the root."""

MAX_NAME_SERVERS = 3
"""As many of resolv.conf's are asked by the C library."""

RESOLV_CONF = "/etc/resolv.conf"

_LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
# The last label is no number: that would be an address (RFC 3696, section 2).
_HOST = re.compile(rf"(?:{_LABEL}\.)*(?![0-9]+$){_LABEL}")

_log = Logger()

Protection: TypeAlias = Literal["tls", "starttls"]
Draw: TypeAlias = Callable[[int], int]
"""Gives a random number from 0 up to and including another."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A server to try: its name within the mail's domain, which its certificate has to show as well."""

    host: str
    port: int
    security: Protection


@dataclass(frozen=True, slots=True)
class _Service:
    label: str
    port: int
    words: str
    otherwise: str


_SERVICES: dict[str, _Service] = {
    "tls": _Service("_imaps._tcp", 993, "over TLS", "--security starttls"),
    "starttls": _Service("_imap._tcp", 143, "with STARTTLS", "--security tls"),
}


@dataclass(frozen=True, slots=True)
class _Server:
    """An SRV record (RFC 2782) whose target may be a host."""

    host: str
    port: int
    priority: int
    weight: int


def _draw(most: int) -> int:
    return secrets.randbelow(most + 1)


async def find_mail_servers(
    reactor: Any, domain: str, security: Security, timeout_s: float, resolver: Any = None, draw: Draw = _draw
) -> list[Candidate]:
    """The servers to try for the mail of `domain`, one at least, the best first.

    The DNS has `timeout_s`, but no more than `LOOKUP_S`, to answer. `resolver` is asked if there is one (`IResolver`),
    else the name servers of /etc/resolv.conf. `draw` chooses among servers of one priority.

    Raises UsageError for what is no mail domain, and for security `plain`, which does not go with a server that only
    the DNS names. Raises ConnectError where the domain declares that it has no such service, and where it names servers
    outside of it alone.
    """
    if security == "plain":
        raise UsageError("--security plain without a host", safe(domain, 80), "name a server with --host")
    service = _SERVICES[security]
    domain = mail_domain(domain)
    records = await _lookup(reactor, f"{service.label}.{domain}", min(timeout_s, LOOKUP_S), resolver)
    inside: list[_Server] = []
    outside: list[_Server] = []
    for record in records:
        server = _server(record)
        if server is not None:
            (inside if f".{server.host}".endswith(f".{domain}") else outside).append(server)
    if outside:
        best = ordered(outside, draw)[0]
        _log.info("{domain} names {host}, which is not within it", domain=domain, host=best.host)
    if inside:
        return [Candidate(server.host, server.port, security) for server in ordered(inside, draw)]
    if outside:
        hint = f"if that is right, say --host {best.host}" + (
            f" --port {best.port}" if best.port != service.port else ""
        )
        raise ConnectError(f"the domain names {best.host}, which is not within it", domain, hint)
    if any(_is_root(record.target.name) for record in records):
        hint = f"name a server with --host, or try {service.otherwise}"
        raise ConnectError(f"the domain declares that it has no IMAP {service.words}", domain, hint)
    return [Candidate(host, service.port, security) for host in (f"imap.{domain}", f"mail.{domain}", domain)]


def mail_domain(text: str) -> str:
    """A mail domain as the DNS has it: in lower case and ASCII (IDNA). Raises UsageError for what cannot be one."""
    name = text.removesuffix(".")[: MAX_NAME_CHARS + 1].lower()
    if not name.isascii():
        import idna

        try:
            name = idna.encode(name, uts46=True).decode()
        except UnicodeError:
            name = ""
    # The longest name to be made of it must still be one.
    if not _HOST.fullmatch(name) or len(f"_imaps._tcp.{name}") > MAX_NAME_CHARS:
        raise UsageError("not a mail domain", safe(text, 80), "give --user NAME@DOMAIN, or name a server with --host")
    return name


def ordered(servers: Iterable[_Server], draw: Draw) -> list[_Server]:
    """The servers in the order in which to try them, each once, and not too many of them (RFC 2782, "Weight")."""
    unique: dict[tuple[str, int], _Server] = {}
    for server in sorted(servers, key=lambda server: server.priority):
        unique.setdefault((server.host, server.port), server)
    # Those without a weight come first within their priority: they are chosen where the lot is 0.
    left = sorted(unique.values(), key=lambda server: (server.priority, server.weight > 0))
    chosen: list[_Server] = []
    while left and len(chosen) < MAX_CANDIDATES:
        sums = list(accumulate(server.weight for server in left if server.priority == left[0].priority))
        lot = draw(sums[-1])
        chosen.append(left.pop(next(index for index, total in enumerate(sums) if total >= lot)))
    return chosen


async def _lookup(reactor: Any, name: str, timeout_s: float, resolver: Any) -> list[Any]:
    """The SRV records of `name`, as the answer has them; none where there is no answer, for whatever reason."""
    from twisted.names import client, dns  # 8 ms that a run with a host need not spend

    own: Any = None
    try:
        if resolver is None:
            servers = [(address, dns.PORT) for address in name_servers(RESOLV_CONF)]
            own = resolver = client.Resolver(servers=servers, timeout=RESENDS_S, reactor=reactor)
        asking = maybeDeferred(resolver.lookupService, name, RESENDS_S)
        answers, _, _ = await within(reactor, timeout_s, asking, lambda: ConnectError("no answer in time"))
    except CancelledError:
        raise
    except Exception as problem:
        reason = safe(f"{type(problem).__name__}: {problem}", 200)
        _log.debug("no SRV records of {name}: {reason}", name=name, reason=reason)
        return []
    finally:
        for connection in list(own.connections) if own is not None else ():
            connection.transport.loseConnection()
    return _records_of(name, answers)


def name_servers(path: str) -> list[str]:
    """The addresses of the name servers in a resolv.conf(5); without one, this machine's own."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            lines = [line.split() for line in file]
    except OSError:
        lines = []
    named = [words[1] for words in lines if words[:1] == ["nameserver"] and len(words) > 1]
    return [address for address in named if _is_address(address)][:MAX_NAME_SERVERS] or ["127.0.0.1"]


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _records_of(name: str, answers: Iterable[Any]) -> list[Any]:
    """The SRV records of `name`, or of what the answer says that it is an alias for (RFC 1034, 3.6.2)."""
    from twisted.names import dns

    answers = list(answers)
    names = {name.encode()}
    for _ in range(MAX_ALIASES):
        known = len(names)
        for answer in answers:
            if answer.type == dns.CNAME and answer.name.name.lower() in names:
                names.add(answer.payload.name.name.lower())
        if len(names) == known:
            break
    return [answer.payload for answer in answers if answer.type == dns.SRV and answer.name.name.lower() in names]


def _server(record: Any) -> _Server | None:
    """What an SRV record names, if that can be a server."""
    target = record.target.name
    host = target.decode("ascii", "replace").removesuffix(".").lower()
    if _HOST.fullmatch(host) and len(host) <= MAX_NAME_CHARS and record.port:
        return _Server(host, record.port, record.priority, record.weight)
    if not _is_root(target):
        _log.debug("passed over {target}: no host", target=safe_bytes(target, 80))
    return None


def _is_root(target: bytes) -> bool:
    """Whether it says that there is decidedly no such service (RFC 2782, "Target")."""
    return target in (b"", b".")
