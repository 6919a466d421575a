"""SASL's mechanisms by password and by token: what they say, and what they take."""

import base64
import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tw.core.imap_sasl import Credentials, Mechanism, SaslError, secret_forms
from tw.core.imap_sasl_exchanges import CramMd5, Login, OAuthBearer, Plain, XOAuth2
from tw.errors import UsageError
from tw.secret import Secret

TOKEN = "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg"


def by_password(user: str = "älice", password: str = "päss,w=rd") -> Credentials:
    return Credentials(user=user, password=Secret(password))


def by_token(user: str = "someuser@example.com", token: str = TOKEN) -> Credentials:
    return Credentials(user=user, token=Secret(token))


def test_plain_is_what_the_rfc_says() -> None:
    # RFC 4616, section 4.
    plain = Plain(by_password("tim", "tanstaaftanstaaf"))
    assert not plain.proven()
    assert plain.first() == b"\0tim\0tanstaaftanstaaf"
    assert plain.proven()


def test_plain_takes_utf_8() -> None:
    assert Plain(by_password()).first() == "\0älice\0päss,w=rd".encode()


def test_cram_md5_answers_the_rfcs_challenge() -> None:
    # RFC 2195, section 2.
    cram = CramMd5(by_password("tim", "tanstaaftanstaaf"))
    assert cram.first() is None
    assert not cram.proven()
    answer = cram.answer(b"<1896.697170952@postoffice.reston.mci.net>")
    assert answer == b"tim b913a602c7eda7a495b4e6e7334d3890"
    assert cram.proven()


def test_cram_md5_takes_utf_8_and_passwords_longer_than_a_block() -> None:
    # The reference is written out from RFC 2104.
    import hashlib

    for password in ("päss", "p" * 64, "é" * 40):
        key = password.encode()
        key = (hashlib.md5(key).digest() if len(key) > 64 else key).ljust(64, b"\0")
        inner = hashlib.md5(bytes(byte ^ 0x36 for byte in key) + b"<1@x>").digest()
        outer = hashlib.md5(bytes(byte ^ 0x5C for byte in key) + inner).hexdigest()
        assert CramMd5(by_password("ä b", password)).answer(b"<1@x>") == "ä b ".encode() + outer.encode()


def test_cram_md5_does_not_digest_the_password_alone() -> None:
    cram = CramMd5(by_password())
    with pytest.raises(SaslError, match="challenge is empty"):
        cram.answer(b"")
    assert not cram.proven()


@pytest.mark.parametrize("prompts", [(b"User Name\0", b"Password\0"), (b"Username:", b"Password:"), (b"", b"\xff\0")])
def test_login_says_the_name_and_then_the_password_whatever_the_prompts(prompts: tuple[bytes, bytes]) -> None:
    login = Login(by_password())
    assert login.first() is None
    assert login.answer(prompts[0]) == "älice".encode()
    assert not login.proven()
    assert login.answer(prompts[1]) == "päss,w=rd".encode()
    assert login.proven()


def test_xoauth2_is_what_google_says() -> None:
    mechanism = XOAuth2(by_token())
    assert not mechanism.proven()
    assert mechanism.first() == b"user=someuser@example.com\1auth=Bearer " + TOKEN.encode() + b"\1\1"
    assert mechanism.proven()


def test_oauthbearer_is_what_the_rfc_says() -> None:
    # RFC 7628, section 4.3 (IMAP), where host and port are left out too.
    mechanism = OAuthBearer(by_token("user@example.com", "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg=="))
    assert not mechanism.proven()
    expected = b"n,a=user@example.com,\1auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\1\1"
    assert mechanism.first() == expected
    assert mechanism.proven()


def test_oauthbearer_escapes_what_would_end_the_name() -> None:
    # RFC 5801, section 4: saslname. The equals sign goes first, or the comma's escape would be escaped.
    assert (OAuthBearer(by_token("a,b=c=2C,ä")).first() or b"").startswith("n,a=a=2Cb=3Dc=3D2C=2Cä,\1auth=".encode())
    assert (XOAuth2(by_token("a,b=c")).first() or b"").startswith(b"user=a,b=c\1auth=")


def test_a_token_of_4_kib_goes_out_whole() -> None:
    token = "aZ09-._~+/=" * 400
    for mechanism in (XOAuth2(by_token(token=token)), OAuthBearer(by_token(token=token))):
        assert (mechanism.first() or b"").endswith(b"\1auth=Bearer " + token.encode() + b"\1\1")


# How an exchange goes on, and how it does not

CLIENT_FIRST: list[Callable[[], Mechanism]] = [
    lambda: Plain(by_password()),
    lambda: XOAuth2(by_token()),
    lambda: OAuthBearer(by_token()),
]
ALL: list[tuple[Callable[[], Mechanism], int]] = [  # how often each answers, where nothing goes wrong
    (lambda: Plain(by_password()), 1),
    (lambda: CramMd5(by_password()), 1),
    (lambda: Login(by_password()), 2),
    (lambda: XOAuth2(by_token()), 1),
    (lambda: OAuthBearer(by_token()), 1),
]


@pytest.mark.parametrize("make", CLIENT_FIRST)
def test_without_sasl_ir_an_empty_challenge_gets_the_initial_response(make: Callable[[], Mechanism]) -> None:
    mechanism = make()
    assert not mechanism.proven()
    assert mechanism.answer(b"") == make().first()
    assert mechanism.proven()
    assert mechanism.first() is None


@pytest.mark.parametrize("make", CLIENT_FIRST)
def test_a_server_that_speaks_first_out_of_turn_is_not_answered(make: Callable[[], Mechanism]) -> None:
    mechanism = make()
    with pytest.raises(SaslError, match=f"speaks first where {mechanism.name} lets the client begin") as caught:
        mechanism.answer(b"hello")
    assert caught.value.data == b"hello"
    assert not mechanism.proven()


@pytest.mark.parametrize(("make", "answers"), ALL[:3])
def test_a_challenge_too_many_ends_the_exchange_for_good(make: Callable[[], Mechanism], answers: int) -> None:
    mechanism = make()
    for _ in range(answers):
        mechanism.answer(b"" if mechanism.name == "PLAIN" else b"challenge")
    assert mechanism.proven()
    with pytest.raises(SaslError, match=f"asks for more than {mechanism.name} has to say") as caught:
        mechanism.answer(b"more")
    assert caught.value.data == b"more"
    assert not mechanism.proven()
    with pytest.raises(SaslError, match="the exchange is over"):
        mechanism.answer(b"")
    assert not mechanism.proven()


@pytest.mark.parametrize(("make", "answers"), ALL)
@given(data=st.data())
def test_an_ok_is_believed_only_once_all_is_said_and_nothing_went_wrong(
    make: Callable[[], Mechanism], answers: int, data: st.DataObject
) -> None:
    mechanism = make()
    said = 0
    if data.draw(st.booleans()) and mechanism.first() is not None:
        said = 1
    wrong = False
    for challenge in data.draw(st.lists(st.sampled_from([b"", b"x", b"\xff", b"{}"]), max_size=5)):
        assert mechanism.proven() == (said == answers and not wrong)
        try:
            mechanism.answer(challenge)
            said += 1
        except SaslError:
            wrong = True
    assert mechanism.proven() == (said == answers and not wrong)


# The server's error challenge


@pytest.mark.parametrize(("make", "last_word"), [(XOAuth2, b""), (OAuthBearer, b"\1")])
def test_an_error_challenge_is_answered_and_kept(
    make: Callable[[Credentials], XOAuth2 | OAuthBearer], last_word: bytes
) -> None:
    mechanism = make(by_token())
    mechanism.first()
    error = {"status": "invalid_token", "scope": "example_scope", "openid-configuration": "https://example.com/"}
    assert mechanism.refusal == ""
    assert mechanism.answer(json.dumps(error).encode()) == last_word
    assert mechanism.refusal == "status invalid_token"
    assert not mechanism.proven()
    with pytest.raises(SaslError, match="asks for more"):
        mechanism.answer(b"{}")
    assert not mechanism.proven()


@pytest.mark.parametrize(
    ("challenge", "refusal"),
    [
        (b'{"status":"400","schemes":"Bearer","scope":"https://mail.google.com/"}', "status 400"),
        (b'{"status":401,"error":"invalid_request"}', "status 401, error invalid_request"),
        (b'{"error":"\\u001b[2Jx"}', "error \\x1b[2Jx"),
        (b'{"error":"\\ud800"}', "error \\xed\\xa0\\x80"),
        (b'{"status":["400"],"error":null}', "no reason given"),
        (b"{}", "no reason given"),
        (b"", "no reason given"),
        (b"go \x1b[2Jaway\xff", "go \\x1b[2Jaway\\xff"),
        (b'"status"', '"status"'),
        (b"[" * 100_000, "[" * 199 + "…"),
        (b'{"status":' + b"9" * 5_000 + b"}", '{"status":' + "9" * 189 + "…"),
        (b'{"status":"' + b"x" * 500 + b'"}', "status " + "x" * 192 + "…"),
    ],
)
def test_a_refusal_is_short_and_safe_whatever_the_server_says(challenge: bytes, refusal: str) -> None:
    mechanism = OAuthBearer(by_token())
    mechanism.first()
    assert mechanism.answer(challenge) == b"\1"
    assert mechanism.refusal == refusal


@pytest.mark.parametrize("make", [XOAuth2, OAuthBearer])
@pytest.mark.parametrize("in_json", [True, False])
def test_a_refusal_does_not_repeat_the_token(
    make: Callable[[Credentials], XOAuth2 | OAuthBearer], in_json: bool
) -> None:
    credentials = by_token()
    sent = make(credentials).first() or b""
    for said in (TOKEN, base64.b64encode(TOKEN.encode()).decode(), sent.decode(), base64.b64encode(sent).decode()):
        mechanism = make(credentials)
        mechanism.first()
        mechanism.answer((json.dumps({"error": f"bad {said}!"}) if in_json else f"bad {said}!").encode())
        assert mechanism.refusal == ("error bad ***!" if in_json else "bad ***!")


# Secrets


def test_nothing_shows_a_secret_by_itself() -> None:
    credentials = Credentials(user="alice", password=Secret("hunter2"), token=Secret("t0ken"))
    assert repr(credentials) == "Credentials(user='alice')"
    mechanisms = [Plain(credentials), CramMd5(credentials), Login(credentials), XOAuth2(credentials)]
    for shown in map(repr, mechanisms):
        assert "hunter2" not in shown
        assert "t0ken" not in shown


def test_every_form_in_which_a_secret_is_sent_can_be_blanked_out() -> None:
    credentials = Credentials(user="alice", password=Secret('p"w\\d'), token=Secret("t0ken"))
    forms = secret_forms(credentials)
    said = [
        Plain(credentials).first(),
        XOAuth2(credentials).first(),
        OAuthBearer(credentials).first(),
        b'p"w\\d',
        b"t0ken",
    ]
    for raw in said:
        assert {raw, base64.b64encode(raw or b"")} <= forms
    assert b'p\\"w\\\\d' in forms  # in the LOGIN command
    assert b"alice" not in forms
    assert base64.b64encode(b"alice") not in forms


def test_what_only_one_exchange_knows_is_among_its_secrets() -> None:
    credentials = by_password("alice", "pw")
    login, cram = Login(credentials), CramMd5(credentials)
    login.answer(b"")
    assert secret_forms(credentials, login) == secret_forms(credentials)
    login.answer(b"")
    assert login.secrets == {b"pw"}
    answer = cram.answer(b"<1@x>")
    new = secret_forms(credentials, cram) - secret_forms(credentials)
    assert {answer, base64.b64encode(answer), answer.removeprefix(b"alice ")} <= new


def test_no_form_is_empty() -> None:
    assert secret_forms(Credentials(user="")) == set()
    assert b"" not in secret_forms(by_password("", ""))


@pytest.mark.parametrize("text", ["a\0b", "a\rb", "a\nb", "a\ud800b"])
def test_credentials_that_would_end_a_field_are_refused_without_being_shown(text: str) -> None:
    for make in (lambda: by_password("u", text), lambda: by_password(text), lambda: by_token(token=text)):
        with pytest.raises(UsageError) as caught:
            make()
        assert text not in str(caught.value)
        assert caught.value.__context__ is None


@pytest.mark.parametrize("token", ["", "two words", "t\1auth=Bearer x", "t\x7f", "tökén", "token\n"])
def test_a_token_is_one_word_of_ascii(token: str) -> None:
    with pytest.raises(UsageError, match="the token is empty, or not one word"):
        by_token(token=token)


def test_a_user_cannot_end_his_field_in_oauths_message() -> None:
    with pytest.raises(UsageError, match="control character in the user"):
        by_token("alice\1auth=Bearer other")
