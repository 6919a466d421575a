"""Bytes of an IMAP server -> responses."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tw.core.imap_tokens import (
    DEPTH_LIMIT,
    LINE_LIMIT_BYTES,
    LITERAL_LIMIT_BYTES,
    Continuation,
    Data,
    MalformedError,
    Response,
    ResponseReader,
    Status,
    Value,
    parse_values,
)


def read(*chunks: bytes, **limits: int) -> list[Response]:
    """Everything that a reader makes of these chunks."""
    reader = ResponseReader(**limits)
    responses = []
    for chunk in chunks:
        reader.feed(chunk)
        while (response := reader.next_response()) is not None:
            responses.append(response)
    return responses


def outcome(*chunks: bytes, **limits: int) -> object:
    try:
        return read(*chunks, **limits)
    except MalformedError as error:
        return error.reason


RESPONSES: list[tuple[bytes, list[Response]]] = [
    (b"* OK\r\n", [Status(None, "OK", b"")]),
    (b"* ok hello there\r\n", [Status(None, "OK", b"hello there")]),
    (b"* OK unix line end\n", [Status(None, "OK", b"unix line end")]),
    (b"* OK one CR belongs to the end\r\r\n", [Status(None, "OK", b"one CR belongs to the end\r")]),
    (b"*  OK two spaces\r\n", [Status(None, "OK", b"two spaces")]),
    (b"A1 No [nonexistent] gone\r\n", [Status(b"A1", "NO", b"[nonexistent] gone", "NONEXISTENT")]),
    (
        b"* OK [CAPABILITY IMAP4rev1 SASL-IR] hi]\r\n",
        [Status(None, "OK", b"[CAPABILITY IMAP4rev1 SASL-IR] hi]", "CAPABILITY", b"IMAP4rev1 SASL-IR")],
    ),
    (b"* OK [ALERT disk is full\r\n", [Status(None, "OK", b"[ALERT disk is full")]),
    (b"* OK ALERT] disk is full\r\n", [Status(None, "OK", b"ALERT] disk is full")]),
    (b"* OK [] nothing\r\n", [Status(None, "OK", b"[] nothing")]),
    (b"* BYE may end like a literal {5}\r\n", [Status(None, "BYE", b"may end like a literal {5}")]),
    (b"A1 BAD also tagged {5}\r\n", [Status(b"A1", "BAD", b"also tagged {5}")]),
    (b"+ {3}\r\n+\r\n", [Continuation(b"{3}"), Continuation(b"")]),
    (b"* 3 EXISTS\r\n* 12 recent\r\n", [Data("EXISTS", 3, (b"",)), Data("RECENT", 12, (b"",))]),
    (b"* FLAGS (\\Seen)\r\n", [Data("FLAGS", None, (b"(\\Seen)",))]),
    (b"\r\n\n* 1 EXISTS\r\n", [Data("EXISTS", 1, (b"",))]),
    (b'* LIST () "/" {3}\r\na\nb\r\n', [Data("LIST", None, (b'() "/" ', b"a\nb", b""))]),
    (
        b"* 1 FETCH (B {8}\r\nA: b\r\n)( U {2+}\r\n99 X ~{0}\r\n)\r\n* 2 EXISTS\r\n",
        [
            Data("FETCH", 1, (b"(B ", b"A: b\r\n)(", b" U ", b"99", b" X ", b"", b")")),
            Data("EXISTS", 2, (b"",)),
        ],
    ),
    (b"* X {2}\r\nOK\r\n", [Data("X", None, (b"", b"OK", b""))]),
]


@pytest.mark.parametrize(("data", "expected"), RESPONSES)
def test_every_split_gives_the_same_responses(data: bytes, expected: list[Response]) -> None:
    assert read(data) == expected
    assert read(*(data[i : i + 1] for i in range(len(data)))) == expected
    for cut in range(1, len(data)):
        assert read(data[:cut], data[cut:]) == expected, data[:cut]


def test_an_unfinished_response_is_kept_and_can_be_looked_at() -> None:
    reader = ResponseReader()
    reader.feed(b"* 1 FETCH (X {5}\r\nab")
    assert reader.next_response() is None
    assert reader.unread == b"* 1 FETCH (X ab"
    reader.feed(b"cde)\r\n* 2")
    assert reader.next_response() == Data("FETCH", 1, (b"(X ", b"abcde", b")"))
    assert reader.unread == b"* 2"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"220 mail.example.org ESMTP\r\n", "a line that is no response"),
        (b"HTTP/1.1 400 Bad Request\r\n", "a line that is no response"),
        (b"+OK POP3\r\n", "a line that is no response"),
        (b"A1 PREAUTH tagged\r\n", "a line that is no response"),
        (b" OK no tag\r\n", "a line that is no response"),
        (b"OK\r\n", "a line that is no response"),
        (b"*\r\n", "an untagged response without a name"),
        (b"* 5\r\n", "an untagged response without a name"),
        (b"* %s EXISTS\r\n" % (b"9" * 20), "a number of over 19 digits"),
    ],
)
def test_a_line_that_no_reading_allows_is_malformed(data: bytes, reason: str) -> None:
    with pytest.raises(MalformedError, match=f"^{reason}$") as caught:
        read(data)
    assert caught.value.data == data.rstrip(b"\r\n")


def test_limits_hold_to_the_byte_and_in_every_split() -> None:
    fits, over = b"* X 789\n", b"* X 7890\n"
    assert outcome(fits, line_limit_bytes=7) == [Data("X", None, (b"789",))]
    assert outcome(over, line_limit_bytes=7) == "a line of over 7 bytes"
    for cut in range(1, len(over)):
        assert outcome(over[:cut], over[cut:], line_limit_bytes=7) == "a line of over 7 bytes"
    assert outcome(b"* X 78901", line_limit_bytes=7) == "a line of over 7 bytes"

    assert outcome(b"* X {3}\r\nabc\r\n", literal_limit_bytes=3) == [Data("X", None, (b"", b"abc", b""))]
    assert outcome(b"* X {4}\r\n", literal_limit_bytes=3) == "a literal of over 3 bytes"
    assert outcome(b"* X {%s}\r\n" % (b"0" * 30)) == f"a literal of over {LITERAL_LIMIT_BYTES} bytes"


def test_the_whole_response_is_limited_too_also_where_its_literals_are_empty() -> None:
    many = b"* X" + b" {0}\r\n" * 10 + b"\r\n"
    size = len(many)
    assert len(read(many, response_limit_bytes=size)) == 1
    assert len(read(many, many, response_limit_bytes=size)) == 2
    assert outcome(many, response_limit_bytes=size - 1) == f"a response of over {size - 1} bytes"
    assert outcome(b"* X {90}\r\n", response_limit_bytes=80) == "a response of over 80 bytes"


def test_the_defaults_take_more_than_twisted_does() -> None:
    line = b"* X " + b"y" * 16_384 + b"\r\n"
    assert read(line) == [Data("X", None, (b"y" * 16_384,))]
    assert outcome(b"y" * (LINE_LIMIT_BYTES + 1)) == f"a line of over {LINE_LIMIT_BYTES} bytes"


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        ((b"",), ()),
        ((b" a  B\t7 ",), (b"a", b"B", b"7")),
        ((b'nil NIL "NIL" NILS',), (None, None, b"NIL", b"NILS")),
        ((b'"" "a b" "(" ")"',), (b"", b"a b", b"(", b")")),
        (
            (rb'"ends in a backslash\\" "say \"hi\"" "C:\temp" "\\\\"',),
            (b"ends in a backslash\\", b'say "hi"', b"C:\\temp", b"\\\\"),
        ),
        ((b"(a (b ()) c)(d)",), ((b"a", (b"b", ()), b"c"), (b"d",))),
        ((b"(\\Seen $x [a] %5 *)",), ((b"\\Seen", b"$x", b"[a]", b"%5", b"*"),)),
        ((b"(X ", b')"\r\n(', b" Y ", b"", b")"), ((b"X", b')"\r\n(', b"Y", b""),)),
        ((b"(X ", b"nil", b")"), ((b"X", b"nil"),)),
        (
            (b"(BODY[HEADER.FIELDS (SUBJECT FROM)] x UID 5)",),
            ((b"BODY[HEADER.FIELDS (SUBJECT FROM)]", b"x", b"UID", b"5"),),
        ),
        ((b'(body[header.fields ("A]" "B\\"]")]<0> x)',), ((b'body[header.fields ("A]" "B\\"]")]<0>', b"x"),)),
        ((b"(BODY[] x BINARY.SIZE[1.2] 5 BODY 6)",), ((b"BODY[]", b"x", b"BINARY.SIZE[1.2]", b"5", b"BODY", b"6"),)),
        ((b"BODY[TEXT x",), (b"BODY[TEXT", b"x")),
        ((b"('quotes' in\"side\")",), ((b"'quotes'", b"in", b"side"),)),
    ],
)
def test_values(pieces: tuple[bytes, ...], expected: tuple[Value, ...]) -> None:
    assert parse_values(pieces) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"(a (b)", "a list without an end"),
        (b"a)", "a closing parenthesis too many"),
        (b'"a', "a quoted string without an end"),
        (rb'"a\"', "a quoted string without an end"),
        (b"(" * (DEPTH_LIMIT + 1), f"lists nested over {DEPTH_LIMIT} deep"),
    ],
)
def test_values_that_are_malformed(text: bytes, reason: str) -> None:
    with pytest.raises(MalformedError, match=reason):
        parse_values((text,))


def test_lists_nest_up_to_the_limit() -> None:
    assert parse_values((b"(" * DEPTH_LIMIT + b")" * DEPTH_LIMIT,))


STREAM_PARTS = st.sampled_from(
    [b"* ", b"OK ", b"A1 ", b"+ ", b"1 ", b"FETCH ", b"{3}", b"\r\n", b"\n", b"\r", b"(", b")", b'"', b"\\", b"[", b"]"]
)
STREAMS = st.lists(STREAM_PARTS | st.binary(max_size=4), max_size=30).map(b"".join)


@given(STREAMS, st.lists(st.integers(0, 150), max_size=6))
def test_any_bytes_mean_the_same_however_they_are_split(data: bytes, cuts: list[int]) -> None:
    edges = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    chunks = [data[a:b] for a, b in pairwise(edges)]
    limits = {"line_limit_bytes": 40, "literal_limit_bytes": 20, "response_limit_bytes": 60}
    assert outcome(*chunks, **limits) == outcome(data, **limits)


@given(STREAMS)
def test_any_values_parse_or_are_malformed(data: bytes) -> None:
    try:
        values = parse_values((data, b"literal", data))
    except MalformedError:
        return
    assert isinstance(values, tuple)


ATOMS = st.from_regex(rb"[A-Za-z0-9$.\-]{1,8}", fullmatch=True).filter(lambda atom: atom.upper() != b"NIL")
VALUES = st.recursive(
    st.none() | ATOMS | st.binary(max_size=20), lambda inner: st.lists(inner, max_size=4).map(tuple), max_leaves=12
)


def pieces_of(value: Value) -> list[bytes]:
    """A value as a server may send it: text and literals by turns."""
    if value is None:
        return [b"NIL"]
    if isinstance(value, bytes):
        if b"\r" in value or b"\n" in value or len(value) % 3 == 0:
            return [b"", value, b""]
        return [b'"' + value.replace(b"\\", rb"\\").replace(b'"', rb"\"") + b'"']
    pieces = [b"("]
    for item in value:
        first, *rest = pieces_of(item)
        pieces[-1] += b" " + first
        pieces += rest
    pieces[-1] += b")"
    return pieces


@given(st.lists(VALUES, max_size=4).map(tuple))
def test_values_come_back_as_they_were_sent(values: tuple[Value, ...]) -> None:
    pieces = pieces_of(values)
    assert parse_values(tuple(pieces)) == (values,)
    wire = b"* X " + pieces[0]
    for literal, text in zip(pieces[1::2], pieces[2::2], strict=True):
        wire += b"{%d}\r\n%s%s" % (len(literal), literal, text)
    (response,) = read(wire + b"\r\n")
    assert isinstance(response, Data)
    assert response.values() == (values,)
