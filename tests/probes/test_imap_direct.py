"""The runs of `tw imap` without a reactor, against a server that plays its part in a thread."""

from collections.abc import Callable
from typing import Any

import pytest

from e2e.imap_peers import GREETING, WHOLE, Peer, scripted
from imap_script import PASSWORD
from tw.core.client_rules import NAME_A_HOST
from tw.core.imap_errands import FirstMessage
from tw.errors import AnswerTimeout, ConnectError, ProtocolError, TlsError, UsageError
from tw.mail_options import ImapOptions
from tw.options import TlsClientOptions
from tw.probes import imap_direct
from tw.probes.imap_direct import DirectRun, goes_direct
from tw.secret import Secret


def options(**more: Any) -> ImapOptions:
    return ImapOptions(**{"user": "alice", "security": "plain", "timeout_s": 30.0, **more})


@pytest.mark.parametrize(
    ("given", "direct"),
    [
        ({}, True),
        ({"security": "tls"}, True),
        ({"security": "starttls", "host": "mail.example.org", "port": 1143}, True),
        ({"host": "::1", "security": "tls"}, True),
        ({"endpoint": "tcp:localhost:143"}, True),
        ({"security": "tls", "verify": TlsClientOptions(ca_file="ca.pem", server_name="mail.example")}, True),
        ({"endpoint": "unix:/run/imap"}, False),
        ({"endpoint": "plugin:what"}, False),
        ({"tunnel": "ssh host imapd"}, False),
        ({"user": "alice@example.org", "host_given": False}, False),
        ({"host": "münchen.example"}, False),
        ({"host": "mail.example."}, False),
        ({"host": ".mail.example"}, False),
        ({"security": "tls", "verify": TlsClientOptions(pin="sha256//x")}, False),
        ({"security": "tls", "verify": TlsClientOptions(client_cert="me.pem")}, False),
        ({"security": "tls", "verify": TlsClientOptions(insecure=True)}, False),
        ({"security": "tls", "verify": TlsClientOptions(server_name="münchen.example")}, False),
    ],
)
def test_what_is_more_than_a_verified_connection_to_a_host_takes_a_reactor(given: dict[str, Any], direct: bool) -> None:
    assert goes_direct(options(**given)) is direct


class Visit:
    """A run that finds the first message, and what it told."""

    def __init__(self, port: int, **more: Any) -> None:
        explain = more.pop("explain", False)
        self.told: list[str] = []
        self.errand = FirstMessage("INBOX")
        given = options(host="127.0.0.1", port=port, **more)
        password = Secret(PASSWORD)
        self.run = DirectRun(given, self.errand, told=self.told.append, explain=explain, password=password)

    @property
    def subject(self) -> str:
        self.run.run()
        assert self.errand.answer is not None
        return self.errand.answer.messages[0].subject


def whole(peer: Peer) -> None:
    peer.open()
    peer.say(WHOLE)


def test_it_finds_the_message_and_says_goodbye() -> None:
    with scripted(lambda peer: (whole(peer), peer.hear_all())[0]) as peer:
        visit = Visit(peer.port)
        assert visit.subject == "The first"
    assert peer.heard.endswith(b"LOGOUT\r\n")
    assert (visit.told, visit.run.certificate_end_s) == ([], None)


def test_what_the_server_wants_to_be_said_is_told() -> None:
    def alerts(peer: Peer) -> None:
        peer.say(GREETING)
        peer.hear(b"A1 AUTHENTICATE PLAIN ")
        peer.say(b"A1 OK [ALERT] full \x1b[2J soon\r\n")
        peer.hear(b"A3 FETCH")
        peer.say(b"* 1 EXISTS\r\nA2 OK [READ-ONLY] open\r\n" + WHOLE)

    with scripted(alerts) as peer:
        visit = Visit(peer.port, explain=True)
        assert visit.subject == "The first"
    connected, alert = visit.told
    assert connected.startswith(f"connected to 127.0.0.1:{peer.port} in ")
    assert alert == "the server says: full \\x1b[2J soon"


def test_a_goodbye_that_is_not_answered_spoils_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imap_direct, "GOODBYE_S", 0.05)
    with scripted(lambda peer: (whole(peer), peer.hear_all())[0]) as peer:
        assert Visit(peer.port).subject == "The first"


def _says(*words: bytes) -> Callable[[Peer], None]:
    def play(peer: Peer) -> None:
        for one in words:
            peer.say(one)

    return play


def greets_and_leaves(peer: Peer) -> None:
    peer.say(GREETING)
    peer.hear(b"\r\n")  # unread, it would make a reset of the end


@pytest.mark.parametrize(
    ("play", "kind", "words"),
    [
        (_says(), ProtocolError, "the server closed the connection"),
        (greets_and_leaves, ProtocolError, "the server closed the connection"),
        (_says(b"HTTP/1.1 400 Bad Request\r\n"), ProtocolError, "HTTP"),
        (_says(b"* BYE no\r\n"), ConnectError, "the server turned us away: no"),
    ],
)
def test_each_end_is_told_with_its_phase(play: Callable[[Peer], None], kind: type[Exception], words: str) -> None:
    with scripted(play) as peer, pytest.raises(kind, match=words) as caught:
        _ = Visit(peer.port).subject
    assert f"127.0.0.1:{peer.port}, " in str(caught.value)


def test_silence_costs_the_deadline_and_names_the_phase() -> None:
    with (
        scripted(lambda peer: peer.hear_all()) as peer,
        pytest.raises(AnswerTimeout, match=r"within 0\.2 s .*greeting"),
    ):
        _ = Visit(peer.port, timeout_s=0.2).subject


def test_a_server_without_starttls_gets_no_password() -> None:
    with scripted(lambda peer: (peer.say(GREETING), peer.hear_all())[0]) as peer:
        with pytest.raises(TlsError, match="offers no STARTTLS"):
            _ = Visit(peer.port, security="starttls").subject
        assert b"AUTH" not in peer.heard


def test_who_has_named_no_server_is_told_how_to() -> None:
    with scripted(lambda peer: None) as peer:
        port = peer.port
    with pytest.raises(ConnectError) as caught:
        _ = Visit(port, host_given=False).subject
    assert (caught.value.what, caught.value.hint) == ("connection refused", NAME_A_HOST)


def test_a_certificate_option_without_tls_is_refused_before_there_is_a_connection() -> None:
    with pytest.raises(UsageError, match="--ca-file without TLS"):
        Visit(1, verify=TlsClientOptions(ca_file="ca.pem"))
