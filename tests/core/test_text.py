"""Foreign text: what reaches a terminal."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tw.core.text import SafeStream, safe, safe_bytes

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
