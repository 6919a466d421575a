"""Search criteria: what of them is sent, and what is refused before there is a connection."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tw.core.imap_commands import SEARCH_LIMIT_BYTES, search_command, search_tokens
from tw.errors import UsageError

UTF_8 = b"UID SEARCH CHARSET UTF-8 "


def chunks_of(criteria: str, *capabilities: str) -> list[bytes]:
    return search_command(search_tokens(criteria), set(capabilities))


@pytest.mark.parametrize(
    ("criteria", "line"),
    [
        ("UNSEEN", b"UNSEEN"),
        ("  UNSEEN \t FROM  bob ", b"UNSEEN FROM bob"),
        ("UNSEEN\u00a0FROM\x0bbob", b"UNSEEN FROM bob"),
        ('FROM "bob  b" SINCE 1-Jan-2026', b'FROM "bob  b" SINCE 1-Jan-2026'),
        (r'SUBJECT "say \"hi\" \\"', rb'SUBJECT "say \"hi\" \\"'),
        ('OR (FROM a) (NOT (TO ""))', b'OR (FROM a) (NOT (TO ""))'),
        ("UID 1:*,7 KEYWORD $x", b"UID 1:*,7 KEYWORD $x"),
        ('SUBJECT "{5}" TEXT "x {3+}"', b'SUBJECT "{5}" TEXT "x {3+}"'),
        ("()", b"()"),
    ],
)
def test_ascii_goes_as_it_is_on_one_line(criteria: str, line: bytes) -> None:
    assert chunks_of(criteria) == [b"UID SEARCH " + line + b"\r\n"]


def test_what_is_not_ascii_is_a_literal_in_utf_8_that_waits_for_the_server() -> None:
    assert chunks_of("SUBJECT é") == [UTF_8 + b"SUBJECT {2}\r\n", b"\xc3\xa9\r\n"]
    assert chunks_of('(SUBJECT "é é" FROM ü) UNSEEN') == [
        UTF_8 + b"(SUBJECT {5}\r\n",
        b"\xc3\xa9 \xc3\xa9 FROM {2}\r\n",
        b"\xc3\xbc) UNSEEN\r\n",
    ]


def test_a_literal_does_not_wait_where_the_server_needs_no_waiting() -> None:
    at_once = UTF_8 + b"SUBJECT {2+}\r\n\xc3\xa9 FROM {2+}\r\n\xc3\xbc\r\n"
    assert chunks_of("SUBJECT é FROM ü", "LITERAL+") == [at_once]
    assert chunks_of("SUBJECT é FROM ü", "LITERAL-") == [at_once]


def test_a_literal_holds_what_the_quotes_meant() -> None:
    (sent,) = chunks_of(r'SUBJECT "é\"\\\x"', "LITERAL+")
    assert sent == UTF_8 + b'SUBJECT {6+}\r\n\xc3\xa9"\\\\x\r\n'


@pytest.mark.parametrize("ending", ["", " ", " UNSEEN"])
def test_spaces_at_the_end_of_a_literal_are_sent_as_announced(ending: str) -> None:
    (sent,) = chunks_of(f'SUBJECT "é  "{ending}', "LITERAL+")
    assert sent == UTF_8 + b"SUBJECT {4+}\r\n\xc3\xa9  " + ending.rstrip().encode() + b"\r\n"


@pytest.mark.parametrize(
    ("criteria", "what"),
    [
        ("UNSEEN\r\nA9 DELETE INBOX", "a line end, NUL or a broken character in the criteria"),
        ("UNSEEN\n", "a line end, NUL or a broken character in the criteria"),
        ('SUBJECT "\0"', "a line end, NUL or a broken character in the criteria"),
        ("SUBJECT \x7f", "a line end, NUL or a broken character in the criteria"),
        ("SUBJECT \udcff", "a line end, NUL or a broken character in the criteria"),
        ('SUBJECT "x', "a quote without an end in the criteria"),
        ('SUBJECT "x\\"', "a quote without an end in the criteria"),
        ('"', "a quote without an end in the criteria"),
        ('UNSEEN "é', "a quote without an end in the criteria"),
        ("SUBJECT {5}", "a brace outside quotes in the criteria"),
        ("SUBJECT {5+}", "a brace outside quotes in the criteria"),
        ("SUBJECT é{5}", "a brace outside quotes in the criteria"),
        ("", "no criteria"),
        (" \t ", "no criteria"),
        ("TEXT " + "x" * SEARCH_LIMIT_BYTES, f"criteria of over {SEARCH_LIMIT_BYTES} bytes"),
        ("TEXT " + "é" * (SEARCH_LIMIT_BYTES // 2), f"criteria of over {SEARCH_LIMIT_BYTES} bytes"),
    ],
)
def test_what_could_not_be_sent_in_one_command_is_refused(criteria: str, what: str) -> None:
    with pytest.raises(UsageError) as caught:
        search_tokens(criteria)
    assert (caught.value.what, caught.value.where) == (what, "--search")
    assert caught.value.hint


def test_criteria_may_be_as_long_as_the_limit() -> None:
    assert search_tokens("TEXT " + "x" * (SEARCH_LIMIT_BYTES - 5))


def server_reads(chunks: list[bytes]) -> list[bytes]:
    """The lines and literals of the one command, as a server reads it: nothing is left over for another one."""
    data, read = b"".join(chunks), []
    while True:
        line, end, data = data.partition(b"\r\n")
        assert end
        read.append(line)
        announced = re.search(rb"\{(\d+)\+?\}$", line)
        if announced is None:
            assert data == b""
            return read
        size = int(announced[1])
        assert len(data) >= size
        read.append(data[:size])
        data = data[size:]


@given(
    st.text(st.sampled_from(' "()\\{}+5é€😀aA*:\t\u00a0'), max_size=25) | st.text(max_size=20),
    st.sampled_from([(), ("LITERAL+",), ("LITERAL-",)]),
)
def test_a_server_reads_any_criteria_as_one_command(criteria: str, capabilities: tuple[str, ...]) -> None:
    try:
        tokens = search_tokens(criteria)
    except UsageError:
        return
    chunks = search_command(tokens, set(capabilities))
    read = server_reads(chunks)
    assert read[0].startswith(b"UID SEARCH ")
    assert all(line.isascii() for line in read[::2])
    literals = [token for token in tokens if isinstance(token, bytes)]
    assert read[1::2] == literals
    # Where nothing goes at once, each chunk but the first answers one request of the server's.
    assert len(chunks) == (1 if capabilities else len(literals) + 1)
