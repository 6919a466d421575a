"""An IMAP session's login: every mechanism in its dialogue, and how each of them fails."""

import base64
from collections.abc import Callable, Sequence

import pytest

from imap_logins import BY_PASSWORD, BY_TOKEN, CRAM_CHALLENGE, bearer_error, server_and_client
from imap_script import FETCH, PASSWORD, PLAIN, Visit, converse, failure_of
from tw.core import imap_login
from tw.core.imap_login import ROUNDS_LIMIT
from tw.errors import AuthError, ProtocolError, UsageError

OPENS = b'A2 EXAMINE "INBOX"\r\nA3 ' + FETCH + b"A4 LOGOUT\r\n"


ALL = (*BY_PASSWORD, *BY_TOKEN)


@pytest.mark.parametrize("mechanism", ALL)
@pytest.mark.parametrize("sasl_ir", [True, False])
def test_each_mechanism_logs_in(mechanism: str, sasl_ir: bool) -> None:
    server, session = server_and_client(mechanism)
    server.talk(session, sasl_ir=sasl_ir)
    server.check()
    assert converse(session, b"A1 OK [CAPABILITY IMAP4rev1] in\r\n") == [OPENS]


@pytest.mark.parametrize("mechanism", ALL)
def test_a_login_is_refused_with_the_servers_words(mechanism: str) -> None:
    server, session = server_and_client(mechanism)
    server.talk(session)
    with pytest.raises(AuthError) as caught:
        session.receive(b"A1 NO [AUTHENTICATIONFAILED] no\r\n")
    assert caught.value.what == "login refused: [AUTHENTICATIONFAILED] no"
    assert caught.value.where == "mail.example.org:143, login"


@pytest.mark.parametrize("mechanism", ALL)
@pytest.mark.parametrize("form", [bytes, base64.b64encode], ids=["raw", "base64"])
def test_a_server_that_repeats_what_it_was_told_does_not_get_it_into_the_message(
    mechanism: str, form: Callable[[bytes], bytes]
) -> None:
    server, session = server_and_client(mechanism)
    server.talk(session)
    repeated = b" | ".join(form(secret) for secret in server.secrets)
    with pytest.raises(AuthError) as caught:
        session.receive(b"A1 BAD what is " + repeated + b"?\r\n")
    assert caught.value.what == f"login refused: what is {' | '.join(['***'] * len(server.secrets))}?"


# What the server may say on the way


def test_an_empty_initial_response_would_be_an_equals_sign(monkeypatch: pytest.MonkeyPatch) -> None:
    session = Visit()
    monkeypatch.setattr(imap_login, "choose", lambda *_: Fake(b""))
    assert converse(session, b"* OK [CAPABILITY SASL-IR] hi\r\n") == [b"A1 AUTHENTICATE FAKE =\r\n"]


def test_the_words_of_the_first_request_mean_nothing() -> None:
    """Some servers send text there, where the mechanism has the client begin."""
    session = Visit()
    assert converse(session, b"* OK [CAPABILITY AUTH=PLAIN] hi\r\n", b"+ go on, please\r\n")[1] == PLAIN + b"\r\n"


@pytest.mark.parametrize("challenge", [b"what?", b"YQ", b"=", b"YQ==YQ=="])
def test_a_challenge_that_is_no_base64_breaks_the_protocol(challenge: bytes) -> None:
    error = failure_of(b"* OK [CAPABILITY AUTH=CRAM-MD5] hi\r\n", b"+ " + challenge + b"\r\n")
    assert (type(error), error.what) == (
        ProtocolError,
        f"the server's challenge is not base64: {challenge.decode()}",
    )


@pytest.mark.parametrize(
    ("offer", "turns", "what"),
    [
        (b"CRAM-MD5", [b""], "CRAM-MD5: the server's challenge is empty"),
        (b"CRAM-MD5", [CRAM_CHALLENGE, b"x"], "CRAM-MD5: the server asks for more than CRAM-MD5 has to say: x"),
        (b"PLAIN SASL-IR", [b"more"], "PLAIN: the server asks for more than PLAIN has to say: more"),
        (b"PLAIN SASL-IR", [PASSWORD.encode()], "PLAIN: the server asks for more than PLAIN has to say: ***"),
        (
            b"SCRAM-SHA-256 SASL-IR",
            [b"r=x,s=QQ==,i=1"],
            "SCRAM-SHA-256: the server wants the password hashed 1 times: 4,096 to 2,000,000 are fine: r=x,s=QQ==,i=1",
        ),
    ],
)
def test_an_exchange_that_goes_wrong_is_a_failed_login(offer: bytes, turns: Sequence[bytes], what: str) -> None:
    said = [b"+ " + base64.b64encode(turn) + b"\r\n" for turn in turns]
    error = failure_of(b"* OK [CAPABILITY AUTH=" + offer + b"] hi\r\n", *said)
    assert (type(error), error.what, error.hint) == (AuthError, what, "see --auth")


@pytest.mark.parametrize("turns", [[], [b""]])
def test_an_ok_without_the_servers_proof_is_not_believed(turns: list[bytes]) -> None:
    said = [b"+ " + turn + b"\r\n" for turn in turns]
    error = failure_of(b"* OK [CAPABILITY AUTH=SCRAM-SHA-256] hi\r\n", *said, b"A1 OK come in\r\n")
    assert type(error) is AuthError
    assert error.what == "SCRAM-SHA-256: the server did not prove that it knows the password"
    assert "in between" in error.hint


@pytest.mark.parametrize(("auth", "last"), [("xoauth2", b"\r\n"), ("oauthbearer", b"AQ==\r\n")])
def test_what_is_wrong_with_a_token_is_told(auth: str, last: bytes) -> None:
    session = Visit(password=None, token="tok3n", auth=auth)
    greeting = b"* OK [CAPABILITY SASL-IR AUTH=" + auth.upper().encode() + b"] hi\r\n"
    assert converse(session, greeting, b"+ " + bearer_error() + b"\r\n")[1] == last
    with pytest.raises(AuthError) as caught:
        session.receive(b"A1 NO no\r\n")
    assert caught.value.what == "login refused: no (status 401, error invalid_token)"


class Fake:
    """A mechanism that always has something to say."""

    name = "FAKE"
    refusal = ""
    secrets: frozenset[bytes] = frozenset()

    def __init__(self, first: bytes | None = None) -> None:
        self.opening = first

    def first(self) -> bytes | None:
        return self.opening

    def answer(self, challenge: bytes) -> bytes:
        return challenge

    def proven(self) -> bool:
        return True


def test_a_server_does_not_ask_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    session = Visit()
    monkeypatch.setattr(imap_login, "choose", lambda *_: Fake())
    said = converse(session, b"* OK [CAPABILITY X] hi\r\n", *[b"+ YQ==\r\n"] * ROUNDS_LIMIT)
    assert said == [b"A1 AUTHENTICATE FAKE\r\n", *[b"YQ==\r\n"] * ROUNDS_LIMIT]
    with pytest.raises(ProtocolError, match="asks on and on"):
        session.receive(b"+ YQ==\r\n")


# The choice


@pytest.mark.parametrize(
    ("auth", "asked", "offered", "what", "hint"),
    [
        ("auto", {}, b"LOGINDISABLED", "the server takes no password: it says LOGINDISABLED, and offers no mechanism",
         "use --security tls or starttls"),
        ("auto", {"security": "tls"}, b"LOGINDISABLED AUTH=GSSAPI AUTH=NTLM",
         "the server takes no password: it says LOGINDISABLED, and offers AUTH=GSSAPI AUTH=NTLM", "see --auth"),
        ("auto", {"password": None, "token": "t", "security": "tls"}, b"AUTH=PLAIN",
         "the server takes no token: it offers AUTH=PLAIN", "see --auth"),
        ("cram-md5", {}, b"AUTH=PLAIN", "the server has no cram-md5: it offers AUTH=PLAIN", "see --auth"),
        ("plain", {}, b"LOGINDISABLED AUTH=\x1bX",
         "the server has no plain: it says LOGINDISABLED, and offers AUTH=\\x1bX", "see --auth"),
    ],
)  # fmt: skip
def test_no_way_to_log_in_says_what_the_server_offers(
    auth: str, asked: dict[str, str | None], offered: bytes, what: str, hint: str
) -> None:
    session = Visit(auth=auth, **asked)
    session.tls_started()
    with pytest.raises(AuthError) as caught:
        session.receive(b"* OK [CAPABILITY " + offered + b"] hi\r\n")
    assert (caught.value.what, caught.value.hint) == (what, hint)
    assert session.outgoing() == b""


def test_without_anything_to_log_in_by_nothing_is_asked() -> None:
    error = failure_of(b"* OK [CAPABILITY AUTH=PLAIN] hi\r\n", password=None)
    assert type(error) is AuthError
    assert error.what == "the server wants a login, and there is no password"
    assert "--password-file" in error.hint
    (said,) = converse(Visit(password=None), b"* PREAUTH [CAPABILITY X] welcome\r\n")
    assert said.startswith(b"A1 EXAMINE ")


@pytest.mark.parametrize("asked", [{"auth": "xoauth2"}, {"auth": "plain", "password": None, "token": "t"}])
def test_credentials_that_the_mechanism_does_not_take_are_our_own_mistake(asked: dict[str, str | None]) -> None:
    assert type(failure_of(b"* OK [CAPABILITY AUTH=PLAIN AUTH=XOAUTH2] hi\r\n", **asked)) is UsageError


def test_a_name_is_said_before_a_mailbox_is_opened_where_that_was_asked_for() -> None:
    session = Visit(send_id=True)
    said = converse(
        session, b"* OK [CAPABILITY AUTH=PLAIN SASL-IR] hi\r\n", b"A1 OK in\r\n", b"* ID NIL\r\nA2 BAD what?\r\n"
    )
    assert said[1] == b'A2 ID ("name" "tw")\r\n' + OPENS.replace(b"A4", b"A5").replace(b"A3", b"A4").replace(
        b"A2", b"A3"
    )
    assert said[2] == b""
    assert session.phase == "open"
