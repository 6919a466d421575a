"""SASL's mechanisms by password and by token, without a socket (RFC 4422). SCRAM has a module of its own.

What passes here is raw: base64, tags and continuations are the session's.
"""

import re
from base64 import b64encode
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

from tw.core.imap_commands import FORBIDDEN, quoted
from tw.core.imap_types import Revealing
from tw.core.text import safe_bytes
from tw.errors import UsageError

REFUSAL_LIMIT_CHARS = 200
BLANK = b"***"

_SURROGATE = re.compile("[\ud800-\udfff]")
_TOKEN = re.compile("[!-~]+")


class SaslError(Exception):
    """What the server said is no part of the exchange, or its proof is wrong. The exchange is over, and not `proven`.

    `str()` is ours and safe for a terminal. `data` holds the server's words where they help: they are not safe, and may
    repeat a secret.
    """

    def __init__(self, what: str, data: bytes = b"") -> None:
        super().__init__(what)
        self.data = data


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Who logs in, and by what: a password, a token (OAuth's access token), or both.

    Building one raises UsageError for what a mechanism would take for the end of a field.
    """

    user: str
    password: Revealing | None = field(default=None, repr=False)
    token: Revealing | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        password = self.password.reveal() if self.password is not None else ""
        # The checks come before any encoding: a UnicodeEncodeError would carry the secret. ^A ends a field in OAuth's.
        for what, text, forbidden in (("user", self.user, FORBIDDEN | {"\1"}), ("password", password, FORBIDDEN)):
            if forbidden & set(text):
                raise UsageError(f"a line end or a control character in the {what}", "", "leave it out")
            if _SURROGATE.search(text):
                raise UsageError(f"the {what} is not UTF-8", "", "give it in UTF-8")
        if self.token is not None and not _TOKEN.fullmatch(self.token.reveal()):
            # RFC 6750, section 2.1, allows less still; issuers differ.
            raise UsageError("the token is empty, or not one word of ASCII", "", "give the access token alone")


class Mechanism(Protocol):
    """One exchange with one server. An OK that comes before `proven` is not to be believed."""

    name: str
    """As in `AUTH=NAME`, and for AUTHENTICATE."""
    refusal: str
    """What the server's error challenge said, safe for a terminal and without the secrets; empty: there was none. The
    tagged NO that ends the exchange comes after it."""
    secrets: set[bytes]
    """What was said so far, raw, that is to be shown to nobody. Use `secret_forms`."""

    def first(self) -> bytes | None:
        """The initial response, for where SASL-IR takes it at once. None: the server speaks first.

        Without SASL-IR leave it: the empty challenge that the server then sends is answered by it.
        """

    def answer(self, challenge: bytes) -> bytes:
        """The response to a challenge; it may be empty. Raises SaslError."""

    def proven(self) -> bool:
        """Whether a tagged OK may be believed: all has been said and, with SCRAM, the server's signature verified."""


class Exchange:
    """The steps of one exchange: each challenge is answered by the next one, and a challenge too many is an error."""

    name = ""

    def __init__(self, credentials: Credentials) -> None:
        self.refusal = ""
        self.secrets: set[bytes] = set()
        self._credentials = credentials
        self._opening: bytes | None = None  # ours, until it is said
        self._steps: deque[Callable[[bytes], bytes]] = deque()
        self._broken = False

    def first(self) -> bytes | None:
        opening, self._opening = self._opening, None
        return opening

    def answer(self, challenge: bytes) -> bytes:
        if self._broken:
            raise SaslError("the exchange is over", challenge)
        self._broken = True  # until the step is done
        response = self._open(challenge) if self._opening is not None else self._step(challenge)
        self._broken = False
        return response

    def proven(self) -> bool:
        return not (self._broken or self._steps or self.refusal) and self._opening is None

    def _open(self, challenge: bytes) -> bytes:
        if challenge:
            raise SaslError(f"the server speaks first where {self.name} lets the client begin", challenge)
        return self.first() or b""

    def _step(self, challenge: bytes) -> bytes:
        if not self._steps:
            raise SaslError(f"the server asks for more than {self.name} has to say", challenge)
        return self._steps.popleft()(challenge)

    def note_refusal(self, words: bytes) -> None:
        for form in sorted(secret_forms(self._credentials, self), key=len, reverse=True):
            words = words.replace(form, BLANK)
        self.refusal = safe_bytes(words, REFUSAL_LIMIT_CHARS) or "no reason given"
        self._steps.clear()

    def keep_secret(self, raw: bytes) -> bytes:
        self.secrets.add(raw)
        return raw


class Plain(Exchange):
    """RFC 4616."""

    name = "PLAIN"

    def __init__(self, credentials: Credentials) -> None:
        super().__init__(credentials)
        self._opening = self.keep_secret(b"\0" + credentials.user.encode() + b"\0" + password_of(credentials).encode())


class CramMd5(Exchange):
    """RFC 2195. The challenge must not be empty: what it protects from is a digest that can be looked up."""

    name = "CRAM-MD5"

    def __init__(self, credentials: Credentials) -> None:
        super().__init__(credentials)
        self._steps.append(self._digest)

    def _digest(self, challenge: bytes) -> bytes:
        import hmac

        if not challenge:
            raise SaslError("the server's challenge is empty")
        digest = hmac.new(password_of(self._credentials).encode(), challenge, "md5").hexdigest().encode()
        return self.keep_secret(self._credentials.user.encode() + b" " + self.keep_secret(digest))


class Login(Exchange):
    """draft-murchison-sasl-login: the name, then the password. The prompts' text differs from server to server."""

    name = "LOGIN"

    def __init__(self, credentials: Credentials) -> None:
        super().__init__(credentials)
        self._steps.append(lambda _prompt: credentials.user.encode())
        self._steps.append(lambda _prompt: self.keep_secret(password_of(credentials).encode()))


class _Bearer(Exchange):
    """OAuth's token. A challenge is an error in JSON, and wants a response before the NO comes."""

    last_word = b""

    def __init__(self, credentials: Credentials, whose: bytes) -> None:
        super().__init__(credentials)
        self._opening = self.keep_secret(whose + b"\1auth=Bearer " + token_of(credentials).encode() + b"\1\1")

    def _step(self, challenge: bytes) -> bytes:
        if self.refusal:
            return super()._step(challenge)
        self.note_refusal(_json_error(challenge))
        return self.last_word


class XOAuth2(_Bearer):
    """Google's, from before the RFC."""

    name = "XOAUTH2"

    def __init__(self, credentials: Credentials) -> None:
        super().__init__(credentials, b"user=" + credentials.user.encode())


class OAuthBearer(_Bearer):
    """RFC 7628. Host and port are left out: they matter to signatures over them, and a bearer token has none."""

    name = "OAUTHBEARER"
    last_word = b"\1"

    def __init__(self, credentials: Credentials) -> None:
        name = credentials.user.replace("=", "=3D").replace(",", "=2C")  # a saslname: RFC 5801, section 4
        super().__init__(credentials, b"n,a=" + name.encode() + b",")


def _json_error(challenge: bytes) -> bytes:
    """Status and error of OAuth's error object; else what came (RFC 7628, section 3.2.2)."""
    import json

    said: object = None
    with suppress(ValueError, RecursionError):
        said = json.loads(challenge)
    if not isinstance(said, dict):
        return challenge
    words = [f"{key} {said[key]}" for key in ("status", "error") if isinstance(said.get(key), str | int)]
    return ", ".join(words).encode("utf-8", "surrogatepass")


def password_of(credentials: Credentials) -> str:
    assert credentials.password is not None
    return credentials.password.reveal()


def token_of(credentials: Credentials) -> str:
    assert credentials.token is not None
    return credentials.token.reveal()


def secret_forms(credentials: Credentials, mechanism: Mechanism | None = None) -> set[bytes]:
    """All that is to be blanked out where a server repeats it or a trace shows it: the longest first.

    The password and the token, raw and as mechanisms and the LOGIN command put them, whatever was chosen; and what
    `mechanism` has said so far. Never empty bytes.
    """
    raw: set[bytes] = set(mechanism.secrets) if mechanism is not None else set()
    forms: set[bytes] = set()
    if credentials.password is not None:
        password = password_of(credentials).encode()
        raw.add(password)
        raw |= Plain(credentials).secrets
        forms.add(quoted(password)[1:-1])
    if credentials.token is not None:
        raw.add(token_of(credentials).encode())
        raw |= XOAuth2(credentials).secrets | OAuthBearer(credentials).secrets
    return {form for form in forms | raw | {b64encode(secret) for secret in raw} if form}
