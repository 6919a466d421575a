"""Pub/sub servers that are one, while something breaks: nothing is lost, nothing comes twice, and the order is one."""

from pathlib import Path

import pytest

from e2e.harness import until
from e2e.redis import redis
from e2e.relays import nodes

pytestmark = pytest.mark.timeout(180)


def test_several_servers_deliver_every_line_in_one_order(tmp_path: Path) -> None:
    with redis(tmp_path) as engine, nodes(engine, 3) as three:
        three.until_published(300)
        three.settle()
        three.check()
        summaries = [server.stop() for server in three.servers]
    lines = sum(publisher.sent for publisher in three.publishers)
    for summary in summaries:
        assert summary["lines"] == lines
        assert summary["repeated_batches"] == summary["foreign_entries"] == 0
        assert summary["relay_dropped_lines"] == summary["unrelayed_lines"] == 0


def test_connections_to_redis_that_break_again_and_again_lose_and_repeat_nothing(tmp_path: Path) -> None:
    with redis(tmp_path) as engine, nodes(engine, 2, pause_s=0.0005) as two:
        for _ in range(30):
            engine.says("CLIENT", "KILL", "TYPE", "normal")
            two.until_published(40)
        two.settle()
        two.check()
        summaries = [server.stop() for server in two.servers]
    assert all(summary["relay_dropped_lines"] == 0 for summary in summaries)
    states = [event["ok"] for event in two.servers[0].events if event["event"] == "via"]
    assert states[:2] == [False, True]


def test_a_redis_that_is_killed_and_restarted_has_lost_nothing(tmp_path: Path) -> None:
    with redis(tmp_path) as engine, nodes(engine, 2) as two:
        for _ in range(3):
            two.until_published(100)
            engine.kill()
            two.servers[0].wait_for("via")
            engine.start()
            two.servers[0].wait_for("via")
        two.until_published(100)
        two.settle()
        two.check()


def test_a_redis_that_is_paused_is_waited_for(tmp_path: Path) -> None:
    with redis(tmp_path) as engine, nodes(engine, 2) as two:
        two.until_published(100)
        engine.pause()
        two.until_published(300)
        engine.go_on()
        two.settle()
        two.check()


def test_a_redis_that_is_paused_for_too_long_carries_out_what_was_given_up_and_nobody_notices(tmp_path: Path) -> None:
    with redis(tmp_path) as engine, nodes(engine, 2, pause_s=0.01) as two:
        two.until_published(100)
        engine.pause()
        assert two.servers[0].wait_for("via")["ok"] is False
        engine.go_on()
        two.settle()
        two.check()


def test_a_server_that_is_killed_takes_nothing_of_the_others_with_it(tmp_path: Path) -> None:
    with redis(tmp_path) as engine, nodes(engine, 3) as three:
        three.until_published(200)
        three.servers[2].process.kill()
        dead = three.publishers.pop()
        three.subscribers.pop()
        until(lambda: dead.client.is_over)
        three.until_published(200)
        three.settle()
        dead.stop()
        lines = three.subscribers[0].lines
        arrived = dead.among(lines)
        assert arrived == dead.all[: len(arrived)]
        until(lambda: bytes(three.subscribers[1].got) == bytes(three.subscribers[0].got))
        assert three.publishers[0].among(lines) == three.publishers[0].all
        assert len(set(lines)) == len(lines)
