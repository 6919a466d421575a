"""Looks at a load run: those that are rare enough have the figures of the time since the one before."""

import pytest
from twisted.internet.task import Clock

from running import Notes
from tw.load_options import LoadOptions
from tw.probes.books import Books
from tw.probes.snapshots import INTERVALS_FROM_S, Snapshots


class Run:
    """A load run that stands where a test puts it."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock.seconds
        self.books = Books(0.0)
        self.warming = False
        self.under_way = 0
        self.open_connections = 1

    def bad(self) -> int:
        return 0

    def answered(self, seconds: float, count: int) -> None:
        for _ in range(count):
            self.books.answered(0.0, 0.0, seconds, paced=False)


def looking(notes: Notes, every_s: float, connections: int = 1) -> tuple[Clock, Run]:
    notes.progress_every_s = every_s
    clock = Clock()
    run = Run(clock)
    Snapshots(clock, notes, LoadOptions(duration_s=10.0, connections=connections), run).start()
    return clock, run


def test_an_interval_has_the_round_trips_of_its_own_answers() -> None:
    notes = Notes()
    clock, run = looking(notes, 1.0)
    run.answered(0.1, 99)
    clock.advance(1.0)
    run.answered(0.2, 1)
    clock.advance(1.0)
    clock.advance(1.0)
    intervals = [shot.interval_rtt_ms for shot in notes.snapshots]
    medians = [None if times is None else times.p50 for times in intervals]
    assert medians == [pytest.approx(100, rel=1e-3), pytest.approx(200, rel=1e-3), None]
    assert [shot.rtt_ms.p50 for shot in notes.snapshots] == pytest.approx([100] * 3, rel=1e-3)


def test_the_warm_ups_round_trips_are_in_no_interval_of_the_run() -> None:
    notes = Notes()
    clock, run = looking(notes, 1.0)
    run.answered(0.1, 99)
    clock.advance(1.0)
    run.books = Books(1.0)
    run.answered(0.2, 1)
    clock.advance(1.0)
    times = notes.snapshots[-1].interval_rtt_ms
    assert times is not None
    assert times.min == pytest.approx(200, rel=1e-3)


def test_many_looks_a_second_go_without() -> None:
    notes = Notes()
    clock, run = looking(notes, INTERVALS_FROM_S / 5)
    run.answered(0.1, 9)
    clock.advance(INTERVALS_FROM_S / 5)
    (shot,) = notes.snapshots
    assert (shot.interval_rtt_ms, shot.interval_received) == (None, 9)


def test_a_look_at_very_many_connections_comes_less_often() -> None:
    notes = Notes()
    clock, _ = looking(notes, 0.1, connections=50_000)
    clock.pump([0.1] * 19)
    assert len(notes.snapshots) == 1
