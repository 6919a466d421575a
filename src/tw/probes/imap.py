"""`tw imap first-subject`: connect, log in, read one header, and be done within the deadline."""

import time
from dataclasses import replace
from typing import Any

from twisted.internet.defer import ensureDeferred
from twisted.logger import Logger

from tw.core.imap_types import ImapAnswer, ImapRequest
from tw.core.target import HostTarget, Target, parse_endpoint
from tw.core.text import safe
from tw.errors import AnswerTimeout, ConnectError, TwError, UsageError
from tw.net.tls import client_creator
from tw.options import ImapOptions, TlsClientOptions
from tw.password import Secret
from tw.probes.connecting import Connector, Route, refuse_idle_tls_options, tls_name
from tw.probes.timing import within
from tw.protocols.imap import ImapClient
from tw.report import MailReport

_log = Logger()

PORTS = {"tls": 993, "starttls": 143, "plain": 143}
"""RFC 8314, 3.2, and RFC 3501, 2.1."""

GOODBYE_S = 1.0
"""How long the server may take over its goodbye, once the answer is in hand."""

NO_NAME = "name a host in --endpoint (tcp:HOST:PORT), or add --pin"
NAME_A_HOST = "name a server with --host, TW_IMAP_HOST, or host in [imap] of the settings file"


def imap_target(options: ImapOptions) -> Target:
    """Where to connect. Raises UsageError where the endpoint contradicts `--security`."""
    wants_tls = options.security == "tls"
    if options.endpoint is None:
        port = PORTS[options.security] if options.port is None else options.port
        return HostTarget(options.host, port, wants_tls)
    target = parse_endpoint(options.endpoint, where=f"--endpoint {options.endpoint}")
    if target.tls and not wants_tls:
        raise UsageError(
            f"a TLS endpoint beside --security {options.security}", options.endpoint, "leave one of them out"
        )
    return replace(target, tls=wants_tls)


async def fetch_first_subject(reactor: Any, options: ImapOptions, password: Secret) -> MailReport:
    """The first message's subject. Raises TwError: each failure as its own kind, with the phase it came in."""
    target = imap_target(options)
    request = ImapRequest(
        where=str(target),
        user=options.user,
        password=password,
        mailbox=options.mailbox,
        security=options.security,
    )
    visit = _Visit(reactor, options, target, request)
    until = reactor.seconds() + options.timeout_s
    try:
        answer = await within(reactor, options.timeout_s, ensureDeferred(visit.run()), visit.overdue)
    except ConnectError as error:
        if options.host_given:
            raise
        raise ConnectError(error.what, error.where, NAME_A_HOST) from error
    await visit.say_goodbye(min(GOODBYE_S, until - reactor.seconds()))
    for alert in answer.alerts:
        _log.warn("the server says: {alert}", alert=alert)
    return MailReport(
        mailbox=answer.mailbox,
        exists=answer.exists,
        subject=answer.subject,
        uid=answer.uid,
        date=answer.date or None,
        sender=answer.sender or None,
    )


class _Visit:
    """One connection to the server, and what a passed deadline is called in each of its phases."""

    def __init__(self, reactor: Any, options: ImapOptions, target: Target, request: ImapRequest) -> None:
        self._reactor = reactor
        self._options = options
        self._request = request
        self._starttls = None
        self._client: ImapClient | None = None
        self._connected = False
        # Certificates are read before there is a connection: a bad file costs the server nothing.
        where = safe(str(target))
        verify = options.verify if target.tls else TlsClientOptions()
        if options.security == "plain":
            refuse_idle_tls_options(options.verify, where, "leave it out, or use --security tls")
        else:
            name = tls_name(target, options.verify, NO_NAME)
            if options.security == "starttls":
                self._starttls = client_creator(name, options.verify)
        route = Route(target=target, timeout_s=options.timeout_s, verify=verify)
        self._connector = Connector(reactor, route, time.perf_counter)

    def _build(self) -> ImapClient:
        self._client = ImapClient(self._request, self._starttls)
        return self._client

    async def run(self) -> ImapAnswer:
        client = await self._connector.connect(self._build)
        self._connected = True
        return await client.done

    async def say_goodbye(self, seconds: float) -> None:
        """Let the LOGOUT reach the server: the end of the process would cut it off. The answer stands either way."""
        assert self._client is not None
        call = self._reactor.callLater(max(0.0, seconds), self._client.stream.abort)
        try:
            await self._client.closed
        finally:
            if call.active():
                call.cancel()

    def overdue(self) -> TwError:
        if self._connected and self._client is not None:
            return self._client.overdue(self._options.timeout_s)
        what = f"no connection within {self._options.timeout_s:g} s"
        kind = AnswerTimeout if self._client is not None and self._client.connected else ConnectError
        return kind(what, self._request.where, "is a firewall in between? --timeout gives it longer")
