"""What a line costs pub/sub servers that are one over Redis, measured here. `scale.py --calibrate` and `scale_check.py`
take it from here. It needs gcc, redis-server and redis-cli."""

import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bench import Peer, load
from counter import cpu_s
from idle import resident_bytes
from relay import Cluster
from scaling.model import Costs, Demand, Setting, outcome

from tw.core.relayed import fields_of, node_name

SECONDS = 0.6
TIMEOUT_S = 30
MANY = 200
READERS = 20
NODE = node_name((0, 0), bytes(8))
LARGE_BYTES = 20_000
SHORT_BYTES, LONG_BYTES = 64, 512
"""Of lines. A window of the long ones is still one piece of a turn."""
LINE_BYTES = 82
"""Of the generator's lines here, with the prefix of a client on loopback."""


class Measured:
    """The nodes of a cluster under one load: what a line costs them, and how many are in an entry."""

    def __init__(self, cluster: Cluster, subscribers: int, window: int, length: int = SHORT_BYTES) -> None:
        before = _stream(cluster)
        options = ["-n", str(subscribers), "-P", "1", "-w", str(window), "-l", str(length), "-W", "0.2"]
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


def _newcomer(cluster: Cluster, count: int = 500) -> tuple[float, float]:
    """A node's, for one more subscriber: bytes, and CPU time until it is there."""
    port, pid = int(cluster.ports), int(cluster.pids.split(",")[1])

    def spent_s() -> float:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9

    size, spent = resident_bytes(pid), spent_s()
    kept = [socket.create_connection(("127.0.0.1", port), TIMEOUT_S) for _ in range(count)]
    kept[-1].sendall(b"the last one\n")
    while b"the last one" not in kept[-1].recv(1000):
        pass  # those before it have been accepted then
    each = (resident_bytes(pid) - size) / count, (spent_s() - spent) / count
    for one in kept:
        one.close()
    return each


@dataclass(frozen=True)
class Calibration:
    costs: Costs
    foretold_s: float
    """CPU of all for a delivery; three nodes, 300 subscribers, one line at a time. No cost was taken from that."""
    measured_s: float


def calibrate() -> Calibration:
    """Costs from two sizes of each cause: the slope between them, and what is left. Less than nothing is nothing."""
    one, three = Cluster(1), Cluster(3)
    try:
        one.start()
        memory, accept_s = _newcomer(one)
        few, many = Measured(one, 2, 1), Measured(one, MANY, 1)
        deep_few, deep_many = Measured(one, 2, 256), Measured(one, MANY, 256)
        deep_long = Measured(one, MANY, 256, LONG_BYTES)
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
    answer_s = (read_s - add_s) / READERS
    costs = Costs(
        publish_entry_s=entry_s - follow_s,
        publish_line_s=publish_line_s,
        follow_answer_s=follow_s,
        follow_entry_s=follow_entry_s,
        send_s=send_s,
        deliver_byte_s=max(0.0, (deep_long.line_s - deep_many.line_s) / ((MANY + 1) * (LONG_BYTES - SHORT_BYTES))),
        subscriber_bytes=memory,
        accept_s=accept_s,
        redis_add_s=max(0.0, add_s - answer_s),
        redis_answer_s=answer_s,
        redis_byte_s=max(0.0, (large_s - read_s) / ((READERS + 1) * (LARGE_BYTES - LINE_BYTES))),
    )
    foretold = outcome(costs, Setting(LINE_BYTES), Demand(303, checked["rate_s"] / 300), 3)
    return Calibration(costs, foretold.cpu_line_s / 300, checked["srv_us_msg"] * 1e-6)
