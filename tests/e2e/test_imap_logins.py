"""`tw imap` and a real Dovecot's ways to log in: passwords, tokens, client certificates, and what is shown of them."""

import base64
import ssl
from collections.abc import Iterator

import pytest

from e2e.dovecot import GOOD, PASSWORDS, PLAIN, Dovecot, dovecot
from e2e.harness import Ran
from e2e.imap_dovecot_files import EVERY_MECHANISM, PASSWORD_MECHANISMS, Profile, token
from e2e.imap_peers import Peer, relay, scripted
from tw.errors import ExitCode

STRONGEST_FIRST = ("SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5", "PLAIN", "LOGIN")


@pytest.fixture(scope="module")
def mail() -> Iterator[Dovecot]:
    with dovecot(profile=Profile(mechanisms=EVERY_MECHANISM)) as server:
        yield server


def forms(secret: str, user: str = "alice") -> list[str]:
    """A secret as it is, and as mechanisms send it."""
    texts = (
        secret,
        f"\0{user}\0{secret}",
        f"user={user}\1auth=Bearer {secret}\1\1",
        f"n,a={user},\1auth=Bearer {secret}\1\1",
    )
    return [secret, *(base64.b64encode(text.encode()).decode() for text in texts)]


def shows_nothing_of(ran: Ran, secret: str, user: str = "alice") -> None:
    shown = ran.out + ran.err
    assert "A1 " in shown, "nothing was traced"
    assert [form for form in forms(secret, user) if form in shown] == []


def logged_in_by(mail: Dovecot, method: str) -> int:
    return mail.log().count(f"method={method},")


# Passwords -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PASSWORD_MECHANISMS)
def test_a_mechanism_that_is_named_logs_in_and_refuses_a_wrong_password(mail: Dovecot, name: str) -> None:
    options = ("--auth", name.lower(), "--trace")
    before = logged_in_by(mail, name)
    ran = mail.look(*options)
    assert ran.out == "The first\n"
    if name != "LOGIN":  # the command, which Dovecot's log calls PLAIN
        mail.wait_for_log(f"method={name},", before + 1)
    assert f"C: A1 {'' if name == 'LOGIN' else 'AUTHENTICATE '}{name}" in ran.err
    shows_nothing_of(ran, PASSWORDS["alice"])

    wrong = mail.look(*options, "-vv", "--json", password="wrong-SECRET", code=ExitCode.AUTH)
    assert wrong.json["error"]["kind"] == "auth"
    assert "login refused" in wrong.json["error"]["message"]
    shows_nothing_of(wrong, "wrong-SECRET")


@pytest.mark.parametrize("at", range(len(STRONGEST_FIRST)), ids=STRONGEST_FIRST)
def test_auto_takes_the_strongest_that_is_offered(mail: Dovecot, at: int) -> None:
    def hide(said: bytes) -> bytes:
        for stronger in STRONGEST_FIRST[:at]:
            said = said.replace(b"AUTH=%s" % stronger.encode(), b"AUTH=X-OTHER")
        return said

    with relay(PLAIN, mail.imap_port, hide) as between:
        assert mail.look("--endpoint", between.strport, security="plain").out == "The first\n"
    said = between.heard.split(b"\r\n")[0]
    assert said.startswith(
        b"A1 LOGIN " if STRONGEST_FIRST[at] == "LOGIN" else f"A1 AUTHENTICATE {STRONGEST_FIRST[at]}".encode()
    )
    assert (PASSWORDS["alice"].encode() in between.heard) == (STRONGEST_FIRST[at] == "LOGIN")


def test_where_the_login_command_is_forbidden_its_mechanism_takes_over(mail: Dovecot) -> None:
    def hide(said: bytes) -> bytes:
        return said.replace(b"AUTH=PLAIN", b"LOGINDISABLED")

    with relay(PLAIN, mail.imap_port, hide) as between:
        ran = mail.look("--endpoint", between.strport, "--auth", "login", "--trace", security="plain")
    assert between.heard.startswith(b"A1 AUTHENTICATE LOGIN\r\n")
    shows_nothing_of(ran, PASSWORDS["alice"])


@pytest.mark.parametrize(
    ("user", "name"),
    [("bob", "SCRAM-SHA-256"), ("zoë", "CRAM-MD5")],
    ids=["spaces and quotes", "characters that SASLprep refuses"],
)
def test_any_password_takes_the_strongest_mechanism_that_can_say_it(mail: Dovecot, user: str, name: str) -> None:
    ran = mail.look("--trace", user=user)
    assert ran.out == "The first\n"
    assert f"A1 AUTHENTICATE {name}" in ran.err
    shows_nothing_of(ran, PASSWORDS[user], user)


def test_a_mechanism_that_is_not_offered_or_not_possible_is_told(mail: Dovecot) -> None:
    with relay(PLAIN, mail.imap_port, lambda said: said.replace(b"AUTH=CRAM-MD5", b"AUTH=X-OTHER")) as between:
        place = ("--endpoint", between.strport)
        ran = mail.look(*place, "--auth", "cram-md5", security="plain", code=ExitCode.AUTH)
    assert "the server has no cram-md5" in ran.error_line
    assert "AUTH=SCRAM-SHA-256" in ran.error_line
    assert between.heard == b""
    impossible = mail.look("--auth", "scram-sha-256", user="zoë", code=ExitCode.USAGE)
    assert "SASLprep" in impossible.error_line
    assert PASSWORDS["zoë"] not in impossible.err


# Tokens --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("auth", "name"), [("auto", "OAUTHBEARER"), ("oauthbearer", "OAUTHBEARER"), ("xoauth2", "XOAUTH2")]
)
def test_a_token_logs_in_until_it_expires(mail: Dovecot, auth: str, name: str) -> None:
    good, stale = token("alice"), token("alice", lasts_s=-10)
    options = ("--auth", auth, "--trace", "-vv")
    before = logged_in_by(mail, name)
    ran = mail.look(*options, "--token-command", f"echo {good}")
    assert ran.out == "The first\n"
    mail.wait_for_log(f"method={name},", before + 1)
    shows_nothing_of(ran, good)

    refused = mail.look(*options, "--json", "--token-command", f"echo {stale}", code=ExitCode.AUTH)
    assert refused.json["error"]["kind"] == "auth"
    assert "status" in refused.json["error"]["message"]  # as the server's JSON says it
    shows_nothing_of(refused, stale)


# Client certificates -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def demanding() -> Iterator[Dovecot]:
    with dovecot(profile=Profile(client_certificates=True)) as server:
        yield server


@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_a_client_certificate_opens_where_none_and_a_strangers_do_not(demanding: Dovecot, security: str) -> None:
    def certificate(name: str) -> tuple[str, str]:
        return ("--client-cert", demanding.certificate(name))

    assert demanding.look(*certificate("client"), security=security).out == "The first\n"
    separate = (*certificate("client"), "--client-key", demanding.certificate("client"))
    if security == "tls":
        assert demanding.look(*separate).out == "The first\n"
    for args in ((), certificate("stranger")):
        ran = demanding.look(*args, security=security, code=ExitCode.AUTH)
        assert ran.out == ""
        assert "valid SSL certificate" in ran.error_line


def test_a_client_certificate_without_its_key_is_9_before_anything_is_said(demanding: Dovecot) -> None:
    with relay(PLAIN, demanding.imap_port) as between:
        ran = demanding.look("--endpoint", between.strport, "--client-cert", demanding.ca, code=ExitCode.LOCAL)
    assert demanding.ca in ran.error_line
    assert between.heard == b""


def test_a_server_that_ends_the_handshake_for_want_of_a_certificate_is_5(demanding: Dovecot) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=demanding.ca)
    context.load_cert_chain(demanding.certificate(GOOD))
    context.verify_mode = ssl.CERT_REQUIRED

    def play(peer: Peer) -> None:
        peer.start_tls(context)
        peer.log_in()

    for args in ((), ("--client-cert", demanding.certificate("stranger"))):
        with scripted(play) as peer:
            ran = demanding.look("--endpoint", peer.strport, *args, code=ExitCode.TLS)
        print(ran)
