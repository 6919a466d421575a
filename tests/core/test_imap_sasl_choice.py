"""The choice of a way to log in: by what is asked for, what the server offers, and what the credentials allow."""

import itertools
import os
import subprocess
import sys

import pytest

from tw.core.imap_sasl import AUTHS, TOKEN_AUTHS, Command, Credentials, choose
from tw.errors import LocalError, UsageError
from tw.secret import Secret

PASSWORD = Credentials(user="u", password=Secret("p"))
TOKEN = Credentials(user="u", token=Secret("t"))
BOTH = Credentials(user="u", password=Secret("p"), token=Secret("t"))

NAMES = ("SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5", "PLAIN", "LOGIN", "XOAUTH2", "OAUTHBEARER")
OFFERS = [
    frozenset(offer)
    for size in range(len(NAMES) + 2)
    for offer in itertools.combinations((*(f"AUTH={name}" for name in NAMES), "LOGINDISABLED"), size)
]


def chosen(auth: str, offer: frozenset[str], credentials: Credentials) -> str | None:
    """The mechanism's name, `command` for LOGIN's, or None."""
    choice = choose(auth, offer, credentials)
    if choice is Command.LOGIN:
        return "command"
    return None if choice is None or isinstance(choice, Command) else choice.name


def best(ways: tuple[str, ...], offer: frozenset[str]) -> str | None:
    """The first of the ways that the offer has."""
    has = {name.removeprefix("AUTH=") for name in offer} | (set() if "LOGINDISABLED" in offer else {"command"})
    return next((way for way in ways if way in has), None)


AUTO = ("SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5", "PLAIN", "command", "LOGIN")


@pytest.mark.parametrize("offer", OFFERS, ids=lambda offer: "+".join(sorted(offer)) or "nothing")
def test_every_choice_of_every_offer(offer: frozenset[str]) -> None:
    offer |= {"IMAP4REV1", "SASL-IR"}
    assert chosen("auto", offer, PASSWORD) == best(AUTO, offer)
    assert chosen("auto", offer, BOTH) == best(AUTO, offer)
    assert chosen("auto", offer, TOKEN) == best(("OAUTHBEARER", "XOAUTH2"), offer)
    assert chosen("login", offer, PASSWORD) == best(("command", "LOGIN"), offer)
    for auth in ("scram-sha-256", "scram-sha-1", "cram-md5", "plain"):
        assert chosen(auth, offer, PASSWORD) == best((auth.upper(),), offer)
    for auth in ("xoauth2", "oauthbearer"):
        assert chosen(auth, offer, BOTH) == chosen(auth, offer, TOKEN) == best((auth.upper(),), offer)


def test_auto_goes_down_the_list_as_the_server_offers_less() -> None:
    # Written out, so that the reference of the test above is not its own proof.
    offer = {f"AUTH={name}" for name in NAMES}
    assert chosen("auto", frozenset(offer), PASSWORD) == "SCRAM-SHA-256"
    assert chosen("auto", frozenset(offer - {"AUTH=SCRAM-SHA-256"}), PASSWORD) == "SCRAM-SHA-1"
    assert chosen("auto", frozenset({"AUTH=LOGIN", "AUTH=PLAIN", "AUTH=CRAM-MD5"}), PASSWORD) == "CRAM-MD5"
    assert chosen("auto", frozenset({"AUTH=LOGIN", "AUTH=PLAIN"}), PASSWORD) == "PLAIN"
    assert chosen("auto", frozenset({"AUTH=LOGIN"}), PASSWORD) == "command"
    assert chosen("auto", frozenset({"AUTH=LOGIN", "LOGINDISABLED"}), PASSWORD) == "LOGIN"
    assert chosen("auto", frozenset({"LOGINDISABLED"}), PASSWORD) is None
    assert chosen("auto", frozenset(), PASSWORD) == "command"
    assert chosen("auto", frozenset(), TOKEN) is None


def test_scram_with_channel_binding_is_another_mechanism() -> None:
    assert chosen("auto", frozenset({"AUTH=SCRAM-SHA-256-PLUS", "AUTH=PLAIN"}), PASSWORD) == "PLAIN"


@pytest.mark.parametrize("auth", AUTHS)
def test_credentials_must_be_what_the_way_takes(auth: str) -> None:
    offer = frozenset(f"AUTH={name}" for name in NAMES)
    for credentials in (Credentials(user="u"), TOKEN if auth not in TOKEN_AUTHS else PASSWORD):
        if auth == "auto" and credentials is TOKEN:
            continue
        with pytest.raises(UsageError, match=f"--auth {auth} takes a (password|token), and there is none"):
            choose(auth, offer, credentials)


def test_an_unknown_way_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="no way to log in: gssapi"):
        choose("gssapi", frozenset({"AUTH=GSSAPI"}), PASSWORD)


# SCRAM's library


def test_without_the_library_auto_passes_over_scram(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scramp", None)
    scram = {"AUTH=SCRAM-SHA-256", "AUTH=SCRAM-SHA-1"}
    assert chosen("auto", frozenset({*scram, "AUTH=PLAIN"}), PASSWORD) == "PLAIN"
    assert chosen("auto", frozenset(scram), PASSWORD) == "command"
    assert chosen("auto", frozenset({*scram, "LOGINDISABLED"}), PASSWORD) is None


@pytest.mark.parametrize("auth", ["scram-sha-256", "scram-sha-1"])
def test_without_the_library_scram_by_name_says_how_to_get_it(auth: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scramp", None)
    with pytest.raises(LocalError, match="needs the library scramp") as caught:
        choose(auth, {f"AUTH={auth.upper()}"}, PASSWORD)
    assert caught.value.hint == "pip install 'tw-bench[imap]'"
    # It would not help where the server has no SCRAM.
    assert choose(auth, {"AUTH=PLAIN"}, PASSWORD) is None


@pytest.mark.parametrize(
    "credentials",
    [
        Credentials(user="u", password=Secret("p\U0001f600")),  # later than Unicode 3.2
        Credentials(user="u", password=Secret("p\x1b")),
        Credentials(user="u\ue000", password=Secret("p")),
        Credentials(user="", password=Secret("p")),
    ],
    ids=["emoji", "control", "private", "nobody"],
)
def test_what_saslprep_refuses_is_no_reason_to_fail_under_auto(credentials: Credentials) -> None:
    offer = frozenset({"AUTH=SCRAM-SHA-256", "AUTH=SCRAM-SHA-1", "AUTH=PLAIN"})
    assert chosen("auto", offer, credentials) == "PLAIN"
    with pytest.raises(UsageError, match="SCRAM-SHA-256 is impossible: SASLprep") as caught:
        choose("scram-sha-256", offer, credentials)
    assert "\U0001f600" not in str(caught.value)
    assert caught.value.hint == "use another --auth"


def test_the_library_is_loaded_only_for_a_server_that_offers_scram_to_who_may_use_it() -> None:
    script = """
import sys
before = set(sys.modules)  # a measurement of coverage has loaded some
from tw.core.imap_sasl import Credentials, choose
class Hidden:
    def reveal(self): return "p"
password = Credentials(user="u", password=Hidden())
token = Credentials(user="u", token=Hidden())
scram = {"AUTH=SCRAM-SHA-256", "AUTH=PLAIN", "AUTH=XOAUTH2"}
choose("auto", {"AUTH=PLAIN"}, password)
choose("plain", scram, password)
choose("login", scram, password)
choose("auto", scram, token)
choose("scram-sha-1", scram, password)
assert not {"scramp", "json", "hmac", "twisted"} & (set(sys.modules) - before), sorted(sys.modules)
assert "scramp" not in sys.modules
choose("auto", scram, password)
assert "scramp" in sys.modules
"""
    subprocess.run([sys.executable, "-c", script], check=True, env=dict(os.environ))
