"""`tw imap first-subject` and TLS: who is trusted, and that nothing is said to anybody else."""

import base64
import hashlib
import ssl
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from e2e.dovecot import EXPIRED, GOOD, PASSWORDS, PLAIN, SELF_SIGNED, WRONG_NAME, Dovecot, dovecot
from e2e.imap_peers import GREETING, STARTTLS_GREETING, Peer, relay, scripted
from tw.errors import ExitCode

STRANGERS = [
    (WRONG_NAME, "the certificate is for another name", "other-name"),
    (EXPIRED, "the certificate expired on 2", "expired"),
    (SELF_SIGNED, "the certificate is self-signed", "self-signed"),
]
WRONG_PIN = f"sha256//{'A' * 43}="


@pytest.fixture(scope="module")
def server() -> Iterator[Dovecot]:
    with dovecot() as made:
        yield made


@pytest.fixture(params=["auto", "stock"])
def mail(server: Dovecot, request: pytest.FixtureRequest) -> Dovecot:
    """The server, looked at without a reactor and with one: two ways to speak TLS, which have to agree."""
    return replace(server, settings={"TW_REACTOR": request.param})


def pin_of(mail: Dovecot, address: str) -> str:
    """As curl's manual says: base64 of SHA-256 over the public key's DER form."""
    with open(mail.certificate(address), "rb") as file:
        key = x509.load_pem_x509_certificate(file.read()).public_key()
    digest = hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()
    return f"sha256//{base64.b64encode(digest).decode()}"


# Who is trusted ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_a_certificate_for_the_name_from_a_named_authority_is_trusted(mail: Dovecot, security: str) -> None:
    for host in ("localhost", GOOD):
        assert mail.look(security=security, host=host).out == "The first\n"
    untrusted = mail.look("--pin", WRONG_PIN, "--json", security=security, code=ExitCode.TLS)
    assert pin_of(mail, GOOD) in untrusted.error_line, "the pin to use is not told"
    assert (untrusted.json["ok"], untrusted.json["error"]["kind"]) == (False, "tls")


@pytest.mark.parametrize("security", ["tls", "starttls"])
@pytest.mark.parametrize(("host", "why", "reason"), STRANGERS, ids=["another name", "expired", "self-signed"])
def test_a_certificate_that_is_not_right_is_5(mail: Dovecot, security: str, host: str, why: str, reason: str) -> None:
    ran = mail.look("--json", host=host, security=security, code=ExitCode.TLS)
    assert why in ran.error_line
    assert f"{host}:" in ran.error_line
    assert (ran.json["ok"], ran.json["error"]["kind"], ran.json["error"]["exit"]) == (False, "tls", ExitCode.TLS)
    assert ran.json["error"]["reason"] == reason


@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_a_pin_and_insecure_name_what_is_trusted_instead(mail: Dovecot, security: str) -> None:
    for host, _, _ in STRANGERS:
        assert mail.look("--pin", pin_of(mail, host), host=host, security=security).out == "The first\n"
    assert mail.look("--insecure", host=WRONG_NAME, security=security).out == "The first\n"
    both = mail.look("--insecure", "--pin", WRONG_PIN, host=EXPIRED, security=security, code=ExitCode.TLS)
    assert "not the pinned one" in both.error_line


def test_a_certificate_may_be_its_own_authority(mail: Dovecot) -> None:
    assert mail.look("--ca-file", mail.certificate(SELF_SIGNED), host=SELF_SIGNED).out == "The first\n"


def test_without_a_ca_file_the_systems_authorities_decide(mail: Dovecot) -> None:
    ran = mail.look(trusting=False, code=ExitCode.TLS)
    assert "not trusted" in ran.error_line
    assert "--ca-file" in ran.error_line
    # Where OpenSSL looks for the system's.
    assert mail.look(trusting=False, env={"SSL_CERT_FILE": mail.ca}).out == "The first\n"


def test_insecure_counts_only_when_typed(mail: Dovecot) -> None:
    env = {"TW_IMAP_INSECURE": "1", "TW_INSECURE": "1"}
    assert mail.look(host=SELF_SIGNED, env=env, code=ExitCode.TLS).out == ""


@pytest.mark.parametrize("name", ["none.pem", "users"])
def test_a_ca_file_that_cannot_be_read_is_9(mail: Dovecot, name: str) -> None:
    path = str(mail.folder / name)
    assert path in mail.look("--ca-file", path, code=ExitCode.LOCAL).error_line


# Nothing is said to anybody else -------------------------------------------------------------------------------------


def secrets(user: str = "alice") -> list[bytes]:
    """What must not be heard: the user, the password, and both as AUTHENTICATE PLAIN sends them."""
    password = PASSWORDS[user]
    both = base64.b64encode(f"\0{user}\0{password}".encode())
    return [user.encode(), password.encode(), both[4:-4]]


def eavesdropper(mail: Dovecot, host: str, security: str, *, until: bytes | None = None) -> Callable[[Peer], None]:
    """It reads what comes after the handshake in the clear, as whoever holds the certificate's key does.

    It leaves when it has heard `until`, or else once the client does.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(mail.certificate(host))

    def play(peer: Peer) -> None:
        if security == "starttls":
            peer.say(STARTTLS_GREETING)
            peer.hear(b"A1 STARTTLS\r\n")
            peer.say(b"A1 OK go ahead\r\n")
        peer.start_tls(context)
        if security == "tls":
            peer.say(GREETING)
        if until is not None:
            peer.hear(until)
        else:
            peer.hear_all()

    return play


@pytest.mark.parametrize("security", ["tls", "starttls"])
@pytest.mark.parametrize("host", [WRONG_NAME, EXPIRED, SELF_SIGNED], ids=["another name", "expired", "self-signed"])
def test_a_server_with_the_wrong_certificate_hears_nothing(mail: Dovecot, security: str, host: str) -> None:
    with scripted(eavesdropper(mail, host, security)) as peer:
        mail.look("--endpoint", peer.strport, security=security, code=ExitCode.TLS)
    assert peer.heard == (b"A1 STARTTLS\r\n" if security == "starttls" else b"")


def test_what_would_have_been_heard_is_heard_with_insecure(mail: Dovecot) -> None:
    secret = secrets()[2]
    with scripted(eavesdropper(mail, WRONG_NAME, "tls", until=secret)) as peer:
        mail.look("--endpoint", peer.strport, "--insecure", code=ExitCode.PROTOCOL)
    assert secret in peer.heard


def test_the_password_never_crosses_a_starttls_connection_in_the_clear(mail: Dovecot) -> None:
    with relay(GOOD, mail.imap_port) as between:
        assert mail.look("--endpoint", between.strport, security="starttls").out == "The first\n"
    assert between.heard.startswith(b"A1 STARTTLS\r\n\x16\x03")
    assert not [secret for secret in secrets() if secret in between.heard]


@pytest.mark.parametrize("host", [PLAIN, GOOD], ids=["not offered", "taken out"])
def test_where_starttls_is_not_offered_the_password_stays_at_home(mail: Dovecot, host: str) -> None:
    with relay(host, mail.imap_port, lambda data: data.replace(b" STARTTLS", b"")) as between:
        ran = mail.look("--endpoint", between.strport, security="starttls", code=ExitCode.TLS)
    assert "offers no STARTTLS" in ran.error_line
    assert between.heard == b""


def test_a_port_without_tls_is_5_where_tls_was_asked_for(mail: Dovecot) -> None:
    with relay(PLAIN, mail.imap_port) as between:
        ran = mail.look("--endpoint", between.strport, code=ExitCode.TLS)
    assert "does not speak TLS" in ran.error_line
    assert not [secret for secret in secrets() if secret in between.heard]


def test_a_tls_port_is_no_imap_server_where_plain_was_typed(mail: Dovecot) -> None:
    with relay(GOOD, mail.imaps_port) as between:
        ran = mail.look("--endpoint", between.strport, "--timeout", "1s", security="plain", code=ExitCode.TIMEOUT)
    assert "--security tls" in ran.error_line
    assert between.heard == b""
