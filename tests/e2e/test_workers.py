"""`--workers`: several processes on one port, which to everybody else are one server."""

import json
import os
import signal
import subprocess
from contextlib import ExitStack
from pathlib import Path

import pytest

from e2e.certificates import make_certificates
from e2e.crew import GET, children, connect, name, numbers, open_all, pids, read_all, until_gone
from e2e.harness import TIMEOUT_S, TW, environment, serving, tw, until
from e2e.lifecycle import Manager, service
from tw.errors import ExitCode

pytestmark = pytest.mark.measured

CLIENTS = 24

PATIENT = ("--header-timeout", "10m")
"""Requests that are half sent are waited for, however long a busy machine takes for the other half."""


def test_every_worker_serves_and_is_one_server_to_who_watches(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    with serving("echo", "--workers", "2", "--access-log", "--ready-file", str(ready)) as server, ExitStack() as stack:
        told = server.listening[0]
        assert told["pid"] == server.process.pid
        assert sorted(pids(server)) == sorted(children(server.process.pid))
        written = json.loads(ready.read_text())
        assert {**written, "at": ""} == {**told, "at": ""}
        clients, worker_of = open_all(server, CLIENTS, stack)
        assert set(worker_of.values()) == {1, 2}
        for client in clients:
            client.sendall(b"x" * 100)
            assert client.recv(100, 0x100) == b"x" * 100  # MSG_WAITALL
        summary = server.stop()
        assert not ready.exists()
    assert [event["event"] for event in server.events].count("listening") == 1
    assert [event["event"] for event in server.events].count("stopping") == 1
    assert len({(each["worker"], each["id"]) for each in server.events if each["event"] == "close"}) == CLIENTS
    assert summary["connections"] == CLIENTS
    assert summary["received_bytes"] == summary["sent_bytes"] == 100 * CLIENTS
    assert (summary["workers"], summary["restarts"], summary["cut_off"]) == (2, 0, 0)


@pytest.mark.parametrize("reactor", ["auto", "stock"])
def test_several_places_are_served_by_all_of_them(reactor: str) -> None:
    place = ("--listen", "tcp:0:interface=127.0.0.1", "--listen", r"tcp:0:interface=\:\:1", "--reactor", reactor)
    with serving("echo", "--workers", "2", "--access-log", place=place, listeners=2) as server:
        seen = set()
        for listening in server.listening:
            assert listening["worker_pids"] == pids(server)
            load = ("--connections", str(CLIENTS), "--count", "100", "--json")
            assert tw("probe", "echo", listening["endpoint"], *load).json["ok"]
            seen |= {(listening["host"], server.wait_for("close")["worker"]) for _ in range(CLIENTS)}
        assert seen == {("127.0.0.1", 1), ("127.0.0.1", 2), ("::1", 1), ("::1", 2)}
        server.stop()


def test_what_a_worker_sees_of_a_client_is_what_one_server_does() -> None:
    with serving("counter", "--workers", "2", "--proxy-protocol", "--tls-self-signed", "--access-log") as server:
        pin = server.listening[0]["pin"]
        sent = ("--send-proxy", "v2", "--proxy-source", "192.0.2.7:99")
        ran = tw("probe", "counter", f"https://{server.target}/", "--pin", pin, *sent, "--count", "1", "--json")
        assert ran.json["ok"], ran
        assert server.wait_for("request")["peer"] == "192.0.2.7:99"
        assert server.stop()["requests"] == 1


def test_one_worker_is_the_server_itself() -> None:
    with serving("echo", "--workers", "1") as server:
        assert "worker_pids" not in server.listening[0]
        assert children(server.process.pid) == []
        assert "workers" not in server.stop()


def test_the_probe_finds_the_counters_numbers_in_order(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with serving("counter", "--workers", "2", "--state", str(state)) as server:
        load = ("--connections", str(CLIENTS), "--count", "5000", "--json")
        report = tw("probe", "counter", server.target, *load).json
        assert report["ok"], report
        assert report["numbers"]["instances"] == 2
        assert (report["numbers"]["duplicates"], report["numbers"]["resets"]) == (0, 0)
        assert server.stop()["requests"] == 5_000
    first = json.loads(state.read_text())["next"]
    with serving("counter", "--workers", "2", "--state", str(state)) as server:
        report = tw("probe", "counter", server.target, "--count", "3", "--interval", "0", "--json").json
        assert report["numbers"]["first"] == first, "the count goes on, without a number twice"
        server.stop()


def test_numbers_that_no_worker_used_are_given_back_at_a_clean_stop(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with serving("counter", "--workers", "2", "--state", str(state)) as server:
        assert tw("probe", "counter", server.target, "--count", "3", "--interval", "0").code == 0
        server.stop()
    assert json.loads(state.read_text())["next"] == 4


def test_all_workers_show_one_throw_away_certificate() -> None:
    with serving("echo", "--workers", "2", "--tls-self-signed") as server:
        (listening,) = server.listening
        load = ("--connections", str(CLIENTS), "--count", "500", "--json")
        report = tw("probe", "echo", f"tls:{server.target}", "--pin", listening["pin"], *load).json
        assert report["ok"], report
        assert server.stop()["connections"] == CLIENTS


def test_a_sighup_has_all_of_them_show_the_new_certificate(tmp_path: Path) -> None:
    old, new = (make_certificates(folder, "127.0.0.1") for folder in (tmp_path / "a", tmp_path / "b") if _made(folder))
    with serving("echo", "--workers", "2", "--tls-cert", old.cert, "--tls-key", old.key) as server:
        for source, place in ((new.cert, old.cert), (new.key, old.key)):
            os.replace(source, place)
        os.kill(pids(server)[0], signal.SIGKILL)
        server.wait_for("worker_started")
        load = ("--connections", str(CLIENTS), "--count", "100", "--json")
        pinned = ("probe", "echo", f"tls:{server.target}", "--pin", server.listening[0]["pin"], *load)
        assert tw(*pinned).json["ok"], "one that takes another's place shows what the others do"
        server.process.send_signal(signal.SIGHUP)
        pin = server.wait_for("reloaded")["pin"]
        assert pin != server.listening[0]["pin"]
        pinned = ("probe", "echo", f"tls:{server.target}", "--pin", pin, *load)
        until(lambda: tw(*pinned).json["ok"])
        server.stop()
    assert [event["event"] for event in server.events].count("reloaded") == 1


def _made(folder: Path) -> bool:
    folder.mkdir()
    return True


def test_limits_are_in_shares() -> None:
    with serving("echo", "--workers", "2", "--max-connections", "4", "--access-log") as server, ExitStack() as stack:
        clients = [connect(server, stack) for _ in range(CLIENTS)]
        told = [server.wait_for(kind) for kind in ("open",) * 4]
        assert sorted(event["worker"] for event in told) == [1, 1, 2, 2]
        admitted = {event["peer"] for event in told}
        assert [read_all(client) for client in clients if name(client) not in admitted] == [b""] * (CLIENTS - 4)
        summary = server.stop()
    assert (summary["connections"], summary["refused"]) == (4, CLIENTS - 4)
    assert summary["refusals"] == {"too many connections (max 2)": CLIENTS - 4}


def test_the_service_manager_hears_of_the_parent_alone(tmp_path: Path) -> None:
    manager = Manager(str(tmp_path / "notify"))
    with service(tmp_path, "echo", "--workers", "2", "--port", "0", NOTIFY_SOCKET=manager.address) as server:
        assert "READY=1" in manager.next()
        server.stop()
        assert "STOPPING=1" in manager.next()
    manager.close()


def test_words_for_people_name_worker_and_connection() -> None:
    with ExitStack() as stack:
        command = [TW, "serve", "echo", "--workers", "2", "--port", "0", "--access-log"]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, env=environment(), text=True)
        stack.callback(process.kill)
        assert process.stderr is not None
        line = process.stderr.readline()
        target = line.rpartition("tcp:")[2].strip()
        assert tw("probe", "echo", target, "--count", "1", "--interval", "0").code == 0
        opened = process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        _, rest = process.communicate(timeout=TIMEOUT_S)
    assert opened.endswith((" opened (1.1)\n", " opened (2.1)\n"))
    assert rest.endswith(", 2 workers, 0 restarts\n")


# Ending ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_lets_every_worker_finish_what_is_under_way(number: signal.Signals) -> None:
    patient = ("--drain-timeout", "1m", *PATIENT)
    with serving("counter", "--workers", "2", "--access-log", *patient) as server, ExitStack() as stack:
        clients, worker_of = open_all(server, CLIENTS, stack)
        for client in clients:
            client.sendall(GET + GET[:-2])
            assert b"I am request #" in client.recv(4096)
        server.process.send_signal(number)
        server.wait_for("stopping")
        for client in clients:
            client.sendall(GET[-2:])
        answers = [numbers(read_all(client)) for client in clients]
        rest, _ = server.process.communicate(timeout=TIMEOUT_S)
        summary = json.loads(rest.splitlines()[-1])
    assert set(worker_of.values()) == {1, 2}
    assert all(len(each) == 1 for each in answers)
    assert (server.process.returncode, summary["cut_off"], summary["requests"]) == (0, 0, 2 * CLIENTS)


def test_who_does_not_finish_in_time_is_cut_off_and_counted() -> None:
    with serving("counter", "--workers", "2", "--access-log", "--drain-timeout", "300ms", *PATIENT) as server:
        with ExitStack() as stack:
            clients, _ = open_all(server, CLIENTS, stack)
            for client in clients:
                client.sendall(GET + GET[:-2])
                assert b"I am request #" in client.recv(4096)
            assert server.stop()["cut_off"] == CLIENTS


def test_a_second_signal_ends_all_at_once() -> None:
    patient = ("--drain-timeout", "1h", *PATIENT)
    with serving("counter", "--workers", "2", "--access-log", *patient) as server, ExitStack() as stack:
        clients, _ = open_all(server, CLIENTS, stack)
        for client in clients:
            client.sendall(GET + GET[:-2])
            assert b"I am request #" in client.recv(4096)
        server.process.send_signal(signal.SIGINT)
        server.wait_for("stopping")
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(TIMEOUT_S) == ExitCode.SIGTERM
        until_gone(*pids(server))


def test_a_signal_to_all_of_them_is_one_stop_and_no_restart() -> None:
    """As a service manager sends it, or a shell to a process group."""
    with serving("echo", "--workers", "2") as server:
        for pid in pids(server):
            os.kill(pid, signal.SIGTERM)
        summary = server.stop()
    assert summary["restarts"] == 0
    assert "worker_ended" not in {event["event"] for event in server.events}


def test_a_worker_that_is_asked_to_end_drains_while_another_takes_its_place() -> None:
    patient = ("--drain-timeout", "10m", *PATIENT)
    with serving("counter", "--workers", "2", "--access-log", *patient) as server, ExitStack() as stack:
        clients, worker_of = open_all(server, CLIENTS, stack)
        for client in clients:
            client.sendall(GET + GET[:-2])
            assert b"I am request #" in client.recv(4096)
        os.kill(pids(server)[0], signal.SIGTERM)
        ended = server.wait_for("worker_ended")
        assert (ended["worker"], ended["pid"], ended["reason"]) == (1, pids(server)[0], "was asked to end")
        assert server.wait_for("worker_started")["worker"] == 3, "although the first still has connections"
        ours = [client for client in clients if worker_of[name(client)] == 1]
        for client in ours:
            client.sendall(GET[-2:])
        assert all(len(numbers(read_all(client))) == 1 for client in ours)
        until_gone(pids(server)[0])
        for client in clients:
            client.close()
        summary = server.stop()
    assert (summary["restarts"], summary["requests"]) == (1, CLIENTS + len(ours))
