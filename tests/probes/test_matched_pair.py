"""The matched pair: a server that makes faults, and a probe that reports exactly those.

What is equal is written down here, kind by kind; over real sockets it is in `e2e/test_faults_on_demand.py`.
"""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memory import Network
from running import ClientRig, Notes
from tw.fault_options import FaultOptions
from tw.probe_options import ProbeCounterOptions, ProbeEchoOptions
from tw.probes.counter import CounterPing
from tw.probes.echo import EchoPing
from tw.probes.udp import UdpEchoPing
from tw.report import HarmFigures, ProbeReport
from tw.serve_options import ServeCounterOptions, ServeEchoOptions
from tw.services.counter import CounterService
from tw.services.echo import EchoService

SEEDS = st.integers(0, 10_000)
PERCENTS = st.sampled_from([0.0, 3.0, 20.0, 45.0])
MATCHED = settings(max_examples=60, deadline=None)


class Pair:
    """A run of the probe against the server. `made` is what the server says, without what it did not do."""

    def __init__(self, service: Any, probe: Any, faults: FaultOptions, *, udp: bool = False, **options: Any) -> None:
        self.net, self.notes = Network(), Notes()
        options = {"count": 200, "interval_s": 0.0, "timeout_s": 5.0, **options}
        if service is EchoService:
            server = EchoService(self.net, ServeEchoOptions(faults=faults, udp=udp), lambda event: None)
            asked: Any = ProbeEchoOptions(udp=udp, **options)
        else:
            server = CounterService(self.net, ServeCounterOptions(faults=faults), lambda event: None, lambda: 0.0)
            asked = ProbeCounterOptions(**options)
        self.net.run(server.start())
        self.rig = ClientRig(self.net, self.notes, probe(self.net, asked, self.notes, self.net.measured))
        self.net.pass_s(1000.0)
        stopping = self.net.run(server.stop())
        self.net.pass_s(10.0)
        self.made = {name: count for name, count in stopping.result.faults.items() if count}
        assert self.net.getDelayedCalls() == []

    @property
    def report(self) -> ProbeReport:
        return self.rig.report

    @property
    def harm(self) -> HarmFigures:
        assert self.report.harm is not None
        return self.report.harm


def without_zeros(**counts: int | None) -> dict[str, int]:
    return {name: count for name, count in counts.items() if count}


@MATCHED
@given(SEEDS, PERCENTS, PERCENTS, st.sampled_from([40, 64, 1000]))
def test_echo_corrupted_and_truncated_are_told_one_by_one(
    seed: int, corrupt: float, truncate: float, size: int
) -> None:
    faults = FaultOptions(corrupt_percent=corrupt, truncate_percent=truncate, seed=seed, close_after_bytes=10**9)
    pair = Pair(EchoService, EchoPing, faults, size_bytes=size)
    report, truncated = pair.report, pair.harm.truncated
    assert without_zeros(corrupt=report.corrupted - truncated, truncate=truncated) == pair.made
    assert (report.sent, report.lost, report.duplicated, report.reordered) == (200, 0, 0, 0)
    assert (report.errors, pair.harm.stalled) == ({}, 0)
    assert report.received == 200 - report.corrupted
    assert (pair.harm.first_fault is None) == (report.corrupted == 0)


@MATCHED
@given(SEEDS, st.sampled_from([5.0, 100.0]), st.sampled_from([0.0, 0.2]))
def test_echo_what_was_delayed_is_what_was_slow(seed: int, percent: float, jitter: float) -> None:
    """One after the other, or a line that is not late waits behind one that is."""
    faults = FaultOptions(delay_s=0.5, delay_percent=percent, jitter_s=jitter, seed=seed)
    pair = Pair(EchoService, EchoPing, faults, count=50, interval_s=1.0)
    slow = [sample for sample in pair.notes.samples if sample.rtt_s is not None and sample.rtt_s >= 0.4999]
    assert without_zeros(delay=len(slow)) == pair.made
    assert pair.report.ok


@MATCHED
@given(SEEDS, st.sampled_from([1.0, 10.0, 100.0]))
def test_echo_a_reset_ends_the_run_and_is_told_as_one(seed: int, percent: float) -> None:
    pair = Pair(EchoService, EchoPing, FaultOptions(reset_percent=percent, seed=seed))
    error = pair.report.error
    assert pair.made.get("reset", 0) == (error is not None and error.reason == "reset")
    assert pair.report.ok == (pair.made == {})


@pytest.mark.parametrize(("limit", "cut"), [(640, 0), (650, 1)])
def test_echo_a_close_ends_the_run_and_what_it_cut_is_told(limit: int, cut: int) -> None:
    pair = Pair(EchoService, EchoPing, FaultOptions(close_after_bytes=limit))
    report = pair.report
    assert (report.received, report.corrupted, pair.harm.truncated) == (10, cut, cut)
    assert (report.error is not None, pair.made) == (True, {"close": 1})


@MATCHED
@given(SEEDS, PERCENTS, PERCENTS)
def test_udp_harm_is_told_one_by_one(seed: int, corrupt: float, truncate: float) -> None:
    faults = FaultOptions(delay_s=0.01, corrupt_percent=corrupt, truncate_percent=truncate, seed=seed)
    pair = Pair(EchoService, UdpEchoPing, faults, udp=True)
    report, truncated = pair.report, pair.harm.truncated
    assert without_zeros(corrupt=report.corrupted - truncated, truncate=truncated, delay=200) == pair.made
    assert (report.lost, report.errors) == (0, {})


@MATCHED
@given(SEEDS, PERCENTS, PERCENTS, st.booleans())
def test_counter_every_fault_has_one_effect(seed: int, reset: float, other: float, keepalive: bool) -> None:
    faults = FaultOptions(
        reset_percent=reset,
        corrupt_percent=other / 3,
        truncate_percent=other / 3,
        statuses=((503, other / 6), (429, other / 6)),
        delay_s=0.5,
        delay_percent=10.0,
        seed=seed,
    )
    pair = Pair(CounterService, CounterPing, faults, keepalive=keepalive)
    report, harm = pair.report, pair.harm
    made = {name: count for name, count in pair.made.items() if name != "delay"}
    assert harm.retried is not None
    assert made == without_zeros(
        reset=report.errors.get("reset", 0) + harm.retried,
        corrupt=report.corrupted - harm.truncated,
        truncate=harm.truncated,
        status=report.errors.get("status 503", 0) + report.errors.get("status 429", 0),
    )
    assert (report.sent, report.lost) == (200, report.errors.get("reset", 0))
    assert set(report.errors) <= {"reset", "status 503", "status 429"}
    assert keepalive or not harm.retried
    numbers = report.numbers
    assert numbers is not None
    assert numbers.first is not None
    assert (numbers.duplicates, numbers.resets, numbers.instances) == (0, 0, 1)
    # Every request whose answer was lost took a number; what comes before the first answer or after the last is no gap.
    assert numbers.gaps <= made.get("reset", 0) + made.get("truncate", 0)


@MATCHED
@given(SEEDS, st.sampled_from([5.0, 100.0]))
def test_counter_what_was_delayed_is_what_was_slow(seed: int, percent: float) -> None:
    pair = Pair(CounterService, CounterPing, FaultOptions(delay_s=0.5, delay_percent=percent, seed=seed))
    slow = [sample for sample in pair.notes.samples if sample.rtt_s is not None and sample.rtt_s >= 0.4999]
    assert without_zeros(delay=len(slow)) == pair.made
    assert pair.report.ok


@pytest.mark.parametrize("seed", [1, 2])
def test_a_seed_gives_the_same_run_again(seed: int) -> None:
    faults = FaultOptions(reset_percent=5, corrupt_percent=5, statuses=((503, 5.0),), seed=seed)
    runs = [Pair(CounterService, CounterPing, faults) for _ in range(2)]
    assert runs[0].notes.outcomes == runs[1].notes.outcomes
    assert runs[0].made == runs[1].made
    assert len(runs[0].made) == 3
