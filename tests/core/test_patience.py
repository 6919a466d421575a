"""Waits that are noticed by looking now and then: never ended too early, and not much too late."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tw.core.patience import LONGEST_SWEEP_S, SWEEPS, Patience, Wait, WaitLimits

STEPS = st.lists(st.tuples(st.sampled_from(Wait), st.integers(0, 2), st.floats(0.01, 30)), min_size=1, max_size=30)


@given(STEPS, st.floats(0.05, 2))
def test_a_wait_is_over_after_its_limit_and_at_most_two_sweeps_later(
    steps: list[tuple[Wait, int, float]], sweep_s: float
) -> None:
    """`steps`: a wait, how much the mark goes up, and how long it lasts. One that has ended never comes again with the
    same mark."""
    limits = WaitLimits(header_s=3, body_s=5, keepalive_s=7, send_s=4).by_wait()
    timeline, end_s, mark = [], 0.0, 0
    for wait, more, lasts_s in steps:
        mark += more
        if timeline and timeline[-1][1] is not wait and any(step[1:3] == (wait, mark) for step in timeline):
            mark += 1
        if timeline and timeline[-1][1:3] == (wait, mark):
            lasts_s += timeline.pop()[3]
            end_s = timeline[-1][0] + timeline[-1][3] if timeline else 0.0
        timeline.append((end_s, wait, mark, lasts_s))
        end_s += lasts_s
    patience, at_s = Patience(), 0.0
    while at_s < end_s:
        began_s, wait, mark, _ = [step for step in timeline if step[0] <= at_s][-1]
        if patience.is_over(wait, mark, at_s, limits[wait]):
            assert at_s - began_s >= limits[wait]
            return
        assert at_s - began_s <= limits[wait] + 2 * sweep_s
        at_s += sweep_s


@pytest.mark.parametrize(("shortest_s", "sweep_s"), [(1000, 1.0), (10, 1.0), (2, 0.5), (0.001, 0.001 / SWEEPS)])
def test_the_shorter_the_waits_the_closer_the_sweeps(shortest_s: float, sweep_s: float) -> None:
    """The wait for a peer to close is short, and is never longer than 4 s."""
    limits = WaitLimits(header_s=shortest_s, body_s=2000, keepalive_s=2000, send_s=2000)
    assert limits.sweep_s == sweep_s <= LONGEST_SWEEP_S


def test_every_wait_has_its_limit() -> None:
    limits = WaitLimits(header_s=1, body_s=2, keepalive_s=3, send_s=4).by_wait()
    assert {wait.name: limits[wait] for wait in Wait} == {
        "HEADER": 1,
        "BODY": 2,
        "IDLE": 3,
        "SENDING": 4,
        "LINGERING": 4,
    }
