"""Where the hosts of a laboratory are: in network namespaces, or on addresses of loopback where those are not allowed.

Two networks: `front` is the clients', the balancer's and the servers', `back` is the servers' and Redis's. Each server
has a cable into either.

    clients ─┐                   ┌─ (front cable) node 0 (back cable) ─┐
             ├─ front bridge ────┼─ (front cable) node 1 (back cable) ─┼─ back bridge ── redis
    balancer ┘                   └─ (front cable) node 2 (back cable) ─┘
"""

import os
import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Protocol

from e2e.lab.cables import Cable, Cables
from e2e.lab.host import Host, Space

Place = tuple[str, int]

REDIS_PORT = 16_379
NODE_PORT = 11_025
"""In a network, or on addresses, that nobody else uses; below those that the kernel gives out by itself."""


class Network(Protocol):
    """Places are host and port. `cables` are by `node0.front`, `node0.back` and so on."""

    is_real: bool
    redis: Host
    balancer: Host
    clients: Host
    nodes: list[Host]
    cables: dict[str, Cable]

    def redis_place(self) -> Place:
        """Where Redis listens."""

    def redis_from(self, node: int) -> Place:
        """Where this server finds it."""

    def node_place(self, node: int) -> Place:
        """Where a server listens."""

    def node_from_clients(self, node: int) -> Place:
        """Where clients and the balancer find it."""

    def balancer_host(self) -> str: ...


class Namespaces:
    """A host is a namespace, a cable four interfaces and a program that carries frames between the middle two."""

    is_real = True

    def __init__(self, stack: ExitStack, nodes: int, seed: str) -> None:
        def space(name: str) -> Space:
            made = Space(name)
            stack.callback(made.close)
            return made

        self._room = space("room")
        self.redis = space("redis")
        self.balancer = space("balancer")
        self.clients = space("clients")
        self.nodes = [space(f"node{number}") for number in range(nodes)]
        for side in ("front", "back"):
            self._room.ip(f"link add {side} type bridge", f"link set {side} up")
        self._plug(self.redis, "back", "10.2.0.1")
        self._plug(self.balancer, "front", "10.1.0.2")
        self._plug(self.clients, "front", "10.1.0.3")
        pairs = [
            self._lay(self.nodes[number], side, f"10.{network}.0.{10 + number}")
            for number in range(nodes)
            for network, side in ((1, "front"), (2, "back"))
        ]
        running = Cables(self._room, "frames.py", seed, *pairs)
        stack.callback(running.stop)
        self.cables = {name: Cable(running, name) for name in (pair.partition("=")[0] for pair in pairs)}

    def _plug(self, host: Space, side: str, address: str, *, cable: str = "") -> None:
        """A pair of interfaces: one is the host's; the other stays in the room, in a bridge or at a cable's end."""
        own, far = f"{side}0", cable or host.name
        self._room.ip(f"link add {own} type veth peer name {far}", f"link set {far} up")
        self._room.send_plain(own)
        self._room.ip(f"link set {own} netns {host.path}")
        host.ip(f"address add {address}/24 dev {own}", f"link set {own} up")
        if not cable:
            self._room.ip(f"link set {far} master {side}")

    def _lay(self, host: Space, side: str, address: str) -> str:
        """A cable: a pair to the host, and a pair to the bridge; gives what `frames.py` is to know."""
        name = f"{host.name}.{side}"
        lower, upper, port = (f"{name}.{end}" for end in ("l", "u", "p"))
        self._plug(host, side, address, cable=lower)
        self._room.ip(f"link add {upper} type veth peer name {port}", f"link set {upper} up")
        self._room.send_plain(port)
        self._room.ip(f"link set {port} master {side} up")
        return f"{name}={lower},{upper}"

    def redis_place(self) -> Place:
        return "10.2.0.1", REDIS_PORT

    def redis_from(self, node: int) -> Place:
        return self.redis_place()

    def node_place(self, node: int) -> Place:
        return f"10.1.0.{10 + node}", NODE_PORT

    def node_from_clients(self, node: int) -> Place:
        return self.node_place(node)

    def balancer_host(self) -> str:
        return "10.1.0.2"


class Loopback:
    """The stand-in. A host is an address, a cable a program that passes TCP connections on."""

    is_real = False

    def __init__(self, stack: ExitStack, nodes: int) -> None:
        def host(name: str) -> Host:
            made = Host(name)
            stack.callback(made.close)
            return made

        chance = random.SystemRandom()
        self._net = f"127.{chance.randrange(1, 255)}.{chance.randrange(1, 255)}"
        self.redis = host("redis")
        self.balancer = host("balancer")
        self.clients = host("clients")
        self.nodes = [host(f"node{number}") for number in range(nodes)]
        pairs = []
        for number in range(nodes):
            front = self.node_from_clients(number), self.node_place(number)
            back = self.redis_from(number), self.redis_place()
            for side, (near, far) in (("front", front), ("back", back)):
                pairs.append(f"node{number}.{side}={near[0]}:{near[1]},{far[0]}:{far[1]}")
        running = Cables(self.clients, "streams.py", *pairs)
        stack.callback(running.stop)
        self.cables = {name: Cable(running, name) for name in (pair.partition("=")[0] for pair in pairs)}

    def redis_place(self) -> Place:
        return f"{self._net}.1", REDIS_PORT

    def redis_from(self, node: int) -> Place:
        return f"{self._net}.{30 + node}", REDIS_PORT

    def node_place(self, node: int) -> Place:
        return f"{self._net}.{10 + node}", NODE_PORT

    def node_from_clients(self, node: int) -> Place:
        return f"{self._net}.{20 + node}", NODE_PORT

    def balancer_host(self) -> str:
        return f"{self._net}.2"


def namespaces_fault() -> str | None:
    """Why there can be no namespaces here; None where there can."""
    if os.geteuid() != 0:
        return "only root may make them (unshare --map-root-user --net makes a root of anybody)"
    with ExitStack() as stack:
        try:
            trial = Space("trial")
        except (AssertionError, OSError) as problem:
            return str(problem)
        stack.callback(trial.close)
        try:
            trial.ip("link add one type veth peer name other", "link add both type bridge")
        except (AssertionError, OSError) as problem:
            return str(problem)
    return None


@contextmanager
def network(nodes: int, *, seed: str = "1", stand_in: bool = False) -> Iterator[Network]:
    """Namespaces where they are allowed, unless the stand-in is asked for."""
    with ExitStack() as stack:
        yield Loopback(stack, nodes) if stand_in or namespaces_fault() else Namespaces(stack, nodes, seed)
