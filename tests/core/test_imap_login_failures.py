"""An IMAP session that does not get as far as a mailbox: greeting, capabilities, STARTTLS, login."""

import pytest

from imap_script import (
    GREETING,
    PASSWORD,
    PLAIN,
    TLS,
    WHOLE,
    Turn,
    Visit,
    converse,
    failure_of,
)
from tw.errors import AnswerTimeout, AuthError, ConnectError, ProtocolError, TlsError

SERVER: list[Turn] = [turn for turn, _ in WHOLE]


# The greeting


@pytest.mark.parametrize(
    ("greeting", "hint"),
    [
        (b"220 mail.example.org ESMTP", "that looks like SMTP or FTP: check the port"),
        (b"HTTP/1.1 400 Bad Request", "that looks like HTTP: check the port"),
        (b"+OK POP3 ready", "that looks like POP3: check the port"),
        (b"SSH-2.0-OpenSSH_9.2", "that looks like SSH: check the port"),
        (b"hello", "check the port"),
        (b"* NO not today", "check the port"),
        (b"* 3 EXISTS", "check the port"),
        (b"* CAPABILITY IMAP4rev1", "check the port"),
        (b"A1 OK tagged", "check the port"),
        (b"+ go on", "check the port"),
    ],
)
def test_a_greeting_of_another_kind_is_not_imap(greeting: bytes, hint: str) -> None:
    error = failure_of(greeting + b"\r\n")
    assert type(error) is ProtocolError
    assert error.what == f"the server does not speak IMAP: {greeting.decode()}"
    assert (error.where, error.hint) == ("mail.example.org:143, greeting", hint)


def test_a_greeting_without_an_end_is_judged_by_its_start() -> None:
    for said in (b"220 smtp", b"*", b"* ", b"* OK", b""):
        session = Visit()
        session.receive(said)
        not_imap = said == b"220 smtp"
        assert isinstance(session.overdue(2), ProtocolError if not_imap else AnswerTimeout)
        lost = session.lost()
        assert lost.what == (
            "the server does not speak IMAP: 220 smtp" if not_imap else "the server closed the connection"
        )


def test_endless_rubbish_for_a_greeting_is_not_imap() -> None:
    error = failure_of(b"x" * 70_000, size=10_000)
    assert type(error) is ProtocolError
    assert error.what == "the server does not speak IMAP: " + "x" * 80


def test_a_greeting_with_a_monstrous_literal_is_the_servers_fault() -> None:
    error = failure_of(b"* HELLO {999999999}\r\n")
    assert str(error) == "the server sent a literal of over 1048576 bytes (mail.example.org:143, greeting)"


def test_bye_for_a_greeting_is_no_connection() -> None:
    error = failure_of(b"* BYE too many \x1b]0;connections\r\n")
    assert type(error) is ConnectError
    assert error.what == "the server turned us away: too many \\x1b]0;connections"


# Capabilities and STARTTLS


@pytest.mark.parametrize("answer", [b"A1 OK done\r\n", b"* CAPABILITY X\r\nA1 NO no\r\n", b"A1 BAD what\r\n"])
def test_a_server_that_does_not_list_its_capabilities_gets_no_password(answer: bytes) -> None:
    error = failure_of(b"* OK hi\r\n", answer)
    assert type(error) is ProtocolError
    assert "does not say what it can do" in error.what
    assert error.where == "mail.example.org:143, login"


@pytest.mark.parametrize(
    "turns",
    [
        (b"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] hi\r\n",),
        (b"* OK hi\r\n", b"* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\nA1 OK\r\n"),
    ],
)
def test_no_starttls_where_it_was_asked_for_is_a_tls_failure(turns: tuple[bytes, ...]) -> None:
    error = failure_of(*turns, security="starttls")
    assert type(error) is TlsError
    assert str(error) == "the server offers no STARTTLS (mail.example.org:143, starttls); use --security tls"


def test_preauth_before_starttls_is_a_tls_failure() -> None:
    assert type(failure_of(b"* PREAUTH hi\r\n", security="starttls")) is TlsError


def test_a_refused_starttls_is_a_tls_failure() -> None:
    error = failure_of(b"* OK [CAPABILITY STARTTLS] hi\r\n", b"A1 NO no certificate\r\n", security="starttls")
    assert type(error) is TlsError
    assert error.what == "the server refused STARTTLS: no certificate"


@pytest.mark.parametrize("injected", [b"* CAPABILITY AUTH=PLAIN\r\n", b"A2 OK\r\n", b"\r\n", b"\0", b"x"])
def test_a_plain_byte_after_the_consent_to_starttls_is_fatal(injected: bytes) -> None:
    greeting = b"* OK [CAPABILITY STARTTLS] hi\r\n"
    error = failure_of(greeting, b"A1 OK go\r\n" + injected, security="starttls", size=1_000)
    later = failure_of(greeting, b"A1 OK go\r\n", injected, security="starttls", size=1_000)
    assert type(error) is type(later) is TlsError
    assert str(error) == str(later)
    assert error.where == "mail.example.org:143, tls"


def test_a_plain_greeting_where_tls_was_to_come_first_is_fatal() -> None:
    error = failure_of(GREETING, security="tls", size=1_000)
    assert type(error) is TlsError


def test_a_connection_lost_in_the_handshake_is_a_tls_failure() -> None:
    for security in ("tls", "starttls"):
        session = Visit(security=security)
        if security == "starttls":
            converse(session, b"* OK [CAPABILITY STARTTLS] hi\r\n", b"A1 OK go\r\n")
        assert isinstance(session.lost(), TlsError)


# Login


@pytest.mark.parametrize("offered", [b"LOGINDISABLED", b"LOGINDISABLED AUTH=GSSAPI", b"auth=gssapi logindisabled"])
def test_no_way_to_log_in_is_exit_6_with_nothing_sent(offered: bytes) -> None:
    session = Visit()
    with pytest.raises(AuthError, match="LOGINDISABLED") as caught:
        converse(session, b"* OK [CAPABILITY IMAP4rev1 " + offered + b"] hi\r\n")
    assert session.outgoing() == b""
    assert caught.value.hint == "use --security tls or starttls"
    assert ("AUTH=GSSAPI" in caught.value.what) == (b"gssapi" in offered.lower())


def test_logindisabled_inside_tls_has_no_better_advice() -> None:
    error = failure_of(TLS, b"* OK [CAPABILITY LOGINDISABLED] hi\r\n", security="tls")
    assert (type(error), error.hint) == (AuthError, "see --auth")


@pytest.mark.parametrize(
    ("refusal", "what", "hint"),
    [
        (
            b"NO [AUTHENTICATIONFAILED] Authentication failed.",
            "login refused: [AUTHENTICATIONFAILED] Authentication failed.",
            "check --user and the password",
        ),
        (b"NO", "login refused: no reason given", "check --user and the password"),
        (b"bad syntax \x9b31m", "login refused: syntax \\x9b31m", "check --user and the password"),
        (
            b"NO [UNAVAILABLE] LDAP is down",
            "login refused: [UNAVAILABLE] LDAP is down",
            "the server cannot check passwords now, try again later",
        ),
        (b"NO [PRIVACYREQUIRED] x", "login refused: [PRIVACYREQUIRED] x", "use --security tls or starttls"),
    ],
)
def test_a_refused_login_has_the_servers_words(refusal: bytes, what: str, hint: str) -> None:
    error = failure_of(GREETING, b"A1 " + refusal + b"\r\n")
    assert (type(error), error.what, error.hint) == (AuthError, what, hint)
    assert error.where == "mail.example.org:143, login"


@pytest.mark.parametrize(
    ("password", "echo"),
    [
        (PASSWORD, PASSWORD.encode()),
        (PASSWORD, PLAIN),
        ('s3"cr\\et', rb'"s3\"cr\\et"'),
        ('s3"cr\\et', b's3"cr\\et'),
        ("s3cret\\", rb'"s3cret\\"'),
        ("geheimé", "geheimé".encode()),
    ],
)
def test_a_server_that_repeats_the_password_does_not_get_it_into_the_message(password: str, echo: bytes) -> None:
    error = failure_of(GREETING, b"A1 BAD what is " + echo + b" to mean?\r\n", password=password)
    assert error.what in (
        "login refused: what is *** to mean?",
        'login refused: what is "***" to mean?',
    )


def test_an_empty_password_blanks_nothing_out() -> None:
    error = failure_of(GREETING, b"A1 NO really?\r\n", password="")
    assert error.what == "login refused: really?"


def test_the_rest_of_a_command_is_not_sent_after_its_refusal() -> None:
    session = Visit(user="älice")
    with pytest.raises(AuthError):
        converse(session, b"* OK [CAPABILITY X] hi\r\n", b"A1 NO no literals here\r\n")
    assert session.outgoing() == b""


def test_a_password_held_back_for_the_server_to_ask_is_dropped_with_its_command() -> None:
    error = failure_of(b"* OK [CAPABILITY AUTH=PLAIN] hi\r\n", b"A1 OK let in without asking\r\n+ more?\r\n")
    assert error.what == "the server waits for more than there is: more?"


def test_what_was_about_to_be_sent_is_dropped_where_the_session_fails() -> None:
    session = Visit()
    with pytest.raises(ProtocolError):
        session.receive(GREETING + b"* BYE\r\n")
    assert session.outgoing() == b""


def test_a_request_for_more_where_all_is_said_is_a_broken_protocol() -> None:
    error = failure_of(b"* OK [CAPABILITY IMAP4rev1] hi\r\n", b"+ more?\r\n")
    assert type(error) is ProtocolError
    assert error.what == "the server waits for more than there is: more?"


@pytest.mark.parametrize("tag", [b"A2", b"A0", b"a1", b"X"])
def test_an_answer_to_something_else_is_a_broken_protocol(tag: bytes) -> None:
    error = failure_of(GREETING, tag + b" OK sure\r\n")
    assert type(error) is ProtocolError
    assert error.what == "the server answered a command that was not sent: sure"
