"""What an IMAP client says."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.mail import imap4

from tw.core.imap_commands import command, encode_mailbox, login_command, plain_response


@pytest.mark.parametrize(
    ("argument", "line"),
    [
        (b"alice", b'"alice"'),
        (b"", b'""'),
        (rb'a"b\c', rb'"a\"b\\c"'),
        (b"with space {5}", b'"with space {5}"'),
        (b"x" * 1_000, b'"' + b"x" * 1_000 + b'"'),
    ],
)
def test_a_short_ascii_argument_is_quoted(argument: bytes, line: bytes) -> None:
    assert command(b"EXAMINE", [argument]) == [b"EXAMINE " + line + b"\r\n"]


def test_what_cannot_be_quoted_waits_for_the_server_as_a_literal() -> None:
    long = b"x" * 1_001
    assert command(b"LOGIN", ["é".encode(), b"p"]) == [b"LOGIN {2}\r\n", b'\xc3\xa9 "p"\r\n']
    assert command(b"LOGIN", [b"u", "é".encode()]) == [b'LOGIN "u" {2}\r\n', b"\xc3\xa9\r\n"]
    assert command(b"LOGIN", ["é".encode(), long]) == [
        b"LOGIN {2}\r\n",
        b"\xc3\xa9 {1001}\r\n",
        long + b"\r\n",
    ]


def test_a_literal_does_not_wait_where_the_server_needs_no_waiting() -> None:
    arguments = ["é".encode(), b"x" * 5_000]
    plus = b"LOGIN {2+}\r\n\xc3\xa9 {5000+}\r\n" + b"x" * 5_000 + b"\r\n"
    assert command(b"LOGIN", arguments, {"LITERAL+"}) == [plus]
    # LITERAL- is for up to 4,096 bytes (RFC 7888, section 5).
    minus = [b"LOGIN {2+}\r\n\xc3\xa9 {5000}\r\n", b"x" * 5_000 + b"\r\n"]
    assert command(b"LOGIN", arguments, {"LITERAL-"}) == minus


def test_plain_goes_out_at_once_with_an_initial_response_and_else_when_asked() -> None:
    answer = base64.b64encode("\0älice\0päss".encode())
    user, password = "älice".encode(), "päss".encode()
    assert login_command(user, password, {"AUTH=PLAIN", "SASL-IR"}) == [b"AUTHENTICATE PLAIN " + answer + b"\r\n"]
    assert login_command(user, password, {"AUTH=PLAIN"}) == [b"AUTHENTICATE PLAIN\r\n", answer + b"\r\n"]


def test_login_is_for_servers_without_plain() -> None:
    assert login_command(b"u", b"p", {"IMAP4REV1", "AUTH=CRAM-MD5"}) == [b'LOGIN "u" "p"\r\n']


def test_logindisabled_forbids_login_but_not_a_mechanism_that_is_offered() -> None:
    assert login_command(b"u", b"p", {"LOGINDISABLED"}) is None
    assert login_command(b"u", b"p", {"LOGINDISABLED", "AUTH=CRAM-MD5"}) is None
    chunks = login_command(b"u", b"p", {"LOGINDISABLED", "AUTH=PLAIN"})
    assert chunks is not None
    assert chunks[0] == b"AUTHENTICATE PLAIN\r\n"


def test_the_base64_of_a_long_password_stays_on_one_line() -> None:
    answer = plain_response(b"u", b"p" * 3_000)
    assert b"\n" not in answer
    assert base64.b64decode(answer) == b"\0u\0" + b"p" * 3_000


@pytest.mark.parametrize(
    ("name", "encoded"),
    [
        ("INBOX", b"INBOX"),
        ("Sent & Received", b"Sent &- Received"),
        ("&", b"&-"),
        # The examples of RFC 3501, section 5.1.3.
        ("~peter/mail/台北/日本語", b"~peter/mail/&U,BTFw-/&ZeVnLIqe-"),
        ("Entwürfe", b"Entw&APw-rfe"),
        ("€&é", b"&IKw-&-&AOk-"),
        ("😀", b"&2D3eAA-"),
        ("a\tb\x7f", b"a&AAk-b&AH8-"),
        (r"back\slash/\"", rb"back\slash/\""),
    ],
)
def test_mailbox_names_in_modified_utf_7(name: str, encoded: bytes) -> None:
    assert encode_mailbox(name) == encoded


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
def test_twisted_reads_our_mailbox_names_back(name: str) -> None:
    encoded = encode_mailbox(name)
    assert encoded.isascii()
    assert imap4.decoder(encoded)[0] == name
