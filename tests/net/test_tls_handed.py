"""A server's TLS, taken over by another process."""

import json
from pathlib import Path

import pytest

from e2e.certificates import make_certificates
from handshakes import shake
from tw.net.tls import self_signed_tls, server_tls
from tw.net.tls_handed import hand_over, take_over
from tw.options import TlsClientOptions


def test_the_other_process_shows_the_same_key_and_is_verified_by_the_same_authority(tmp_path: Path) -> None:
    files = make_certificates(tmp_path, "localhost")
    own = server_tls(files.cert, files.key, None)
    theirs = take_over(json.loads(json.dumps(hand_over(own))), ())
    assert theirs.pin == own.pin
    assert shake(theirs, "localhost", TlsClientOptions(ca_file=files.ca)).works


def test_it_asks_for_the_same_client_certificates(tmp_path: Path) -> None:
    files = make_certificates(tmp_path, "localhost")
    theirs = take_over(hand_over(server_tls(files.cert, files.key, files.ca)), ())
    shown = TlsClientOptions(ca_file=files.ca, client_cert=files.client_cert, client_key=files.client_key)
    assert shake(theirs, "localhost", shown).works
    assert not shake(theirs, "localhost", TlsClientOptions(ca_file=files.ca)).works


def test_a_throw_away_certificate_has_one_pin() -> None:
    own = self_signed_tls("localhost")
    assert take_over(hand_over(own), ()).pin == own.pin


def test_without_a_certificate_there_is_nothing_to_show() -> None:
    with pytest.raises(ValueError, match="no certificate"):
        take_over({"key": "", "chain": None, "authorities": None}, ())
