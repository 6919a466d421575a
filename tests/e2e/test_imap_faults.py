"""`tw imap first-subject` and servers that misbehave: each ends in time, with its code and one safe line."""

from collections.abc import Callable

import pytest

from e2e.harness import Ran, tw
from e2e.imap_peers import FETCHED, GREETING, STARTTLS_GREETING, WHOLE, Peer, scripted
from tw.errors import ExitCode

PASSWORD = "s3cret"
PLAIN_RESPONSE = b"AGFsaWNlAHMzY3JldA=="

SHORT = ("--timeout", "1s")
"""For servers that would never end by themselves. Others have the 30 s that are the default, which is the harness's own
limit too: a fault that is only noticed at the deadline fails the test."""


def look(peer: Peer, *more: str, security: str = "plain") -> Ran:
    place = ("--user", "alice", "--endpoint", peer.strport, "--security", security)
    return tw("imap", "first-subject", *place, *more, env={"TW_IMAP_PASSWORD": PASSWORD})


# Each fault is what a server does, and what it says is its name ------------------------------------------------------


def turns_away(peer: Peer) -> None:
    peer.say(b"* BYE too many connections \x1b[31m\r\n")
    peer.hear_all()


def is_smtp(peer: Peer) -> None:
    peer.say(b"220 mail.example.org ESMTP\r\n")
    peer.hear_all()


def is_http(peer: Peer) -> None:
    peer.say(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")


def greets_without_an_end(peer: Peer) -> None:
    peer.say(b"* OK " + b"x" * 100_000)
    peer.hear_all()


def leaves_at_once(peer: Peer) -> None:
    pass


def says_nothing(peer: Peer) -> None:
    peer.hear_all()


def greets_and_says_no_more(peer: Peer) -> None:
    peer.say(GREETING)
    peer.hear_all()


def logs_in_and_says_no_more(peer: Peer) -> None:
    peer.log_in()
    peer.hear_all()


def opens_and_says_no_more(peer: Peer) -> None:
    peer.open()
    peer.hear_all()


def logs_in_and_hangs_up(peer: Peer) -> None:
    peer.log_in()
    peer.hear(b"A3 FETCH")
    peer.say(b"* BYE shutting down\r\n")
    peer.hear_all()


def leaves_within_the_message(peer: Peer) -> None:
    peer.open()
    peer.say(WHOLE[:-30])


def drips(peer: Peer) -> None:
    peer.open()
    peer.say(WHOLE[:60])
    peer.drip(WHOLE[60:], every_s=0.05)


def sends_a_huge_literal(peer: Peer) -> None:
    peer.open()
    peer.say(FETCHED % 10**12)
    while True:
        peer.say(b"x" * 65_536)


def sends_half_a_list(peer: Peer) -> None:
    peer.open()
    peer.say(b'* 1 FETCH (UID 7 BODY[HEADER] "\r\nA3 OK done\r\n')
    peer.hear_all()


def answers_without_the_message(peer: Peer) -> None:
    peer.open()
    peer.say(b"A3 OK done\r\n")
    peer.hear_all()


def answers_what_was_not_asked(peer: Peer) -> None:
    peer.say(GREETING)
    peer.hear(b"\r\n")
    peer.say(b"A9 OK \x1b]0;owned\x07\r\n")
    peer.hear_all()


def refuses_with_an_alert(peer: Peer) -> None:
    peer.say(GREETING)
    peer.hear(b"\r\n")
    peer.say(b"* OK [ALERT] \x1b[2Jread me\r\nA1 NO [ALERT] \x1b]0;owned\x07 \xe2\x80\xae\xff locked\r\n")
    peer.hear_all()


def injects_before_tls(peer: Peer) -> None:
    peer.say(STARTTLS_GREETING)
    peer.hear(b"A1 STARTTLS\r\n")
    peer.say(b"A1 OK go ahead\r\n* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n")
    peer.hear_all()


def refuses_tls(peer: Peer) -> None:
    peer.say(STARTTLS_GREETING)
    peer.hear(b"A1 STARTTLS\r\n")
    peer.say(b"A1 NO not today\r\n")
    peer.hear_all()


def lets_in_before_tls(peer: Peer) -> None:
    peer.say(b"* PREAUTH welcome\r\n")
    peer.hear_all()


def agrees_to_tls_and_speaks_on(peer: Peer) -> None:
    peer.say(STARTTLS_GREETING)
    peer.hear(b"A1 STARTTLS\r\n")
    peer.say(b"A1 OK go ahead\r\n")
    peer.hear(b"\x16\x03")
    peer.say(b"* OK what did you say?\r\n")
    peer.hear_all()


def agrees_to_tls_and_says_no_more(peer: Peer) -> None:
    peer.say(STARTTLS_GREETING)
    peer.hear(b"A1 STARTTLS\r\n")
    peer.say(b"A1 OK go ahead\r\n")
    peer.hear_all()


def agrees_to_tls_and_leaves(peer: Peer) -> None:
    peer.say(STARTTLS_GREETING)
    peer.hear(b"A1 STARTTLS\r\n")
    peer.say(b"A1 OK go ahead\r\n")
    peer.hear(b"\x16\x03")


Fault = Callable[[Peer], None]
CONNECT, TIMEOUT, TLS, AUTH, PROTOCOL = (
    ExitCode.CONNECT,
    ExitCode.TIMEOUT,
    ExitCode.TLS,
    ExitCode.AUTH,
    ExitCode.PROTOCOL,
)
BEFORE_THE_PASSWORD: list[tuple[Fault, str, ExitCode, tuple[str, ...]]] = [
    (turns_away, "plain", CONNECT, ("too many connections \\x1b[31m", "greeting")),
    (is_smtp, "plain", PROTOCOL, ("does not speak IMAP", "220 mail.example.org", "SMTP")),
    (is_http, "plain", PROTOCOL, ("does not speak IMAP", "HTTP/1.1 400")),
    (is_smtp, "starttls", PROTOCOL, ("does not speak IMAP",)),
    (is_smtp, "tls", TLS, ("does not speak TLS",)),
    (greets_without_an_end, "plain", PROTOCOL, ("* OK xxx", "greeting")),
    (leaves_at_once, "plain", PROTOCOL, ("closed the connection", "greeting")),
    (leaves_at_once, "tls", TLS, ("during the TLS handshake",)),
    (says_nothing, "plain", TIMEOUT, ("1 s", "greeting", "--security tls")),
    (says_nothing, "starttls", TIMEOUT, ("1 s", "greeting")),
    (says_nothing, "tls", TIMEOUT, ("TLS handshake",)),
    (injects_before_tls, "starttls", TLS, ("plain text where TLS has to begin", "CAPABILITY")),
    (refuses_tls, "starttls", TLS, ("refused STARTTLS: not today",)),
    (lets_in_before_tls, "starttls", TLS, ("before STARTTLS",)),
    (agrees_to_tls_and_speaks_on, "starttls", TLS, ("does not speak TLS",)),
    (agrees_to_tls_and_says_no_more, "starttls", TIMEOUT, ("1 s", "tls")),
    (agrees_to_tls_and_leaves, "starttls", TLS, ("tls",)),
]
AFTER_IT: list[tuple[Fault, str, ExitCode, tuple[str, ...]]] = [
    (greets_and_says_no_more, "plain", TIMEOUT, ("1 s", "login")),
    (logs_in_and_says_no_more, "plain", TIMEOUT, ("1 s", "open")),
    (opens_and_says_no_more, "plain", TIMEOUT, ("1 s", "fetch")),
    (drips, "plain", TIMEOUT, ("1 s", "fetch")),
    (refuses_with_an_alert, "plain", AUTH, ("\\x1b]0;owned\\x07 \\u202e\\xff locked", "login")),
    (answers_what_was_not_asked, "plain", PROTOCOL, ("not sent: \\x1b]0;owned\\x07", "login")),
    (logs_in_and_hangs_up, "plain", PROTOCOL, ("hung up: shutting down", "open")),
    (leaves_within_the_message, "plain", PROTOCOL, ("closed the connection", "fetch")),
    (sends_a_huge_literal, "plain", PROTOCOL, ("a literal of over", "fetch")),
    (sends_half_a_list, "plain", PROTOCOL, ("fetch",)),
    (answers_without_the_message, "plain", PROTOCOL, ("without the message", "fetch")),
]


def check(fault: Fault, security: str, code: ExitCode, words: tuple[str, ...], *more: str) -> bytes:
    """One safe line with the words, the code, and one JSON object. Gives what the server heard."""
    with scripted(fault) as peer:
        ran = look(peer, "--json", *more, *(SHORT if code is TIMEOUT else ()), security=security)
    assert ran.code == code, ran
    for expected in words:
        assert expected in ran.error_line
    assert f"localhost:{peer.port}" in ran.error_line
    assert ran.error_line.isprintable()
    assert ran.json["v"] == 1
    assert (ran.json["ok"], ran.json["error"]["exit"]) == (False, code)
    assert f"tw: {ran.json['error']['message']}" == ran.error_line
    assert PASSWORD not in ran.out + ran.err
    return peer.heard


@pytest.mark.parametrize("reactor", ["auto", "stock"])
@pytest.mark.parametrize(("fault", "security", "code", "words"), BEFORE_THE_PASSWORD)
def test_a_fault_before_the_login_costs_no_password(
    fault: Fault, security: str, code: ExitCode, words: tuple[str, ...], reactor: str
) -> None:
    heard = check(fault, security, code, words, "--reactor", reactor)
    assert PLAIN_RESPONSE not in heard
    assert PASSWORD.encode() not in heard


@pytest.mark.parametrize(("fault", "security", "code", "words"), AFTER_IT)
def test_a_fault_after_it_names_its_phase(fault: Fault, security: str, code: ExitCode, words: tuple[str, ...]) -> None:
    assert PLAIN_RESPONSE in check(fault, security, code, words)


def test_without_json_a_fault_leaves_stdout_empty() -> None:
    for fault, code in ((is_http, PROTOCOL), (turns_away, CONNECT)):
        with scripted(fault) as peer:
            ran = look(peer)
        assert (ran.code, ran.out) == (code, "")
        assert ran.error_line.isprintable()
