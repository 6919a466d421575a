"""The delivery matrix: what is owed of a publisher that has left."""

from hypothesis import given
from hypothesis import strategies as st

from tw.core.matrix import Matrix

RUN = b"abcde"


def test_all_lines_of_a_publisher_that_is_there_are_owed() -> None:
    matrix = Matrix(RUN, 1, 2, 30)
    (source,) = matrix.sources
    for _ in range(3):
        source.next_line(0.0, 0.0)
    assert matrix.owed(source) == 3
    assert not source.gone


@given(st.lists(st.lists(st.booleans(), min_size=8, max_size=8), min_size=1, max_size=4))
def test_of_one_that_has_left_those_are_owed_that_anybody_has_and_those_before(got: list[list[bool]]) -> None:
    matrix = Matrix(RUN, 2, len(got), 30)
    gone, other = matrix.sources
    lines = [gone.next_line(0.0, 0.0) for _ in range(8)]
    other.next_line(0.0, 0.0)
    for row, taken in zip(matrix.rows, got, strict=True):
        matrix.receive(row, b"".join(line for line, came in zip(lines, taken, strict=True) if came), 1.0)
    matrix.leave(matrix.rows[0], 1.5, "gone as well")
    matrix.lose(gone, 2.0, "gone")
    assert matrix.owed(gone) == max(number for taken in got for number, came in enumerate([True, *taken]) if came)
    assert matrix.owed(other) == 1
    assert (gone.gone, gone.left_at_s, gone.left_reason) == (True, 2.0, "gone")


def test_the_next_part_of_a_run_knows_who_has_left_and_why() -> None:
    before, after = Matrix(RUN, 2, 1, 30), Matrix(RUN, 2, 1, 30, first_index=2)
    before.lose(before.sources[1], 1.0, "gone")
    after.follow(before)
    assert [(source.gone, source.left_reason) for source in after.sources] == [(False, ""), (True, "gone")]
    assert after.owed(after.sources[1]) == 0
