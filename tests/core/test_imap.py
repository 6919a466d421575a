"""An IMAP session in which all goes well, and what each kind of server is told."""

import base64

import pytest

from imap_script import (
    AUTHENTICATE,
    EXAMINE,
    FETCH,
    FETCHED,
    GREETING,
    HEADER,
    INTERNAL_DATE,
    LOGGED_IN,
    OPENED,
    PLAIN,
    TLS,
    WHOLE,
    Turn,
    Visit,
    converse,
)
from tw.core.imap_types import Message, Messages, Phase

SERVER: list[Turn] = [turn for turn, _ in WHOLE]
CLIENT = [said for _, said in WHOLE]


def after(*turns: Turn, **asked: str) -> Visit:
    session = Visit(**asked)
    converse(session, *turns)
    assert session.done
    return session


def fetched(items: bytes) -> bytes:
    return b"* 1 FETCH (" + items + b")\r\n"


def header_item(header: bytes) -> bytes:
    return b"BODY[HEADER.FIELDS (SUBJECT FROM DATE)] {%d}\r\n%s" % (len(header), header)


def test_one_flight_to_log_in_and_one_for_the_message() -> None:
    session = Visit()
    assert converse(session, *SERVER) == CLIENT
    message = Message(uid=42, internal_date=INTERNAL_DATE.decode(), header=HEADER, is_seen=True)
    assert session.answer == Messages(mailbox="INBOX", exists=3, messages=(message,))
    assert session.message.subject == "Hello world"
    assert session.message.sender == "Bob <bob@example.org>"
    assert session.message.date == "Mon, 1 Jan 2024 00:00:00 +0000"
    assert session.phase is Phase.LOGOUT


@pytest.mark.parametrize("size", range(1, 80))
def test_pieces_of_any_size_make_the_same_conversation(size: int) -> None:
    session = Visit()
    assert converse(session, *SERVER, size=size) == CLIENT
    assert session.message.header == HEADER


@pytest.mark.parametrize("turn", range(len(WHOLE)))
def test_each_turn_may_be_cut_anywhere(turn: int) -> None:
    data = SERVER[turn]
    assert isinstance(data, bytes)
    for cut in range(1, len(data)):
        session = Visit()
        *_, first, second = converse(session, *SERVER[:turn], data[:cut], data[cut:])
        assert first + second == CLIENT[turn]


def test_the_phase_says_how_far_it_has_come() -> None:
    session = Visit(security="starttls")
    seen = [session.phase]
    for turn in (
        b"* OK [CAPABILITY STARTTLS] hi\r\n",
        b"A1 OK go\r\n",
        TLS,
        b"* CAPABILITY AUTH=PLAIN SASL-IR\r\nA2 OK\r\nA3 OK in\r\n",
        b"* 1 EXISTS\r\nA4 OK\r\n",
        fetched(header_item(b"")) + b"A5 OK\r\n",
    ):
        converse(session, turn)
        seen.append(session.phase)
    assert seen == ["greeting", "starttls", "tls", "login", "open", "fetch", "logout"]


# Capabilities


def test_capabilities_are_asked_for_where_the_greeting_has_none() -> None:
    session = Visit()
    assert converse(
        session,
        b"* OK\r\n",
        b"* capability IMAP4REV1 auth=plain\r\nA1 ok\r\n",
        b"+ \r\n",
    ) == [b"A1 CAPABILITY\r\n", b"A2 AUTHENTICATE PLAIN\r\n", PLAIN + b"\r\n"]


def test_capabilities_may_come_in_the_code_of_their_ok() -> None:
    session = Visit()
    said = converse(session, b"* OK hi\r\n", b"A1 OK [CAPABILITY IMAP4rev1] done\r\n")
    assert said == [b"A1 CAPABILITY\r\n", b'A2 LOGIN "alice" "s3cret"\r\n']


def test_an_alert_without_its_bracket_is_no_list_of_capabilities() -> None:
    session = Visit()
    assert converse(session, b"* OK [CAPABILITY IMAP4rev1 LOGINDISABLED\r\n") == [b"A1 CAPABILITY\r\n"]


# Login


def test_a_login_with_literals_waits_for_the_server_each_time() -> None:
    session = Visit(user="älice", password="pä")
    assert converse(session, b"* OK [CAPABILITY X] hi\r\n", b"+ go\r\n", b"+\r\n", b"A1 OK in\r\n") == [
        b"A1 LOGIN {6}\r\n",
        b"\xc3\xa4lice {3}\r\n",
        b"p\xc3\xa4\r\n",
        EXAMINE,
    ]


def test_preauth_skips_the_login() -> None:
    session = Visit()
    (said,) = converse(session, b"* PREAUTH [CAPABILITY IMAP4rev1] welcome\r\n")
    assert said == b'A1 EXAMINE "INBOX"\r\nA2 ' + FETCH + b"A3 LOGOUT\r\n"


def test_a_utf_8_password_of_any_length_goes_out_whole_under_plain() -> None:
    password = "pä" * 500
    session = Visit(password=password)
    (said,) = converse(session, GREETING)
    line, end, rest = said.partition(b"\r\n")
    assert (end, rest) == (b"\r\n", b"")
    assert base64.b64decode(line.split()[-1]) == f"\0alice\0{password}".encode()


# STARTTLS


STARTTLS_GREETING = b"* OK [CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED] hi\r\n"


@pytest.mark.parametrize("size", [0, 1, 2, 7])
def test_starttls_comes_first_and_what_was_said_before_it_is_forgotten(size: int) -> None:
    session = Visit(security="starttls")
    said = converse(
        session,
        b"* OK [ALERT] pay me\r\n",
        b"* CAPABILITY STARTTLS AUTH=PLAIN SASL-IR\r\nA1 OK\r\n",
        b"A2 OK go ahead\r\n",
        TLS,
        b"* CAPABILITY IMAP4rev1\r\nA3 OK\r\n",
        b"A4 OK in\r\n",
        OPENED.replace(b"A2", b"A5"),
        FETCHED.replace(b"A3", b"A6"),
        size=size,
    )
    assert said[:5] == [
        b"A1 CAPABILITY\r\n",
        b"A2 STARTTLS\r\n",
        b"",
        b"A3 CAPABILITY\r\n",
        b'A4 LOGIN "alice" "s3cret"\r\n',
    ]
    assert session.done
    assert session.alerts == []


def test_tls_is_wanted_from_the_servers_consent_until_it_has_started() -> None:
    session = Visit(security="starttls")
    seen = [session.wants_tls]
    for turn in (STARTTLS_GREETING, b"A1 OK\r\n", TLS):
        converse(session, turn)
        seen.append(session.wants_tls)
    assert seen == [False, False, True, False]


def test_with_tls_from_the_start_the_greeting_is_awaited_after_the_handshake() -> None:
    session = Visit(security="tls")
    session.receive(b"")
    assert (session.phase, session.wants_tls) == (Phase.TLS, False)
    assert converse(session, TLS, *SERVER)[1:] == CLIENT


def test_a_handshake_that_nobody_waits_for_changes_nothing() -> None:
    session = Visit()
    assert converse(session, TLS, GREETING, TLS) == [b"", AUTHENTICATE, b""]


# The mailbox and its first message


def test_the_mailbox_is_examined_under_its_encoded_name() -> None:
    session = Visit(mailbox='Entwürfe & "x"\\')
    *_, said = converse(session, GREETING, LOGGED_IN)
    assert said == rb'A2 EXAMINE "Entw&APw-rfe &- \"x\"\\"' + b"\r\nA3 " + FETCH + b"A4 LOGOUT\r\n"


def test_looking_marks_nothing_as_read() -> None:
    session = Visit()
    said = b"".join(converse(session, *SERVER))
    assert b"EXAMINE" in said
    assert b"BODY.PEEK[" in said
    assert not {b"SELECT", b"STORE", b"BODY["} & set(said.replace(b"[", b"[ ").split())


def test_a_fetch_in_several_responses_with_others_in_between_is_put_together() -> None:
    session = after(
        GREETING,
        b"* CAPABILITY X\r\n" + LOGGED_IN,
        OPENED,
        b"* 2 FETCH (UID 99 " + header_item(b"Subject: other\r\n") + b")\r\n",
        b"* 1 FETCH (FLAGS (\\Seen))\r\n* OK still here\r\n* NO warning\r\n* 3 EXPUNGE\r\n",
        b"* 1 fetch (Uid 42)\r\n* 1 FETCH\r\n* 1 FETCH NIL\r\n* LIST () NIL {3}\r\nA9 \r\n* SEARCH\r\n",
        b"* 1 FETCH (x y (z) q internaldate NIL " + header_item(HEADER) + b" odd)\r\n",
        b"* 1 FETCH (UID 43 FLAGS ())\r\n* 7 EXISTS\r\n* 1 EXPUNGE\r\n",
        b"A3 OK\r\n",
    )
    message = session.message
    assert (message.uid, session.answer.exists, message.header, message.internal_date) == (42, 6, HEADER, None)


def test_what_is_said_about_a_mailbox_before_one_is_opened_means_nothing() -> None:
    early = b"* 0 EXISTS\r\n* 1 FETCH (UID 1)\r\n"
    session = after(GREETING, early + LOGGED_IN, OPENED, FETCHED)
    assert (session.answer.exists, session.message.uid) == (3, 42)


def test_parts_of_a_message_that_was_expunged_are_not_mixed_with_the_next_ones() -> None:
    session = after(
        GREETING,
        LOGGED_IN,
        OPENED,
        b"* 1 FETCH (UID 42)\r\n* 1 EXPUNGE\r\n* 1 FETCH (UID 50 " + header_item(HEADER) + b")\r\nA3 OK\r\n",
    )
    assert (session.message.uid, session.answer.exists) == (50, 2)


def test_a_server_that_never_counts_its_messages_is_believed_by_the_fetch() -> None:
    session = after(GREETING, LOGGED_IN, b"* 1 EXPUNGE\r\nA2 OK\r\n", FETCHED)
    assert session.answer.exists is None


@pytest.mark.parametrize("item", [b"BODY[HEADER.FIELDS (Subject)] NIL", b'BODY[HEADER.FIELDS ("SUBJECT")]<0> ""'])
def test_a_message_without_any_of_the_fields_has_an_empty_subject(item: bytes) -> None:
    session = after(GREETING, LOGGED_IN, OPENED, fetched(item) + b"A3 OK\r\n")
    message = session.message
    assert (message.header, message.subject, message.sender, message.uid) == (b"", "", "", None)


@pytest.mark.parametrize(
    ("header", "subject"),
    [
        (b"subject:x\r\n", "x"),
        (b"From: a\r\nSUBJECT : x\r\n", "x"),
        (b"X-Subject: no\r\nSubject:\r\n x\r\n\ty\r\nDate: z\r\n\r\n", "x y"),
        (b"Subject: first\nSubject: second\n", "first"),
        (b"Subject: =?utf-8?Q?=C3=A9?=\r\n =?utf-8?Q?t=C3=A9?=\r\n", "été"),
        (rb"Subject: a trailing backslash\ "[:-1] + b"\r\n", "a trailing backslash\\"),
        (b"From: Subject: no\r\n", ""),
    ],
)
def test_the_subject_is_the_first_field_of_that_name(header: bytes, subject: str) -> None:
    session = after(GREETING, LOGGED_IN, OPENED, fetched(header_item(header)) + b"A3 OK\r\n")
    assert session.message.subject == subject


@pytest.mark.parametrize(("uid", "expected"), [(b"4294967295", 4294967295), (b"12345678901", None), (b"x", None)])
def test_a_uid_is_a_number_or_left_out(uid: bytes, expected: int | None) -> None:
    session = after(GREETING, LOGGED_IN, OPENED, fetched(b"UID " + uid + b" " + header_item(b"")) + b"A3 OK\r\n")
    assert session.message.uid == expected


def test_alerts_are_kept_for_a_person_safe_and_few() -> None:
    session = after(GREETING, b"* OK [ALERT] disk \x1b[31m full\r\n" * 20 + LOGGED_IN, OPENED, FETCHED)
    assert session.alerts == ["disk \\x1b[31m full"] * 8


def test_what_comes_after_the_answer_is_ignored() -> None:
    session = Visit()
    converse(session, *SERVER[:-1], FETCHED + b"* BYE\r\nA4 BAD {5}\r\nrubbish", b"\0 more rubbish\r\n")
    assert session.message.header == HEADER
    assert session.outgoing() == b""
