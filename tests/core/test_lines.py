"""Lines out of bytes, however the bytes are split."""

import re
import time
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tw.core.lines import LineSplitter


def _run(chunks: list[bytes], limit_bytes: int) -> tuple[list[bytes], bytes | None, bool]:
    splitter = LineSplitter(limit_bytes)
    lines = [line for chunk in chunks for line in splitter.feed(chunk)]
    last = splitter.finish()
    return lines, last, splitter.overlong


def _oracle(data: bytes, limit_bytes: int) -> tuple[list[bytes], bytes | None, bool]:
    """The rule said differently: a regular expression over the whole input."""
    lines: list[bytes] = []
    end = 0
    for match in re.finditer(rb"((?:[^\r\n]|\r(?!\n))*)\r?\n", data):
        if len(match[1]) > limit_bytes:
            return lines, None, True
        lines.append(match[1])
        end = match.end()
    rest = data[end:]
    return (lines, None, True) if len(rest) > limit_bytes else (lines, rest or None, False)


@pytest.mark.parametrize(
    ("data", "lines", "last"),
    [
        (b"", [], None),
        (b"\n", [b""], None),
        (b"\r\n", [b""], None),
        (b"\r", [], b"\r"),
        (b"a\nb\r\nc", [b"a", b"b"], b"c"),
        (b"a\rb\n", [b"a\rb"], None),
        (b"a\r\r\n", [b"a\r"], None),
        (b"a\n\r", [b"a"], b"\r"),
        (b"\n\n\r\n\n", [b"", b"", b"", b""], None),
        (b"a\r\r\n\r\n\rb\r", [b"a\r", b""], b"\rb\r"),
        (b"\x00\xff\n\x0b\x0c\x85\x1c", [b"\x00\xff"], b"\x0b\x0c\x85\x1c"),
    ],
)
def test_a_line_ends_in_lf_or_cr_lf_at_every_split(data: bytes, lines: list[bytes], last: bytes | None) -> None:
    assert _run([data], 100) == (lines, last, False)
    assert _run([data[at : at + 1] for at in range(len(data))], 100) == (lines, last, False)
    for first in range(len(data) + 1):
        for second in range(first, len(data) + 1):
            assert _run([data[:first], data[first:second], data[second:]], 100) == (lines, last, False)


def test_lines_are_given_as_soon_as_they_end() -> None:
    splitter = LineSplitter(10)
    assert splitter.feed(b"a") == []
    assert splitter.pending_bytes == 1
    assert splitter.feed(b"b\nc\r\nd") == [b"ab", b"c"]
    assert splitter.pending_bytes == 1
    assert splitter.feed(b"\r") == []
    assert splitter.feed(b"") == []
    assert splitter.feed(b"\n") == [b"d"]
    assert splitter.pending_bytes == 0
    assert splitter.finish() is None


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_line_of_just_the_limit_passes_and_one_byte_more_does_not(end: bytes) -> None:
    fits, long = b"x" * 5 + end + b"y", b"x" * 6 + end + b"y"
    for at in range(len(long)):
        assert _run([fits[:at], fits[at:]], 5) == ([b"x" * 5], b"y", False)
        assert _run([long[:at], long[at:]], 5) == ([], None, True)


def test_a_cr_after_a_line_of_just_the_limit_may_be_half_of_its_end() -> None:
    splitter = LineSplitter(3)
    assert splitter.feed(b"abc\r") == []
    assert not splitter.overlong
    assert splitter.feed(b"\n") == [b"abc"]
    assert splitter.feed(b"abc\r") == []
    assert splitter.feed(b"\r") == []
    assert splitter.overlong


def test_a_last_cr_is_content_and_counts() -> None:
    assert _run([b"ab\r"], 3) == ([], b"ab\r", False)
    assert _run([b"abc\r"], 3) == ([], None, True)


@pytest.mark.parametrize("chunk_bytes", [1, 2, 3, 7, 100])
def test_lines_before_a_too_long_one_are_given_and_everything_after_is_dropped(chunk_bytes: int) -> None:
    data = b"a\r\nbb\n" + b"x" * 10 + b"\nc\n"
    splitter = LineSplitter(4)
    lines = [line for at in range(0, len(data), chunk_bytes) for line in splitter.feed(data[at : at + chunk_bytes])]
    assert lines == [b"a", b"bb"]
    assert splitter.overlong
    assert splitter.feed(b"d\n") == []
    assert splitter.pending_bytes == 0
    assert splitter.finish() is None
    assert splitter.overlong


def test_a_line_without_its_end_is_too_long_at_once() -> None:
    splitter = LineSplitter(4)
    assert splitter.feed(b"a\nxxxxx") == [b"a"]
    assert splitter.overlong


def test_a_finished_splitter_holds_nothing() -> None:
    splitter = LineSplitter(4)
    splitter.feed(b"ab")
    assert splitter.finish() == b"ab"
    assert splitter.finish() is None


@pytest.mark.parametrize("limit_bytes", [0, -1])
def test_a_limit_below_one_is_refused(limit_bytes: int) -> None:
    with pytest.raises(ValueError, match="limit_bytes"):
        LineSplitter(limit_bytes)


_CHUNKS = st.lists(st.text("\r\nab", max_size=6).map(str.encode), max_size=12)


@given(_CHUNKS, st.integers(1, 6))
def test_any_split_gives_what_the_whole_input_means(chunks: list[bytes], limit_bytes: int) -> None:
    assert _run(chunks, limit_bytes) == _oracle(b"".join(chunks), limit_bytes)


@given(_CHUNKS, st.integers(1, 6))
def test_no_more_is_held_than_the_limit_and_a_cr(chunks: list[bytes], limit_bytes: int) -> None:
    splitter = LineSplitter(limit_bytes)
    for chunk in chunks:
        splitter.feed(chunk)
        assert splitter.pending_bytes <= limit_bytes + 1


def test_an_endless_line_does_not_grow_memory() -> None:
    splitter = LineSplitter(65_536)
    chunk = b"x" * 65_536
    tracemalloc.start()
    try:
        for _ in range(1_000):
            splitter.feed(chunk)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert splitter.overlong
    assert peak_bytes < 4 * 65_536


@pytest.mark.parametrize("chunk_bytes", [1, 65_536])
def test_a_long_line_takes_linear_time(chunk_bytes: int) -> None:
    # A second at most; with quadratic concatenation one byte at a time copies 500 GB.
    count = 1_000_000 if chunk_bytes == 1 else 4_000
    splitter = LineSplitter(1 << 30)
    chunk = b"x" * chunk_bytes
    began_s = time.process_time()
    for _ in range(count):
        splitter.feed(chunk)
    assert time.process_time() - began_s < 20
    assert splitter.pending_bytes == count * chunk_bytes
