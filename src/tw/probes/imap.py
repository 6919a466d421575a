"""The runs of `tw imap`: connect, log in, do one errand, and be done within the deadline."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol

from twisted.internet.defer import CancelledError, ensureDeferred
from twisted.internet.protocol import Factory
from twisted.logger import Logger
from twisted.python.failure import Failure

from tw.core.client_rules import GOODBYE_S, imap_request, imap_target, refuse_idle_tls_options, tls_name, unreachable
from tw.core.imap_types import Errand
from tw.core.imap_watch import Watch
from tw.core.target import HostTarget, Target
from tw.core.text import safe
from tw.errors import AnswerTimeout, ConnectError, TwError, UsageError
from tw.mail_options import ImapOptions, mail_domain_of
from tw.net.lean_tls import tls_factory
from tw.net.tls import certificate_end_s, client_creator
from tw.net.tls_failures import tls_failure
from tw.net.tunnel import connect_tunnel
from tw.options import TlsClientOptions
from tw.probes.connecting import Connector, Route
from tw.probes.timing import within
from tw.protocols.imap import ImapClient
from tw.secret import Secret

_log = Logger()

ALIVE_S = 60
"""After so much silence the kernel asks whether the peer of a watch is still there."""

NO_NAME = "name a host in --endpoint (tcp:HOST:PORT), or add --pin"

Trace = Callable[[str], None]
Build = Callable[..., ImapClient]
"""Takes where the connection leads, and how STARTTLS is done."""


class MailRun:
    """One connection to the server for one errand.

    `password` or `token` is what logs in; over a tunnel neither may be needed. `show` gets the conversation, line by
    line, safe for a terminal and without what is secret. Raises UsageError and LocalError for options that cannot be
    used: certificates are read before there is a connection, and a bad file costs the server nothing.
    """

    def __init__(
        self,
        reactor: Any,
        options: ImapOptions,
        errand: Errand,
        *,
        password: Secret | None = None,
        token: Secret | None = None,
        show: Trace | None = None,
    ) -> None:
        self._reactor = reactor
        self._options = options
        self._errand = errand
        self._show = show
        self.certificate_end_s: float | None = None
        """When the server's certificate expires, since the epoch, once the errand is done; None without TLS."""
        self._client: ImapClient | None = None
        self._connected = False
        self._way = _way(reactor, options)
        if options.security == "plain":
            refuse_idle_tls_options(options.verify, safe(self._way.where), "leave it out, or use --security tls")
        self._request = imap_request(options, self._way.where, password, token)

    async def run(self) -> None:
        """Do the errand, within the deadline. Raises TwError: each failure as its own kind, with its phase."""
        until = self._reactor.seconds() + self._options.timeout_s
        await self._hint(within(self._reactor, self._options.timeout_s, ensureDeferred(self._run()), self._overdue))
        assert self._client is not None
        self.certificate_end_s = certificate_end_s(self._client.stream.transport)
        await self._say_goodbye(min(GOODBYE_S, until - self._reactor.seconds()))

    async def watch(self, watch: Watch) -> None:
        """Do an errand that has no end of its own: the deadline is for its beginning, and then for each answer."""
        timeout_s = self._options.timeout_s
        await self._hint(within(self._reactor, timeout_s, ensureDeferred(self._connect()), self._overdue))
        assert self._client is not None
        client = self._client
        client.stream.keep_alive(ALIVE_S)
        clock = _Alarm(self._reactor, watch, client, timeout_s)
        try:
            await client.done
        except CancelledError:
            raise
        finally:
            clock.stop()
        await self._say_goodbye(GOODBYE_S)

    async def _hint(self, work: Any) -> None:
        try:
            await work
        except ConnectError as error:
            raise unreachable(error, self._options) from error.__cause__

    async def _run(self) -> None:
        await self._connect()
        assert self._client is not None
        await self._client.done

    async def _connect(self) -> None:
        await self._way.connect(self._build)
        self._connected = True

    def _build(self, where: str, starttls: Any = None) -> ImapClient:
        request = replace(self._request, where=where)
        self._client = ImapClient(request, self._errand, starttls, self._show)
        return self._client

    async def _say_goodbye(self, seconds: float) -> None:
        """Let the LOGOUT reach the server: the end of the process would cut it off. The answer stands either way."""
        assert self._client is not None
        for alert in self._client.alerts:
            _log.warn("the server says: {alert}", alert=alert)
        call = self._reactor.callLater(max(0.0, seconds), self._client.abort)
        try:
            await self._client.closed
        finally:
            if call.active():
                call.cancel()

    def _overdue(self) -> TwError:
        if self._connected and self._client is not None:
            return self._client.overdue(self._options.timeout_s)
        what = f"no connection within {self._options.timeout_s:g} s"
        kind = AnswerTimeout if self._client is not None and self._client.connected else ConnectError
        return kind(what, self._request.where, "is a firewall in between? --timeout gives it longer")


class _Way(Protocol):
    """How the connection comes about. `where` names its other end, before that is known for sure."""

    where: str

    async def connect(self, build: Build) -> None: ...


def _way(reactor: Any, options: ImapOptions) -> _Way:
    if options.tunnel is not None:
        return _Tunnelled(reactor, options)
    if mail_domain_of(options) is not None:
        return _Found(reactor, options)
    return _Dialled(reactor, options, imap_target(options), options.timeout_s)


class _Dialled:
    """A connection to a host or a socket."""

    def __init__(self, reactor: Any, options: ImapOptions, target: Target, timeout_s: float) -> None:
        self.where = str(target)
        self._starttls: Any = None
        verify = options.verify if target.tls else TlsClientOptions()
        if options.security != "plain":
            name = tls_name(target, options.verify, NO_NAME)
            if options.security == "starttls":
                self._starttls = client_creator(name, options.verify)
        route = Route(target=target, timeout_s=timeout_s, verify=verify)
        self._connector = Connector(reactor, route, time.perf_counter)

    async def connect(self, build: Build) -> None:
        await self._connector.connect(lambda: build(self.where, self._starttls))


class _Found:
    """A connection to a server that the user's mail domain has (RFC 6186): those that it names, one after the other."""

    def __init__(self, reactor: Any, options: ImapOptions) -> None:
        self.where = mail_domain_of(options) or ""
        self._reactor = reactor
        self._options = options

    async def connect(self, build: Build) -> None:
        from tw.probes.mail_servers import find_mail_servers

        options = self._options
        found = await find_mail_servers(self._reactor, self.where, options.security, options.timeout_s)
        for candidate in found:
            target = HostTarget(candidate.host, options.port or candidate.port, options.security == "tls")
            way = _Dialled(self._reactor, options, target, options.timeout_s / len(found))
            try:
                return await way.connect(build)
            except ConnectError as error:
                _log.info("no mail server there: {error}", error=str(error))
        tried = ", ".join(candidate.host for candidate in found)
        raise ConnectError(f"no mail server can be reached: tried {tried}", self.where)


class _Tunnelled:
    """A connection that is a command's stdin and stdout. TLS may run inside, where its name is given."""

    where = "tunnel"

    def __init__(self, reactor: Any, options: ImapOptions) -> None:
        self._reactor = reactor
        self._command = options.tunnel or ""
        self._creator: Any = None
        if options.security == "tls":
            verify = options.verify
            if not (verify.server_name or verify.pin or verify.insecure):
                raise UsageError("TLS needs a name to verify", self.where, "add --server-name or --pin")
            self._creator = client_creator(verify.server_name or "localhost", verify)
        elif options.security == "starttls":
            raise UsageError("STARTTLS in a tunnel", self.where, "use --security tls, or leave it to the tunnel")

    async def connect(self, build: Build) -> None:
        client = build(self.where)
        protocol: Any = client
        if self._creator is not None:
            factory = Factory.forProtocol(lambda: client)
            protocol = tls_factory(self._creator, True, factory, self._reactor).buildProtocol(None)
        connect_tunnel(self._reactor, self._command, protocol)
        try:
            await client.ready
        except CancelledError:
            raise
        except Exception as problem:
            raise tls_failure(Failure(problem), self.where) from problem


class _Alarm:
    """The clock of a watch: a deadline up to its beginning, and its own alarms from then on."""

    def __init__(self, reactor: Any, watch: Watch, client: ImapClient, timeout_s: float) -> None:
        self._reactor = reactor
        self._watch = watch
        self._client = client
        self._serial = watch.alarm[0]
        self._call: Any = reactor.callLater(timeout_s, self._too_late, timeout_s)
        client.moved = self._look
        self._look()

    def stop(self) -> None:
        if self._call.active():
            self._call.cancel()

    def _look(self) -> None:
        serial, seconds = self._watch.alarm
        if serial != self._serial:
            self._serial = serial
            self.stop()
            self._call = self._reactor.callLater(seconds, self._ring)

    def _ring(self) -> None:
        self._client.do(self._watch.wake)

    def _too_late(self, timeout_s: float) -> None:
        def fail() -> None:
            raise self._client.overdue(timeout_s)

        self._client.do(fail)
