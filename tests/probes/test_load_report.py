"""Whether the probe itself may have been the limit."""

import os
import subprocess
import sys
import time

import pytest

from tw.load_options import LoadOptions
from tw.probes.books import BATCH, Books
from tw.probes.load_report import limit_of, load_figures
from tw.probes.spent import Spent, spent_so_far

LOAD = LoadOptions(connections=3, duration_s=10.0)


def books(latency_s: float = 0.01, late_s: float = 0.0, count: int = 100) -> Books:
    made = Books(0.0)
    for _ in range(count):
        made.departed(late_s)
        made.answered(0.0, late_s, latency_s, paced=True)
    made.close(10.0)
    return made


def test_a_process_with_time_to_spare_is_no_limit() -> None:
    assert limit_of(books(), 0.5, with_server=False) is None


def test_a_whole_core_is_a_limit() -> None:
    assert limit_of(books(), 0.97, with_server=False) == (
        "the probe used 97% of a core, and one thread has no more: the server may be faster"
    )
    said = limit_of(books(), 0.97, with_server=True)
    assert said is not None
    assert said.startswith("probe and server together used 97% of a core")


def test_late_sends_are_a_limit_where_they_show() -> None:
    said = limit_of(books(0.01, 0.002), 0.5, with_server=False)
    assert said == "the probe sent 1 % of its messages 2.0 ms late or later: the round trip counts that as well"
    assert limit_of(books(0.1, 0.002), 0.5, with_server=False) is None
    assert limit_of(books(0.001, 0.0005), 0.5, with_server=False) is None


def test_a_run_without_an_answer_has_no_figures_that_anything_could_have_limited() -> None:
    unanswered = Books(0.0)
    unanswered.departed(0.5)
    unanswered.close(0.001)
    assert limit_of(unanswered, 0.98, with_server=False) is None


def test_a_closed_loop_has_neither_service_time_nor_lateness() -> None:
    figures = load_figures(LOAD, books(), None, Spent(2.0))
    assert (figures.pacing, figures.service_ms, figures.late_ms, figures.cpu_share) == ("closed", None, None, 0.2)


def test_a_run_of_no_time_has_no_share() -> None:
    assert load_figures(LOAD, Books(0.0), None, Spent(2.0)).cpu_share is None


@pytest.mark.parametrize("count", [1, BATCH - 1, BATCH, 3 * BATCH + 5])
def test_books_keep_no_times_but_a_batch(count: int) -> None:
    made = Books(0.0)
    for number in range(count):
        made.departed(0.001)
        made.answered(0.0, 0.001, 0.01, paced=True)
        assert len(made._latencies) < BATCH, number
    made.look()
    assert (made.latency.count, made.service.count, made.late.count) == (count, count, count)
    assert (made._latencies, made._services, made._lates) == ([], [], [])
    assert made.service.max_s == pytest.approx(0.009)


def test_a_process_that_had_to_wait_for_its_core_is_a_limit() -> None:
    said = limit_of(books(), 0.42, 0.55, with_server=True)
    assert said == (
        "probe and server together used 42% of a core and waited for one for 55% of the time, since other programs had "
        "them: the server may be faster"
    )
    assert limit_of(books(), 0.42, 0.3, with_server=True) is None
    assert limit_of(books(), 0.42, None, with_server=True) is None
    figures = load_figures(LOAD, books(), None, Spent(4.0, 5.5))
    assert (figures.cpu_wait_share, figures.limit is None) == (0.55, False)


def test_what_was_waited_is_told_by_the_system() -> None:
    """Two processes that are never idle, on one core."""
    before = spent_so_far()
    if before.waited_s is None:
        pytest.skip("the system does not tell (no schedstat)")
    began = time.monotonic()
    core = {min(os.sched_getaffinity(0))}
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, core)
    try:
        with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as other:
            while (spent := spent_so_far().since(before)).cpu_s < 0.2 or not spent.waited_s:
                pass
            other.kill()
    finally:
        os.sched_setaffinity(0, allowed)
    assert spent.waited_s is not None
    assert 0 < spent.waited_s <= time.monotonic() - began


def test_what_is_known_of_one_end_alone_is_not_known() -> None:
    assert Spent(3.0, 2.0).since(Spent(1.0, 0.5)) == (2.0, 1.5)
    assert Spent(3.0, None).since(Spent(1.0, 0.5)) == (2.0, None)
