"""Foreign text: what reaches a terminal, and what a subject says."""

import base64
import unicodedata
from encodings.aliases import aliases

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tw.core.text import SafeStream, decode_subject, safe, safe_bytes

# Written out here, apart from the module's own pattern: the general categories that act or hide, less what is let
# through on purpose.
_BAD_CATEGORIES = {"Cc", "Cs", "Zl", "Zp"}
_BAD_POINTS = {
    *(0x61C, 0x180E, 0x200B, 0x200E, 0x200F, 0xFEFF, 0xFFF9, 0xFFFA, 0xFFFB),
    *range(0x202A, 0x202F),
    *range(0x2060, 0x2070),
    *range(0xE0000, 0xE0080),
}
_SAMPLE = "a\x1b[31mré\u202e中\x9b\r\n\t😀\U000e0041\u2028\ufeff\\z\x7f"


def _is_bad(char: str) -> bool:
    return unicodedata.category(char) in _BAD_CATEGORIES or ord(char) in _BAD_POINTS


def _streamed(*chunks: bytes) -> str:
    stream = SafeStream()
    return "".join([stream.feed(chunk) for chunk in chunks] + [stream.finish()])


def _word(charset: str, content: bytes) -> bytes:
    return f"=?{charset}?b?{base64.b64encode(content).decode()}?=".encode()


def test_safe_leaves_every_ordinary_character_and_escapes_every_other_one() -> None:
    for point in range(0x110000):
        char = chr(point)
        shown = safe(char)
        if not _is_bad(char):
            assert shown == char
        else:
            assert shown.startswith("\\")
            assert shown.isascii()
            assert shown.isprintable()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("\x1b[2J", r"\x1b[2J"),
        ("a\nb\r\tc", r"a\x0ab\x0d\x09c"),
        ("\x9b", r"\x9b"),
        ("abc\u202etxt.exe", r"abc\u202etxt.exe"),
        ("\u2066\u2069\u061c\u200e\u200f", r"\u2066\u2069\u061c\u200e\u200f"),
        ("\u2028\u2029", r"\u2028\u2029"),
        ("\u200b\u2060\ufeff", r"\u200b\u2060\ufeff"),
        ("\ud800", r"\ud800"),
        ("\udfff", r"\udfff"),
        ("\udcff", r"\xff"),
        ("\U000e0041\U000e007f", r"\U000e0041\U000e007f"),
        (r"a\x1b", r"a\x1b"),
        ("👩\u200d💻 ❤\ufe0f", "👩\u200d💻 ❤\ufe0f"),
        ("नमस्\u200cते", "नमस्\u200cते"),
    ],
)
def test_safe_makes_commands_and_hidden_characters_visible(text: str, shown: str) -> None:
    assert safe(text) == shown


@given(st.text(st.characters(exclude_categories=[])))
def test_safe_text_is_one_line_and_is_safe_already(text: str) -> None:
    shown = safe(text)
    assert len(shown.splitlines()) <= 1
    assert safe(shown) == shown
    shown.encode()  # no surrogate is left to stop it from being printed


@given(st.text(st.characters(exclude_categories=[])), st.integers(1, 30))
def test_a_limit_cuts_between_escapes_and_only_what_is_longer(text: str, limit_chars: int) -> None:
    whole = safe(text)
    cut = safe(text, limit_chars)
    assert len(cut) <= limit_chars
    if len(whole) <= limit_chars:
        assert cut == whole
    else:
        assert cut.endswith("…")
        pieces = [safe(char) for char in text]
        starts = ["".join(pieces[:count]) for count in range(len(pieces))]
        assert cut[:-1] == max((start for start in starts if len(start) < limit_chars), key=len)


def test_a_limit_is_kept_to_the_character() -> None:
    assert safe("abcd", 4) == "abcd"
    assert safe("abcde", 4) == "abc…"
    assert safe("abc\x1b", 7) == r"abc\x1b"
    assert safe("abc\x1b", 6) == "abc…"
    assert safe("ab", 1) == "…"


@pytest.mark.parametrize("limit_chars", [0, -1])
def test_a_limit_without_room_for_the_ellipsis_is_refused(limit_chars: int) -> None:
    with pytest.raises(ValueError, match="limit_chars"):
        safe("x", limit_chars)
    with pytest.raises(ValueError, match="limit_chars"):
        safe_bytes(b"x", limit_chars)


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        ("grüße 中 😀".encode(), "grüße 中 😀"),
        (b"a\xff\xc3", r"a\xff\xc3"),
        (b"\xed\xa0\x80", r"\xed\xa0\x80"),  # a surrogate in UTF-8: invalid by RFC 3629 section 3
        (b"\xc0\xaf", r"\xc0\xaf"),  # an overlong slash
        (b"\x1b]0;title\x07", r"\x1b]0;title\x07"),
    ],
)
def test_bytes_are_read_as_utf8_and_invalid_ones_are_named(data: bytes, shown: str) -> None:
    assert safe_bytes(data) == shown


@given(st.one_of(st.binary(), st.text().map(str.encode)), st.integers(1, 20))
def test_cut_bytes_are_the_cut_text(data: bytes, limit_chars: int) -> None:
    assert safe_bytes(data, limit_chars) == safe(data.decode("utf-8", "surrogateescape"), limit_chars)


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        (b"a\nb\tc\n", "a\nb\tc\n"),
        (b"a\r\nb\r\n", "a\nb\n"),
        (b"100%\rfake", "100%\\x0dfake"),
        (b"a\r\r\n", "a\\x0d\n"),
        (b"a\r", "a\\x0d"),
        (b"\x1b[0m\x0b\x0c\x00", "\\x1b[0m\\x0b\\x0c\\x00"),
        (b"\xe2\x82", "\\xe2\\x82"),
        (b"\xe2\x82\r\n", "\\xe2\\x82\n"),
        ("x\u202e\u2028".encode(), "x\\u202e\\u2028"),
    ],
)
def test_a_stream_keeps_lines_and_tabs_and_escapes_the_rest(data: bytes, shown: str) -> None:
    assert _streamed(data) == shown
    assert _streamed(*(bytes([byte]) for byte in data)) == shown


def test_a_stream_is_the_same_at_every_split() -> None:
    data = _SAMPLE.encode("utf-8", "surrogatepass") + b"\xf0\x9f\x98\r\r\n\xff\r"
    whole = _streamed(data)
    assert whole.endswith("\\xf0\\x9f\\x98\\x0d\n\\xff\\x0d")
    for first in range(len(data) + 1):
        for second in range(first, len(data) + 1):
            assert _streamed(data[:first], data[first:second], data[second:]) == whole


_STREAM_BYTES = st.lists(st.sampled_from([b"\r", b"\n", b"\xe2", b"\x82", b"\xac", b"\x1b", b"a"]) | st.binary())


@given(_STREAM_BYTES)
def test_a_stream_is_what_safe_makes_of_each_piece_between_line_ends_and_tabs(chunks: list[bytes]) -> None:
    text = b"".join(chunks).decode("utf-8", "surrogateescape").replace("\r\n", "\n")
    expected = "\n".join("\t".join(map(safe, line.split("\t"))) for line in text.split("\n"))
    assert _streamed(*chunks) == expected


def test_a_finished_stream_starts_anew() -> None:
    stream = SafeStream()
    assert stream.feed(b"\xe2\x82") == ""
    assert stream.finish() == "\\xe2\\x82"
    assert stream.feed(b"\r") == ""
    assert stream.finish() == "\\x0d"
    assert stream.feed(b"\n") + stream.finish() == "\n"


@pytest.mark.parametrize(
    ("raw", "subject"),
    [
        (b"", ""),
        (b"   ", ""),
        (b"Hello", "Hello"),
        (b" Hello \r\n", "Hello"),
        # folds
        (b"a\r\n b", "a b"),
        (b"a \r\n\t  b", "a b"),
        (b"a\nb", "a b"),
        (b"a\r\n \r\n b", "a b"),
        (b"\r\n a", "a"),
        # RFC 2047 section 8, the table of examples
        (b"=?ISO-8859-1?Q?a?=", "a"),
        (b"=?ISO-8859-1?Q?a?= b", "a b"),
        (b"=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=", "ab"),
        (b"=?ISO-8859-1?Q?a?=  =?ISO-8859-1?Q?b?=", "ab"),
        (b"=?ISO-8859-1?Q?a?=\r\n    =?ISO-8859-1?Q?b?=", "ab"),
        (b"=?ISO-8859-1?Q?a_b?=", "a b"),
        (b"=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=", "a b"),
        # both encodings, in any case
        (b"=?utf-8?q?gr=C3=BC=c3=9fe?=", "grüße"),
        (b"=?UTF-8?B?Z3LDvMOfZQ==?=", "grüße"),
        (b"=?utf-8*de?Q?gr=C3=BCn?=", "grün"),
        (b"Re: =?utf-8?q?=E2=9C=93?= done", "Re: ✓ done"),
        # a character over two words, also of two encodings
        (b"=?utf-8?q?=E2=9C?= =?utf-8?q?=93?=", "✓"),
        (b"=?utf-8?b?4pw=?=\r\n =?UTF-8?q?=93?=", "✓"),
        (b"=?utf-8?q?=E2=9C?= =?utf-8?q?=93?= =?iso-8859-1?q?=E9?=", "✓é"),
        # a sender's superset
        (_word("gb2312", "镕".encode("gb18030")), "镕"),
        (_word("GB2312", "你好".encode("gb2312")), "你好"),
        (_word("ks_c_5601-1987", "똠".encode("cp949")), "똠"),
        (_word("shift_jis", "①".encode("cp932")), "①"),
        (b"=?iso-8859-1?q?=93x=94?=", "“x”"),
        (_word("iso-2022-jp", "日本語".encode("iso2022_jp")), "日本語"),
        (_word("koi8-r", "привет".encode("koi8_r")), "привет"),
        (_word("utf-7", b"Hi +AOk-"), "Hi é"),
        # broken, and saved as far as possible
        (b"=?x-none?q?gr=C3=BCn?=", "grün"),
        (b"=?x-none?q?gr=FCn?=", "grün"),
        (b"=?us-ascii?q?gr=FCn?=", "grün"),
        (b"=?big5?q?gr=C3=BCn_=E2=9C=93?=", "grün ✓"),
        (b"=?utf-8?q?gr=FCn?=", "gr\ufffdn"),
        (b"=?utf-8?b?Z3LDvA?=", "grü"),
        (b"=?utf-8?b?Z3LDvMOfZ?=", "grüß"),
        (b"=?utf-8?b?Z3 LD*vA==?=", "grü"),
        (b"=?utf-8?b?Z3I=w7w=?=", "grü"),
        (b"=?utf-8?b?!?=", "=?utf-8?b?!?="),
        (b"a =?utf-8?b?!?= =?utf-8?q?b?=", "a =?utf-8?b?!?= b"),
        (b"=?utf-8?b??=", ""),
        (b"a =?utf-8?q??= b", "a  b"),
        (b"=?utf-8?q?=zz=4?=", "=zz=4"),
        (b"=?utf-8?q?two words?=", "two words"),
        (b"=?utf-8?q?What??=", "What?"),
        (b"=?utf-8?q?a?=b=?utf-8?q?c?=", "abc"),
        (b"x=?utf-8?q?a?==?utf-8?q?=?=", "xa="),
        (b"what?=?utf-8?q?=21?=", "what?!"),
        (b"=?utf-8?q?open =?utf-8?q?closed?=", "=?utf-8?q?open closed"),
        (b"=?utf-8?q?open", "=?utf-8?q?open"),
        (b"=?utf-8?x?a?=", "=?utf-8?x?a?="),
        (b"=??q?a?=", "=??q?a?="),
        # raw 8-bit, also around and inside words
        ("grün".encode(), "grün"),
        (b"gr\xfcn", "grün"),
        ("ü ".encode() + b"=?iso-8859-1?q?=FC?=" + " ü".encode(), "ü ü ü"),
        ("=?utf-8?q?ü?=".encode(), "ü"),
        # not charsets, though Python has codecs of these names
        (b"=?unicode_escape?q?=5Cx41?=", r"\x41"),
        (b"=?idna?q?xn--bcher-kva?=", "xn--bcher-kva"),
        (b"=?hex?q?4142?=", "4142"),
        (b"=?zlib?q?x?=", "x"),
        (b"=?rot13?q?x?=", "x"),
        (b"=?undefined?q?x?=", "x"),
        # not yet safe, but without surrogates
        (b"=?utf-8?q?=1B=0A?=", "\x1b\n"),
        (b"=?utf-7?q?+2AA-x?=", "\ufffdx"),
    ],
)
def test_a_subject_is_decoded(raw: bytes, subject: str) -> None:
    assert decode_subject(raw) == subject


_PIECES = st.sampled_from(
    [
        b"=?",
        b"?=",
        b"?q?",
        b"?b?",
        b"utf-8",
        b"gb2312",
        b"iso-2022-jp",
        b"utf-16",
        b"hz",
        b"=",
        b"?",
        b" ",
        b"\r\n ",
        b"\xe2",
    ]
)


@given(st.lists(_PIECES | st.binary(max_size=4), max_size=30).map(b"".join))
def test_no_bytes_break_a_subject(raw: bytes) -> None:
    decode_subject(raw).encode()


@given(st.sampled_from(sorted({*aliases, *aliases.values(), "undefined", "koi8_u"})), st.binary(max_size=40))
def test_no_charset_breaks_a_subject(charset: str, content: bytes) -> None:
    decode_subject(_word(charset, content)).encode()


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), st.data())
def test_a_subject_comes_back_however_its_bytes_are_spread_over_words(text: str, data: st.DataObject) -> None:
    content = text.encode()
    cut = data.draw(st.integers(0, len(content)))
    assert decode_subject(_word("utf-8", content[:cut]) + b"\r\n " + _word("UTF-8", content[cut:])) == text


@pytest.mark.parametrize("piece", [b"x=?a?q?", b"=?a?q?=", b"=?", b"?=", b"=?utf-8?q?a?= ", b" \t", b"\r\n "])
@pytest.mark.timeout(20)
def test_a_subject_of_a_megabyte_takes_linear_time(piece: bytes) -> None:
    # Each takes a fraction of a second; in quadratic time they take hours.
    assert len(decode_subject(piece * (1_000_000 // len(piece)))) <= 1_000_000
