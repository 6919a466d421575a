"""What a Redis announces and nobody wants: the link ends before there is room for it; what only looks so is a value."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redis_rig import Rig
from tw.core.redis_rules import LinkLost
from tw.net.redis_protocol import ARRAY_DIGITS, STRING_DIGITS

MOST_ELEMENTS, MOST_BYTES = 10**ARRAY_DIGITS - 1, 10**STRING_DIGITS - 1
LARGE_ARRAYS = [b"*2147483647", b"*1000000", b"%1000000", b"|1000000", b"~4294967294", b">9999999999"]
LARGE = [*LARGE_ARRAYS, b"$100000000", b"=100000000"]


def said(*pieces: bytes) -> tuple[Rig, object]:
    """What becomes of a command that is answered with these."""
    rig = Rig().start()
    rig.redis.is_silent = True
    call = rig.call("GET", "k")
    for piece in pieces:
        rig.redis.peers[-1].say(piece)
        rig.net.settle()
    ended = call.ends[0] if call.over else None
    rig.stop()
    return rig, getattr(ended, "value", ended)


@pytest.mark.parametrize("header", LARGE)
@pytest.mark.parametrize("before", [b"", b"*3\r\n$1\r\nx\r\n", b"*2\r\n*2\r\n:1\r\n", b"*2\r\n+OK\r\n"])
def test_too_much_ends_the_link_in_a_word_wherever_it_is_cut(header: bytes, before: bytes) -> None:
    reply = before + header + b"\r\n"
    for cut in range(len(reply) + 1):
        rig, ended = said(reply[:cut], reply[cut:])
        assert isinstance(ended, LinkLost)
        limit = f"{MOST_BYTES} bytes" if header[:1] in b"$=" else f"{MOST_ELEMENTS} elements"
        assert str(ended) == f"it announces a reply of over {limit}"
        assert rig.told[0] == f"away: {ended}"


def test_a_header_that_comes_byte_by_byte_is_one_too() -> None:
    _, ended = said(*(bytes([each]) for each in b"*1\r\n*2147483647\r\n"))
    assert isinstance(ended, LinkLost)
    assert "announces" in str(ended)


@pytest.mark.parametrize("header", LARGE)
@pytest.mark.parametrize("around", [(b"", b""), (b"a\r\n", b"\r\nb"), (b"\r\n", b"\r\n*1\r\n"), (b"\r", b"\n")])
def test_the_same_bytes_within_a_string_are_a_value(header: bytes, around: tuple[bytes, bytes]) -> None:
    """What a publisher says goes through Redis, and may be anything."""
    value = header.join(around)
    reply = b"*2\r\n$%d\r\n%b\r\n:7\r\n" % (len(value), value)
    for cut in range(len(reply) + 1):
        _, ended = said(reply[:cut], reply[cut:])
        assert ended == [value, 7]


def test_as_much_as_is_allowed_is_waited_for() -> None:
    for reply in (b"*%d\r\n:1\r\n" % MOST_ELEMENTS, b"$%d\r\nx" % MOST_BYTES):
        rig, ended = said(reply)
        assert (ended, rig.told) == (None, [])


values = st.binary(max_size=12) | st.sampled_from([header + b"\r\n" for header in LARGE]) | st.integers(-9, 9)
trees = st.recursive(values, lambda inner: st.lists(inner, max_size=3), max_leaves=6)


def encoded(value: object) -> bytes:
    if isinstance(value, list):
        return b"*%d\r\n" % len(value) + b"".join(map(encoded, value))
    return b":%d\r\n" % value if isinstance(value, int) else b"$%d\r\n%b\r\n" % (len(value), value)


@given(trees, st.lists(st.integers(1, 9), min_size=1))
def test_replies_arrive_as_they_are_however_they_are_cut(value: object, sizes: list[int]) -> None:
    reply, pieces = encoded(value), []
    while reply:
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(reply[:size])
        reply = reply[size:]
    assert said(*pieces)[1] == value
