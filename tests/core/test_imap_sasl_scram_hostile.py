"""SCRAM against servers that lie, and against garbage: nothing of it is proof, and nothing but SaslError is raised."""

import base64
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tw.core.imap_sasl import Credentials, SaslError
from tw.core.imap_sasl_scram import LEAST_ITERATIONS, MOST_ITERATIONS, Scram
from tw.secret import Secret

# RFC 7677, section 3.
NONCE = "rOprNGfwEbeRWgbNEkqO"
GOOD = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
SIGNED = b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="


def new() -> Scram:
    return Scram("SCRAM-SHA-256", Credentials(user="user", password=Secret("pencil")), NONCE)


def begun() -> Scram:
    """A client that waits for the server's challenge."""
    scram = new()
    scram.first()
    return scram


def at_the_proof() -> Scram:
    """A client that waits for the server's signature."""
    scram = begun()
    scram.answer(GOOD.encode())
    return scram


@settings(max_examples=50)
@given(bit=st.integers(0, 255))
def test_no_bit_of_the_signature_may_change(bit: int) -> None:
    scram = at_the_proof()
    signature = bytearray(base64.b64decode(SIGNED[2:]))
    signature[bit // 8] ^= 1 << bit % 8
    with pytest.raises(SaslError, match="did not prove"):
        scram.answer(b"v=" + base64.b64encode(signature))
    assert not scram.proven()


SIGNATURE = base64.b64decode(SIGNED[2:])


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"v=",
        b"v",
        b"\xff\xfe",
        b"v=\xff",
        b"v=!!!!",
        "v=é".encode(),
        b"v=" + base64.b64encode(SIGNATURE[:-1]),
        b"v=" + base64.b64encode(SIGNATURE + b"x"),
        b"v=" + base64.b64encode(b""),
        SIGNED[2:],
        b"x=1," + SIGNED,
        SIGNED + b"\0",
        SIGNED + b",v=AAAA",
        b"v=AAAA," + SIGNED,
        b"\0" * 10_000,
    ],
    ids=lambda garbage: repr(garbage[:40]),
)
def test_garbage_in_the_place_of_the_signature_proves_nothing(garbage: bytes) -> None:
    scram = at_the_proof()
    with pytest.raises(SaslError, match="did not prove") as caught:
        scram.answer(garbage)
    assert caught.value.data == garbage
    assert caught.value.__context__ is None
    assert not scram.proven()
    with pytest.raises(SaslError, match="the exchange is over"):  # no second try
        scram.answer(SIGNED)
    assert not scram.proven()


def test_a_signature_before_its_time_proves_nothing() -> None:
    scram = begun()
    with pytest.raises(SaslError):
        scram.answer(SIGNED)
    assert not scram.proven()


def test_a_challenge_after_the_signature_takes_the_proof_back() -> None:
    scram = at_the_proof()
    scram.answer(SIGNED)
    assert scram.proven()
    with pytest.raises(SaslError, match="asks for more than SCRAM-SHA-256 has to say"):
        scram.answer(b"")
    assert not scram.proven()


# The server's challenge


def answered(challenge: bytes) -> SaslError:
    scram = begun()
    with pytest.raises(SaslError) as caught:
        scram.answer(challenge)
    assert caught.value.__context__ is None
    assert "pencil" not in str(caught.value)
    assert not scram.proven()
    with pytest.raises(SaslError, match="the exchange is over"):
        scram.answer(challenge)
    return caught.value


@pytest.mark.parametrize(
    "challenge",
    [
        GOOD.replace("r=rOpr", "r=xOpr"),
        GOOD.replace("r=rOprNGfwEbeRWgbNEkqO", "r=rOprNGfwEbeRWgbNEkq"),
        GOOD.replace("r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0", "r=rOprNGfwEbeRWgbNEkqO"),
        GOOD.replace("%", "é"),
        GOOD.replace("s=W22Z", "s=W2!Z"),
        GOOD.replace("s=W22ZaJ0SNY7soEsUEjb6gQ==", "s="),
        GOOD.replace("s=", "x="),
        "m=ext," + GOOD,
        ",".join(reversed(GOOD.split(","))),
        GOOD + ",",
        GOOD + ",x=\0",
        "r=\udcff,i=4096",
    ],
)
def test_a_challenge_of_another_exchange_or_of_none_is_refused(challenge: str) -> None:
    assert (
        str(answered(challenge.encode("utf-8", "surrogateescape"))) == "the server's challenge is none of SCRAM-SHA-256"
    )


@pytest.mark.parametrize(
    "count", ["", "0", "-4096", "+4096", "04096", "4096.0", " 4096", "4_096", "٤٠٩٦", "x", "9" * 5_000]
)
def test_a_count_that_is_no_number_is_refused(count: str) -> None:
    assert str(answered(GOOD.replace("4096", count).encode())) == "the server does not say how often to hash"


@pytest.mark.parametrize("challenge", ["", "r=x", "=", ",", GOOD + ",i=4096", "i=4096," + GOOD, GOOD + ",i=99999999"])
def test_no_count_or_two_of_them_are_refused(challenge: str) -> None:
    error = answered(challenge.encode())
    assert str(error) == "the server does not say how often to hash"
    assert error.data == challenge.encode()


@pytest.mark.parametrize("count", [1, LEAST_ITERATIONS - 1, MOST_ITERATIONS + 1, 9_999_999_999])
def test_a_server_may_neither_weaken_the_proof_nor_burn_the_processor(count: int) -> None:
    said = str(answered(GOOD.replace("4096", str(count)).encode()))
    assert said == f"the server wants the password hashed {count:,} times: 4,096 to 2,000,000 are fine"


@given(st.binary(max_size=60) | st.text("rsiemcvnp=,0123456789+/AB", max_size=60).map(str.encode))
def test_garbage_at_any_step_is_a_sasl_error_or_a_refusal(garbage: bytes) -> None:
    for steps in range(3):
        scram = [new, begun, at_the_proof][steps]()
        if steps == 0 and not garbage:
            continue
        with suppress(SaslError):
            assert scram.answer(garbage) == b""
            assert garbage.startswith(b"e=")
            assert scram.refusal
        assert not scram.proven()
