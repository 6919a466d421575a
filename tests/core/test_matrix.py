"""The delivery matrix: what it makes of lines, for any split of them, beside a plain model."""

from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tw.core.matrix import MAX_TIMED_PAIRS, Matrix, Row
from tw.core.matrix_lines import KNOWN_LINES

RUN = b"abcde"
PREFIX = b"<127.0.0.1:5> "


def published(matrix: Matrix, count: int, at_s: float = 0.0) -> dict[tuple[int, int], bytes]:
    """Each publisher sends so many lines, in turn; gives them by publisher and number, as the server sends them."""
    lines = {}
    for number in range(1, count + 1):
        for source in matrix.sources:
            lines[source.index, number] = PREFIX + source.next_line(at_s, at_s)
    return lines


def counts(row: Row, publisher: int = 0) -> tuple[int, int, int, int]:
    pair = row.pairs[publisher]
    return pair.delivered, pair.duplicated, pair.reordered, pair.corrupted


# A model --------------------------------------------------------------------------------------------------------------

HARM = (*["as it is"] * 8, "lost", "lost", "twice", "late", "changed", "cut", "foreign")
"""Mostly none: a chunk is taken as a whole only where every line in it is as it was sent."""


def model(sequence: Sequence[tuple[int, int]]) -> dict[int, tuple[int, int, int]]:
    """Delivered, duplicated and reordered by publisher, for good lines in this order."""
    seen: set[tuple[int, int]] = set()
    highest: Counter[int] = Counter()
    tally: dict[int, list[int]] = {}
    for publisher, number in sequence:
        row = tally.setdefault(publisher, [0, 0, 0])
        if (publisher, number) in seen:
            row[1] += 1
            continue
        seen.add((publisher, number))
        row[0] += 1
        row[2] += number < highest[publisher]
        highest[publisher] = max(highest[publisher], number)
    return {publisher: (row[0], row[1], row[2]) for publisher, row in tally.items()}


@given(st.integers(1, 3), st.integers(1, 6), st.data())
def test_every_pair_has_the_account_that_a_plain_model_has(publishers: int, count: int, data: st.DataObject) -> None:
    subscribers = 3
    matrix = Matrix(RUN, publishers, subscribers, 40)
    lines = published(matrix, count)
    for row in matrix.rows:
        good: list[tuple[int, int]] = []
        corrupted: Counter[int] = Counter()
        stream, foreign, late = [], 0, []
        for key, line in lines.items():
            harm = data.draw(st.sampled_from(HARM if row.index else HARM[:1]))
            if harm == "changed":
                stream.append(line[:-2] + b"!\n")
            elif harm == "cut":
                stream.append(line[: -data.draw(st.integers(2, 30))] + b"\n")
            elif harm == "foreign":
                stream.append(b"hello\n")
                foreign += 1
            elif harm == "late":
                late.append((key, line))
            elif harm != "lost":
                stream += [line] * (1 + (harm == "twice"))
                good += [key] * (1 + (harm == "twice"))
            corrupted[key[0]] += harm in ("changed", "cut")
        stream += [line for _, line in late]
        good += [key for key, _ in late]
        wire = b"".join(stream)
        cuts = sorted(data.draw(st.lists(st.integers(0, len(wire)), max_size=5)))
        for begin, end in zip([0, *cuts], [*cuts, len(wire)], strict=True):
            matrix.receive(row, wire[begin:end], 1.0)
        assert row.foreign == foreign
        for publisher in range(publishers):
            assert counts(row, publisher) == (*model(good).get(publisher, (0, 0, 0)), corrupted[publisher])
            bad = row.pairs[publisher]
            assert bad.lost(count) == max(0, count - bad.delivered - bad.corrupted)
    assert matrix.delivered == sum(row.total("delivered") for row in matrix.rows)
    assert matrix.bad == sum(
        row.total(name) for row in matrix.rows for name in ("duplicated", "reordered", "corrupted")
    )


# Lines ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", [b"", PREFIX, b"<unix:1> <x> ", b"\xff\xfe", b"abcde "])
def test_a_line_is_known_whatever_stands_before_it(prefix: bytes) -> None:
    matrix = Matrix(RUN, 1, 1, 30)
    for number in range(3):
        matrix.receive(matrix.rows[0], prefix + matrix.sources[0].next_line(0.0, 0.0), float(number))
    assert counts(matrix.rows[0]) == (3, 0, 0, 0)


def test_lines_are_known_also_when_they_come_long_after_others_were_sent() -> None:
    matrix = Matrix(RUN, 1, 2, 20)
    lines = [matrix.sources[0].next_line(0.0, 0.0) for _ in range(3 * KNOWN_LINES)]
    matrix.receive(matrix.rows[0], b"".join(lines[:5]), 1.0)
    matrix.receive(matrix.rows[1], b"".join(lines), 1.0)
    assert [counts(row) for row in matrix.rows] == [(5, 0, 0, 0), (3 * KNOWN_LINES, 0, 0, 0)]


def test_a_number_that_was_never_sent_is_no_line_of_ours() -> None:
    matrix, other = Matrix(RUN, 1, 1, 30), Matrix(RUN, 1, 1, 30)
    for line in published(other, 2).values():
        matrix.receive(matrix.rows[0], line, 0.0)
    assert counts(matrix.rows[0]) == (0, 0, 0, 2)


def test_the_lines_of_another_part_are_passed_over_and_those_of_another_run_are_foreign() -> None:
    matrix = Matrix(RUN, 2, 1, 30, first_index=2)
    stale, strange = Matrix(RUN, 2, 1, 30), Matrix(b"12345", 2, 1, 30, first_index=2)
    for line in [*published(stale, 3).values(), *published(strange, 2).values()]:
        matrix.receive(matrix.rows[0], line, 0.0)
    row = matrix.rows[0]
    assert (row.foreign, matrix.delivered, matrix.bad) == (4, 0, 0)


def test_what_the_server_says_of_itself_is_not_foreign() -> None:
    matrix = Matrix(RUN, 1, 1, 30)
    row = matrix.rows[0]
    matrix.receive(row, b"<tw> dropped 12 lines\n<tw> dropped 3 lines\n<tw> disconnected: too slow\n", 0.0)
    assert (row.foreign, row.dropped_notices, row.last_notice) == (0, 15, b"<tw> disconnected: too slow")


def test_a_line_that_is_too_long_ends_the_reading() -> None:
    matrix = Matrix(RUN, 1, 1, 30)
    row = matrix.rows[0]
    for _ in range(3):
        matrix.receive(row, b"x" * 100_000, 0.0)
    assert row.splitter.overlong
    assert row.splitter.pending_bytes == 0


# Latency --------------------------------------------------------------------------------------------------------------


def test_latency_counts_from_when_a_line_was_due_and_service_from_when_it_was_sent() -> None:
    matrix = Matrix(RUN, 1, 1, 30, paced=True)
    line = matrix.sources[0].next_line(1.0, 1.5)
    matrix.receive(matrix.rows[0], line, 2.0)
    matrix.receive(matrix.rows[0], line, 9.0)
    assert (matrix.latencies, matrix.services) == ([(1.0, 1)], [(0.5, 1)])
    times = matrix.rows[0].pairs[0].times
    assert (times.count, times.max_s) == (1, 1.0)


def test_lines_of_one_moment_are_timed_together() -> None:
    matrix = Matrix(RUN, 1, 2, 30)
    early = [matrix.sources[0].next_line(1.0, 1.0) for _ in range(3)]
    late = [matrix.sources[0].next_line(2.0, 2.0) for _ in range(2)]
    for row in matrix.rows:
        matrix.receive(row, b"".join(early + late), 4.0)
    assert matrix.latencies == [(3.0, 3), (2.0, 2)] * 2
    assert matrix.rows[1].pairs[0].times.count == 5


def test_what_is_too_old_to_be_remembered_has_no_latency() -> None:
    matrix = Matrix(RUN, 200, 1, 20)
    source = matrix.sources[7]
    lines = [source.next_line(1.0, 1.0) for _ in range(3000)]
    matrix.receive(matrix.rows[0], lines[0], 2.0)
    assert (matrix.delivered, matrix.latencies) == (1, [])
    matrix.receive(matrix.rows[0], lines[-1], 2.0)
    assert (matrix.delivered, matrix.latencies) == (2, [(1.0, 1)])


def test_the_pairs_of_a_large_matrix_share_their_subscribers_latencies() -> None:
    matrix = Matrix(RUN, 2, MAX_TIMED_PAIRS, 30)
    row = matrix.rows[3]
    matrix.receive(row, b"".join(published(matrix, 1).values()), 1.0)
    assert not matrix.timed_pairs
    assert row.times.count == 2
    assert matrix.rows[4].times.count == 0


# Order ----------------------------------------------------------------------------------------------------------------


def test_an_order_is_the_same_however_it_was_split_and_another_one_is_not() -> None:
    matrix = Matrix(RUN, 2, 4, 30)
    a1, b1, a2, b2 = published(matrix, 2).values()
    whole, split, single, other = matrix.rows
    matrix.receive(whole, a1 + b1 + a2 + b2, 0.0)
    for piece in (a1[:7], a1[7:] + b1 + a2[:50], a2[50:], b2):
        matrix.receive(split, piece, 0.0)
    for line in (a1, b1, a2, b2):
        matrix.receive(single, b"foreign\n" + line, 0.0)
    matrix.receive(other, a1 + a2 + b1 + b2, 0.0)
    assert whole.order == split.order == single.order != other.order
    assert all(counts(row, publisher) == (2, 0, 0, 0) for row in matrix.rows for publisher in (0, 1))
