"""An IMAP client's connection with Twisted's own server at the other end, over real TLS, in memory."""

from pathlib import Path

import pytest
import trustme
from OpenSSL import SSL
from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IOpenSSLContextFactory
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from zope.interface import implementer

from imap_memory import Client, Connection, Mailbox, Message, failure_of, twisted_server
from imap_script import PASSWORD, PLAIN
from tw.core.imap_types import Security
from tw.errors import AuthError, NothingThere, TlsError, TwError
from tw.net.tls import client_creator
from tw.net.tls_failures import tls_failure
from tw.options import TlsClientOptions

HOST = "mail.example.org"
SUBJECT = r"=?utf-8?Q?Gr=C3=BC=C3=9Fe?= from C:\temp\ "[:-1]


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    return trustme.CA()


@implementer(IOpenSSLContextFactory)
class ServerContext:
    """A server's context as it is; `CertificateOptions` takes no files."""

    def __init__(self, context: SSL.Context) -> None:
        self._context = context

    def getContext(self) -> SSL.Context:
        return self._context


class Party:
    """A client and a server, and what passed between them."""

    def __init__(self, ca: trustme.CA, folder: Path) -> None:
        self.message = Message({"Subject": SUBJECT, "From": "bob@example.org", "To": "alice@example.org"})
        self._ca_file = folder / "ca.pem"
        ca.cert_pem.write_to_path(str(self._ca_file))
        leaf = ca.issue_cert(HOST)
        context = SSL.Context(SSL.TLS_SERVER_METHOD)
        leaf.configure_cert(context)
        self._server_tls = ServerContext(context)

    def meet(
        self,
        security: Security,
        *,
        name: str = HOST,
        trusts_it: bool = True,
        with_plain: bool = True,
        password: str = PASSWORD,
        mailbox: str = "INBOX",
    ) -> Client:
        clock = Clock()
        creator = client_creator(name, TlsClientOptions(ca_file=str(self._ca_file) if trusts_it else None))
        client = Client(creator, security=security, password=password, mailbox=mailbox)
        mailboxes = {"INBOX": Mailbox(self.message), "EMPTY": Mailbox()}
        offered = self._server_tls if security == "starttls" else None
        server = twisted_server(clock, mailboxes, {"alice": PASSWORD.encode()}, offered, with_plain=with_plain)
        self.heard: list[bytes] = []
        take = server.lineReceived
        server.lineReceived = lambda line: self.heard.append(line) or take(line)
        if security == "tls":
            ends = (
                TLSMemoryBIOFactory(creator, True, Factory.forProtocol(lambda: client), clock).buildProtocol(None),
                TLSMemoryBIOFactory(self._server_tls, False, Factory.forProtocol(lambda: server), clock).buildProtocol(
                    None
                ),
            )
            self.connection = Connection(*ends, clock)
        else:
            self.connection = Connection(client, server, clock)
        self.connection.pump()
        assert client.closed.called
        return client


@pytest.fixture
def party(ca: trustme.CA, tmp_path: Path) -> Party:
    return Party(ca, tmp_path)


@pytest.mark.parametrize("security", ["tls", "starttls", "plain"])
@pytest.mark.parametrize("with_plain", [True, False])
def test_twisteds_server_gives_its_first_message(party: Party, security: Security, with_plain: bool) -> None:
    client = party.meet(security, with_plain=with_plain)
    (message,) = client.answer.messages
    assert (message.subject, client.answer.exists, message.uid) == ("Grüße from C:\\temp\\", 1, 7)
    assert message.sender == "bob@example.org"
    assert party.message.flags == []
    crossed = party.connection.client.crossed
    secret = PLAIN if with_plain else PASSWORD.encode()
    assert (secret in crossed) == (security == "plain")
    assert (b"STARTTLS" in crossed) == (security == "starttls")


@pytest.mark.parametrize("security", ["starttls", "plain"])
@pytest.mark.parametrize(
    ("asked", "kind"),
    [({"password": "wrong"}, AuthError), ({"mailbox": "MISSING"}, NothingThere), ({"mailbox": "EMPTY"}, NothingThere)],
)
def test_twisteds_server_refuses(party: Party, security: Security, asked: dict[str, str], kind: type[TwError]) -> None:
    client = party.meet(security, **asked)
    assert type(failure_of(client.done)) is kind


@pytest.mark.parametrize(("name", "trusts_it"), [("other.example.org", True), (HOST, False)])
def test_starttls_with_the_wrong_certificate_ends_before_a_word_is_said(
    party: Party, name: str, trusts_it: bool
) -> None:
    client = party.meet("starttls", name=name, trusts_it=trusts_it)
    error = failure_of(client.done)
    assert isinstance(error, TlsError)
    assert error.where == "mail.example.org:143, tls"
    assert "certificate" in error.what
    assert party.heard == [b"A1 STARTTLS"]
    assert party.connection.client.crossed.startswith(b"A1 STARTTLS\r\n\x16\x03")


@pytest.mark.parametrize(("name", "trusts_it"), [("other.example.org", True), (HOST, False)])
def test_tls_with_the_wrong_certificate_is_never_ready(party: Party, name: str, trusts_it: bool) -> None:
    client = party.meet("tls", name=name, trusts_it=trusts_it)
    assert isinstance(tls_failure(Failure(failure_of(client.ready)), "x"), TlsError)
    assert not client.done.called
    assert party.heard == []


def test_a_server_that_vanishes_after_starttls_is_a_tls_failure(party: Party) -> None:
    client = Client(client_creator(HOST, TlsClientOptions(insecure=True)), security="starttls")
    connection = Connection(client, Protocol(), Clock())
    connection.server.write(b"* OK [CAPABILITY STARTTLS] hi\r\nA1 OK go\r\n")
    connection.pump()
    assert not client.done.called
    connection.server.close(ConnectionLost())
    connection.pump()
    assert isinstance(failure_of(client.done), TlsError)
