"""What a probe sends: payloads that can be told from each other, and from anything that happened to them on the way.

A payload is `TOKEN-NUMBER` and a filler, with or without a line feed at the end: 8 hexadecimal digits, random for each
run, by which a probe knows its own lines among other people's; 10 decimal digits; and printable characters that depend
on both, so that a cut, a swap, a shift or a changed byte anywhere shows.
"""

from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import shake_128

TOKEN_BYTES = 8
NUMBER_DIGITS = 10
HIGHEST_NUMBER = 10**NUMBER_DIGITS - 1
# Token, hyphen, number, line feed.
LOWEST_SIZE_BYTES = TOKEN_BYTES + 1 + NUMBER_DIGITS + 1

# Fillers are windows into one long random text, as a slice costs far less than a text made for each payload. There are
# as many places to begin as this prime; by the step of another, neighbouring numbers begin far from each other.
_PLACES = 65521
_STEP = 25013
# No hyphen: with it left out, a token and its hyphen stand at the beginning of a payload and nowhere else in it.
_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._"
_PRINTABLE = _ALPHABET * 4


@lru_cache(maxsize=4)
def _text(size_bytes: int) -> bytes:
    """The text to take fillers of this size from: the same in every process, and shared by all connections."""
    return shake_128(b"tw").digest(_PLACES + size_bytes).translate(_PRINTABLE)


@dataclass(frozen=True, slots=True)
class PayloadFormat:
    """How the payloads of one run look. Raises ValueError unless `token` is 8 lower-case hexadecimal digits.

    `size_bytes` is the whole payload, 20 at least, with its line feed if it has one: `line_feed` is for streams and
    datagrams; a published line goes without.
    """

    token: bytes
    size_bytes: int
    line_feed: bool = True
    _filler_bytes: int = field(init=False, repr=False, compare=False)
    _text: bytes = field(init=False, repr=False, compare=False)
    _place: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if len(self.token) != TOKEN_BYTES or self.token.strip(b"0123456789abcdef"):
            raise ValueError("a token is 8 lower-case hexadecimal digits")
        if self.size_bytes < LOWEST_SIZE_BYTES:
            raise ValueError(f"a payload has {LOWEST_SIZE_BYTES} bytes at least")
        head_bytes = TOKEN_BYTES + 1 + NUMBER_DIGITS
        object.__setattr__(self, "_filler_bytes", self.size_bytes - head_bytes - self.line_feed)
        object.__setattr__(self, "_text", _text(self.size_bytes))
        object.__setattr__(self, "_place", int(self.token, 16))

    @property
    def mark(self) -> bytes:
        """What each payload begins with, and has nowhere else: the token and a hyphen."""
        return self.token + b"-"

    def payload(self, number: int) -> bytes:
        """Make the payload of this number. Raises ValueError unless it is between 0 and 9,999,999,999."""
        if not 0 <= number <= HIGHEST_NUMBER:
            raise ValueError(f"a payload's number has {NUMBER_DIGITS} digits at most")
        place = (self._place + number * _STEP) % _PLACES
        filler = self._text[place : place + self._filler_bytes]
        return b"%b-%010d%b%b" % (self.token, number, filler, b"\n" if self.line_feed else b"")

    def number(self, payload: bytes, start: int = 0) -> int | None:
        """Read the number of a payload that begins at `start`; None if there is no mark with 10 digits after it."""
        begin = start + TOKEN_BYTES + 1
        digits = payload[begin : begin + NUMBER_DIGITS]
        if payload.startswith(self.mark, start) and len(digits) == NUMBER_DIGITS and digits.isdigit():
            return int(digits)
        return None

    def is_cut_short(self, payload: bytes, start: int = 0) -> bool:
        """Whether a payload without a number that can be read ends before its number does: the rest was cut off."""
        begun = payload[start:].removesuffix(b"\n")
        if len(begun) <= TOKEN_BYTES:
            return bool(begun) and self.mark.startswith(begun)
        return begun.startswith(self.mark) and begun[TOKEN_BYTES + 1 :].strip(b"0123456789") == b""


class PayloadStream:
    """Bytes of a stream, split anyhow, to payloads: the same ones for any split.

    A payload ends with its line feed, or before the next payload's mark where the line feed was lost. What is too long
    is cut off one byte above `size_bytes`, so that it cannot be taken for a good one, and the rest of it is dropped up
    to the next line feed or mark. No more than `size_bytes` and 8 bytes are kept between calls.

    Each byte is copied and looked at a fixed number of times, however small the pieces are that a payload comes in.
    """

    __slots__ = ("_dropping", "_kept", "_limit", "_mark", "_scanned")

    def __init__(self, form: PayloadFormat) -> None:
        self._mark = form.mark
        self._limit = form.size_bytes + len(self._mark)
        # A bytearray grows in place, and is cut at its front without a copy.
        self._kept = bytearray()
        # Bytes of the first payload kept that hold no line feed, nor a whole mark.
        self._scanned = 0
        self._dropping = False

    @property
    def holds(self) -> bool:
        """Whether a payload has begun, or is being dropped, whose end is still to come."""
        return self._dropping or bool(self._kept)

    def feed(self, data: bytes) -> list[bytes]:
        """Take what was received, and return the payloads, good or bad, that are complete with it."""
        kept = self._kept
        kept += data
        payloads: list[bytes] = []
        start = 0
        while start < len(kept):
            if self._dropping:
                start = self._end_of_drop(start)
                if self._dropping:
                    break
                continue
            end = self._end_of_payload(start)
            if not end and len(kept) - start < self._limit:
                self._scanned = len(kept) - start
                break
            if not end:
                # The last bytes, where a mark may begin, are left to what is dropped.
                end = start + self._limit - len(self._mark) + 1
                self._dropping = True
            payloads.append(bytes(kept[start:end]))
            start = end
            self._scanned = 0
        del kept[:start]
        return payloads

    def close(self) -> bytes:
        """At the end of the stream: return what there is of a payload that was not completed, or nothing."""
        return b"" if self._dropping else bytes(self._kept)

    def _end_of_payload(self, start: int) -> int:
        """Where the payload that begins at `start` ends; 0 if that cannot be said yet, or is too far."""
        begin = start + self._scanned
        end = self._kept.find(b"\n", begin, start + self._limit) + 1
        begin = max(start + 1, begin - len(self._mark) + 1)
        mark = self._kept.find(self._mark, begin, end or start + self._limit)
        return end if mark < 0 else mark

    def _end_of_drop(self, start: int) -> int:
        """Where to go on in what is being dropped; it stays being dropped if there is no end to it yet."""
        line_feed = self._kept.find(b"\n", start) + 1
        mark = self._kept.find(self._mark, start, line_feed or len(self._kept))
        self._dropping = not line_feed and mark < 0
        if self._dropping:
            return len(self._kept) - len(self._mark) + 1  # so much there always is, see `feed`
        return line_feed if mark < 0 else mark


def is_truncated(expected: bytes, received: bytes) -> bool:
    """Whether all that is wrong with it is that its tail is missing; a line feed may still stand at its end."""
    return len(received) < len(expected) and expected.startswith((received, received.removesuffix(b"\n")))


def first_difference(expected: bytes, received: bytes) -> int | None:
    """The offset of the first byte that differs, which is the shorter one's length if it is the start of the other."""
    if expected == received:
        return None
    low, high = 0, min(len(expected), len(received))
    while low < high:
        middle = (low + high) // 2 + 1
        if expected[low:middle] == received[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
