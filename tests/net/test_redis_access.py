"""How one gets in to a Redis, read once and taken over by another process."""

import json
from pathlib import Path

import pytest

from e2e.certificates import make_certificates
from handshakes import shake_with
from tw.core.via import parse_via
from tw.errors import LocalError
from tw.net.pem import trust_root_of
from tw.net.redis_access import RedisAccess, hand_over_access, read_access, take_over_access
from tw.net.tls import client_creator, server_tls
from tw.options import TlsClientOptions
from tw.secret import Secret

PLACE = parse_via("rediss://joe@localhost:7/3?key=n", "key")


def crossed(access: RedisAccess) -> RedisAccess:
    """As the other process has it."""
    return take_over_access(json.loads(json.dumps(hand_over_access(access))))


@pytest.mark.parametrize("text", ["unix:///run/redis.sock?db=2&stream=s", "redis://[::1]?stream=é", "rediss://u@h/1"])
def test_the_place_is_the_same(text: str) -> None:
    access = RedisAccess(parse_via(text, "stream"))
    assert crossed(access) == access


@pytest.mark.parametrize("password", ["", "pass word\n", "\udcff\udc00 é"])  # out of a variable it may be no UTF-8
def test_the_password_is_the_same_and_is_not_shown(password: str) -> None:
    access = crossed(RedisAccess(PLACE, Secret(password)))
    assert access.secret is not None
    assert access.secret.reveal() == password
    assert "Secret(***)" in repr(access)


def test_the_authorities_are_those_of_the_file_as_it_was(tmp_path: Path) -> None:
    files = make_certificates(tmp_path, "localhost")
    read = read_access(PLACE, None, files.ca)
    Path(files.ca).write_text("")
    access = crossed(read)
    assert access.authorities == read.authorities
    assert access.authorities is not None
    own = server_tls(files.cert, files.key, None)
    creator = client_creator("localhost", TlsClientOptions(), trust_root_of(access.authorities))
    assert shake_with(own.context, creator).works


def test_a_file_without_authorities_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match=r"cannot read the certificate"):
        read_access(PLACE, None, str(tmp_path / "none.pem"))
