"""What a Redis says of itself, and what its error replies, and no reply, are called here."""

import re
from collections.abc import Mapping

from tw.core.text import safe
from tw.errors import AuthError, ConnectError, LocalError, ProtocolError, TwError, UsageError


class LinkLost(Exception):
    """No answer will come, for the reason that it says: whether the command was carried out nobody knows."""


_REPEATED = re.compile(r",? with args beginning with.*", re.DOTALL)
"""To a command that it does not know, Redis answers with its arguments: to AUTH, with the password."""


class Refusal(Exception):
    """Redis's own error reply: `code` is its first word, `WRONGTYPE`, `NOAUTH`, `ERR`; `text` all of it, made safe, but
    for what it repeats of a command."""

    def __init__(self, text: str) -> None:
        self.text = safe(_REPEATED.sub("", text), 200)
        super().__init__(self.text)
        self.code = self.text.partition(" ")[0]


LEAST_MAJOR = 5
"""Redis 5.0 brought streams. Valkey began at 7.2."""

_VERSION = re.compile(rb"^(redis_version|valkey_version):([0-9]+)((?:\.[0-9]+)*)\r?$", re.MULTILINE)


def versions(info: bytes) -> Mapping[str, str]:
    """The versions in what `INFO server` gives: `redis_version`, and `valkey_version` where it is one."""
    return {match[1].decode(): (match[2] + match[3]).decode() for match in _VERSION.finditer(info)}


def least_version_fault(found: Mapping[str, str]) -> str | None:
    """Why a server with these versions is of no use; None where it is, or where nothing is known."""
    version = found.get("redis_version")
    if version is None or "valkey_version" in found or int(version.partition(".")[0][:9]) >= LEAST_MAJOR:
        return None
    return f"Redis {version[:40]} is too old"


def refusal_error(text: str, where: str) -> TwError:
    """The typed error for an error reply, `CODE words`, that leaves nothing to go on with. `text` is safe to show."""
    code = text.partition(" ")[0]
    if code in ("NOAUTH", "WRONGPASS", "NOPERM", "DENIED") or "invalid password" in text or "AUTH" in text:
        hints = {
            "NOAUTH": "give --via-password-file or TW_VIA_PASSWORD",
            "NOPERM": "let the user do that (ACL SETUSER), or name another one before the @",
            "DENIED": "give Redis a password, or let it listen on what only you can reach",
        }
        hint = hints.get(code, "check the user in the URL, and the password")
        what = "what is asked of it" if code == "NOPERM" else "the login"
        return AuthError(f"Redis refuses {what}: {_first(text)}", where, hint)
    if code == "WRONGTYPE" or "not an integer" in text:
        return LocalError("the key holds something else", where, "choose another name in the URL")
    if code in ("LOADING", "MASTERDOWN", "CLUSTERDOWN", "BUSY") or "max number of clients" in text:
        return ConnectError(f"Redis is not ready: {_first(text)}", where, "try again later")
    if code == "READONLY":
        return ProtocolError("Redis is a read-only replica", where, "name the primary")
    if code in ("MOVED", "ASK", "CROSSSLOT"):
        return ProtocolError("Redis is part of a cluster, and another node has the key", where, "name that node")
    if "DB index" in text or "invalid DB" in text or "SELECT is not allowed" in text:  # (the latter in a cluster)
        return UsageError("no such database", where, "choose a lower number in the URL")
    return ProtocolError(f"Redis refuses: {_first(text)}", where)


def _first(text: str) -> str:
    """One sentence: DENIED is a page of text."""
    return text.partition(". ")[0][:160]
