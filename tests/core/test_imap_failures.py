"""An IMAP session in which something goes wrong: the class, the phase, the server's words, and what never leaves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imap_script import (
    FETCHED,
    GREETING,
    LOGGED_IN,
    OPENED,
    PASSWORD,
    PLAIN,
    TLS,
    WHOLE,
    FixedSecret,
    Turn,
    Visit,
    converse,
    failure_of,
    request,
)
from tw.core.imap import ImapSession
from tw.core.imap_errands import FirstMessage
from tw.core.imap_types import ImapRequest, Security
from tw.errors import AnswerTimeout, AuthError, NothingThere, ProtocolError, TwError, UsageError

SERVER: list[Turn] = [turn for turn, _ in WHOLE]


# The mailbox and its first message


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"NO Mailbox doesn't exist", NothingThere),
        (b"NO [NONEXISTENT] Unknown Mailbox: x", NothingThere),
        (b"no [cannot] Invalid mailbox name", NothingThere),
        (b"NO [TRYCREATE] no such mailbox", NothingThere),
        (b"NO [NOPERM] Permission denied", AuthError),
        (b"NO [AUTHORIZATIONFAILED] not you", AuthError),
        (b"NO [UNAVAILABLE] later", ProtocolError),
        (b"NO [SERVERBUG] oops", ProtocolError),
        (b"BAD syntax", ProtocolError),
    ],
)
def test_a_mailbox_that_does_not_open(answer: bytes, kind: type[TwError]) -> None:
    error = failure_of(GREETING, LOGGED_IN, b"A2 " + answer + b"\r\nA3 BAD no mailbox\r\n", mailbox="Old\x1b")
    assert type(error) is kind
    assert error.what == f"cannot open the mailbox Old\\x1b: {answer.partition(b' ')[2].decode()}"
    assert error.where == "mail.example.org:143, open"


@pytest.mark.parametrize("fetch", [b"A3 OK\r\n", b"A3 NO no\r\n", b"A3 BAD no\r\n", FETCHED, b""])
def test_no_message_is_nothing_there_whatever_the_fetch_says(fetch: bytes) -> None:
    error = failure_of(GREETING, LOGGED_IN, b"* 0 EXISTS\r\nA2 OK\r\n" + fetch)
    assert type(error) is NothingThere
    assert str(error) == "the mailbox INBOX is empty (mail.example.org:143, open)"


@pytest.mark.parametrize("emptied", [b"* 1 EXPUNGE\r\n", b"* 0 EXISTS\r\n", b"* 1 EXPUNGE\r\n* 1 EXPUNGE\r\n"])
@pytest.mark.parametrize("fetch", [b"A3 OK\r\n", b"A3 NO expunged\r\n"])
def test_a_mailbox_emptied_in_between_is_nothing_there(emptied: bytes, fetch: bytes) -> None:
    error = failure_of(GREETING, LOGGED_IN, b"* 1 EXISTS\r\nA2 OK\r\n", emptied + fetch)
    assert type(error) is NothingThere


@pytest.mark.parametrize(
    ("answer", "what"),
    [
        (b"A3 OK\r\n", "the server answered the fetch without the message"),
        (b"* 1 FETCH (UID 5 FLAGS ())\r\nA3 OK\r\n", "the server answered the fetch without the message"),
        (b"* 1 FETCH (BODY[HEADER] (x))\r\nA3 OK\r\n", "the server answered the fetch without the message"),
        (b"* 2 FETCH (BODY[HEADER] x)\r\nA3 OK\r\n", "the server answered the fetch without the message"),
        (b"A3 NO [SERVERBUG] oops\r\n", "the server refused the fetch: [SERVERBUG] oops"),
        (b"A3 BAD what\r\n", "the server refused the fetch: what"),
        (b"* 1 FETCH (UID 5\r\n", "the server sent a list without an end: (UID 5"),
        (b'* 1 FETCH (BODY[HEADER] "a\\")\r\n', 'the server sent a quoted string without an end: (BODY[HEADER] "a\\")'),
        (b"rubbish\r\n", "the server sent a line that is no response: rubbish"),
        (b"* BYE shutting down\r\n", "the server hung up: shutting down"),
    ],
)
def test_a_fetch_that_brings_no_message(answer: bytes, what: str) -> None:
    error = failure_of(GREETING, LOGGED_IN, OPENED, answer)
    assert (type(error), error.what) == (ProtocolError, what)
    assert error.where == "mail.example.org:143, fetch"


# Between the turns


@pytest.mark.parametrize("turns", range(1, len(SERVER)))
def test_bye_and_a_lost_connection_in_the_middle_break_the_protocol(turns: int) -> None:
    error = failure_of(*SERVER[:turns], b"* BYE bye\r\n")
    assert (type(error), error.what) == (ProtocolError, "the server hung up: bye")
    session = Visit()
    converse(session, *SERVER[:turns])
    lost = session.lost("the connection was reset")
    assert (type(lost), lost.what) == (ProtocolError, "the connection was reset")


def test_silence_for_a_greeting_may_mean_that_the_port_wants_tls() -> None:
    session = Visit()
    assert session.overdue(1).hint == "does this port want TLS at once? --security tls"
    session = Visit(security="tls")
    for phase in ("tls", "greeting"):
        assert str(session.overdue(1)) == f"no answer within 1 s (mail.example.org:143, {phase}); see --timeout"
        session.tls_started()


def test_a_deadline_names_the_phase() -> None:
    session = Visit()
    converse(session, *SERVER[:2])
    error = session.overdue(2.5)
    assert type(error) is AnswerTimeout
    assert str(error) == "no answer within 2.5 s (mail.example.org:143, open); see --timeout"


# Before anything is sent


@pytest.mark.parametrize("what", ["user", "password", "token", "mailbox"])
@pytest.mark.parametrize("character", ["\r", "\n", "\0"])
def test_a_line_end_or_nul_is_a_usage_error_before_there_is_a_session(what: str, character: str) -> None:
    with pytest.raises(UsageError, match=f"^a line end or NUL in the {what} ") as caught:
        request(**{what: f"s3cret{character}A9 LOGOUT"})
    assert "s3cret" not in repr(caught.value)


@pytest.mark.parametrize("what", ["user", "password", "token", "mailbox"])
@pytest.mark.parametrize("text", ["s3cret\udce9", "s3cret\udfff x"])
def test_what_is_not_utf_8_is_a_usage_error(what: str, text: str) -> None:
    with pytest.raises(UsageError, match=f"the {what} is not UTF-8") as caught:
        request(**{what: text})
    assert caught.value.__context__ is None


def test_a_mailbox_without_a_name_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="the name of the mailbox is empty"):
        request(mailbox="")


def test_nothing_shows_the_password() -> None:
    asked = ImapRequest(where="h:1", user="u", password=FixedSecret(), token=FixedSecret())
    session = ImapSession(asked, FirstMessage("INBOX"))
    converse(session, TLS, GREETING)
    assert PASSWORD not in repr(asked) + repr(session) + repr(session.wording) + repr(session._errand)


@given(
    st.lists(
        st.sampled_from([turn for turn, _ in WHOLE])
        | st.sampled_from([b"* BYE\r\n", b"+ \r\n", b"* 0 EXISTS\r\n", b"* 1 FETCH (", b"A1 OK\r\n", b"A2 NO\r\n", TLS])
        | st.binary(max_size=8),
        max_size=8,
    ),
    st.sampled_from(["tls", "starttls", "plain"]),
    st.integers(0, 5),
)
def test_no_server_brings_forth_anything_but_a_typed_error(turns: list[Turn], security: Security, size: int) -> None:
    session = Visit(security=security)
    said = b""
    try:
        for turn in turns:
            said += b"".join(converse(session, turn, size=size))
    except TwError:
        assert session.outgoing() == b""
    if security != "plain" and TLS not in turns:
        assert PLAIN not in said
        assert PASSWORD.encode() not in said
