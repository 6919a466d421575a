"""The delivery matrix of `tw probe pubsub` judges servers that are one, behind a load balancer."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from e2e.haproxy import haproxy
from e2e.harness import serving, tw
from e2e.redis import Redis, redis

pytestmark = pytest.mark.timeout(180)

MATRIX = ("--publishers", "3", "--subscribers", "6", "--count", "600", "--rate", "300", "--timeout", "20s", "--json")


@contextmanager
def breaking(engine: Redis, every_s: float) -> Iterator[None]:
    """Cut all connections to Redis again and again, each time once more was written: on a busy machine it may take
    longer than `every_s` to be connected again."""
    over = threading.Event()

    def work() -> None:
        at_last_cut = -1
        while not over.wait(every_s):
            if (written := engine.entries()) > at_last_cut:
                at_last_cut = written
                engine.says("CLIENT", "KILL", "TYPE", "normal")

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@pytest.mark.parametrize("is_breaking", [False, True])
def test_every_subscriber_on_every_server_gets_every_line_of_every_publisher(tmp_path: Path, is_breaking: bool) -> None:
    with (
        redis(tmp_path) as engine,
        serving("pubsub", "--via", engine.via()) as one,
        serving("pubsub", "--via", engine.via()) as other,
        haproxy(one.target, "", more=f"server other {other.target}") as port,
        breaking(engine, 0.2 if is_breaking else 1000.0),
    ):
        report = tw("probe", "pubsub", f"127.0.0.1:{port}", *MATRIX)
        summaries = [server.stop() for server in (one, other)]
    assert report.code == 0, report
    found = report.json
    assert found["published"] == 600
    assert found["delivered"] == found["expected"] == 6 * 600
    assert [found[name] for name in ("lost", "duplicated", "reordered", "corrupted")] == [0, 0, 0, 0]
    assert [summary["connections"] > 3 for summary in summaries] == [True, True]
    assert min(summary["lines"] for summary in summaries) >= 600
    assert [summary["relay_dropped_lines"] for summary in summaries] == [0, 0]
