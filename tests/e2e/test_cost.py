"""A guard against losing the speed: CPU cost for each message, relative to a plain Twisted server in the same run.

The margins are wide: an echo costs 0.47 of the plain one's, 0.4 over TLS, a delivery 0.03 (see tests/benchmarks), and a
connection for one echo 0.65. Cost is CPU time: a busy machine changes it little.
"""

import socket
import statistics
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.bench import HERE, PYTHON, TW, Figures, Peer, certificate, load, run
from e2e.programs import need

ROUNDS = 3

VISITS = 3000


def cost_ratio(service: str, plain: str, work: Callable[[Peer], Figures], pair: tuple[str, str] | None = None) -> float:
    """What a message costs tw, in shares of what it costs the plain server. `pair` is a certificate and its key."""
    tls = ("--tls-cert", pair[0], "--tls-key", pair[1]) if pair else ()
    generator = "tlsgen" if pair else "loadgen"
    peers = [
        Peer("tw", lambda port: [TW, "serve", service, "--no-config", "--port", str(port), *tls], generator=generator),
        Peer(
            "plain",
            lambda port: [PYTHON, str(HERE / "peers.py"), plain, str(port), *(pair or ())],
            generator=generator,
        ),
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
def test_an_echo_over_tls_costs_well_below_a_plain_one() -> None:
    need("gcc", "openssl", "/usr/include/openssl/ssl.h")  # Debian: libssl-dev
    pair = certificate()
    ratio = cost_ratio("echo", "plain_echo", lambda peer: load(peer, "pingpong", "-c", "50", seconds=1.0), pair)
    assert ratio < 0.75


@pytest.mark.timeout(180)
def test_a_delivery_costs_a_fraction_of_a_plain_one() -> None:
    need("gcc")
    ratio = cost_ratio("pubsub", "plain_pubsub", lambda peer: load(peer, "fanout", "-n", "100", seconds=1.0))
    assert ratio < 0.25


def visits(peer: Peer) -> Figures:
    """One connection after the other, each for one echo."""
    before_ns = cpu_ns(peer)
    for _ in range(VISITS):
        with socket.create_connection(("127.0.0.1", peer.port)) as visitor:
            visitor.sendall(b"x")
            assert visitor.recv(1) == b"x"
    return {"srv_us_msg": (cpu_ns(peer) - before_ns) / VISITS / 1e3}


def cpu_ns(peer: Peer) -> int:
    """CPU time of its main thread, finer than /proc/PID/stat has it."""
    return int(Path(f"/proc/{peer.pid}/schedstat").read_text().split()[0])


@pytest.mark.timeout(180)
def test_a_connection_for_one_echo_costs_below_a_plain_one() -> None:
    ratio = cost_ratio("echo", "plain_echo", visits)
    assert ratio < 0.85
