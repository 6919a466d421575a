"""`tw probe pubsub A B C`: its clients are spread over servers that are one, over a real Redis, and judge them all."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from e2e.certificates import make_certificates
from e2e.harness import TIMEOUT_S, TW, Server, environment, serving, tw
from e2e.redis import redis

pytestmark = pytest.mark.timeout(180)

FAULTS = ("lost", "duplicated", "reordered", "corrupted")
CREW = ("--publishers", "3", "--subscribers", "6", "--timeout", "20s")


@contextmanager
def three(folder: Path, *options: str) -> Iterator[list[Server]]:
    """Servers over one stream."""
    with ExitStack() as stack:
        engine = stack.enter_context(redis(folder))
        yield [stack.enter_context(serving("pubsub", "--via", engine.via(), *options)) for _ in range(3)]


def targets(servers: list[Server]) -> list[str]:
    return [server.target for server in servers]


def faults(row: dict[str, Any]) -> list[int]:
    return [row[name] for name in FAULTS]


class Running:
    """A probe under load that tells how it goes on."""

    def __init__(self, *args: str) -> None:
        self.process = subprocess.Popen(
            [TW, "probe", "pubsub", *args, "--json-stream"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=environment(),
        )  # fmt: skip

    def __enter__(self) -> "Running":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait(TIMEOUT_S)
        assert self.process.stdout is not None
        self.process.stdout.close()

    def until_more(self) -> None:
        """Until lines have arrived, and been published for another second."""
        assert self.process.stdout is not None
        while not json.loads(self.process.stdout.readline())["received"]:
            pass

    def report(self) -> Any:
        assert self.process.stdout is not None
        last = self.process.stdout.read().splitlines()[-1]
        self.process.wait(TIMEOUT_S)
        return json.loads(last)


@pytest.mark.parametrize(
    "load", [("--count", "300"), ("--count", "900", "--rate", "600", "--warmup", "300ms")], ids=str
)
def test_every_subscriber_gets_every_line_in_one_order_wherever_both_are(tmp_path: Path, load: tuple[str, ...]) -> None:
    with three(tmp_path) as servers:
        ran = tw("probe", "pubsub", *targets(servers), *CREW, *load, "--json")
        summaries = [server.stop() for server in servers]
    report = ran.json
    assert (ran.code, report["ok"], report["errors"]) == (0, True, {})
    assert report["delivered"] == report["expected"] == 6 * int(load[1])
    assert report["targets"] == targets(servers)
    assert [row["target"] for row in report["matrix"]["subscribers"]] == targets(servers) * 2
    assert [each["target"] for each in report["matrix"]["publishers"]] == targets(servers)
    assert not any(row["order_differs"] for row in report["matrix"]["subscribers"])
    assert [each["whole_subscribers"] for each in report["matrix"]["targets"]] == [2, 2, 2]
    assert [summary["connections"] for summary in summaries] == [3, 3, 3]


def test_a_server_that_dies_costs_its_own_clients_alone(tmp_path: Path) -> None:
    with three(tmp_path) as servers:
        with Running(*targets(servers), *CREW, "--rate", "300", "--duration", "8s") as run:
            run.until_more()
            os.kill(servers[2].process.pid, signal.SIGSTOP)  # it takes lines, and passes none on
            run.until_more()
            servers[2].process.kill()
            report = run.report()
            code = run.process.returncode
    matrix = report["matrix"]
    assert (code, report["ok"], matrix["settled"]) == (1, False, True)
    assert report["errors"] == {"subscriber left": 2, "publisher left": 1}
    rows = matrix["subscribers"]
    assert [row["connected"] for row in rows] == [True, True, False] * 2
    assert [faults(row) for row in rows if row["connected"]] == [[0, 0, 0, 0]] * 4
    assert not any(row["order_differs"] for row in rows)
    assert [each["whole_subscribers"] for each in matrix["targets"]] == [2, 2, 0]
    first, second, dead = matrix["publishers"]
    assert [first["unknown_fate"], second["unknown_fate"]] == [0, 0]
    assert (dead["connected"], dead["left_reason"]) == (False, "the peer broke the connection")
    assert dead["unknown_fate"] > 10
    owed = sum(each["published"] - each["unknown_fate"] for each in matrix["publishers"])
    assert [row["delivered"] for row in rows if row["connected"]] == [owed] * 4
    assert report["expected"] == 6 * owed


def test_the_table_says_where_those_are_who_miss_something(tmp_path: Path) -> None:
    with three(tmp_path) as servers, serving("pubsub") as stranger:
        ran = tw("probe", "pubsub", *targets(servers[:2]), stranger.target, *CREW, "--timeout", "2s", "--count", "9")
    lines = ran.out.splitlines()
    assert ran.code == 1, ran
    assert "error: not joined: 6" in lines
    assert f"target t3: {stranger.target}, 1 publisher, 0 of 2 subscribers got everything" in lines
    table = [line.split() for line in lines if "@t" in line]
    assert table[0] == ["p1@t1", "p2@t2", "p3@t3"]
    (cells,) = [" ".join(line) for line in table if line[0] == "s3@t3"]
    assert cells.startswith("s3@t3 no way through no way through ok ")


def test_a_line_that_is_published_at_one_arrives_at_the_other(tmp_path: Path) -> None:
    with three(tmp_path) as servers, serving("pubsub") as stranger:
        here, there, _ = targets(servers)
        good = tw("probe", "pubsub", here, there, "--interval", "0")
        bad = tw("probe", "pubsub", here, stranger.target, "--timeout", "2s")
    assert good.code == 0, good
    assert good.out.splitlines()[0] == f"pubsub {here} to {there}: ok"
    assert (bad.code, bad.error_line) == (
        4,
        f"tw: connected, and no line came through ({here} to {stranger.target}); "
        "waited 2 s for a first line; are the two servers one (--via)?",
    )


def test_a_target_that_refuses_is_named(tmp_path: Path) -> None:
    with three(tmp_path) as servers:
        servers[1].stop()
        ran = tw("probe", "pubsub", *targets(servers), *CREW, "--json")
    assert ran.code == ran.json["error"]["exit"] == 3
    assert f"({servers[1].target})" in ran.json["error"]["message"]


def test_every_target_is_verified(tmp_path: Path) -> None:
    folders = [tmp_path / "ours", tmp_path / "theirs"]
    for folder in folders:
        folder.mkdir()
    ours, theirs = (make_certificates(folder, "localhost") for folder in folders)
    mine, other = (("--tls-cert", each.cert, "--tls-key", each.key) for each in (ours, theirs))
    with redis(tmp_path) as engine, ExitStack() as stack:
        ports = [
            stack.enter_context(serving("pubsub", "--via", engine.via(), *options)).port
            for options in (mine, mine, other)
        ]
        places = [f"localhost:{port}" for port in ports]
        good = tw("probe", "pubsub", *places[:2], "--tls", "--ca-file", ours.ca, *CREW, "--count", "60", "--json")
        bad = tw("probe", "pubsub", *places, "--tls", "--ca-file", ours.ca, *CREW, "--count", "60", "--json")
    assert good.code == 0, good
    assert good.json["phases_ms"]["tls"]["min"] > 0
    assert bad.code == 5, bad
    assert places[2] in bad.json["error"]["message"]
