"""The runs of `tw imap` that need no reactor: one errand on one connection, to a host whose certificate is verified."""

import re
import ssl
import time
from collections.abc import Callable

from tw.core.client_rules import GOODBYE_S, imap_request, imap_target, refuse_idle_tls_options, unreachable
from tw.core.imap import ImapSession
from tw.core.imap_types import Errand
from tw.core.target import HostTarget, format_peer
from tw.core.text import safe
from tw.errors import ConnectError
from tw.mail_options import ImapOptions, mail_domain_of
from tw.net.direct import Deadline, Direct, Overdue, verifying_context
from tw.net.tls_words import silent_handshake
from tw.secret import Secret

PLAIN_NAME = re.compile(r"[A-Za-z0-9:](?:[A-Za-z0-9_.:-]*[A-Za-z0-9:])?")
"""A host name or an address that means the same to every library: others, an IDN say, are left to Twisted."""


def goes_direct(options: ImapOptions) -> bool:
    """Whether a connection for `options` is one that `DirectRun` makes."""
    verify = options.verify
    if options.tunnel is not None or mail_domain_of(options) is not None:
        return False
    if verify.pin is not None or verify.client_cert is not None or verify.insecure:
        return False
    target = imap_target(options)
    return isinstance(target, HostTarget) and PLAIN_NAME.fullmatch(verify.server_name or target.host) is not None


class DirectRun:
    """One connection to the server for one errand, as `probes.imap.MailRun` makes them with a reactor.

    `told` gets what a person should know: what the server wants said, and with `explain` how the connection came about.
    Raises UsageError and LocalError for options that cannot be used, before there is a connection.
    """

    def __init__(
        self,
        options: ImapOptions,
        errand: Errand,
        *,
        told: Callable[[str], None],
        explain: bool = False,
        password: Secret | None = None,
        token: Secret | None = None,
        show: Callable[[str], None] | None = None,
    ) -> None:
        target = imap_target(options)
        assert isinstance(target, HostTarget)
        self._target = target
        self._where = safe(str(target))
        self._options = options
        self._told = told
        self._explain = explain
        self.certificate_end_s: float | None = None
        """When the server's certificate expires, since the epoch, once the errand is done; None without TLS."""
        self._context: ssl.SSLContext | None = None
        if options.security == "plain":
            refuse_idle_tls_options(options.verify, self._where, "leave it out, or use --security tls")
        else:
            self._context = verifying_context(options.verify.ca_file)
        request = imap_request(options, self._where, password, token)
        self._session = ImapSession(request, errand, show)

    def run(self) -> None:
        """Do the errand, within the deadline. Raises TwError: each failure as its own kind, with its phase."""
        deadline = Deadline(self._options.timeout_s)
        connection = self._connect(deadline)
        try:
            self._talk(connection)
            self.certificate_end_s = connection.certificate_end_s
            for alert in self._session.alerts:
                self._told(f"the server says: {alert}")
            connection.part(min(GOODBYE_S, deadline.left_s()))
        except Overdue:
            if not self._session.done:  # a goodbye never spoils an answer in hand
                raise self._session.overdue(self._options.timeout_s) from None
        finally:
            connection.close()

    def _connect(self, deadline: Deadline) -> Direct:
        """A connection that is ready for IMAP."""
        began_s = time.monotonic()
        try:
            connection = Direct.to(self._target.host, self._target.port, deadline, self._where)
        except ConnectError as error:
            raise unreachable(error, self._options) from error.__cause__
        except Overdue:
            what = f"no connection within {self._options.timeout_s:g} s"
            late = ConnectError(what, self._where, "is a firewall in between? --timeout gives it longer")
            raise unreachable(late, self._options) from None
        try:
            if self._target.tls:
                self._start_tls(connection, self._where)
        except Overdue:
            connection.close()
            raise silent_handshake(self._where) from None
        except BaseException:
            connection.close()
            raise
        if self._explain:
            host, port = connection.peer[:2]
            tls = f" ({connection.protection})" if connection.protection else ""
            self._told(f"connected to {format_peer(host, port)}{tls} in {(time.monotonic() - began_s) * 1e3:.3f} ms")
        return connection

    def _start_tls(self, connection: Direct, where: str) -> None:
        assert self._context is not None
        connection.start_tls(self._context, self._options.verify.server_name or self._target.host, where)
        self._session.tls_started()

    def _talk(self, connection: Direct) -> None:
        """Go on until the errand is done, and what is said last is on its way."""
        session = self._session
        while True:
            if said := session.outgoing():
                connection.send(said)
            if session.done:
                return
            if session.wants_tls:
                self._start_tls(connection, session.where)
                continue
            try:
                heard = connection.receive()
            except ConnectionError:
                raise session.lost("the connection broke off") from None
            if not heard:
                raise session.lost()
            session.receive(heard)
