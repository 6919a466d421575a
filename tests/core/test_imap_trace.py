"""The trace of a session: all of it is there to read, but nothing that is secret and nothing that a terminal obeys."""

import base64
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imap_logins import BY_PASSWORD, BY_TOKEN, server_and_client
from imap_script import FETCH, HEADER, PASSWORD, TLS, WHOLE, Turn, Visit, converse
from tw.core.imap_commands import quoted
from tw.core.imap_errands import FoundMessages
from tw.core.imap_trace import LINE_LIMIT_CHARS
from tw.core.text import safe
from tw.errors import TwError

SERVER: list[Turn] = [turn for turn, _ in WHOLE]


def trace_of(*turns: Turn, size: int = 0, errand: object = None, **asked: str) -> list[str]:
    lines: list[str] = []
    converse(Visit(errand, show=lines.append, **asked), *turns, size=size)
    return lines


@pytest.mark.parametrize("size", [0, 1, 7])
def test_a_session_is_shown_line_by_line_in_its_order(size: int) -> None:
    header = [f"S: {line}" for line in HEADER.decode().split("\r\n")[:-1]]
    assert trace_of(*SERVER, size=size) == [
        "S: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] ready",
        "C: A1 AUTHENTICATE PLAIN ***",
        "S: A1 OK [CAPABILITY IMAP4rev1 IDLE] in",
        'C: A2 EXAMINE "INBOX"',
        "C: A3 " + FETCH.decode().rstrip(),
        "C: A4 LOGOUT",
        "S: * FLAGS (\\Seen)",
        "S: * 3 EXISTS",
        "S: * 0 RECENT",
        "S: * OK [UIDVALIDITY 7] valid",
        "S: A2 OK [READ-ONLY] open",
        'S: * 1 FETCH (UID 42 FLAGS (\\Seen) INTERNALDATE "01-Jan-2024 01:00:00 +0100" '
        f"BODY[HEADER.FIELDS (SUBJECT FROM DATE)] {{{len(HEADER)}}}",
        *header,
        "S: )",
        "S: A3 OK done",
    ]


def test_literals_are_shown_between_what_stands_around_them() -> None:
    lines = trace_of(SERVER[0], b"* LIST () {1}\r\n/ {0}\r\n x {3}\r\na\nb\r\n* 1 EXISTS\r\n")
    assert lines[2:] == ["S: * LIST () {1}", "S: /", "S:  {0}", "S:  x {3}", "S: a", "S: b", "S: * 1 EXISTS"]


def test_without_a_trace_nothing_is_shown_and_the_session_is_the_same() -> None:
    shown = Visit(show=lambda line: None)
    assert converse(shown, *SERVER) == converse(Visit(), *SERVER)


@pytest.mark.parametrize("mechanism", [*BY_PASSWORD, *BY_TOKEN])
@pytest.mark.parametrize("sasl_ir", [True, False])
def test_a_login_shows_its_mechanism_and_neither_challenge_nor_response(mechanism: str, sasl_ir: bool) -> None:
    lines: list[str] = []
    server, session = server_and_client(mechanism, lines.append)
    server.talk(session, sasl_ir=sasl_ir)
    session.receive(b"A1 OK in\r\n")
    assert lines[1] == f"C: A1 AUTHENTICATE {mechanism} ***"
    exchange = lines[2 : lines.index("S: A1 OK in")]
    assert exchange[1::2] == ["C: ***"] * server.asked
    assert set(exchange[::2]) <= {"S: + ***", "S: + "}


@pytest.mark.parametrize("mechanism", [*BY_PASSWORD, *BY_TOKEN])
def test_a_server_that_repeats_the_secret_in_any_form_does_not_get_it_shown(mechanism: str) -> None:
    lines: list[str] = []
    server, session = server_and_client(mechanism, lines.append)
    server.talk(session)
    forms = {form for secret in server.secrets for form in (secret, base64.b64encode(secret))}
    for form in forms:
        session.receive(b"* OK you said " + form + b"\r\n")
        session.receive(b"* X {%d}\r\n%s\r\n" % (len(form), form))
    session.receive(b"A1 OK in\r\n* OK you said " + b" ".join(forms) + b"\r\n")
    shown = "\n".join(lines)
    assert shown.count("you said ***") == len(forms) + 1
    for form in forms:
        assert safe(form.decode()) not in shown


@pytest.mark.parametrize("password", [PASSWORD, 's3"cr\\et', "geheimé", "p" * 1_001])
@pytest.mark.parametrize("literals", [b"", b" LITERAL+"])
def test_the_login_command_is_shown_without_its_arguments(password: str, literals: bytes) -> None:
    lines: list[str] = []
    session = Visit(show=lines.append, user="älice", password=password)
    session.receive(b"* OK [CAPABILITY X" + literals + b"] hi\r\n")
    while b"{" in session.outgoing() and not literals:
        session.receive(b"+ \r\n")
    raw = password.encode()
    for form in (raw, quoted(raw), base64.b64encode(raw), base64.b64encode(b"\0\xc3\xa4lice\0" + raw)):
        session.receive(b"* OK " + form + b"\r\n")
    session.receive(b"A1 OK in\r\n")
    assert lines[1] == "C: A1 LOGIN ***"
    assert set(lines[2 : lines.index("S: A1 OK in")]) <= {"S: + ", "C: ***", "S: * OK ***", 'S: * OK "***"'}
    assert password not in "\n".join(lines)


def test_the_text_of_a_search_is_shown_also_where_it_goes_as_a_literal() -> None:
    turns = [*SERVER[:2], b"* 3 EXISTS\r\nA2 OK\r\n", b"+ go\r\n"]
    lines = trace_of(*turns, errand=FoundMessages("INBOX", 'SUBJECT "é" UNSEEN', 10))
    assert lines[-3:] == ["C: A3 UID SEARCH CHARSET UTF-8 SUBJECT {2}", "S: + go", "C: é UNSEEN"]


def test_a_challenge_after_the_login_is_no_secret() -> None:
    turns = [*SERVER[:2], b"* 3 EXISTS\r\nA2 OK\r\n", b"+ bGV0IG1lIHNlZQ==\r\n"]
    assert "S: + bGV0IG1lIHNlZQ==" in trace_of(*turns, errand=FoundMessages("INBOX", "TEXT é", 10))


def test_starttls_shows_both_sides_of_the_handshake() -> None:
    lines = trace_of(
        b"* OK [CAPABILITY STARTTLS] hi\r\n", b"A1 OK go\r\n", TLS, b"* CAPABILITY X\r\nA2 OK\r\n", security="starttls"
    )
    assert [line[:13] for line in lines] == [
        "S: * OK [CAPA", "C: A1 STARTTL", "S: A1 OK go", "C: A2 CAPABIL", "S: * CAPABILI", "S: A2 OK", "C: A3 LOGIN *",
    ]  # fmt: skip


def test_a_long_line_is_cut() -> None:
    (line,) = trace_of(b"* OK " + b"x" * 5_000 + b"\r\n")[:1]
    assert line == "S: * OK " + "x" * (LINE_LIMIT_CHARS - 6) + "…"


def test_a_secret_at_the_cut_is_not_half_shown() -> None:
    said = b"* OK ".ljust(LINE_LIMIT_CHARS - 4, b"x") + PASSWORD.encode()
    (line,) = trace_of(said + b"\r\n")[:1]
    assert line.endswith("x***")


@given(
    st.lists(
        st.sampled_from([turn for turn, _ in WHOLE])
        | st.sampled_from([b"* OK \x1b[2J\x9b\xc2\x9b\r\n", b"* X {9}\r\n\x1b]0;\n\x07\r\0\r\n", b"+ s3cret\r\n"])
        | st.binary(max_size=12).map(lambda data: b"* OK " + data + b"\r\n"),
        max_size=8,
    )
)
def test_no_server_gets_a_control_character_or_the_secret_shown(turns: list[Turn]) -> None:
    lines: list[str] = []
    session = Visit(show=lines.append)
    with suppress(TwError):
        converse(session, *turns)
    assert all(safe(line) == line for line in lines)
    assert PASSWORD not in "".join(lines)
