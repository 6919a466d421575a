"""`--workers` when something ends that should not: a worker, the parent, the reader of the events, the start."""

import json
import os
import random
import signal
import socket
import subprocess
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest

from e2e.crew import GET, connect, name, numbers, open_all, pids, read_all, until_gone, until_stopped
from e2e.harness import TIMEOUT_S, TW, environment, serving, tw
from e2e.lifecycle import service
from ports import held_port
from tw.core.workers import MOST_FAILURES
from tw.errors import ExitCode
from tw.patient import KEPT_BYTES
from tw.services.state import NumberFile

pytestmark = pytest.mark.measured

CLIENTS = 24


def test_a_killed_worker_costs_its_own_connections_and_is_replaced() -> None:
    with serving("echo", "--workers", "2", "--access-log") as server, ExitStack() as stack:
        clients, worker_of = open_all(server, CLIENTS, stack)
        os.kill(pids(server)[1], signal.SIGKILL)
        ended = server.wait_for("worker_ended")
        assert (ended["worker"], ended["reason"], ended["again_s"]) == (2, "was ended by SIGKILL", 0.0)
        for client in clients:
            if worker_of[name(client)] == 1:
                client.sendall(b"still here")
                assert client.recv(100) == b"still here"
            else:
                assert read_all(client) == b""
        started = server.wait_for("worker_started")
        assert started["worker"] == 3
        _, worker_of = open_all(server, CLIENTS, stack)
        assert set(worker_of.values()) == {1, 3}
        assert server.stop()["restarts"] == 1


def test_a_load_goes_on_over_the_end_of_a_worker() -> None:
    with serving("echo", "--workers", "2", "--access-log") as server:
        load = ["probe", "echo", server.target, "--connections", "16", "--duration", "4", "--json-stream"]
        with subprocess.Popen([TW, *load], stdout=subprocess.PIPE, env=environment()) as probe:
            opened = [server.wait_for("open")["worker"] for _ in range(16)]
            assert probe.stdout is not None
            assert probe.stdout.readline()  # where the load stood after a second: it is under way
            os.kill(pids(server)[0], signal.SIGKILL)
            report = json.loads(probe.stdout.read().splitlines()[-1])
        # Each of its connections loses the one message that was under way; nobody else does.
        assert report["lost"] == opened.count(1), report
        assert report["duplicated"] == report["corrupted"] == report["reordered"] == 0
        assert report["received"] > 100
        server.stop()


def test_who_waits_at_a_worker_that_dies_is_served_by_the_next_one() -> None:
    with serving("counter", "--workers", "2") as server, ExitStack() as stack:
        for pid in pids(server):
            os.kill(pid, signal.SIGSTOP)
            until_stopped(pid)
        clients = [connect(server, stack) for _ in range(CLIENTS)]
        for client in clients:
            client.sendall(GET)
        for pid in pids(server):
            os.kill(pid, signal.SIGKILL)
        answers = [numbers(client.recv(4096)) for client in clients]
        assert sorted(answers) == [[number] for number in sorted(each[0] for each in answers)]
        assert len({each[0] for each in answers}) == CLIENTS
        assert server.stop()["restarts"] == 2


def test_no_worker_outlives_its_parent_and_the_port_is_free_again() -> None:
    with ExitStack() as stack:
        place = ("--port", str(stack.enter_context(held_port())))
        server = stack.enter_context(serving("echo", "--workers", "2", "--access-log", place=place))
        clients, _ = open_all(server, CLIENTS, stack)
        server.process.kill()
        until_gone(*pids(server))
        assert [read_all(client) for client in clients] == [b""] * CLIENTS
        with serving("echo", place=place) as another:
            another.stop()


def test_kills_by_the_dozen_repeat_no_number(tmp_path: Path) -> None:
    """Workers, and twice the parent as well, while clients take numbers as fast as they can."""
    state, chance = tmp_path / "state", random.Random(3)
    got: list[list[int]] = []

    def hammer(port: int, over: threading.Event) -> None:
        while not over.is_set():
            try:
                with socket.create_connection(("127.0.0.1", port), TIMEOUT_S) as client:
                    client.sendall(GET * 300)
                    client.shutdown(socket.SHUT_WR)
                    got.append(numbers(read_all(client)))
            except OSError:
                continue

    for _ in range(2):
        with serving("counter", "--workers", "2", "--state", str(state)) as server:
            over = threading.Event()
            clients = [threading.Thread(target=hammer, args=(server.port, over)) for _ in range(4)]
            for client in clients:
                client.start()
            alive = pids(server)
            for _ in range(6):
                threading.Event().wait(chance.uniform(0, 0.1))  # the moment is drawn by lot, and nothing waited for
                os.kill(alive.pop(chance.randrange(len(alive))), signal.SIGKILL)
                alive.append(server.wait_for("worker_started")["pid"])
            server.process.kill()
            over.set()
            for client in clients:
                client.join(TIMEOUT_S)
    taken = [number for each in got for number in each]
    assert len(taken) > 1000
    assert len(set(taken)) == len(taken)
    kept = NumberFile(str(state))
    assert kept.take() > max(taken)
    kept.close()


@pytest.mark.parametrize("others", [(), ("--workers", "2")])
def test_a_port_that_is_in_use_is_one_line(others: tuple[str, ...]) -> None:
    with serving("echo", *others) as server:
        ran = tw("serve", "echo", "--workers", "2", "--port", str(server.port))
        assert ran.code == ExitCode.CONNECT
        assert "address already in use" in ran.error_line
        server.stop()


def test_a_state_that_is_in_use_is_one_line(tmp_path: Path) -> None:
    state = str(tmp_path / "state")
    with serving("counter", "--workers", "2", "--state", state) as server:
        ran = tw("serve", "counter", "--workers", "2", "--port", "0", "--state", state)
        assert ran.code == ExitCode.LOCAL
        assert "in use by another server" in ran.error_line
        server.stop()


def test_certificates_that_cannot_be_used_are_one_line(tmp_path: Path) -> None:
    missing = str(tmp_path / "no.pem")
    ran = tw("serve", "echo", "--workers", "2", "--port", "0", "--tls-cert", missing, "--tls-key", missing)
    assert ran.code == ExitCode.LOCAL
    assert "cannot read the certificate" in ran.error_line


SABOTAGE = """
import os, sys
if "tw.workers" in sys.orig_argv and {when}:
    os._exit(7)
"""


@pytest.fixture
def sabotage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that every Python process runs first; workers end there, once it says so."""
    file = tmp_path / "sitecustomize.py"
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return file


def test_workers_that_never_come_to_serve_are_given_up(sabotage: Path) -> None:
    state = sabotage.parent / "state"
    sabotage.write_text(SABOTAGE.format(when=True))
    ran = tw("serve", "counter", "--workers", "2", "--port", "0", "--state", str(state))
    assert ran.code == ExitCode.LOCAL
    assert "no worker comes to serve: it ended by itself with code 7" in ran.error_line
    assert not state.exists(), "nothing is left of a start that failed"


def test_one_that_cannot_be_replaced_ends_the_whole_in_order(sabotage: Path, tmp_path: Path) -> None:
    sabotage.write_text("")
    with service(tmp_path, "echo", "--workers", "2", "--port", "0", "--access-log") as server, ExitStack() as stack:
        clients, worker_of = open_all(server, CLIENTS, stack)
        sabotage.write_text(SABOTAGE.format(when=True))
        os.kill(pids(server)[0], signal.SIGKILL)
        ended = [server.wait_for("worker_ended") for _ in range(MOST_FAILURES)]
        assert [each["worker"] for each in ended] == [1, 3, 4, 5, 6]
        assert server.wait_for("stopping")["signal"] is None
        assert server.wait_for("summary")["connections"] >= list(worker_of.values()).count(2)
        assert server.process.wait(TIMEOUT_S) == ExitCode.LOCAL
        assert ["no worker comes to serve" in line for line in server.said] == [True]
        assert [read_all(client) for client in clients] == [b""] * CLIENTS


def test_events_that_nobody_reads_hold_nobody_up() -> None:
    with serving("counter", "--workers", "2", "--access-log") as server:
        # Each request is an event of some 200 bytes: 5 MB, of which parent and workers keep a few.
        load = ("--connections", "8", "--count", "25000", "--json")
        assert tw("probe", "counter", server.target, *load).json["ok"]
        data = b""
        while len(data) < KEPT_BYTES * 3 // 4:  # now there is room for the last words
            data += os.read(server.stdout.fileno(), 65_536)
        server.process.send_signal(signal.SIGTERM)
        rest, _ = server.process.communicate(timeout=TIMEOUT_S)
    events = [json.loads(line) for line in (data + rest).splitlines()]
    assert events[-1]["requests"] == 25_000
    told = [event for event in events if event["event"] == "request"]
    dropped = sum(event["lines"] for event in events if event["event"] == "unwritten")
    assert dropped > 0
    assert len(told) < 25_000


def test_workers_start_where_the_shell_has_closed_stderr() -> None:
    """Theirs is ours: what is closed here must not be missing there."""
    command = f'exec "{TW}" serve echo --port 0 --workers 2 --duration 100ms --json 2>&-'
    done = subprocess.run(["sh", "-c", command], capture_output=True, env=environment(), timeout=TIMEOUT_S, check=False)
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [event["event"] for event in events] == ["listening", "stopping", "summary"]
    assert (done.returncode, events[-1]["restarts"]) == (0, 0)
