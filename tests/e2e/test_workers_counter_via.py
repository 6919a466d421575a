"""`tw serve counter --workers N --via URL`: numbers unique over processes that each take their own from Redis."""

import os
import random
import signal
import socket
import threading
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from e2e.certificates import make_certificates
from e2e.crew import GET, numbers, open_all, pids, read_all
from e2e.harness import TIMEOUT_S, serving, tw, until
from e2e.lifecycle import service
from e2e.redis import redis
from ports import held_port

pytestmark = [pytest.mark.timeout(180), pytest.mark.measured]

CLIENTS = 24
lease = pytest.mark.parametrize("lease", [(), ("--lease", "100")], ids=["a turn", "leased"])


def url(path: Path) -> str:
    return f"unix://{path}?key=n"


@lease
def test_the_probe_finds_every_number_once(tmp_path: Path, lease: tuple[str, ...]) -> None:
    with redis(tmp_path) as engine, serving("counter", "--workers", "2", "--via", url(engine.path), *lease) as server:
        first = tw("probe", "counter", server.target, "--connections", "8", "--count", "2000", "--json").json
        assert first["ok"], first
        assert (first["received"], first["numbers"]["duplicates"]) == (2000, 0)
        second = tw("probe", "counter", server.target, "--connections", str(CLIENTS), "--count", "2000", "--json").json
        assert second["ok"], second
        assert second["numbers"]["instances"] == 2
        assert (second["numbers"]["duplicates"], second["numbers"]["resets"]) == (0, 0)
        summary = server.stop()
        counted = int(engine.says("GET", "n"))
    assert summary["requests"] == 4000
    assert counted == 4000 or (lease and counted > 4000)


@lease
def test_workers_that_are_killed_leave_gaps_and_repeat_nothing(tmp_path: Path, lease: tuple[str, ...]) -> None:
    """While another server counts with them, and clients take numbers as fast as they can."""
    got: list[list[int]] = []
    over = threading.Event()

    def hammer(port: int) -> None:
        while not over.is_set():
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), TIMEOUT_S) as client:
                client.sendall(GET * 100)
                client.shutdown(socket.SHUT_WR)
                got.append(numbers(read_all(client)))

    with redis(tmp_path) as engine, ExitStack() as stack:
        via = ("--via", url(engine.path), *lease)
        server = stack.enter_context(serving("counter", "--workers", "2", *via))
        other = stack.enter_context(serving("counter", *via))
        clients = [threading.Thread(target=hammer, args=(each.port,)) for each in (server, server, server, other)]
        for client in clients:
            client.start()
        try:
            chance, alive = random.Random(4), pids(server)
            for _ in range(4):
                before = len(got)
                until(lambda before=before: len(got) > before + 3)
                os.kill(alive.pop(chance.randrange(2)), signal.SIGKILL)
                alive.append(server.wait_for("worker_started")["pid"])
        finally:
            over.set()
            for client in clients:
                client.join(TIMEOUT_S)
        assert server.stop()["restarts"] == 4
        taken = [number for each in got for number in each]
        assert len(taken) > 1000
        assert len(set(taken)) == len(taken)
        assert max(taken) <= int(engine.says("GET", "n"))


def test_while_redis_is_away_every_worker_says_so_also_one_that_has_just_come(tmp_path: Path) -> None:
    with (
        redis(tmp_path) as engine,
        service(tmp_path, "counter", "--workers", "2", "--port", "0", "--via", url(engine.path)) as server,
    ):
        engine.kill()
        assert server.wait_for("via")["ok"] is False
        os.kill(pids(server)[0], signal.SIGKILL)
        server.wait_for("worker_started")
        asked = ("--connections", str(CLIENTS), "--count", "200", "--expect-status", "503", "--json")
        report = tw("probe", "counter", server.target, *asked).json
        assert (report["received"], report["lost"]) == (200, 0), report
        assert report["numbers"]["last"] is None, report
        engine.start()
        assert server.wait_for("via")["ok"] is True
        assert tw("probe", "counter", server.target, "--connections", str(CLIENTS), "--count", "200", "--json").json[
            "ok"
        ]
        server.stop()
        assert [event["ok"] for event in server.events if event["event"] == "via"] == [False, True]
        assert [line.rpartition(": ")[2] for line in server.said] == [
            "Redis closed the connection",
            "what is shared is there again",
        ]


def test_one_that_comes_later_gets_in_as_the_others_did_whatever_the_files_are_by_then(tmp_path: Path) -> None:
    made = make_certificates(tmp_path, "localhost")
    secret = tmp_path / "password"
    secret.write_text("pass word\n")
    tls = ("--tls-cert-file", made.cert, "--tls-key-file", made.key, "--tls-auth-clients", "no")
    with ExitStack() as stack:
        port = stack.enter_context(held_port())
        engine = stack.enter_context(redis(tmp_path, "--tls-port", str(port), *tls))
        engine.says("CONFIG", "SET", "requirepass", "pass word")
        via = (
            "--via",
            f"rediss://localhost:{port}?key=n",
            "--via-ca-file",
            made.ca,
            "--via-password-file",
            str(secret),
        )
        server = stack.enter_context(service(tmp_path, "counter", "--workers", "2", "--port", "0", "-vv", *via))
        secret.write_text("another")
        Path(made.ca).write_text("nobody's")
        for pid in pids(server):
            assert b"pass word" not in Path(f"/proc/{pid}/cmdline").read_bytes()
            os.kill(pid, signal.SIGKILL)
            server.wait_for("worker_started")
        report = tw("probe", "counter", server.target, "--connections", str(CLIENTS), "--count", "200", "--json").json
        assert report["ok"], report
        assert report["numbers"]["instances"] == 2
        assert server.stop()["restarts"] == 2
        assert "pass word" not in "\n".join(server.said)
        assert "via" not in [event["event"] for event in server.events]


def test_numbers_begin_where_every_server_is_told_that_they_do(tmp_path: Path) -> None:
    with redis(tmp_path) as engine, ExitStack() as stack:
        told = ("--workers", "2", "--via", url(engine.path), "--start", "100", "--access-log")
        with serving("counter", *told) as server:
            found, _ = open_all(server, CLIENTS, stack)
            for client in found:
                client.sendall(GET)
            assert sorted(number for client in found for number in numbers(client.recv(4096))) == [*range(100, 124)]
            server.stop()
        ran = tw("serve", "counter", "--port", "0", "--workers", "2", "--via", url(engine.path), "--start", "1000")
        assert ran.code == 2
        assert "--start 1000 contradicts the count, which stands at 123" in ran.error_line
