"""A laboratory: pub/sub servers over one Redis, each on its own host, HAProxy in front, and a host for clients."""

import shutil
import socket
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from e2e.haproxy import haproxy
from e2e.harness import Server, serving, until
from e2e.lab.cables import Cable
from e2e.lab.network import Network, network
from e2e.programs import need
from e2e.redis import Redis

STREAM = "lines"

ELSEWHERE = "option redispatch 1"
"""HAProxy takes a client whose server refuses it to another one, at once. It does not look after them by itself: its
own connections would be among those of the clients."""


class Lab:
    """What runs, and how to break it."""

    def __init__(self, stack: ExitStack, net: Network, folder: Path, options: Sequence[str]) -> None:
        self.net = net
        self._stack = stack
        self._options = options
        host, port = net.redis_place()
        place = ("--bind", host, "--port", str(port), "--protected-mode", "no")
        self.redis = net.redis.inside(Redis, folder, *place)
        stack.callback(self.redis.kill)
        starts = [net.nodes[node].begin(self._start, node) for node in range(len(net.nodes))]
        self.servers = [start.result() for start in starts]
        doors = ["{}:{}".format(*net.node_from_clients(node)) for node in range(len(net.nodes))]
        more = [ELSEWHERE, *(f"server other{number} {door}" for number, door in enumerate(doors[1:]))]
        balancer = haproxy(doors[0], "", more="\n    ".join(more), host=net.balancer_host())
        self.target = f"{net.balancer_host()}:{net.balancer.inside(stack.enter_context, balancer)}"
        """What clients connect to."""
        self.doors = doors
        """The servers themselves, as clients find them."""

    def _start(self, node: int) -> Server:
        (host, port), (engine, engine_port) = self.net.node_place(node), self.net.redis_from(node)
        via = f"redis://{engine}:{engine_port}/0?stream={STREAM}"
        place = ("--host", host, "--port", str(port))
        return self._stack.enter_context(serving("pubsub", "--via", via, *self._options, place=place))

    def connect(self, place: tuple[str, int], timeout_s: float) -> socket.socket:
        """A client's connection."""
        return self.net.clients.inside(socket.create_connection, place, timeout_s)

    def start_redis(self) -> None:
        """Again, after it was killed."""
        self.net.redis.inside(self.redis.start)

    def mend(self) -> None:
        """All is as it was in the beginning, but for what went wrong meanwhile."""
        for cable in self.net.cables.values():
            cable.become()
        if self.redis.process.poll() is None:
            self.redis.go_on()
        else:
            self.start_redis()
        for node, server in enumerate(self.servers):
            if server.process.poll() is not None:
                self.servers[node] = self.net.nodes[node].inside(self._start, node)

    def cable(self, node: int, side: str) -> Cable:
        return self.net.cables[f"node{node}.{side}"]

    def until_written(self, more: int) -> None:
        """Until so many lines more stand in the stream."""
        place = self.redis.last_place(STREAM)
        until(lambda: self.redis.lines_after(place, STREAM) >= more)


@contextmanager
def lab(*options: str, nodes: int = 3, seed: str = "1", stand_in: bool = False) -> Iterator[Lab]:
    """`options` are of `tw serve pubsub`. All is stopped in the end."""
    need("ip", "redis-server", "redis-cli", "haproxy")
    folder = Path(tempfile.mkdtemp())
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder)
        net = stack.enter_context(network(nodes, seed=seed, stand_in=stand_in))
        yield Lab(stack, net, folder, options)
