"""Three pub/sub servers on hosts of their own over one Redis, and everything that can fail does, at random.

`PYTHONPATH=tests python tests/benchmarks/hosts.py [SECONDS [SEED [OPTION …]]]` (60, 1; options are of `tw serve
pubsub`, `--via-maxlen 2000`, say), as root, or as anybody behind `unshare --map-root-user --net`.

Clients on every server publish numbered lines and keep what they get. Every line of each is held against the stream
itself: all of them, once, in its order, or the exact count in a drop notice; and what a publisher that stayed connected
has sent is all there. It fails where that is not so.
"""

import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from e2e.harness import until
from e2e.lab.cables import BOTH
from e2e.lab.lab import STREAM, Lab, lab
from e2e.lab.network import namespaces_fault
from e2e.lab.record import Record, dropped_between
from e2e.relays import Client, Publisher

SUBSCRIBERS = 3
PUBLISHERS = 2
"""On each server."""

PAUSE_S = 0.01
"""Between two lines of a publisher."""

QUIET_S = 10.0
"""In the end: what is on its way arrives within this time after the last thing that came."""


class Crowd:
    """The clients of one server, from its start to its end."""

    def __init__(self, hosts: Lab, node: int, name: str) -> None:
        server = hosts.servers[node]
        self.subscribers = [Client(server, hosts.connect) for _ in range(SUBSCRIBERS)]
        until(lambda: all(self._joined(number) for number in range(SUBSCRIBERS)))
        clients = [Client(server, hosts.connect) for _ in range(PUBLISHERS)]
        self.publishers = [Publisher(client, f"{name}{at}", PAUSE_S) for at, client in enumerate(clients)]
        self.has_ended = False

    def _joined(self, number: int) -> bool:
        """Others publish all the time; what a client gets first is where its account begins."""
        return bool(self.subscribers[number].got)

    def stop(self) -> None:
        for publisher in self.publishers:
            publisher.stop()

    def close(self) -> None:
        for client in (*self.subscribers, *(publisher.client for publisher in self.publishers)):
            client.close()


class Trial:
    """What is done to them, and what is found in the end."""

    def __init__(self, hosts: Lab, seed: str) -> None:
        self.hosts = hosts
        self.chance = random.Random(seed)
        self.record = Record(hosts.redis, STREAM)
        self.faults: Counter[str] = Counter()
        self.began_s = time.monotonic()
        self.starts = 0
        starter = Publisher(Client(hosts.servers[0], hosts.connect), "starter.", PAUSE_S)
        self.crowds = [self.crowd(node) for node in range(len(hosts.servers))]
        starter.stop()
        self.starter = starter
        self.all_crowds = list(self.crowds)

    def crowd(self, node: int) -> Crowd:
        self.starts += 1
        return Crowd(self.hosts, node, f"p{self.starts}.")

    def say(self, text: str) -> None:
        print(f"{time.monotonic() - self.began_s:7.1f} s  {text}\n", end="", flush=True)

    @contextmanager
    def fault(self, name: str, what: str = "") -> Iterator[None]:
        self.faults[name] += 1
        self.say(f"{name} {what}")
        yield

    def wait(self, least_s: float, most_s: float) -> None:
        time.sleep(self.chance.uniform(least_s, most_s))

    # Of Redis ---------------------------------------------------------------------------------------------------------

    def redis_killed(self) -> None:
        with self.fault("Redis killed"):
            self.hosts.redis.kill()
            self.wait(0, 3)
            self.hosts.start_redis()

    def redis_paused(self) -> None:
        with self.fault("Redis paused"):
            self.hosts.redis.pause()
            self.wait(0.5, 8)
            self.hosts.redis.go_on()

    def connections_cut(self) -> None:
        with self.fault("Redis's connections cut"):
            self.hosts.redis.says("CLIENT", "KILL", "TYPE", "normal")

    # Of a cable -------------------------------------------------------------------------------------------------------

    def cut_off_from_redis(self) -> None:
        node, cut = self.some_node(), self.chance.choice((BOTH, ("up",), ("down",)))
        with self.fault("cut off from Redis", f"server {node}, {' and '.join(cut)}"):
            self.hosts.cable(node, "back").become(cut=cut)
            self.wait(1, 12)
            self.hosts.cable(node, "back").become()

    def cut_off_from_clients(self) -> None:
        node = self.some_node()
        with self.fault("cut off from clients", f"server {node}"):
            self.hosts.cable(node, "front").become(cut=BOTH)
            self.wait(1, 6)
            self.hosts.cable(node, "front").become()

    def bad_ways(self) -> None:
        loss = self.chance.uniform(0, 0.02) if self.hosts.net.is_real else 0.0
        delay_s = self.chance.uniform(0.001, 0.05)
        with self.fault("bad ways", f"{delay_s * 1000:.0f} ms, {loss:.1%} lost, everywhere"):
            for cable in self.hosts.net.cables.values():
                cable.become(delay_s=delay_s, loss=loss)
            self.wait(2, 5)
            for cable in self.hosts.net.cables.values():
                cable.become()

    def trimmed(self) -> None:
        """What the record has, and a server that is cut off has not."""
        node = self.some_node()
        with self.fault("trimmed", f"past server {node}"):
            self.hosts.cable(node, "back").become(cut=BOTH)
            self.wait(0.5, 3)
            self.hosts.redis.says("XTRIM", STREAM, "MINID", self.record.place.decode())
            self.hosts.cable(node, "back").become()

    # Of a server ------------------------------------------------------------------------------------------------------

    def server_killed(self) -> None:
        node = self.some_node()
        with self.fault("server killed", str(node)):
            self.hosts.servers[node].process.kill()
            self.replace(node)

    def server_stopped(self) -> None:
        node = self.some_node()
        with self.fault("server stopped", str(node)):
            summary = self.hosts.servers[node].stop(signal.SIGTERM)
            assert summary["unrelayed_lines"] == 0, summary
            self.replace(node)

    def replace(self, node: int) -> None:
        crowd = self.crowds[node]
        crowd.has_ended = True
        until(lambda: all(client.is_over for client in crowd.subscribers))
        crowd.stop()
        self.hosts.mend()
        self.crowds[node] = self.crowd(node)
        self.all_crowds.append(self.crowds[node])

    def some_node(self) -> int:
        return self.chance.randrange(len(self.hosts.servers))

    # The whole --------------------------------------------------------------------------------------------------------

    def run(self, seconds: float) -> None:
        """One fault after the other; half of the time two at once, where they do not undo each other."""
        alone: list[Callable[[], None]] = [
            self.server_killed, self.server_stopped, self.trimmed, self.bad_ways, self.cut_off_from_redis
        ]  # fmt: skip
        redis: list[Callable[[], None]] = [self.redis_killed, self.redis_paused, self.connections_cut]
        with ThreadPoolExecutor(2) as threads:
            while time.monotonic() - self.began_s < seconds:
                if self.chance.random() < 0.5:
                    self.chance.choice(alone + redis)()
                else:
                    both = (self.chance.choice(redis), self.chance.choice((self.cut_off_from_clients, self.bad_ways)))
                    for under_way in [threads.submit(each) for each in both]:
                        under_way.result()
                self.wait(0, 2)

    def settle(self) -> None:
        """No more is published, and all has arrived."""
        for crowd in self.crowds:
            crowd.stop()
        before, quiet_s = -1, time.monotonic()
        while time.monotonic() - quiet_s < QUIET_S:
            total = len(self.record.lines) + sum(
                len(client.got) for crowd in self.crowds for client in crowd.subscribers
            )
            if total != before:
                before, quiet_s = total, time.monotonic()
            time.sleep(0.1)
        self.record.stop()

    def judge(self) -> None:
        lines = self.record.lines
        assert len(lines) == len(set(lines)), "a line stands in the stream twice"
        dropped = deliveries = 0
        for crowd in self.all_crowds:
            for publisher in crowd.publishers:
                stands = self.record.published(publisher.name.encode() + b".")
                if not crowd.has_ended:
                    assert stands == publisher.all, f"{publisher.name} has sent {publisher.sent}, {len(stands)} stand"
                assert stands == publisher.all[: len(stands)]
            for client in crowd.subscribers:
                got = bytes(client.got).split(b"\n")[:-1]
                dropped += dropped_between(lines, got, to_the_end=not crowd.has_ended)
                deliveries += len(got)
                assert client.is_over == crowd.has_ended, "a client was left alone"
        where = "network namespaces" if self.hosts.net.is_real else f"loopback ({namespaces_fault()})"
        print(f"in {where}: {', '.join(f'{name} {count} times' for name, count in self.faults.items())}")
        print(f"{len(lines)} lines, {self.record.repeated} entries twice, {len(self.all_crowds)} servers in all")
        print(f"{deliveries} deliveries: 0 lost, 0 duplicated, in one order, and {dropped} told as dropped")


def main(seconds: str = "60", seed: str = "1", *options: str) -> None:
    with lab(*options, seed=seed) as hosts:
        trial = Trial(hosts, seed)
        trial.run(float(seconds))
        trial.settle()
        trial.judge()
        told = sum(server.stop()["relay_dropped_lines"] for server in hosts.servers)
        print(f"the last servers' summaries: {told} lines dropped by the relay")
        for crowd in trial.all_crowds:
            crowd.close()
        trial.starter.client.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
