"""The ways to log in to an IMAP server, and the choice among them (RFC 3501, section 6.2; RFC 4422).

The mechanisms are sans-IO and raw: base64, tags and continuations are the session's.
"""

from collections.abc import Callable, Set
from enum import Enum
from typing import TypeAlias

from tw.core.imap_sasl_exchanges import (
    CramMd5,
    Credentials,
    Login,
    Mechanism,
    OAuthBearer,
    Plain,
    SaslError,
    XOAuth2,
    secret_forms,
)
from tw.core.imap_sasl_scram import Scram
from tw.errors import LocalError, UsageError

__all__ = [
    "AUTHS",
    "TOKEN_AUTHS",
    "Choice",
    "Command",
    "Credentials",
    "Mechanism",
    "SaslError",
    "choose",
    "secret_forms",
]

AUTHS = ("auto", "scram-sha-256", "scram-sha-1", "cram-md5", "plain", "login", "xoauth2", "oauthbearer")
TOKEN_AUTHS = frozenset({"xoauth2", "oauthbearer"})
"""Of these, what takes a token; each other one takes a password, and `auto` either."""


class Command(Enum):
    """What is not SASL."""

    LOGIN = "LOGIN"


Choice: TypeAlias = Mechanism | Command
"""A mechanism for AUTHENTICATE, or the command to log in by instead."""


_CLASSES: dict[str, Callable[[Credentials], Mechanism]] = {
    made.name: made for made in (CramMd5, Plain, Login, XOAuth2, OAuthBearer)
}
_BY_PASSWORD = ("SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5", "PLAIN", Command.LOGIN, "LOGIN")
_BY_TOKEN = ("OAUTHBEARER", "XOAUTH2")


def choose(auth: str, capabilities: Set[str], credentials: Credentials) -> Choice | None:
    """The way to log in, or None where the server offers none that `auth` (of `AUTHS`) allows.

    `auto` takes the strongest that the credentials allow, a password before a token; the server's order decides
    nothing. It passes over SCRAM where the library is missing or SASLprep refuses the password. `login` is the LOGIN
    command and, where LOGINDISABLED forbids that (RFC 3501, section 6.2.3), the mechanism of that name.

    Raises UsageError where the credentials are not what `auth` takes, and LocalError where SCRAM was asked for by its
    name, is offered, and the library is missing.
    """
    for way in _ways(auth, credentials):
        if isinstance(way, Command):
            if "LOGINDISABLED" not in capabilities:
                return way
        elif f"AUTH={way}" in capabilities:
            found = _made(way, credentials, by_name=auth != "auto")
            if found is not None:
                return found
    return None


def _ways(auth: str, credentials: Credentials) -> tuple[str | Command, ...]:
    if auth not in AUTHS:
        raise ValueError(f"no way to log in: {auth}")
    by_token = auth in TOKEN_AUTHS or (auth == "auto" and credentials.password is None)
    if (credentials.token if by_token else credentials.password) is None:
        raise UsageError(f"--auth {auth} takes a {'token' if by_token else 'password'}, and there is none")
    if auth == "auto":
        return _BY_TOKEN if by_token else _BY_PASSWORD
    return (Command.LOGIN, "LOGIN") if auth == "login" else (auth.upper(),)


def _made(name: str, credentials: Credentials, *, by_name: bool) -> Mechanism | None:
    if name in _CLASSES:
        return _CLASSES[name](credentials)
    try:
        return Scram(name, credentials)
    except ImportError:
        if by_name:
            raise LocalError(f"{name} needs the library scramp", "", "pip install 'tw-bench[imap]'") from None
    except SaslError as error:
        if by_name:
            raise UsageError(f"{name} is impossible: {error}", "", "use another --auth") from None
    return None
