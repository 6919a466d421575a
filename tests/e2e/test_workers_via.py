"""`tw serve pubsub --workers N --via URL`: processes on one port whose clients are one crowd."""

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from e2e.crew import children, pids, until_gone
from e2e.harness import Server, serving, tw, until
from e2e.redis import Redis, redis
from e2e.relays import Client, Publisher
from tw.errors import ExitCode

pytestmark = [pytest.mark.timeout(180), pytest.mark.measured]

CLIENTS = 24  # that one of two workers has none of them comes once in 8 million times


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Redis]:
    with redis(tmp_path) as found:
        yield found


@contextmanager
def crowd(engine: Redis, *options: str) -> Iterator[Server]:
    with serving("pubsub", "--workers", "2", "--via", engine.via(), "--access-log", *options) as server:
        yield server


def clients(server: Server, count: int, stack: ExitStack) -> tuple[list[Client], dict[str, int]]:
    """So many, all of them accepted, and which worker has whom."""
    made = []
    for _ in range(count):
        made.append(Client(server))
        stack.callback(made[-1].close)
    opened = [server.wait_for("open") for _ in range(count)]
    return made, {event["peer"]: event["worker"] for event in opened}


def test_the_matrix_finds_every_line_with_the_subscribers_of_every_worker(engine: Redis) -> None:
    matrix = ("--publishers", "4", "--subscribers", "20", "--count", "400", "--rate", "200", "--timeout", "20s")
    with crowd(engine) as server:
        report = tw("probe", "pubsub", server.target, *matrix, "--json")
        opened = [server.wait_for("open")["worker"] for _ in range(CLIENTS)]
        summary = server.stop()
    assert report.code == 0, report
    found = report.json
    assert (found["published"], found["delivered"], found["expected"]) == (400, 20 * 400, 20 * 400)
    assert [found[name] for name in ("lost", "duplicated", "reordered", "corrupted")] == [0, 0, 0, 0]
    assert set(opened) == {1, 2}
    assert 400 <= summary["lines"] < 800, "those of the stream, and not of each worker"
    assert summary["relayed_batches"] <= summary["lines"]
    assert (summary["workers"], summary["restarts"], summary["connections"]) == (2, 0, CLIENTS)
    assert summary["relay_dropped_lines"] == summary["unrelayed_lines"] == summary["foreign_entries"] == 0


def test_a_killed_worker_takes_its_own_clients_and_no_line_of_the_others(engine: Redis) -> None:
    with crowd(engine, "--history", "1000000") as server, ExitStack() as stack:
        found, worker_of = clients(server, CLIENTS, stack)
        publishers = [Publisher(client, f"p{number}", 0.004) for number, client in enumerate(found[::2])]
        for publisher in publishers:
            stack.callback(publisher.ask_to_stop)
        until(lambda: all(publisher.sent > 20 for publisher in publishers))
        os.kill(pids(server)[0], signal.SIGKILL)
        alive = [each for each in publishers if worker_of[each.client.peer] == 2]
        until(lambda: all(each.client.is_over for each in publishers if each not in alive))
        assert server.wait_for("worker_started")["worker"] == 3
        goals = [each.sent + 20 for each in alive]
        until(lambda: all(each.sent >= goal for each, goal in zip(alive, goals, strict=True)))
        for publisher in publishers:
            publisher.stop()
        late, _ = clients(server, CLIENTS, stack)  # some of them with the worker that has just come
        living = [client for client in found if worker_of[client.peer] == 2]
        until(lambda: all(each.all == each.among(client.lines) for client in (*living, *late) for each in alive))
        lines = living[0].lines
        assert len(set(lines)) == len(lines)
        for publisher in publishers:
            arrived = publisher.among(lines)
            assert arrived == publisher.all[: len(arrived)]
        first = bytes(late[0].got)
        assert all(bytes(client.got) == first for client in late), "history and order are the stream's"
        assert all(first.endswith(bytes(client.got)) for client in living)
        summary = server.stop()
    assert (summary["restarts"], summary["relay_dropped_lines"], summary["unrelayed_lines"]) == (1, 0, 0)


def test_a_worker_that_dies_while_redis_is_away_is_waited_for(engine: Redis) -> None:
    with crowd(engine) as server, ExitStack() as stack:
        found, worker_of = clients(server, CLIENTS, stack)
        engine.kill()
        assert server.wait_for("via")["ok"] is False
        os.kill(pids(server)[0], signal.SIGKILL)
        server.wait_for("worker_ended")
        ours, theirs = (next(each for each in found if worker_of[each.peer] == worker) for worker in (1, 2))
        until(lambda: ours.is_over)
        theirs.say(b"kept\n")
        waiting = [Client(server) for _ in range(CLIENTS)]  # some wait at the socket of the worker that does
        for client in waiting:
            stack.callback(client.close)
        until(lambda: len(children(server.process.pid)) == 2)
        engine.start()
        server.wait_for("worker_started")
        until(lambda: b"kept" in theirs.lines)
        while [event["event"] for event in server.events].count("open") < 2 * CLIENTS:
            server.next_event()
        theirs.say(b"and on\n")
        until(lambda: all(b"and on" in client.lines for client in waiting))
        server.stop()
    assert [event["ok"] for event in server.events if event["event"] == "via"] == [False, True]
    assert [event["event"] for event in server.events].count("worker_ended") == 1


def test_a_stop_delivers_with_every_worker_what_was_seen_with_one(engine: Redis) -> None:
    with crowd(engine, "--drain-timeout", "1m") as server, ExitStack() as stack:
        found, worker_of = clients(server, CLIENTS, stack)
        burst = b"".join(b"%d\n" % number for number in range(20_000))
        found[0].say(burst)
        until(lambda: len(found[0].lines) > 0)
        summary = server.stop()
        until(lambda: all(client.is_over for client in found))
        assert set(worker_of.values()) == {1, 2}
        assert len({bytes(client.got) for client in found}) == 1
        assert found[0].lines == [b"%d" % number for number in range(len(found[0].lines))]
    assert summary["lines"] == len(found[0].lines)
    assert summary["unrelayed_lines"] == 0


def test_lines_that_redis_never_took_are_added_up(engine: Redis) -> None:
    with crowd(engine, "--drain-timeout", "1") as server, ExitStack() as stack:
        found, worker_of = clients(server, CLIENTS, stack)
        found[0].say(b"taken\n")
        until(lambda: all(client.lines == [b"taken"] for client in found))
        engine.kill()
        assert server.wait_for("via")["ok"] is False
        for client in found:
            client.say(b"lost\n")
            client.say_no_more()
        workers = pids(server)
        until(lambda: all(_read_all(pid) for pid in workers))
        summary = server.stop()
    assert set(worker_of.values()) == {1, 2}
    assert (summary["unrelayed_lines"], summary["lines"]) == (CLIENTS, 1)


def _read_all(pid: int) -> bool:
    """Whether there is nothing left to be read at its connections (proc_net_tcp: rx_queue)."""
    own = {os.readlink(f"/proc/{pid}/fd/{each}") for each in os.listdir(f"/proc/{pid}/fd") if _is_there(pid, each)}
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if f"socket:[{fields[9]}]" in own and fields[4].rpartition(":")[2].strip("0"):
            return False
    return True


def _is_there(pid: int, descriptor: str) -> bool:
    return os.path.islink(f"/proc/{pid}/fd/{descriptor}")


# What does not start --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("service", ["pubsub", "counter"])
@pytest.mark.parametrize(
    ("case", "code", "says"),
    [
        ("away", ExitCode.CONNECT, "no such file"),
        ("password", ExitCode.AUTH, "WRONGPASS"),
        ("kind", ExitCode.LOCAL, "the key holds something else"),
    ],
)
def test_a_redis_that_cannot_be_used_is_one_line_and_no_worker_stays(
    engine: Redis, tmp_path: Path, service: str, case: str, code: ExitCode, says: str
) -> None:
    name = "stream" if service == "pubsub" else "key"
    url = f"unix://{engine.path}?{name}=x"
    env = {"TW_VIA_PASSWORD": "not the password"}
    if case == "away":
        url = f"unix://{tmp_path}/none?{name}=x"
    elif case == "password":
        engine.says("CONFIG", "SET", "requirepass", "secret")
    else:
        engine.says("LPUSH", "x", "1")
        env = {}
    ran = tw("serve", service, "--workers", "3", "--port", "0", "--via", url, "--json", env=env)
    assert (ran.code, ran.out) == (code, ""), ran
    assert says in ran.error_line
    assert "not the password" not in ran.err


def test_without_redis_the_form_that_works_is_shown() -> None:
    ran = tw("serve", "pubsub", "--workers", "2", "--port", "0")
    assert (ran.code, ran.out) == (ExitCode.USAGE, "")
    assert "add --via redis://HOST" in ran.error_line


def test_one_worker_is_a_server_over_redis_as_ever(engine: Redis) -> None:
    with serving("pubsub", "--workers", "1", "--via", engine.via()) as server:
        assert children(server.process.pid) == []
        assert "worker_pids" not in server.listening[0]
        assert "workers" not in server.stop()


def test_no_worker_outlives_its_parent_or_has_the_stream_to_itself(engine: Redis) -> None:
    with crowd(engine) as server, serving("pubsub", "--via", engine.via()) as other, ExitStack() as stack:
        (client,), _ = clients(server, 1, stack)
        reader = Client(other)
        stack.callback(reader.close)
        client.say(b"one\n")
        until(lambda: client.lines == reader.lines == [b"one"])
        server.process.kill()
        until_gone(*pids(server))
        assert tw("probe", "pubsub", other.target, "--count", "3", "--interval", "0").code == 0
        assert other.stop()["unrelayed_lines"] == 0
