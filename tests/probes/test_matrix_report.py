"""What a delivery matrix says in a report: also of more pairs than are listed."""

from types import SimpleNamespace
from typing import Any

from tw.core.matrix import MAX_TIMED_PAIRS, Matrix
from tw.probes.matrix_crew import Crew, Publisher, Subscriber
from tw.probes.matrix_report import MatrixReport
from tw.report.matrix import MAX_LISTED, MatrixFigures


def told(matrix: Matrix, *, settled: bool = True) -> MatrixFigures:
    nobody: Any = None
    server: Any = SimpleNamespace(where="h:1")
    publishers = [Publisher(nobody, server, index) for index in range(len(matrix.sources))]
    subscribers = [Subscriber(nobody, nobody, server, index, None) for index in range(len(matrix.rows))]
    return MatrixReport(matrix, settled=settled).of(Crew(publishers, subscribers, ["h:1"]))


def full(publishers: int, subscribers: int) -> Matrix:
    """Everybody has joined, and got one line from everyone but the last subscriber from the first publisher."""
    matrix = Matrix(b"abcde", publishers, subscribers, 30)
    matrix.expect(1)
    barriers = b"".join(source.barrier(1) for source in matrix.sources)
    lines = [source.next_line(1.0, 1.0) for source in matrix.sources]
    for row in matrix.rows:
        matrix.receive(row, barriers, 1.0)
        matrix.receive(row, b"".join(lines if row is not matrix.rows[-1] else lines[1:]), 1.5)
    return matrix


def test_every_pair_has_its_latency_up_to_as_many_as_are_listed() -> None:
    assert MAX_TIMED_PAIRS == MAX_LISTED
    found = told(full(2, 3))
    assert [(pair.publisher, pair.subscriber, pair.counts.lost) for pair in found.pairs] == [
        (1, 1, 0), (2, 1, 0), (1, 2, 0), (2, 2, 0), (1, 3, 1), (2, 3, 0),
    ]  # fmt: skip
    first, last = found.subscribers[0], found.subscribers[-1]
    assert (first.times.max_ms, first.counts.delivered, found.whole) == (500.0, 2, 2)
    assert last.counts.lost == 1


def test_of_more_pairs_only_the_bad_ones_are_listed_and_subscribers_have_the_latencies() -> None:
    found = told(full(2, MAX_LISTED))
    assert [(pair.publisher, pair.subscriber, pair.times) for pair in found.pairs] == [(1, MAX_LISTED, None)]
    assert found.subscribers[0].times.p50_ms == 500.0
    assert found.whole == MAX_LISTED - 1
    assert found.to_json()["pairs_left_off"] == 2 * MAX_LISTED - 1


def test_what_is_under_way_is_lost_to_those_alone_who_have_left() -> None:
    matrix = full(1, 3)
    for source in matrix.sources:
        source.next_line(2.0, 2.0)
    matrix.leave(matrix.rows[0], 2.5, "gone")
    assert [row.counts.lost for row in told(matrix, settled=False).subscribers] == [1, 0, 0]
    assert [row.counts.lost for row in told(matrix).subscribers] == [1, 1, 2]
