"""Foreign text: made safe for a terminal, and decoded from RFC 2047.

Lines, subjects, headers and certificate names come from strangers. On a terminal some of their characters are commands
(ESC and the C1 controls), some turn the reading order round (bidi controls), and some show nothing at all. `safe`
makes each of these visible; everything else, in every script, stays as it is.
"""

import binascii
import codecs
import re
from bisect import bisect_right
from itertools import accumulate

# Characters that act on the reader or hide from him: DEL and C1 (U+009B alone is an ESC [), the bidi controls
# of UAX 9, line and paragraph separators, zero-width and invisible format characters, lone surrogates (what a
# surrogateescape decoder leaves of invalid bytes) and the tag characters. ZWNJ, ZWJ and variation selectors (U+200C,
# U+200D, U+FE0F) are not among them: Persian, the Indic scripts and emoji need them.
_HIDDEN = (
    r"\x7f-\x9f\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    r"\ud800-\udfff\U000e0000-\U000e007f"
)
_UNSAFE = re.compile(rf"[\x00-\x1f{_HIDDEN}]")

_LINE_ENDS = re.compile(rb"[\r\n]+")
_CHARSET = rb"[!-<>@-~]{1,64}"
# More lenient than RFC 2047 section 2, as mail is: no length limit, spaces and single question marks in the text, and
# no white space needed around a word. The text ends at `?=` or where the next word opens, so no byte is looked at for
# more than one opening, and the search takes linear time on a line of a thousand openings without an end.
_ENCODED_WORD = re.compile(
    rb"=\?(" + _CHARSET + rb")\?([BbQq])\?((?:[^?=]|\?(?!=)|=(?!\?" + _CHARSET + rb"\?[BbQq]\?))*+)\?="
)
_QUOTED_BYTE = re.compile(rb"=([0-9A-Fa-f]{2})")
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]+")

# What senders write for a subset, and what they then send: the superset (the same pairs as in the WHATWG encoding
# standard, section 4.2, that browsers and mail programs read by).
_SUPERSETS = {
    "gb2312": "gb18030",
    "gb_2312-80": "gb18030",
    "gbk": "gb18030",
    "x-gbk": "gb18030",
    "cp936": "gb18030",
    "euc-kr": "cp949",
    "ks_c_5601-1987": "cp949",
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "sjis": "cp932",
    "x-sjis": "cp932",
    "iso-8859-1": "cp1252",
    "latin1": "cp1252",
    "iso-8859-8-i": "iso-8859-8",
    "unicode-1-1-utf-7": "utf-7",
}
# Python looks these up like charsets, but they are none: transformations of text (two of them in quadratic time).
# "ascii" with 8-bit bytes in it is a sender who did not know either.
_NOT_CHARSETS = {"ascii", "idna", "punycode", "raw-unicode-escape", "unicode-escape", "undefined"}


def _escape(match: re.Match[str]) -> str:
    """One unsafe character as `\\xNN`, `\\uNNNN` or `\\UNNNNNNNN`; an invalid byte (PEP 383) as its `\\xNN`."""
    code = ord(match[0])
    if 0xDC80 <= code <= 0xDCFF:
        code -= 0xDC00
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def safe(text: str, limit_chars: int | None = None) -> str:
    r"""Foreign text as one line that a terminal only prints.

    Controls, line ends, tabs, bidi controls, invisible format characters, lone surrogates and tag characters become
    backslash escapes: `\x1b`, `\u202e`, `\U000e0041`. The result contains none of them, so a second pass changes
    nothing. A backslash stays as it is: the result is for reading and cannot be decoded back.

    `limit_chars` counts characters of the result; a longer one is cut and ends in `…`, never inside an escape.

    Raises ValueError for a limit below 1.
    """
    if limit_chars is None:
        return _UNSAFE.sub(_escape, text)
    if limit_chars < 1:
        raise ValueError(f"limit_chars must be 1 or more, not {limit_chars}")
    # An escape never shortens: what is over the limit before escaping is over it afterwards, so the rest of a long text
    # need not be looked at.
    shown = _UNSAFE.sub(_escape, text[: limit_chars + 1])
    if len(shown) <= limit_chars:
        return shown
    pieces = [_UNSAFE.sub(_escape, char) for char in text[:limit_chars]]
    whole = bisect_right(list(accumulate(map(len, pieces))), limit_chars - 1)
    return "".join(pieces[:whole]) + "…"


def safe_bytes(data: bytes, limit_chars: int | None = None) -> str:
    r"""Foreign bytes as one safe line: UTF-8, invalid bytes as `\xNN`; everything else is as with `safe`."""
    if limit_chars is not None:
        # A character has four bytes at most, so these hold one character more than the limit, whole.
        data = data[: 4 * (limit_chars + 1)]
    return safe(data.decode("utf-8", "surrogateescape"), limit_chars)


def safe_lines(text: str) -> str:
    """Foreign text of several lines, each made safe; the line feeds between them stay."""
    return "\n".join(safe(line) for line in text.split("\n"))


class SafeStream:
    """Foreign bytes, as they come, as text that a terminal only prints; line feeds and tabs keep their meaning.

    CR LF becomes a line feed; every other CR is escaped, since it would let the rest of a line overwrite its start. The
    text is the same however the bytes are split. Of the input, at most three bytes and a CR are held back.
    """

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        # Compiled here, and cached by `re`: it takes 0.5 ms that a command without a stream need not spend.
        self._unsafe = re.compile(rf"[\x00-\x08\x0b-\x1f{_HIDDEN}]")
        self._holds_cr = False

    def feed(self, data: bytes) -> str:
        """The text that is certain after these bytes too; it may be empty."""
        return self._show(self._decoder.decode(data))

    def finish(self) -> str:
        """What was held back, now that nothing follows. The stream is then as new."""
        shown = self._show(self._decoder.decode(b"", final=True))
        if self._holds_cr:
            self._holds_cr = False
            shown += "\\x0d"
        return shown

    def _show(self, text: str) -> str:
        if self._holds_cr:
            text = "\r" + text
            self._holds_cr = False
        if text.endswith("\r"):
            text = text[:-1]
            self._holds_cr = True
        return self._unsafe.sub(_escape, text.replace("\r\n", "\n"))


def decode_subject(raw: bytes) -> str:
    """A header's raw value as a person reads it: unfolded (RFC 5322 section 2.2.3) and decoded (RFC 2047).

    White space between encoded words goes (RFC 2047 section 6.2); adjacent words of one charset are decoded as one
    sequence of bytes, because senders split characters over them against section 5. Where mail is broken, the result is
    what can be saved: an unknown charset and raw 8-bit text are read as UTF-8 or else as Latin-1, base64 as far as it
    goes, undecodable bytes as U+FFFD, and a word without any content stays as it was sent.

    It raises nothing, and holds no lone surrogates. It is not yet safe to print: the caller applies `safe`.
    """
    # Each line is stripped, not only its start: a fold is one space, also where the line before ended in some.
    line = b" ".join(filter(None, (part.strip(b" \t") for part in _LINE_ENDS.split(raw))))
    runs: list[tuple[str, bytearray]] = []  # charset, or "" for text outside of words; its bytes
    end = 0
    for word in _ENCODED_WORD.finditer(line):
        content = _word_content(word[2], word[3])
        if content is None:
            continue
        charset = word[1].decode("ascii").partition("*")[0].lower()  # RFC 2231 section 5: `*` and a language
        between = line[end : word.start()]
        adjacent = end > 0 and (not between or between.isspace())
        end = word.end()
        if adjacent and runs[-1][0] == charset:
            runs[-1][1].extend(content)
            continue
        if not adjacent:
            runs.append(("", bytearray(between)))
        runs.append((charset, bytearray(content)))
    runs.append(("", bytearray(line[end:])))
    text = "".join(_decode(charset, bytes(content)) for charset, content in runs)
    return re.sub(r"[\ud800-\udfff]", "\ufffd", text)  # UTF-7 can spell them, and UTF-8 output cannot take them


def _word_content(encoding: bytes, text: bytes) -> bytes | None:
    """The bytes that an encoded word's text stands for (RFC 2047 section 4), or None where base64 yields nothing."""
    if encoding in b"Qq":
        return _QUOTED_BYTE.sub(lambda match: binascii.unhexlify(match[1]), text.replace(b"_", b" "))
    content = bytearray()
    # Some senders put several padded pieces into one word; each ends at its padding.
    for piece in text.split(b"="):
        digits = _NOT_BASE64.sub(b"", piece)
        if len(digits) % 4 == 1:  # six bits, not a byte's worth: the rest was cut off
            digits = digits[:-1]
        content += binascii.a2b_base64(digits + b"=" * (-len(digits) % 4))
    return bytes(content) if content or not text else None


def _codec_name(charset: str) -> str | None:
    """Python's codec for a charset's name in lower case, or None if there is none that turns any bytes into text."""
    try:
        name = codecs.lookup(_SUPERSETS.get(charset, charset)).name
        b"x".decode(name, "replace")  # raises LookupError for zlib, hex and the like
    except (LookupError, ValueError):
        return None
    return None if name in _NOT_CHARSETS else name


def _decode(charset: str, content: bytes) -> str:
    """Bytes as text: in their charset, else as UTF-8, else as well as it goes."""
    codec = _codec_name(charset) if charset else None
    for attempt in filter(None, (codec, "utf-8")):
        try:
            return content.decode(attempt)
        except UnicodeError:
            continue
    return content.decode(codec or "latin-1", "replace")
