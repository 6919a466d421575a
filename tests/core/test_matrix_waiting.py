"""The delivery matrix: barriers, who is waited for, and who leaves."""

from tw.core.matrix import Matrix

RUN = b"abcde"


def joined(publishers: int, subscribers: int) -> Matrix:
    """A matrix whose first barrier has passed everywhere."""
    matrix = Matrix(RUN, publishers, subscribers, 30)
    matrix.expect(1)
    for row in matrix.rows:
        matrix.receive(row, b"".join(source.barrier(1) for source in matrix.sources), 0.0)
    assert matrix.outstanding == 0
    matrix.await_rows(matrix.rows)
    return matrix


# Barriers -------------------------------------------------------------------------------------------------------------


def test_a_barrier_is_outstanding_until_it_is_everywhere_once() -> None:
    matrix = Matrix(RUN, 2, 2, 30)
    matrix.expect(1)
    first, second = matrix.sources
    assert matrix.outstanding == 4
    for _ in range(2):
        matrix.receive(matrix.rows[0], first.barrier(1) + b"foreign\n" + second.barrier(1), 0.0)
    assert (matrix.outstanding, matrix.delivered, matrix.bad) == (2, 0, 0)
    assert matrix.has_outstanding(first)
    matrix.receive(matrix.rows[1], first.barrier(1), 0.0)
    assert not matrix.has_outstanding(first)
    assert matrix.has_outstanding(second)


def test_the_second_barrier_is_expected_where_the_first_one_came() -> None:
    matrix = Matrix(RUN, 1, 2, 30)
    matrix.expect(1)
    matrix.receive(matrix.rows[0], matrix.sources[0].barrier(1), 0.0)
    matrix.expect(2)
    assert matrix.outstanding == 1
    matrix.receive(matrix.rows[0], matrix.sources[0].barrier(1), 0.0)
    assert matrix.outstanding == 1
    matrix.receive(matrix.rows[0], matrix.sources[0].barrier(2), 0.0)
    assert matrix.outstanding == 0


def test_nobody_expects_a_barrier_of_one_who_is_gone_or_for_one_who_is() -> None:
    matrix = Matrix(RUN, 2, 2, 30)
    matrix.expect(1)
    matrix.leave(matrix.rows[0], 1.0, "gone")
    assert matrix.outstanding == 2
    matrix.lose(matrix.sources[0], 1.0, "gone")
    assert matrix.outstanding == 1
    matrix.receive(matrix.rows[1], matrix.sources[0].barrier(1), 0.0)
    assert matrix.outstanding == 1
    matrix.expect(1)
    assert matrix.outstanding == 1


# Waiting --------------------------------------------------------------------------------------------------------------


def test_a_publisher_is_ready_once_everyone_has_what_is_aimed_at() -> None:
    matrix = joined(1, 3)
    source = matrix.sources[0]
    lines = [source.next_line(0.0, 0.0) for _ in range(3)]
    assert matrix.aim(source, 2)
    assert source.laggards == 3
    matrix.receive(matrix.rows[0], b"".join(lines), 0.0)
    matrix.receive(matrix.rows[1], lines[0], 0.0)
    matrix.receive(matrix.rows[2], lines[1], 0.0)
    assert (source.laggards, matrix.ready) == (1, [])
    matrix.receive(matrix.rows[1], b"foreign\n" + lines[1], 0.0)
    assert (source.laggards, matrix.ready) == (0, [source])


def test_one_who_leaves_is_not_waited_for() -> None:
    matrix = joined(1, 2)
    source = matrix.sources[0]
    line = source.next_line(0.0, 0.0)
    matrix.aim(source, 1)
    matrix.receive(matrix.rows[0], line, 0.0)
    matrix.leave(matrix.rows[0], 1.0, "it had it")
    assert (source.laggards, matrix.ready) == (1, [])
    matrix.leave(matrix.rows[1], 1.0, "it had it not")
    matrix.leave(matrix.rows[1], 2.0, "again")
    assert (source.laggards, matrix.ready) == (0, [source])
    assert (matrix.rows[1].left_at_s, matrix.rows[1].left_reason) == (1.0, "it had it not")
    assert not matrix.aim(source, 2)


def test_only_those_are_waited_for_whom_the_barrier_reached() -> None:
    matrix = Matrix(RUN, 2, 2, 30)
    matrix.expect(1)
    matrix.receive(matrix.rows[0], matrix.sources[0].barrier(1), 0.0)
    matrix.await_rows(matrix.rows)
    assert matrix.aim(matrix.sources[0], 1)
    assert matrix.sources[0].laggards == 1
    assert not matrix.aim(matrix.sources[1], 1)


def test_one_who_is_not_waited_for_makes_nobody_ready() -> None:
    matrix = joined(1, 2)
    matrix.rows[1].pairs[0].awaited = False
    source = matrix.sources[0]
    line = source.next_line(0.0, 0.0)
    matrix.aim(source, 1)
    matrix.receive(matrix.rows[1], line, 0.0)
    assert (source.laggards, matrix.ready) == (1, [])


def test_a_later_part_goes_on_with_half_lines_and_without_who_left() -> None:
    before, after = joined(1, 2), Matrix(RUN, 1, 2, 30, first_index=1)
    line = after.sources[0].next_line(0.0, 0.0)
    before.receive(before.rows[0], b"<tw> dropped ", 0.0)
    before.leave(before.rows[1], 1.0, "gone")
    after.follow(before)
    after.receive(after.rows[0], b"7 lines\n" + line, 0.0)
    assert (after.rows[0].dropped_notices, after.delivered, after.rows[1].left_reason) == (7, 1, "gone")
