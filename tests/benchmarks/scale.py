"""How far pub/sub over Redis goes, from measured costs and a model of it (`scale_model.py`). Nothing here is so large.

`python tests/benchmarks/scale.py [--calibrate] [--cores 8] [--nic-bytes-s 3.1e9] …` prints the costs, the assumptions
(each has an option), and for many demands how many nodes it takes, which limit binds first, what a line costs, and
what more streams or copies move the limit to.

`--calibrate` measures the costs here, in about 8 s (gcc, redis-server, redis-cli). Else they are those of the README
where that tells them: a send (3.85 us for each of 11 deliveries, 2.14 for each of 101: the slope is 1.95), a byte
(0.021 us for 82 of them, `relay.py`), memory (`idle.py`). What an entry costs a node and Redis is from a calibration
on the same machine.
"""

import argparse
import socket
import subprocess
from dataclasses import asdict, fields

from bench import Peer, load
from counter import cpu_s
from idle import resident_bytes
from relay import Cluster
from scale_model import Costs, Demand, Outcome, Setting, copied, farthest, outcome, sharded, sized, worst

from tw.core.relayed import fields_of, node_name

SECONDS = 0.6
TIMEOUT_S = 30
MANY = 200
READERS = 20
NODE = node_name((0, 0), bytes(8))
LARGE_BYTES = 20_000
LINE_BYTES = 82
"""Of the generator's lines here, with the prefix of a client on loopback."""
SUBSCRIBERS = (10**3, 10**4, 10**5, 10**6, 10**7)
LINES_S = (1, 100, 10_000)


class Measured:
    """The nodes of a cluster under one load: what a line costs them, and how many are in an entry."""

    def __init__(self, cluster: Cluster, subscribers: int, window: int) -> None:
        before = _stream(cluster)
        options = ["-n", str(subscribers), "-P", "1", "-w", str(window), "-W", "0.2"]
        figures = load(Nodes(cluster), "fanout", *options, seconds=SECONDS)
        entries, lines = (new - old for new, old in zip(_stream(cluster), before, strict=True))
        self.line_s = figures["srv_us_msg"] * 1e-6 * subscribers
        self.lines = lines / entries


class Nodes(Peer):
    """A cluster without its Redis, as the load generator takes it."""

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(cluster.name, cluster.command)
        self._cluster = cluster

    @property
    def ports(self) -> str:
        return self._cluster.ports

    @property
    def pids(self) -> str:
        return self._cluster.pids.partition(",")[2]


def _ask(port: int, *words: str) -> list[str]:
    command = ["redis-cli", "-p", str(port), *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


def _stream(cluster: Cluster) -> tuple[int, int]:
    """Entries and lines that were ever in it, where one node writes."""
    stream = _ask(cluster.port, "xinfo", "stream", "benchmark")
    entries = int(stream[stream.index("entries-added") + 1]) if "entries-added" in stream else 0
    last = _ask(cluster.port, "xrevrange", "benchmark", "+", "-", "COUNT", "1")
    return entries, int(last[last.index("t") + 1]) if "t" in last else 0


def _redis_entry_s(port: int, readers: int, size: int, count: int = 400) -> float:
    """Redis's CPU time for an entry of `size` bytes that so many readers wait for, as nodes do."""

    def spent_s() -> float:
        info = dict(pair.split(":", 1) for pair in _ask(port, "info", "cpu") if ":" in pair)
        return float(info["used_cpu_sys"]) + float(info["used_cpu_user"])

    name, body = f"costs-{readers}-{size}", b"x" * size
    writer, *sockets = [socket.create_connection(("127.0.0.1", port), TIMEOUT_S) for _ in range(readers + 1)]
    before = spent_s()
    for number in range(1, count + 1):
        for each in sockets:
            each.sendall(_command("XREAD", "COUNT", 32, "BLOCK", 1000, "STREAMS", name, f"0-{number - 1}"))
        fields = fields_of(NODE, number, number, body)
        writer.sendall(_command("XADD", name, "MAXLEN", "~", 200, f"0-{number}", *fields))
        _receive(writer, f"0-{number}\r\n".encode())
        for each in sockets:
            _receive(each, body + b"\r\n")
    spent = spent_s() - before
    for each in (writer, *sockets):
        each.close()
    return spent / count


def _command(*words: str | bytes | int) -> bytes:
    encoded = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in encoded)


def _follow_entry_s(cluster: Cluster, count: int = 6_000) -> float:
    """A node's CPU time for an entry in an answer with as many as it asks for: of another node, with one line."""
    pid = int(cluster.pids.split(",")[1])
    last = b"the last of many\n"
    with (
        socket.create_connection(("127.0.0.1", int(cluster.ports)), TIMEOUT_S) as subscriber,
        socket.create_connection(("127.0.0.1", cluster.port), TIMEOUT_S) as writer,
    ):
        subscriber.sendall(b"here\n")
        _receive(subscriber, b"here\n")
        # At once, so that it is behind from the first one on.
        words = ("XADD", "benchmark", "*")
        bodies = [b"x" * 63 + b"\n"] * (count - 1) + [last]
        adding = [_command(*words, *fields_of(NODE, number, number, body)) for number, body in enumerate(bodies, 1)]
        before = cpu_s(pid)
        writer.sendall(_command("MULTI") + b"".join(adding) + _command("EXEC"))
        _receive(subscriber, last)
        return (cpu_s(pid) - before) / count


def _receive(connection: socket.socket, end: bytes) -> None:
    got = b""
    while not got.endswith(end):
        part = connection.recv(1 << 20)
        if not part:
            raise SystemExit("Redis has closed a connection")
        got += part


def _memory_bytes(cluster: Cluster, count: int = 500) -> float:
    """The process's, for one more subscriber."""
    port, pid = int(cluster.ports), int(cluster.pids.split(",")[1])
    before = resident_bytes(pid)
    kept = [socket.create_connection(("127.0.0.1", port), TIMEOUT_S) for _ in range(count)]
    kept[-1].sendall(b"the last one\n")
    while b"the last one" not in kept[-1].recv(1000):
        pass  # those before it have been accepted then
    each = (resident_bytes(pid) - before) / count
    for one in kept:
        one.close()
    return each


def calibrate() -> Costs:
    """Costs from two sizes of each cause: the slope between them, and what is left. Less than nothing is nothing."""
    one, three = Cluster(1), Cluster(3)
    try:
        one.start()
        memory = _memory_bytes(one)
        few, many = Measured(one, 2, 1), Measured(one, MANY, 1)
        deep_few, deep_many = Measured(one, 2, 256), Measured(one, MANY, 256)
        add_s, read_s = (_redis_entry_s(one.port, readers, LINE_BYTES) for readers in (1, READERS + 1))
        follow_entry_s = _follow_entry_s(one)
        large_s = _redis_entry_s(one.port, READERS + 1, LARGE_BYTES)
    finally:
        one.stop()
    try:
        three.start()
        spread = Measured(three, 3, 1)
        checked = load(three, "fanout", "-n", "300", "-P", "3", "-w", "1", seconds=SECONDS)
    finally:
        three.stop()
    send_s = (many.line_s - few.line_s) / (MANY - 2)
    entry_s = few.line_s - 3 * send_s  # the publisher is sent its line too
    follow_s = min(entry_s, max(0.0, (spread.line_s - 4 * send_s - entry_s) / 2))
    publish_line_s = max(0.0, deep_few.line_s - (entry_s + 3 * send_s) / deep_few.lines)
    rest_s = deep_many.line_s - (entry_s + (MANY + 1) * send_s) / deep_many.lines - publish_line_s
    answer_s = (read_s - add_s) / READERS
    costs = Costs(
        publish_entry_s=entry_s - follow_s,
        publish_line_s=publish_line_s,
        follow_answer_s=follow_s,
        follow_entry_s=follow_entry_s,
        send_s=send_s,
        deliver_byte_s=max(0.0, rest_s / ((MANY + 1) * LINE_BYTES)),
        subscriber_bytes=memory,
        redis_add_s=max(0.0, add_s - answer_s),
        redis_answer_s=answer_s,
        redis_byte_s=max(0.0, (large_s - read_s) / ((READERS + 1) * (LARGE_BYTES - LINE_BYTES))),
    )
    lines_s = checked["rate_s"] / 300
    foretold = outcome(costs, Setting(LINE_BYTES), Demand(303, lines_s), 3)
    print("Three nodes, 300 subscribers, one line at a time, CPU of all for a delivery, which no cost was taken from:")
    print(f"  foretold {foretold.cpu_line_s / 300 * 1e6:.2f} us, measured {checked['srv_us_msg']:.2f} us\n")
    return costs


def show(costs: Costs, setting: Setting) -> None:
    print("Costs")
    for name, value in asdict(costs).items():
        print(f"  {name:18} {_shown(name, value)}")
    print("Assumptions")
    for name, value in asdict(setting).items():
        print(f"  {name:18} {value:,.10g}")
    demands = [Demand(subscribers, lines_s) for lines_s in LINES_S for subscribers in SUBSCRIBERS]
    print(f"\nAs few nodes as hold, and the limit that is nearest; {setting.full:.0%} of one is full.")
    print(HEAD)
    for each in demands:
        try:
            print(_row(each, sized(costs, setting, each), setting))
        except ValueError as never:
            raise SystemExit(f"{each.subscribers:11,} {each.lines_s:7,} | {never}") from None
    print("\nWhere that is too much for one Redis")
    for each in demands:
        if sized(costs, setting, each).redis_worst[1] > setting.full:
            streams, copies = sharded(costs, setting, each), copied(costs, setting, each)
            print(
                f"{each.subscribers:11,} {each.lines_s:7,} | {streams.streams:4} streams: {_limit(streams.redis)} | "
                f"{copies.copies:4} copies: {_limit(copies.redis)}"
            )
    print("\nOne Redis carries")
    for lines_s in LINES_S:
        most = farthest(costs, setting, lines_s, SUBSCRIBERS[-1])
        more = " and more" if most.subscribers == SUBSCRIBERS[-1] else ""
        print(
            f"  {lines_s:6,} lines/s to {most.subscribers:10,} subscribers{more} "
            f"({most.nodes:,} nodes; {_limit(most.redis)})"
        )


HEAD = (
    f"{'subscribers':>11} {'lines/s':>7} | {'nodes':>6} {'hosts':>6}  {'a node':12} {'turn':>5} | {'Redis':20} | "
    f"{'a line: CPU':>11} {'to clients':>10} {'to nodes':>8}"
)


def _row(demand: Demand, one: Outcome, setting: Setting) -> str:
    return (
        f"{demand.subscribers:11,} {demand.lines_s:7,} | {one.nodes:6,} {-(-one.nodes // setting.cores):6,}  "
        f"{_limit(one.node):12} {one.turn_s * 1e3:2.0f} ms | {_limit(one.redis):20} | "
        f"{one.cpu_line_s:9.2g} s {_size(one.sent_line_bytes):>10} {_size(one.redis_line_bytes):>8}"
    )


def _shown(name: str, value: float) -> str:
    if not name.endswith("_s"):
        return f"{value:,.0f}"
    return f"{value * 1e9:.2g} ns" if value < 1e-8 else f"{value * 1e6:.3g} us"


def _limit(shares: dict[str, float]) -> str:
    name, share = worst(shares)
    name = name.removeprefix("node: ").removeprefix("Redis: ")
    return f"{name} {share * 100:,.2g} %" if share < 0.1 else f"{name} {share * 100:,.0f} %"


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:,.3g} GB"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--calibrate", action="store_true")
    for each in fields(Setting):
        parser.add_argument("--" + each.name.replace("_", "-"), type=type(each.default), default=each.default)
    given = vars(parser.parse_args())
    costs = calibrate() if given.pop("calibrate") else Costs()
    show(costs, Setting(**given))


if __name__ == "__main__":
    main()
