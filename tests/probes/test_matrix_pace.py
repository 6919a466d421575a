"""When publishers send: what is due while one is blocked, and what is never sent."""

from collections.abc import Callable
from math import inf

import pytest
from twisted.internet.task import Clock

from tw.core.matrix import Matrix
from tw.core.matrix_lines import Source
from tw.probes.books import Books
from tw.probes.matrix_crew import Publisher
from tw.probes.matrix_pace import WRITE_BYTES, OpenPace, shares


class Watch:
    """Tells the pace who takes lines again."""

    unblock: Callable[[Source], None]

    def __init__(self, matrix: Matrix) -> None:
        self.matrix = matrix

    def unblocked(self, index: int) -> None:
        self.unblock(self.matrix.sources[index])


class Paced:
    """An open loop on a clock, and what each publisher wrote."""

    def __init__(self, publishers: int = 2, *, rate_per_s: float = 10.0, count: int | None = None,
                 duration_s: float = inf) -> None:  # fmt: skip
        self.clock = Clock()
        self.matrix = Matrix(b"abcde", publishers, 1, 50)
        watch = Watch(self.matrix)
        self.books = Books(0.0)
        self.ended = 0
        self.publishers = [Publisher(watch, None, index) for index in range(publishers)]  # type: ignore[arg-type]
        self.written: list[list[bytes]] = [[] for _ in range(publishers)]
        for publisher, written in zip(self.publishers, self.written, strict=True):
            publisher.write = written.append
        self.pace = OpenPace(
            self.clock, self.matrix, self.publishers, self.books, self.clock.seconds, self._end,
            rate_per_s=rate_per_s, count=count, duration_s=duration_s,
        )  # fmt: skip
        watch.unblock = self.pace.unblocked
        self.pace.begin(0.0)

    def _end(self) -> None:
        self.ended += 1

    def pass_s(self, seconds: float) -> None:
        self.clock.pump([0.01] * round(seconds * 100))

    @property
    def published(self) -> list[int]:
        return [source.published for source in self.matrix.sources]


def test_publishers_take_turns() -> None:
    paced = Paced(3, count=8)
    paced.pass_s(0.25)
    assert paced.published == [1, 1, 1]
    paced.pass_s(0.5)
    assert (paced.published, paced.ended, paced.pace.over(0.0)) == ([3, 3, 2], 1, True)
    assert paced.clock.getDelayedCalls() == []


def test_one_that_is_blocked_holds_up_no_other_and_catches_up() -> None:
    paced = Paced()
    first, _ = paced.publishers
    first.pauseProducing()
    paced.pass_s(1.05)
    assert paced.published == [1, 5]
    first.resumeProducing()
    assert (paced.published, paced.books.held) == ([6, 5], 5)
    paced.pace.stop()
    first.pauseProducing()
    first.resumeProducing()
    assert paced.published == [6, 5]


def test_what_is_sent_late_was_due_on_time() -> None:
    paced = Paced(1)
    paced.publishers[0].pauseProducing()
    paced.pass_s(0.35)
    paced.publishers[0].resumeProducing()
    line = b"".join(paced.written[0])
    paced.matrix.receive(paced.matrix.rows[0], line, 1.0)
    assert [round(time, 6) for time, _ in paced.matrix.latencies] == [1.0, 0.9, 0.8, 0.7]
    paced.pace.stop()


def test_much_that_is_overdue_is_written_in_pieces_until_it_blocks_again() -> None:
    paced = Paced(1, rate_per_s=100_000.0)
    publisher, written = paced.publishers[0], paced.written[0]
    publisher.pauseProducing()
    paced.pass_s(0.1)
    written.clear()

    def write(data: bytes) -> None:
        written.append(data)
        if len(written) == 2:
            publisher.pauseProducing()

    publisher.write = write
    publisher.resumeProducing()
    assert [len(piece) // 51 for piece in written] == [WRITE_BYTES // 50] * 2
    paced.pace.stop()


def test_what_could_not_be_sent_by_the_end_is_told() -> None:
    paced = Paced(2, duration_s=1.0)
    paced.publishers[1].pauseProducing()
    paced.pass_s(1.2)
    assert paced.pace.over(1.2)
    paced.pace.finish()
    paced.pace.stop()
    assert (paced.published, paced.books.unsent) == ([5, 0], 5)


def test_what_was_due_before_the_end_is_sent_also_where_that_is_a_little_late() -> None:
    paced = Paced(2, duration_s=1.0)
    paced.clock.pump([0.45, 0.56])
    paced.pace.finish()
    paced.pace.stop()
    assert (paced.published, paced.books.unsent, paced.clock.getDelayedCalls()) == ([5, 5], 0, [])


def test_nothing_is_sent_by_one_who_is_gone() -> None:
    paced = Paced(2, count=6)
    paced.matrix.lose(paced.matrix.sources[0], 1.0, "gone")
    paced.pass_s(1.0)
    assert (paced.published, paced.pace.over(1.0)) == ([1, 3], True)


@pytest.mark.parametrize(("count", "expected"), [(None, [inf] * 3), (3, [1, 1, 1]), (5, [2, 2, 1])])
def test_a_count_is_shared(count: int | None, expected: list[float]) -> None:
    assert shares(count, 3) == expected
