"""A guard against losing the speed: CPU cost for each message, relative to a plain Twisted server in the same run.

The margins are wide: an echo costs 0.47 of the plain one's, a delivery 0.03 (see tests/benchmarks). Cost is CPU time:
a busy machine changes it little.
"""

import statistics
from collections.abc import Callable

import pytest

from benchmarks.bench import HERE, PYTHON, TW, Figures, Peer, load, run
from e2e.programs import need

ROUNDS = 3


def cost_ratio(service: str, plain: str, work: Callable[[Peer], Figures]) -> float:
    peers = [
        Peer("tw", lambda port: [TW, "serve", service, "--no-config", "--port", str(port)]),
        Peer("plain", lambda port: [PYTHON, str(HERE / "peers.py"), plain, str(port)]),
    ]
    ours, theirs = run(peers, [("work", work)], ROUNDS)
    middle = [statistics.median(figures["srv_us_msg"] for figures in peer.figures["work"]) for peer in (ours, theirs)]
    return middle[0] / middle[1]


@pytest.mark.timeout(180)
def test_an_echo_costs_well_below_a_plain_one() -> None:
    need("gcc")
    ratio = cost_ratio("echo", "plain_echo", lambda peer: load(peer, "pingpong", "-c", "50", seconds=1.0))
    assert ratio < 0.75


@pytest.mark.timeout(180)
def test_a_delivery_costs_a_fraction_of_a_plain_one() -> None:
    need("gcc")
    ratio = cost_ratio("pubsub", "plain_pubsub", lambda peer: load(peer, "fanout", "-n", "100", seconds=1.0))
    assert ratio < 0.25
