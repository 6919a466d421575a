"""An IMAP client's connection: it only translates, and every end of it reaches the caller."""

import pytest
from OpenSSL import SSL
from twisted.internet.defer import CancelledError
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from imap_memory import Client, failure_of
from imap_script import (
    AUTHENTICATE,
    FETCHED,
    GREETING,
    HEADER,
    LOGGED_IN,
    OPENED,
    PASSWORD,
    WHOLE,
    request,
)
from tw.core.imap_errands import FirstMessage
from tw.core.imap_types import Security
from tw.errors import AnswerTimeout, AuthError, ConnectError, NothingThere, ProtocolError, TlsError, TwError
from tw.protocols.imap import ImapClient

SERVER = [turn for turn, _ in WHOLE if isinstance(turn, bytes)]
CLIENT = [said for _, said in WHOLE]


class Transport(StringTransport):
    """Says apart whether it was closed or aborted."""

    aborted = False

    def abortConnection(self) -> None:
        self.aborted = True
        super().abortConnection()


class StartTlsTransport(Transport):
    """Notes that TLS was started, and with what."""

    started_with: object = None

    def startTLS(self, creator: object) -> None:
        self.started_with = creator


def connected(
    transport: Transport | None = None, security: Security = "plain", creator: object = None, errand: object = None
) -> tuple[Client, Transport]:
    transport = transport or Transport()
    client = Client(creator, errand, security=security)
    client.makeConnection(transport)
    return client, transport


def said(transport: StringTransport) -> bytes:
    data = transport.value()
    transport.clear()
    return bytes(data)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1_000])
def test_the_answer_is_given_at_once_and_the_goodbye_left_to_the_connection(size: int) -> None:
    client, transport = connected()
    assert client.ready.called
    answers = []
    for turn in SERVER:
        assert not client.done.called
        for start in range(0, len(turn), size):
            client.dataReceived(turn[start : start + size])
        answers.append(said(transport))
    assert answers == CLIENT
    assert [one.header for one in client.answer.messages] == [HEADER]
    assert (transport.disconnecting, transport.aborted, client.closed.called) == (True, False, False)
    assert client.received_bytes == sum(map(len, SERVER))
    client.dataReceived(b"* BYE\r\nA4 OK\r\n")
    client.connectionLost(Failure(ConnectionDone()))
    assert client.closed.called


def test_a_dropped_connection_after_the_answer_spoils_nothing() -> None:
    client, _ = connected()
    for turn in SERVER:
        client.dataReceived(turn)
    client.connectionLost(Failure(ConnectionLost()))
    assert client.answer.exists == 3
    assert client.closed.called


@pytest.mark.parametrize(
    ("turns", "kind"),
    [
        ((b"* BYE full\r\n",), ConnectError),
        ((b"220 smtp\r\n",), ProtocolError),
        ((b"* OK [CAPABILITY LOGINDISABLED] hi\r\n",), AuthError),
        ((GREETING, b"A1 NO wrong\r\n"), AuthError),
        ((GREETING, LOGGED_IN, b"* 0 EXISTS\r\nA2 OK\r\n"), NothingThere),
        ((GREETING, LOGGED_IN, OPENED, b"A3 OK\r\n"), ProtocolError),
    ],
)
def test_a_failed_session_is_aborted_and_says_why(turns: tuple[bytes, ...], kind: type[TwError]) -> None:
    client, transport = connected()
    for turn in turns:
        assert not client.done.called
        transport.clear()
        client.dataReceived(turn)
    assert (said(transport), transport.aborted) == (b"", True)
    error = failure_of(client.done)
    assert type(error) is kind
    client.dataReceived(b"* BYE\r\n")
    client.connectionLost(Failure(ConnectionLost()))
    assert client.closed.called


def test_a_bug_reaches_the_caller_as_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    client, transport = connected()

    def break_down(data: bytes) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(client._session, "receive", break_down)
    client.dataReceived(b"x")
    assert isinstance(failure_of(client.done), ZeroDivisionError)
    assert transport.aborted


@pytest.mark.parametrize(("heard", "phase"), [(0, "greeting"), (1, "login"), (2, "open"), (3, "fetch")])
@pytest.mark.parametrize(
    ("reason", "what"),
    [(ConnectionDone(), "the server closed the connection"), (ConnectionLost(), "the connection broke off")],
)
def test_a_connection_that_ends_in_the_middle_names_the_phase(
    heard: int, phase: str, reason: Exception, what: str
) -> None:
    client, transport = connected()
    for turn in SERVER[:heard]:
        client.dataReceived(turn)
    client.connectionLost(Failure(reason))
    error = failure_of(client.done)
    assert type(error) is ProtocolError
    assert str(error) == f"{what} (mail.example.org:143, {phase})"
    assert (transport.aborted, client.closed.called) == (False, True)


def test_half_a_greeting_of_another_protocol_is_told_from_a_closed_connection() -> None:
    client, _ = connected()
    client.dataReceived(b"SSH-2.0")
    client.connectionLost(Failure(ConnectionDone()))
    assert "does not speak IMAP: SSH-2.0" in str(failure_of(client.done))


def test_a_tls_alert_in_the_middle_is_a_tls_failure() -> None:
    # TLS 1.3 refuses a client's certificate after the handshake.
    client, _ = connected()
    client.dataReceived(GREETING)
    client.connectionLost(Failure(SSL.Error([("SSL routines", "", "tlsv13 alert certificate required")])))
    error = failure_of(client.done)
    assert isinstance(error, TlsError)
    assert "certificate required" in error.what
    assert error.where == "mail.example.org:143, tls"


# TLS


def test_over_tls_nothing_happens_before_the_handshake() -> None:
    client, transport = connected(security="tls")
    assert not client.ready.called
    client.handshakeCompleted()
    assert client.ready.called
    client.dataReceived(GREETING)
    assert said(transport) == AUTHENTICATE


def test_a_handshake_that_failed_makes_ready_fail_and_leaves_done_alone() -> None:
    client, transport = connected(security="tls")
    transport.disconnecting = True  # Twisted reports the handshake as complete right after a failed verification
    client.handshakeCompleted()
    assert not client.ready.called
    assert client.overdue(1).where == "mail.example.org:143, tls"
    reason = SSL.Error([("SSL routines", "", "certificate verify failed")])
    client.connectionLost(Failure(reason))
    assert failure_of(client.ready) is reason
    assert not client.done.called
    assert client.closed.called


def test_a_plain_connection_where_tls_was_asked_for_is_refused_before_it_is_ready() -> None:
    client, transport = connected(security="tls")
    client.dataReceived(GREETING)
    assert isinstance(failure_of(client.ready), TlsError)
    assert (said(transport), transport.aborted, client.done.called) == (b"", True, False)
    client.handshakeCompleted()
    client.connectionLost(Failure(ConnectionLost()))
    assert said(transport) == b""


def test_starttls_is_started_with_the_given_creator_and_the_session_goes_on_after_it() -> None:
    creator = object()
    transport = StartTlsTransport()
    client, _ = connected(transport, "starttls", creator)
    assert client.ready.called
    client.dataReceived(b"* OK [CAPABILITY STARTTLS] hi\r\n")
    assert (said(transport), transport.started_with) == (b"A1 STARTTLS\r\n", None)
    plain_stream = client.stream
    client.dataReceived(b"A1 OK go\r\n")
    assert (said(transport), transport.started_with) == (b"", creator)
    assert client.stream is not plain_stream
    client.handshakeCompleted()
    assert said(transport) == b"A2 CAPABILITY\r\n"


def test_text_injected_before_the_handshake_starts_no_tls() -> None:
    transport = StartTlsTransport()
    client, _ = connected(transport, "starttls", object())
    client.dataReceived(b"* OK [CAPABILITY STARTTLS] hi\r\n")
    client.dataReceived(b"A1 OK go\r\n* CAPABILITY AUTH=PLAIN\r\n")
    assert isinstance(failure_of(client.done), TlsError)
    assert (transport.started_with, transport.aborted) == (None, True)


@pytest.mark.parametrize("reason", [ConnectionDone(), ConnectionLost(), SSL.Error([])])
def test_a_connection_that_ends_in_the_handshake_of_starttls_is_a_tls_failure(reason: Exception) -> None:
    client, _ = connected(StartTlsTransport(), "starttls", object())
    client.dataReceived(b"* OK [CAPABILITY STARTTLS] hi\r\n")
    client.dataReceived(b"A1 OK go\r\n")
    client.connectionLost(Failure(reason))
    error = failure_of(client.done)
    assert isinstance(error, TlsError)
    assert error.where == "mail.example.org:143, tls"


def test_a_connection_that_cannot_start_tls_is_a_tls_failure() -> None:
    client, transport = connected(security="starttls", creator=object())
    client.dataReceived(b"* OK [CAPABILITY STARTTLS] hi\r\nA1 OK go\r\n")
    assert isinstance(failure_of(client.done), TlsError)
    assert transport.aborted


def test_starttls_without_a_creator_is_our_own_mistake() -> None:
    with pytest.raises(ValueError, match="connection creator"):
        ImapClient(request(security="starttls"), FirstMessage("INBOX"))


# The caller's side


def test_cancelling_aborts_the_connection() -> None:
    client, transport = connected()
    client.dataReceived(GREETING)
    client.done.cancel()
    assert isinstance(failure_of(client.done), CancelledError)
    assert transport.aborted
    transport.clear()
    client.dataReceived(LOGGED_IN)
    client.connectionLost(Failure(ConnectionLost()))
    assert (said(transport), client.closed.called) == (b"", True)


def test_cancelling_in_the_handshake_aborts_too_and_nothing_is_sent_after_it() -> None:
    client, transport = connected(security="tls")
    client.ready.cancel()
    assert isinstance(failure_of(client.ready), CancelledError)
    assert transport.aborted
    transport.disconnecting = False  # even if Twisted went on with the handshake
    client.handshakeCompleted()
    client.dataReceived(GREETING)
    client.connectionLost(Failure(ConnectionLost()))
    assert (said(transport), client.done.called, client.closed.called) == (b"", False, True)


def test_cancelling_without_a_connection_aborts_nothing() -> None:
    client = Client()
    client.done.cancel()
    assert isinstance(failure_of(client.done), CancelledError)


def test_a_deadline_is_worded_with_the_phase() -> None:
    client, _ = connected()
    for turn in SERVER[:3]:
        client.dataReceived(turn)
    client.dataReceived(FETCHED[:20])
    error = client.overdue(3)
    assert type(error) is AnswerTimeout
    assert error.where == "mail.example.org:143, fetch"


def test_a_connection_shows_no_password() -> None:
    client, _ = connected()
    client.dataReceived(GREETING)
    assert PASSWORD not in repr(client) + repr(client._session)
