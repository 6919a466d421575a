"""Foreign text: what a subject says."""

import base64
from encodings.aliases import aliases

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tw.core.text import decode_subject


def _word(charset: str, content: bytes) -> bytes:
    return f"=?{charset}?b?{base64.b64encode(content).decode()}?=".encode()


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
