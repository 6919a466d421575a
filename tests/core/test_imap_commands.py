"""What an IMAP client says: arguments, and the names of mailboxes."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.mail import imap4

from tw.core.imap_commands import command, decode_mailbox, encode_mailbox
from tw.core.imap_types import check_mailbox
from tw.errors import UsageError

NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


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
    assert decode_mailbox(encoded) == name


@given(NAMES)
def test_twisted_and_we_read_our_mailbox_names_back(name: str) -> None:
    encoded = encode_mailbox(name)
    assert encoded.isascii()
    assert imap4.decoder(encoded)[0] == name
    assert decode_mailbox(encoded) == name


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        (b"a & b", "a & b"),  # no shift without its end
        (b"&", "&"),
        (b"&&-", "&&"),
        (b"&AOk", "&AOk"),
        (b"&AOk-&AOk", "é&AOk"),
        (b"&!-", "&!-"),
        (b"&AA-", "&AA-"),  # half a character
        (b"&2D0-", "&2D0-"),  # half a pair
        (b"&A=Ok-", "&A=Ok-"),
        ("Entwürfe &AOk-".encode(), "Entwürfe é"),
        ("&é-".encode(), "&é-"),
        (b"Entw\xfcrfe &AOk-", "Entwürfe &AOk-"),
        (b"", ""),
    ],
)
def test_a_name_that_is_no_utf_7_stays_as_it_came(sent: bytes, name: str) -> None:
    assert decode_mailbox(sent) == name


PARTS = st.sampled_from([b"&", b"-", b"AOk", b",", b"\xe9", b"2D3eAA"])


@given(st.binary(max_size=30) | st.lists(PARTS).map(b"".join))
def test_any_bytes_make_a_name(sent: bytes) -> None:
    assert isinstance(decode_mailbox(sent), str)


@pytest.mark.parametrize("sent", [b"&" * 1_000_000, b"&A" * 500_000, b"&AOk-" * 200_000, b"&" + b"A" * 1_000_000])
def test_a_name_of_a_megabyte_is_read_in_no_time(sent: bytes) -> None:
    before = time.process_time()
    decode_mailbox(sent)
    assert time.process_time() - before < 10.0  # what takes the square of the length takes minutes


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("", "the name of the mailbox is empty"),
        ("IN\nBOX", "a line end, NUL or a broken character in the name of the mailbox"),
        ("\0", "a line end, NUL or a broken character in the name of the mailbox"),
        ("a\udcff", "a line end, NUL or a broken character in the name of the mailbox"),
        ("x" * 1_001, "the name of the mailbox is longer than 1000 bytes"),
        ("é" * 400, "the name of the mailbox is longer than 1000 bytes"),
    ],
)
def test_a_name_that_no_mailbox_can_have_is_refused(name: str, what: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_mailbox(name, "here")
    assert (caught.value.what, caught.value.where) == (what, "here")


@given(NAMES | st.integers(0, 1_010).map(lambda size: "x" * size))
def test_a_name_that_passes_is_never_a_literal(name: str) -> None:
    """Several commands go out in one flight: none of them may wait for the server in its middle."""
    try:
        check_mailbox(name, "")
    except UsageError:
        return
    assert len(command(b"STATUS", [encode_mailbox(name)])) == 1
