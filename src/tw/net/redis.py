"""The link to a Redis or Valkey: connected with typed errors, verified, logged in, and connected again when it is lost.

No command is ever sent twice: who wants that knows whether it is safe, and asks again.
"""

import random
import re
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import CancelledError, Deferred, TimeoutError, fail
from twisted.internet.endpoints import UNIXClientEndpoint
from twisted.internet.protocol import Factory
from twisted.logger import Logger
from twisted.python.failure import Failure

from tw.core.redis_rules import LinkLost, Refusal, least_version_fault, refusal_error, versions
from tw.core.text import safe
from tw.core.via import ViaPlace
from tw.errors import AnswerTimeout, ConnectError, ProtocolError, TlsError, TwError, UsageError
from tw.net.dial import dial, resolve
from tw.net.endpoint import connect_error
from tw.net.lean_tls import tls_factory
from tw.net.pem import trust_root_of
from tw.net.redis_access import RedisAccess
from tw.net.tls import client_creator
from tw.net.tls_failures import tls_failure
from tw.options import TlsClientOptions

if TYPE_CHECKING:
    from tw.net.redis_protocol import RedisConnection

CONNECT_S = 5.0
ANSWER_S = 2.0
"""How long an answer may take before Redis counts as away. A probe waits for 5 s: it is to hear a 503 before that."""

PING_S = 1.0
"""A link that has nothing to say is asked so often whether it is still up: a host that is cut off says nothing."""

LEAST_PAUSE_S, MOST_PAUSE_S = 0.1, 2.0
"""Between two attempts to connect again. It doubles, and is shortened at random: servers that share a Redis lose it at
the same moment, and would all come back at the same one."""


_BY_PIN = re.compile(r",? or [^,]*--pin$")


class RedisLink:
    """One connection to the place of `access`, kept up from `start` to `stop`.

    `away(reason)` is called when it is lost, `back()` when it is there again and logged in; not for the first time, and
    not for the end. Nothing is sent on its own but PING. For a blocking command take a link of its own: on one
    connection everything behind it waits.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        access: RedisAccess,
        *,
        away: Callable[[str], object] = lambda reason: None,
        back: Callable[[], object] = lambda: None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._reactor = reactor
        self._place = access.place
        self._access = access
        self._away = away
        self._back = back
        self._jitter = jitter
        self._connection: RedisConnection | None = None
        self._timer: Any = None
        self._opening: Deferred[Any] | None = None
        self._pause_s = LEAST_PAUSE_S
        self._stopped = False
        self._gone: Deferred[None] | None = None
        self._creator: Any = None
        self.where = f"--via {access.place}"
        self.problem: str | None = "not connected yet"
        """Why it is away, in one line; None while it is up."""

    async def start(self) -> None:
        """Connect for the first time. Raises TwError: UsageError for a missing package, ConnectError, TlsError,
        AuthError, AnswerTimeout, ProtocolError."""
        connection = await self._open()
        self._adopt(connection)

    def call(self, *words: bytes | str | int, timeout_s: float = ANSWER_S) -> Deferred[Any]:
        """Send a command, at once. Gives the reply (int, bytes, None, or a list of them), or fails: with `LinkLost`
        where there is no answer, or no connection to begin with, with `Refusal` for an error of Redis's.

        For a blocking command `timeout_s` is the time that it may block and `ANSWER_S`.
        """
        if self._connection is None:
            return fail(LinkLost(self.problem or "not connected"))
        return self._connection.call(*words, timeout_s=timeout_s)

    def keep_trying(self, reason: str) -> None:
        """After a `start` that failed, or came to nothing for this reason: connect all the same, as after a loss."""
        self.reset(reason)
        if self._timer is None and self._opening is None:
            self.problem = reason
            self._later()

    def reset(self, reason: str) -> None:
        """Give the connection up and make a new one: the server at its end is of no use (a replica, a full disk)."""
        if self._connection is not None:
            self._connection.give_up(reason)

    def lost_error(self, reason: str) -> TwError:
        """The typed error for a link that was lost before there was anything to go on with."""
        return ProtocolError(safe(reason), self.where, "is Redis up, and only just?")

    async def stop(self) -> None:
        """Close. What is under way fails with `LinkLost`."""
        self._stopped = True
        self._stop_timer()
        if self._opening is not None:
            self._opening.cancel()
        if self._connection is not None:
            self._gone = Deferred()
            self._connection.give_up("stopped")
            await self._gone

    # Keeping it up --------------------------------------------------------------------------------------------------

    def _adopt(self, connection: "RedisConnection") -> None:
        self._connection = connection
        connection.lost = self._lost
        self.problem = None
        self._timer = self._reactor.callLater(PING_S, self._ping)

    def _ping(self) -> None:
        self._timer = self._reactor.callLater(PING_S, self._ping)
        self._pause_s = LEAST_PAUSE_S  # only now: one that is lost at once, again and again, is none
        if self._connection is not None and self._connection.is_idle:
            # What its end means is `_lost`'s to say; a refusal is an answer too.
            self._connection.call("PING", timeout_s=ANSWER_S).addErrback(lambda _: None)

    def _lost(self) -> None:
        connection, self._connection = self._connection, None
        self._stop_timer()
        if self._gone is not None:
            self._gone.callback(None)
        if self._stopped or connection is None:
            return
        self._later()
        self._note(_end_error(connection, self._place, self.where))
        self._away(self.problem or "")

    def _note(self, error: TwError) -> None:
        self.problem = error.what
        self._log.info("{where}: {what}", where=self.where, what=error.what)

    def _later(self) -> None:
        wait_s = self._pause_s * (0.5 + self._jitter() / 2)
        self._pause_s = min(MOST_PAUSE_S, self._pause_s * 2)
        self._timer = self._reactor.callLater(wait_s, self._again)

    def _again(self) -> None:
        self._timer = None
        self._opening = Deferred.fromCoroutine(self._open())
        self._opening.addCallbacks(self._is_back, self._is_not)

    def _is_back(self, connection: "RedisConnection") -> None:
        self._opening = None
        self._adopt(connection)
        self._back()

    def _is_not(self, failure: Failure) -> None:
        self._opening = None
        if self._stopped:
            return
        if isinstance(failure.value, TwError):
            self._note(failure.value)
        else:
            self._log.failure("unhandled error while connecting to Redis", failure)
        self._later()

    def _stop_timer(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None

    # One connection -------------------------------------------------------------------------------------------------

    async def _open(self) -> "RedisConnection":
        """A connection that is logged in, to a server that is of use. Raises TwError."""
        try:
            from tw.net.redis_protocol import RedisConnection
        except ImportError:
            raise UsageError(
                "the packages txredisapi and hiredis are missing", "--via", "pip install 'tw-bench[redis]'"
            ) from None
        if self._place.tls and self._creator is None:
            authorities = self._access.authorities
            root = None if authorities is None else trust_root_of(authorities)
            self._creator = client_creator(self._place.host, TlsClientOptions(), root)
        factory = _OneShot(lambda: RedisConnection(self._reactor))
        try:
            await Deferred.fromCoroutine(self._dial(factory)).addTimeout(CONNECT_S, self._reactor)
        except CancelledError:
            raise  # whoever stops it wants no other end
        except TimeoutError:
            raise ConnectError("connecting timed out", self.where, "is a firewall in between?") from None
        except Exception as problem:
            raise connect_error(Failure(problem), self.where) from problem
        connection: RedisConnection = factory.made[-1]
        try:
            await self._greet(connection)
        except BaseException:
            connection.give_up("given up")
            raise
        return connection

    async def _dial(self, factory: "_OneShot") -> None:
        place = self._place
        if place.path is not None:
            await UNIXClientEndpoint(self._reactor, place.path, CONNECT_S).connect(factory)
            return
        wrapped: Any = factory if self._creator is None else tls_factory(self._creator, True, factory, self._reactor)
        addresses = await resolve(self._reactor, place.host, place.port, None)
        await dial(self._reactor, addresses, wrapped, CONNECT_S, None)

    async def _greet(self, connection: "RedisConnection") -> None:
        place = self._place
        try:
            secret = self._access.secret
            if secret is not None or place.user is not None:
                # Out of a variable it may be no UTF-8: Redis compares bytes.
                password = secret.reveal().encode(errors="surrogateescape") if secret is not None else b""
                user = () if place.user is None else (place.user,)
                await connection.call("AUTH", *user, password, timeout_s=CONNECT_S)
            if place.db:
                await connection.call("SELECT", place.db, timeout_s=CONNECT_S)
            if await connection.call("PING", timeout_s=CONNECT_S) != b"PONG":
                raise ProtocolError("PING was answered with something else", self.where, "is it a Redis?")
            with suppress(Refusal):  # not everyone may ask, and then it is not known
                self._check(await connection.call("INFO", "server", timeout_s=CONNECT_S))
        except Refusal as refusal:
            raise refusal_error(self._without_password(refusal.text), self.where) from None
        except LinkLost:
            raise _end_error(connection, place, self.where) from None

    def _without_password(self, text: str) -> str:
        """What is no Redis may answer AUTH with what it was given: then that is all that can be told. (One of three
        letters stands in any sentence.)"""
        secret = self._access.secret
        password = safe(secret.reveal()) if secret is not None else ""
        return "AUTH" if len(password) > 3 and password in text else text

    def _check(self, info: object) -> None:
        fault = least_version_fault(versions(info if isinstance(info, bytes) else b""))
        if fault is not None:
            raise ProtocolError(fault, self.where, "Redis 5 or later has streams, and so has every Valkey")


class _OneShot(Factory):
    """Keeps what it makes: over TLS the endpoint gives its own protocol, not ours. The one that won a race is last."""

    noisy = False

    def __init__(self, make: Callable[[], "RedisConnection"]) -> None:
        self._make = make
        self.made: list[RedisConnection] = []

    def buildProtocol(self, addr: object) -> "RedisConnection":
        self.made.append(self._make())
        return self.made[-1]


def _end_error(connection: "RedisConnection", place: ViaPlace, where: str) -> TwError:
    """The typed error for a connection that ended, or that gave no answer."""
    reason = connection.reason
    if isinstance(reason, Failure):
        if place.tls and not connection.answered:
            return _advised(tls_failure(reason, where))
        return ProtocolError("Redis closed the connection", where, "is it another server, or was it stopped?")
    if reason is not None and reason.startswith("no answer"):
        asks_tls = place.tls and not connection.answered
        return AnswerTimeout(reason, where, "does it speak TLS there?" if asks_tls else "is it overloaded, or paused?")
    if reason is not None and reason.partition(" ")[0].isupper():
        return refusal_error(reason, where)
    return ProtocolError(safe(reason or "the connection was lost"), where, "is it a Redis?")


def _advised(error: TwError) -> TwError:
    """Here the authorities' option has another name, no key can be named, and no certificate shown."""
    if isinstance(error, TlsError) and error.reason == "client-certificate":
        error.hint = "tw has none for Redis: let it ask for none (tls-auth-clients no)"
    error.hint = _BY_PIN.sub("", error.hint).replace("--ca-file", "--via-ca-file")
    return error
