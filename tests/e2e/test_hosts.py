"""Pub/sub servers on several hosts that are one, while a host, a cable or Redis fails; `tw probe` is the judge.

Whoever stays connected gets every line once, in the one order of all, or is told exactly how many are missing.
"""

import re
import time
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

import pytest

from e2e.harness import Ran, tw, until
from e2e.lab.cables import BOTH
from e2e.lab.lab import STREAM, Lab, lab
from e2e.relays import Client, Nodes

pytestmark = pytest.mark.timeout(120)

MATRIX = ("--publishers", "3", "--subscribers", "6", "--rate", "150", "--timeout", "12s", "--json")
CUT_S = 10.0


@pytest.fixture(scope="module")
def shared() -> Iterator[Lab]:
    """One laboratory for all. In the end those servers that were never stopped say that they have missed nothing."""
    with lab() as made:
        yield made
        summaries = [server.stop() for server in made.servers]
    for summary in summaries:
        for name in ("relay_dropped_lines", "unrelayed_lines", "foreign_entries", "dropped_lines", "slow_consumers"):
            assert summary[name] == 0, (name, summary)


@pytest.fixture
def hosts(shared: Lab) -> Iterator[Lab]:
    """What a test breaks is mended."""
    yield shared
    shared.mend()


def probing(hosts: Lab, *targets: str, duration_s: float) -> "Future[Ran]":
    """A run, through the balancer if nothing else is said, which has begun to publish."""
    targets = targets or (hosts.target,)
    run = hosts.net.clients.begin(tw, "probe", "pubsub", *targets, *MATRIX, "--duration", f"{duration_s}s")
    hosts.until_written(30)
    return run


def check(run: "Future[Ran]") -> dict[str, Any]:
    """All is well, and gives the report."""
    ran = run.result()
    report: dict[str, Any] = ran.json
    assert (ran.code, report["errors"]) == (0, {}), report
    assert report["delivered"] == report["expected"] == 6 * report["published"] > 0
    assert [report[name] for name in ("lost", "duplicated", "reordered", "corrupted")] == [0, 0, 0, 0]
    return report


def wait_for_via(hosts: Lab, ok: bool) -> None:
    """Until every server says so of its way to Redis."""
    assert [server.wait_for("via")["ok"] for server in hosts.servers] == [ok] * len(hosts.servers)


def written_twice(hosts: Lab) -> int:
    """Entries in the stream that stand there before as well: batches that were sent again though they had arrived."""
    words = hosts.redis.says("--csv", "XRANGE", STREAM, "-", "+")
    batches = re.findall(r'"n","([^"]+)","s","(\d+)"', words)
    return len(batches) - len(set(batches))


def test_a_server_that_is_killed_takes_nothing_of_the_others_with_it(hosts: Lab) -> None:
    three = Nodes(hosts.servers, 0.004, hosts.connect)
    three.until_published(100)
    hosts.servers[2].process.kill()
    dead, left = three.publishers.pop(), three.subscribers.pop()
    until(lambda: dead.client.is_over and left.is_over)
    dead.stop()
    hosts.mend()
    late = Client(hosts.servers[2], hosts.connect)
    three.until_published(100)
    three.settle()
    first = three.subscribers[0]
    until(lambda: bytes(three.subscribers[1].got) == bytes(first.got))
    three.check()
    assert len(first.lines) == len(set(first.lines))
    # What the dead one had published arrived, or not, up to some line; and whoever was there got a part of the whole.
    assert 0 < len(dead.among(first.lines)) <= dead.sent
    assert dead.among(first.lines) == dead.all[: len(dead.among(first.lines))]
    assert bytes(first.got).startswith(bytes(left.got)[: bytes(left.got).rfind(b"\n") + 1])
    until(lambda: bytes(first.got).endswith(bytes(late.got)) and len(late.got) > 0)
    for client in (*three.clients, late):
        client.close()


def test_servers_behind_a_balancer_deliver_everything_to_everybody_in_one_order(hosts: Lab) -> None:
    run = probing(hosts, duration_s=2)
    # Subscribers that left before, and had never said anything, are gone with the next line that they are sent.
    until(lambda: [server.descriptors() - server.first_descriptors for server in hosts.servers] == [3, 3, 3])
    check(run)


def test_the_probe_tells_what_a_killed_server_cost_whom(hosts: Lab) -> None:
    """Two subscribers and a publisher were there; nobody else lacks a line."""
    run = probing(hosts, *hosts.doors, duration_s=2)
    hosts.servers[2].process.kill()
    ran = run.result()
    report = ran.json
    assert (ran.code, report["errors"]) == (1, {"subscriber left": 2, "publisher left": 1})
    publishers, subscribers = report["matrix"]["publishers"], report["matrix"]["subscribers"]
    assert [each["connected"] for each in publishers] == [True, True, False]
    stayed = [row for row in subscribers if row["connected"]]
    owed = sum(each["published"] - each["unknown_fate"] for each in publishers)
    assert [row["delivered"] for row in stayed] == [owed] * 4
    for name in ("lost", "duplicated", "reordered", "corrupted", "order_differs"):
        assert [row[name] for row in stayed] == [0] * 4


def test_a_redis_that_is_killed_and_started_again_is_waited_for(hosts: Lab) -> None:
    run = probing(hosts, duration_s=3)
    for _ in range(2):
        hosts.redis.kill()
        wait_for_via(hosts, False)
        hosts.start_redis()
        wait_for_via(hosts, True)
        hosts.until_written(10)
    check(run)


def test_a_redis_that_is_paused_until_it_is_given_up_is_waited_for(hosts: Lab) -> None:
    run = probing(hosts, duration_s=3)
    hosts.redis.pause()
    wait_for_via(hosts, False)
    hosts.redis.go_on()
    wait_for_via(hosts, True)
    check(run)


def test_a_server_that_gets_no_answers_repeats_what_was_done_and_nobody_notices(hosts: Lab) -> None:
    """What it writes arrives, and what it is answered does not: so all of it is sent again. (In the stand-in all that
    it was to read comes at once, and tells it that nothing need be sent again.)"""
    before = written_twice(hosts)
    run = probing(hosts, *hosts.doors, duration_s=3)
    hosts.cable(0, "back").become(cut=["down"])
    assert hosts.servers[0].wait_for("via")["ok"] is False
    hosts.cable(0, "back").become()
    assert hosts.servers[0].wait_for("via")["ok"] is True
    check(run)
    assert written_twice(hosts) > before or not hosts.net.is_real


def test_a_server_that_is_cut_off_from_redis_for_ten_seconds_goes_on_where_it_was(hosts: Lab) -> None:
    run = probing(hosts, *hosts.doors, duration_s=CUT_S + 1)
    hosts.cable(0, "back").become(cut=BOTH)
    began_s = time.monotonic()
    assert hosts.servers[0].wait_for("via")["ok"] is False
    time.sleep(max(0.0, CUT_S - (time.monotonic() - began_s)))
    hosts.cable(0, "back").become()
    assert hosts.servers[0].wait_for("via")["ok"] is True
    assert check(run)["rtt_ms"]["max"] > 0.9 * CUT_S * 1000


def test_clients_that_are_cut_off_from_their_server_get_all_of_it_later(hosts: Lab) -> None:
    run = probing(hosts, duration_s=3)
    hosts.cable(1, "front").become(cut=BOTH)
    hosts.until_written(100)  # by the others' publishers
    hosts.cable(1, "front").become()
    check(run)


def test_what_was_trimmed_before_a_server_read_it_is_counted_to_the_line(hosts: Lab) -> None:
    clients = [Client(server, hosts.connect) for server in hosts.servers]
    for client in clients:
        client.say(b"here\n")
        own = f"<{client.peer}> here\n".encode()  # another one's may be late
        until(lambda: own in client.got)  # noqa: B023 - it is looked at now
    source = Client(hosts.servers[0], hosts.connect)
    said = 0

    def publish(count: int) -> None:
        """So many entries, of two lines each."""
        nonlocal said
        for _ in range(count):
            said += 2
            source.say(b"line %d\nline %d\n" % (said - 1, said))
            until(lambda: clients[0].lines[-1] == b"line %d" % said)  # noqa: B023 - it is looked at now

    publish(10)
    until(lambda: clients[2].lines[-1] == b"line %d" % said)
    hosts.cable(2, "back").become(cut=BOTH)
    publish(50)
    hosts.redis.says("XTRIM", STREAM, "MAXLEN", "0")
    publish(5)
    hosts.cable(2, "back").become()
    publish(5)
    until(lambda: all(client.lines[-1] == b"line %d" % said for client in clients))
    whole, others, rest = (bytes(client.got).rpartition(b"> here\n")[2] for client in clients)
    assert others == whole
    before, _, after = rest.partition(b"<tw> dropped ")
    number, _, after = after.partition(b" lines\n")
    assert whole.startswith(before)
    assert whole.endswith(after)
    missing = whole[len(before) : len(whole) - len(after)].count(b"\n")
    assert int(number) == missing > 90, rest
    for client in (*clients, source):
        client.close()
    assert hosts.servers[2].stop()["relay_dropped_lines"] == missing


def test_long_and_bad_ways_cost_time_and_nothing_else(hosts: Lab) -> None:
    """50 ms each way, and one packet in a hundred lost: between clients and servers, between servers and Redis."""
    loss = 0.01 if hosts.net.is_real else 0.0
    for cable in hosts.net.cables.values():
        cable.become(delay_s=0.05, loss=loss)
    report = check(probing(hosts, duration_s=2))
    assert report["rtt_ms"]["min"] >= 200  # client, server, Redis, server, client
    lost = sum(cable.become()["lost"] for cable in hosts.net.cables.values())
    assert lost > 0 or not loss
