"""A batch of lines as an entry of a shared stream."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tw.core.relayed import fields_of, node_name, read_entry, read_id, write_id

NODE = node_name((1712345678901, 3), bytes(range(8)))
LINES = st.lists(st.binary(max_size=20).map(lambda line: line.replace(b"\n", b"")), min_size=1, max_size=5)


def body(lines: list[bytes]) -> bytes:
    return b"".join(line + b"\n" for line in lines)


def test_a_node_is_named_for_where_the_stream_stood_when_it_started() -> None:
    assert NODE == b"1712345678901-3.0001020304050607"


@given(LINES, st.integers(1, 10**18), st.integers(0, 10**15), st.booleans())
def test_what_is_written_is_read_again(lines: list[bytes], number: int, before: int, is_again: bool) -> None:
    batch = read_entry(fields_of(NODE, number, before + len(lines), body(lines), is_again=is_again))
    assert batch is not None
    assert (batch.node, batch.node_start) == (NODE, (1712345678901, 3))
    assert (batch.number, batch.total_lines, batch.lines) == (number, before + len(lines), lines)
    assert batch.is_again == is_again


@pytest.mark.parametrize(
    "fields",
    [
        [],
        [b"n", NODE, b"s", b"1", b"t", b"1"],
        [b"n", NODE, b"s", b"1", b"t", b"1", b"b", b"x\n", b"new", b"1"],
        [b"n", NODE, b"s", b"1", b"t", b"1", b"b", b"x\n", b"a", b"2"],
        [b"n", NODE, b"s", b"1", b"t", b"1", b"b", b"x\n", b"a"],
        [b"b", b"x\n", b"n", NODE, b"s", b"1", b"t", b"1"],
        [b"n", b"me", b"s", b"1", b"t", b"1", b"b", b"x\n"],
        [b"n", NODE + b"0", b"s", b"1", b"t", b"1", b"b", b"x\n"],
        [b"n", NODE, b"s", b"0", b"t", b"1", b"b", b"x\n"],
        [b"n", NODE, b"s", b"-1", b"t", b"1", b"b", b"x\n"],
        [b"n", NODE, b"s", b"9" * 30, b"t", b"1", b"b", b"x\n"],
        [b"n", NODE, b"s", b"1", b"t", b"one", b"b", b"x\n"],
        [b"n", NODE, b"s", b"1", b"t", b"1", b"b", b"x"],
        [b"n", NODE, b"s", b"1", b"t", b"1", b"b", b""],
        [b"n", NODE, b"s", b"1", b"t", b"1", b"b", b"x\ny\n"],
        [b"n", None, b"s", b"1", b"t", b"1", b"b", b"x\n"],
        [b"n", NODE, b"s", b"1", b"t", b"1", b"b", None],
    ],
)
def test_what_somebody_else_has_written_is_no_batch(fields: list[bytes]) -> None:
    assert read_entry(fields) is None


@given(st.lists(st.one_of(st.binary(max_size=10), st.sampled_from([b"n", b"s", b"t", b"b", NODE, b"1"])), max_size=9))
def test_no_entry_makes_it_fail(fields: list[bytes]) -> None:
    read_entry(fields)


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_a_place_is_written_as_it_is_read(milliseconds: int, number: int) -> None:
    assert read_id(write_id((milliseconds, number))) == (milliseconds, number)


@pytest.mark.parametrize("text", [b"", b"1", b"1-", b"-1", b"a-b", b"1-2-3", None, 5])
def test_what_is_no_place_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="no id"):
        read_id(text)
