"""SCRAM: the RFCs' examples, scramp's own server, and a server that does not know the password."""

import base64
import re
import sys
from types import ModuleType
from typing import Any

import pytest
import scramp  # type: ignore[import-untyped]  # it has no annotations
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tw.core.imap_sasl import Credentials, SaslError, secret_forms
from tw.core.imap_sasl_scram import LEAST_ITERATIONS, MOST_ITERATIONS, Scram
from tw.secret import Secret

NAMES = ("SCRAM-SHA-1", "SCRAM-SHA-256")
NONCE = "rOprNGfwEbeRWgbNEkqO"
SALT = b"salt of 16 bytes"

# RFC 5802, section 5, and RFC 7677, section 3: the client's nonce, its first message, and so on in turn.
EXAMPLES = {
    "SCRAM-SHA-1": (
        "fyko+d2lbbFgONRv9qkxdawL",
        b"n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
        b"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
        b"c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
        b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
    ),
    "SCRAM-SHA-256": (
        NONCE,
        b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
        b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
        b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
        b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
    ),
}


def credentials(user: str = "user", password: str = "pencil") -> Credentials:
    return Credentials(user=user, password=Secret(password))


def example(name: str) -> tuple[Scram, bytes, bytes, bytes, bytes]:
    nonce, first, server_first, final, server_final = EXAMPLES[name]
    return Scram(name, credentials(), nonce), first, server_first, final, server_final


def at_the_proof(name: str = "SCRAM-SHA-256") -> tuple[Scram, bytes]:
    """A client that waits for the server's last message, and that message."""
    scram, _, server_first, _, server_final = example(name)
    scram.first()
    scram.answer(server_first)
    return scram, server_final


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("sasl_ir", [True, False])
def test_the_rfcs_example_goes_through_and_only_its_end_is_proof(name: str, sasl_ir: bool) -> None:
    scram, first, server_first, final, server_final = example(name)
    assert scram.name == name
    assert not scram.proven()
    assert (scram.first() if sasl_ir else scram.answer(b"")) == first
    assert not scram.proven()
    assert scram.answer(server_first) == final
    assert not scram.proven()
    assert scram.answer(server_final) == b""
    assert scram.proven()
    assert scram.refusal == ""


class Server:
    """scramp's server, with one account."""

    def __init__(self, name: str, password: str, iterations: int = 4096) -> None:
        self.user = ""
        mechanism = scramp.ScramMechanism(name)
        account = mechanism.make_auth_info(password, iteration_count=iterations, salt=SALT)

        def look_up(user: str) -> object:
            self.user = user
            return account

        self._server = mechanism.make_server(look_up)

    def challenge(self, first: bytes) -> bytes:
        self._server.set_client_first(first.decode())
        said: str = self._server.get_server_first()
        return said.encode()

    def last(self, final: bytes) -> bytes:
        self._server.set_client_final(final.decode())
        said: str = self._server.get_server_final()
        return said.encode()


texts = st.text(st.sampled_from('aZ09 ,="\\{}%ä€ßｗ½\u00a0\u00ad中ы'), min_size=1, max_size=12)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=40)
@given(user=texts, password=texts, sasl_ir=st.booleans())
def test_a_server_that_knows_the_password_is_believed(name: str, user: str, password: str, sasl_ir: bool) -> None:
    assume(user.strip("\u00ad"))
    scram, server = Scram(name, credentials(user, password)), Server(name, password)
    first = scram.first() if sasl_ir else scram.answer(b"")
    last = server.last(scram.answer(server.challenge(first or b"")))
    assert not scram.proven()
    assert scram.answer(last) == b""
    assert scram.proven()


@pytest.mark.parametrize(
    ("user", "arrives", "sent"),
    [("a,b=c", "a,b=c", b"a=2Cb=3Dc"), ("\u2168\u00ad\u00a0x", "IX x", b"IX x"), ("älice", "älice", "älice".encode())],
)
def test_a_user_name_arrives_prepared_and_escaped(user: str, arrives: str, sent: bytes) -> None:
    scram, server = Scram("SCRAM-SHA-256", credentials(user), NONCE), Server("SCRAM-SHA-256", "pencil")
    first = scram.first() or b""
    server.challenge(first)
    assert server.user == arrives
    assert first == b"n,,n=" + sent + b",r=" + NONCE.encode()


def test_a_password_is_prepared() -> None:
    # RFC 4013, section 3: the soft hyphen goes, and the Roman nine is two letters.
    scram, server = Scram("SCRAM-SHA-1", credentials(password="I\u00adX\u2168")), Server("SCRAM-SHA-1", "IXIX")
    scram.answer(server.last(scram.answer(server.challenge(scram.first() or b""))))
    assert scram.proven()


def test_every_exchange_has_a_nonce_of_its_own() -> None:
    nonces = {(Scram("SCRAM-SHA-256", credentials()).first() or b"").partition(b",r=")[2] for _ in range(5)}
    assert len(nonces) == 5
    assert all(len(nonce) >= 16 for nonce in nonces)


@pytest.mark.parametrize("name", NAMES)
def test_a_server_with_another_password_is_not_believed(name: str) -> None:
    # It cannot check the proof, and says OK to anything; its own signature is by what it takes for the password.
    scram, stranger = Scram(name, credentials(), NONCE), Scram(name, credentials(password="pencils"), NONCE)
    challenge = Server(name, "pencils").challenge(scram.first() or b"")
    stranger.first()
    stranger.answer(challenge)
    scram.answer(challenge)
    client: Any = stranger._client
    signature = base64.b64encode(client.server_signature)
    with pytest.raises(SaslError, match="did not prove that it knows the password") as caught:
        scram.answer(b"v=" + signature)
    assert caught.value.data == b"v=" + signature
    assert not scram.proven()


@pytest.mark.parametrize("count", [LEAST_ITERATIONS, LEAST_ITERATIONS + 1, MOST_ITERATIONS])
def test_the_bounds_themselves_are_fine(count: int) -> None:
    scram, server = Scram("SCRAM-SHA-1", credentials()), Server("SCRAM-SHA-1", "pencil", count)
    scram.answer(server.last(scram.answer(server.challenge(scram.first() or b""))))
    assert scram.proven()


# The server's errors, and secrets


@pytest.mark.parametrize("steps", [1, 2])
def test_the_servers_error_is_a_refusal_that_is_answered_so_that_it_can_say_no(steps: int) -> None:
    scram = example("SCRAM-SHA-256")[0] if steps == 1 else at_the_proof()[0]
    scram.first()
    assert scram.answer(b"e=invalid-proof,x=1") == b""
    assert scram.refusal == "invalid-proof"
    assert not scram.proven()
    with pytest.raises(SaslError, match="asks for more"):
        scram.answer(EXAMPLES["SCRAM-SHA-256"][4])
    assert not scram.proven()


@pytest.mark.parametrize(
    ("said", "refusal"),
    [(b"e=", "no reason given"), (b"e=\x1b[2J\xff", "\\x1b[2J\\xff"), (b"e=not pencil!", "not ***!")],
)
def test_a_refusal_is_safe_and_without_the_password(said: bytes, refusal: str) -> None:
    scram = at_the_proof()[0]
    scram.answer(said)
    assert scram.refusal == refusal


def test_the_proof_is_a_secret_and_the_name_is_none() -> None:
    scram, first, server_first, final, _ = example("SCRAM-SHA-256")
    scram.first()
    assert secret_forms(credentials(), scram) == secret_forms(credentials())
    scram.answer(server_first)
    new = secret_forms(credentials(), scram) - secret_forms(credentials())
    assert {final, base64.b64encode(final), b"dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="} <= new
    assert first not in new
    assert "pencil" not in repr(scram)
    assert not re.search(r"[Pp]assword=", repr(scram))


@pytest.mark.parametrize("step", ["get_client_first", "set_server_first", "get_client_final", "set_server_final"])
def test_whatever_the_library_raises_is_a_sasl_error_without_a_trace_of_it(
    step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_client: object, *_: object) -> None:
        raise AssertionError("pencil")

    broken_client = type("Broken", (scramp.ScramClient,), {step: broken})
    library: Any = ModuleType("scramp")
    library.ScramClient = broken_client
    monkeypatch.setitem(sys.modules, "scramp", library)

    def whole() -> None:
        scram, _, server_first, _, server_final = example("SCRAM-SHA-256")
        scram.first()
        scram.answer(server_first)
        scram.answer(server_final)

    with pytest.raises(SaslError) as caught:
        whole()
    assert "pencil" not in str(caught.value)
    assert caught.value.__context__ is None


@pytest.mark.parametrize(("user", "password"), [("user", "p\ud800"), ("u\ue000", "pencil"), ("user", "a\u0627")])
def test_what_saslprep_refuses_is_said_without_being_shown(user: str, password: str) -> None:
    class Loose:
        """Credentials check for surrogates themselves."""

        def reveal(self) -> str:
            return password

    made = object.__new__(Credentials)
    object.__setattr__(made, "user", user)
    object.__setattr__(made, "password", Loose())
    with pytest.raises(SaslError, match="SASLprep") as caught:
        Scram("SCRAM-SHA-1", made)
    assert caught.value.__context__ is None
    assert str(caught.value) == "SASLprep (RFC 4013) does not take this user name or password"
