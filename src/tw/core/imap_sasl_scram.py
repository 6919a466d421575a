"""SCRAM, by the library `scramp` and within limits (RFC 5802, RFC 7677).

The library is an extra. It takes 60 ms to load, so that waits until a server offers SCRAM and it is wanted.
"""

import re
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol, TypeVar

from tw.core.imap_sasl_exchanges import Credentials, Exchange, SaslError, password_of

LEAST_ITERATIONS = 4_096
"""RFC 7677, section 4, and RFC 5802, section 5.1. Fewer are refused: whoever plays the server picks the number and gets
a proof to guess the password by, at that many hashes a guess, so `i=1` would be as good as a plain digest."""
MOST_ITERATIONS = 2_000_000
"""OWASP asks for 1,300,000 with SHA-1. These take 0.4 s in OpenSSL, in which nothing else runs; the library's own limit
is five times that."""

_COUNT = re.compile(rb"[1-9][0-9]{0,9}")
_T = TypeVar("_T")


class _ScramClient(Protocol):
    """What is used of `scramp.ScramClient`."""

    def get_client_first(self) -> str: ...
    def set_server_first(self, message: str) -> None: ...
    def get_client_final(self) -> str: ...
    def set_server_final(self, message: str) -> None: ...


class Scram(Exchange):
    """RFC 5802 and RFC 7677, without channel binding: the header is `n,,`, "the client does not support it".

    `nonce` is for tests. Raises ImportError without the library, and SaslError for a name or a password that SASLprep
    (RFC 4013) does not take: characters later than Unicode 3.2 are among them.
    """

    def __init__(self, name: str, credentials: Credentials, nonce: str | None = None) -> None:
        from scramp import ScramClient  # type: ignore[import-untyped]  # it has no annotations

        super().__init__(credentials)
        self.name = name
        user, password = credentials.user, password_of(credentials)
        what = "SASLprep (RFC 4013) does not take this user name or password"
        self._client: _ScramClient = _guarded(what, b"", lambda: ScramClient([name], user, password, c_nonce=nonce))
        self._opening = _guarded(what, b"", lambda: self._client.get_client_first().encode())
        self._steps.extend((self._prove, self._verify))
        self._verified = False

    def proven(self) -> bool:
        return self._verified and super().proven()

    def _prove(self, challenge: bytes) -> bytes:
        if self._says_error(challenge):
            return b""
        _check_iterations(challenge)
        what = f"the server's challenge is none of {self.name}"
        final = _guarded(what, challenge, lambda: self._final(challenge.decode())).encode()
        self.keep_secret(final.rpartition(b",p=")[2])
        return self.keep_secret(final)

    def _final(self, challenge: str) -> str:
        self._client.set_server_first(challenge)
        return self._client.get_client_final()

    def _verify(self, challenge: bytes) -> bytes:
        if self._says_error(challenge):
            return b""
        what = "the server did not prove that it knows the password"
        _guarded(what, challenge, lambda: self._client.set_server_final(challenge.decode()))
        self._verified = True
        return b""

    def _says_error(self, challenge: bytes) -> bool:
        if not challenge.startswith(b"e="):
            return False
        self.note_refusal(challenge[2:].partition(b",")[0])
        return True


def _check_iterations(challenge: bytes) -> None:
    """Before the library looks: it would believe some, and then hash for as long as the server likes."""
    counts = [attribute[2:] for attribute in challenge.split(b",") if attribute.startswith(b"i=")]
    if len(counts) != 1 or not _COUNT.fullmatch(counts[0]):
        raise SaslError("the server does not say how often to hash", challenge)
    if not LEAST_ITERATIONS <= int(counts[0]) <= MOST_ITERATIONS:
        bounds = f"{LEAST_ITERATIONS:,} to {MOST_ITERATIONS:,} are fine"
        raise SaslError(f"the server wants the password hashed {int(counts[0]):,} times: {bounds}", challenge)


def _guarded(what: str, data: bytes, step: Callable[[], _T]) -> _T:
    """What the step returns. Whatever it raises becomes a SaslError.

    The library raises more than its own exception, and its parsing is of hostile bytes. Nothing of it stays as context:
    a UnicodeEncodeError holds the text.
    """
    with suppress(Exception):
        return step()
    raise SaslError(what, data)
