"""The visit to an IMAP server: where it goes, how long it may take, and what becomes of the connection."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from twisted.internet.defer import CancelledError
from twisted.logger import LogEvent, LogLevel, globalLogPublisher

from ends import Peer
from imap_runs import PORT, all_closed, answers, greets, options, visit
from imap_script import FETCHED, GREETING, HEADER, LOGGED_IN, OPENED, PASSWORD
from memory import Network
from tw.core.client_rules import imap_target
from tw.core.target import EndpointTarget, HostTarget, Target, UnixTarget
from tw.errors import AnswerTimeout, AuthError, ConnectError, ProtocolError, TwError, UsageError
from tw.options import TlsClientOptions

# Where to ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "target"),
    [
        ({"security": "tls"}, HostTarget("localhost", 993, tls=True)),
        ({"security": "starttls"}, HostTarget("localhost", 143)),
        ({"security": "plain"}, HostTarget("localhost", 143)),
        ({"security": "tls", "host": "::1", "port": 1}, HostTarget("::1", 1, tls=True)),
        ({"security": "tls", "endpoint": "tcp:h:1"}, HostTarget("h", 1, tls=True)),
        ({"security": "tls", "endpoint": "tls:h:1"}, HostTarget("h", 1, tls=True)),
        ({"security": "tls", "endpoint": "ssl:h:1"}, HostTarget("h", 1, tls=True)),
        ({"security": "tls", "endpoint": "unix:/s"}, UnixTarget("/s", tls=True)),
        ({"security": "starttls", "endpoint": "tcp:h:1"}, HostTarget("h", 1)),
        ({"security": "plain", "endpoint": "unix:/s"}, UnixTarget("/s")),
        ({"security": "plain", "endpoint": "tcp:h:1:timeout=5"}, EndpointTarget("tcp:h:1:timeout=5")),
    ],
)
def test_security_decides_on_tls_wherever_the_place_comes_from(given: dict[str, Any], target: Target) -> None:
    assert imap_target(options(**given)) == target


@pytest.mark.parametrize("security", ["starttls", "plain"])
@pytest.mark.parametrize("kind", ["tls", "ssl"])
def test_a_tls_endpoint_contradicts_every_other_security(security: str, kind: str) -> None:
    with pytest.raises(UsageError, match=f"a TLS endpoint beside --security {security}"):
        imap_target(options(security=security, endpoint=f"{kind}:h:1"))


@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_where_there_is_no_name_to_verify_nothing_is_dialled(net: Network, security: str) -> None:
    error = visit(net, security=security, endpoint="unix:/s").error
    assert isinstance(error, UsageError)
    hint = "name a host in --endpoint (tcp:HOST:PORT), or add --pin"
    assert (str(error), net.dialled) == (f"TLS needs a name to verify (unix:/s); {hint}", [])
    visit(net, security=security, endpoint="unix:/s", verify=TlsClientOptions(insecure=True))
    assert net.dialled == [("/s", None)]


# A visit that goes well ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", [PORT, "/s"])
def test_the_report_holds_what_was_found_and_the_connection_is_closed(net: Network, place: int | str) -> None:
    net.scripted(place, answers, greets)
    running = visit(net, **({} if place == PORT else {"endpoint": f"unix:{place}"}))
    report = running.result
    assert (report["mailbox"], report["exists"], report["uid"]) == ("INBOX", 3, 42)
    assert (report["subject"], report["from"]) == ("Hello world", "Bob <bob@example.org>")
    assert report["date"] == "Mon, 1 Jan 2024 00:00:00 +0000"
    assert net.peers[0].got.endswith(b"A4 LOGOUT\r\n")
    assert (net.seconds(), all_closed(net)) == (0.0, True)


def test_a_message_without_date_and_sender_has_none(net: Network) -> None:
    bare = FETCHED.replace(b"{%d}\r\n%s" % (len(HEADER), HEADER), b'""')

    def answer(peer: Peer, data: bytes) -> None:
        peer.say(LOGGED_IN if b"AUTHENTICATE" in data else OPENED + bare if b"FETCH" in data else b"")

    net.scripted(PORT, answer, greets)
    report = visit(net).result
    assert (report["subject"], report["date"], report["from"]) == ("", None, None)


@pytest.fixture
def warned() -> Iterator[list[str]]:
    warnings: list[str] = []

    def note(event: LogEvent) -> None:
        if event["log_level"] is LogLevel.warn:
            warnings.append(event["alert"])

    globalLogPublisher.addObserver(note)
    yield warnings
    globalLogPublisher.removeObserver(note)


def test_what_the_server_wants_a_person_to_see_is_a_warning(net: Network, warned: list[str]) -> None:
    net.scripted(PORT, answers, lambda peer: peer.say(GREETING + b"* OK [ALERT] \x1b[2Jfull\r\n* OK [ALERT] two\r\n"))
    assert visit(net).result["subject"] == "Hello world"
    assert warned == ["\\x1b[2Jfull", "two"]


# Failures ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("greeting", "answer", "kind"),
    [
        (b"* BYE full\r\n", b"", ConnectError),
        (b"220 smtp\r\n", b"", ProtocolError),
        (GREETING, b"A1 NO wrong\r\n", AuthError),
    ],
)
def test_a_failure_is_the_sessions_own_and_the_connection_is_cut(
    net: Network, greeting: bytes, answer: bytes, kind: type[TwError]
) -> None:
    net.scripted(PORT, lambda peer, _: peer.say(answer), lambda peer: peer.say(greeting))
    error = visit(net).error
    assert type(error) is kind
    assert isinstance(error, TwError)
    assert error.where.startswith("localhost:143, ")
    assert all_closed(net)


def test_only_a_host_that_nobody_named_is_explained(net: Network) -> None:
    unnamed, named = visit(net, host_given=False).error, visit(net).error
    assert (type(unnamed), type(named)) == (ConnectError, ConnectError)
    assert "TW_IMAP_HOST" in str(unnamed)
    assert "connection refused (localhost:143)" in str(unnamed)
    assert "TW_IMAP_HOST" not in str(named)


# Time ----------------------------------------------------------------------------------------------------------------


def up_to(words: bytes) -> Callable[[Peer, bytes], None]:
    """A server that answers until it hears these words."""
    return lambda peer, data: None if words in data else answers(peer, data)


def half_the_message(peer: Peer, data: bytes) -> None:
    peer.say(LOGGED_IN if b"AUTHENTICATE" in data else OPENED + FETCHED[:-20])


@pytest.mark.parametrize(
    ("meets", "hears", "phase"),
    [
        (lambda peer: None, answers, "greeting"),
        (lambda peer: peer.say(b"* O"), answers, "greeting"),
        (greets, up_to(b"AUTHENTICATE"), "login"),
        (greets, up_to(b"EXAMINE"), "open"),
        (greets, half_the_message, "fetch"),
    ],
)
def test_the_deadline_is_for_the_whole_and_names_the_phase(
    net: Network, meets: Callable[[Peer], None], hears: Callable[[Peer, bytes], None], phase: str
) -> None:
    net.scripted(PORT, hears, meets)
    running = visit(net)
    net.pass_s(4.9)
    assert not running.over
    net.pass_s(0.1)
    error = running.error
    assert type(error) is AnswerTimeout
    assert (error.what, error.where) == ("no answer within 5 s", f"localhost:143, {phase}")
    assert all_closed(net)


def test_each_answer_does_not_begin_the_deadline_anew(net: Network) -> None:
    net.scripted(PORT, lambda peer, data: net.callLater(3.0, answers, peer, data), greets)
    running = visit(net)
    net.pass_s(5.0)
    assert str(running.error).startswith("no answer within 5 s (localhost:143, open)")
    net.pass_s(1.0)  # what the server still had to say


@pytest.mark.parametrize("silent", ["localhost", PORT], ids=["the resolver", "the host"])
def test_a_connection_that_is_never_made_is_no_answer_that_never_came(net: Network, silent: Any) -> None:
    net.silent.add(silent)
    running = visit(net)
    net.pass_s(5.0)
    assert type(running.error) is ConnectError
    assert "--timeout" in str(running.error)


def test_a_silent_handshake_is_a_timeout_and_the_connection_is_cut(net: Network) -> None:
    net.scripted(PORT)
    running = visit(net, port=PORT, security="tls")
    net.pass_s(5.0)
    assert type(running.error) is AnswerTimeout
    assert "TLS handshake" in str(running.error)
    assert PASSWORD.encode() not in net.peers[0].got
    assert all_closed(net)


@pytest.mark.parametrize("word", [b"AUTHENTICATE", b"FETCH"])
def test_a_cancelled_visit_cuts_the_connection(net: Network, word: bytes) -> None:
    net.scripted(PORT, up_to(word), greets)
    running = visit(net)
    running.deferred.cancel()
    net.settle()
    assert isinstance(running.error, CancelledError)
    assert all_closed(net)
