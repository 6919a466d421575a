"""What a probe says of a certificate that is not right: each fault in its own words, in one line and in JSON."""

import datetime
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme

from e2e.harness import Server, serving, tw
from tw.errors import ExitCode

DAY = datetime.timedelta(days=1)
PAST = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
FUTURE = datetime.datetime(2099, 1, 1, tzinfo=datetime.UTC)


@contextmanager
def showing(folder: Path, certificate: trustme.LeafCert, *args: str) -> Iterator[Server]:
    path = folder / "both.pem"
    certificate.private_key_and_cert_chain_pem.write_to_path(str(path))
    path.chmod(0o600)
    with serving("counter", "--tls-cert", str(path), "--tls-key", str(path), *args) as server:
        yield server


@pytest.mark.parametrize("probe", ["echo", "counter", "pubsub"])
@pytest.mark.parametrize(
    ("name", "begins", "words", "reason"),
    [
        ("127.0.0.1", PAST, "the certificate expired on 2020-01-02", "expired"),
        ("127.0.0.1", FUTURE, "the certificate is not valid yet, but from 2099-01-01", "not-yet-valid"),
        ("other.example", None, "the certificate is for another name", "other-name"),
    ],
)
def test_each_fault_has_its_words(
    tmp_path: Path, probe: str, name: str, begins: datetime.datetime | None, words: str, reason: str
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca"))
    dates = {} if begins is None else {"not_before": begins, "not_after": begins + DAY}
    with showing(tmp_path, authority.issue_cert(name, **dates)) as server:
        target = f"https://{server.target}/" if probe == "counter" else server.target
        tls = () if probe == "counter" else ("--tls",)
        ran = tw("probe", probe, target, *tls, "--ca-file", str(tmp_path / "ca"), "--json")
    assert ran.code == ExitCode.TLS
    assert ran.error_line.startswith(f"tw: {words} (")
    error = ran.json["error"]
    assert (error["kind"], error["exit"], error["reason"]) == ("tls", ExitCode.TLS, reason)


@pytest.mark.parametrize(
    ("args", "reason"),
    [((), "unknown-authority"), (("--pin", f"sha256//{'A' * 43}="), "other-pin")],
)
def test_a_stranger_is_told_apart_from_a_fault(tmp_path: Path, args: tuple[str, ...], reason: str) -> None:
    with showing(tmp_path, trustme.CA().issue_cert("127.0.0.1")) as server:
        ran = tw("probe", "echo", server.target, "--tls", "--json", *args)
    assert (ran.code, ran.json["error"]["reason"]) == (ExitCode.TLS, reason)


def test_a_certificate_that_signed_itself_is_told_as_that() -> None:
    with serving("echo", "--tls-self-signed") as server:
        ran = tw("probe", "echo", server.target, "--tls", "--json")
    assert (ran.code, ran.json["error"]["reason"]) == (ExitCode.TLS, "self-signed")


@pytest.mark.parametrize(
    ("who", "words"),
    [
        (None, "the server wants a client certificate"),
        ("wrong", "the server refuses the client certificate"),
        ("expired", "the server refuses the client certificate"),
    ],
)
def test_a_client_that_may_not_come_is_told_why(tmp_path: Path, who: str | None, words: str) -> None:
    ours = trustme.CA()
    ours.cert_pem.write_to_path(str(tmp_path / "ca"))
    identity: tuple[str, ...] = ()
    if who is not None:
        issued = trustme.CA().issue_cert("me@example.org") if who == "wrong" else None
        issued = issued or ours.issue_cert("me@example.org", not_before=PAST, not_after=PAST + DAY)
        issued.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "me"))
        identity = ("--client-cert", str(tmp_path / "me"))
    with showing(tmp_path, ours.issue_cert("127.0.0.1"), "--tls-client-ca", str(tmp_path / "ca")) as server:
        target = f"https://{server.target}/"
        ran = tw("probe", "counter", target, "--ca-file", str(tmp_path / "ca"), "--json", *identity)
    assert (ran.code, ran.json["error"]["reason"]) == (ExitCode.TLS, "client-certificate")
    assert ran.error_line.startswith(f"tw: {words}")
