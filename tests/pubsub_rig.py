"""A run of the pub/sub probe in memory, and servers for it."""

from collections.abc import Callable
from typing import Any

from ends import Peer
from memory import Network
from running import ClientRig, Notes
from tw.probe_options import ProbePubSubOptions
from tw.probes.pubsub import PubSubPing
from tw.report import Delivery
from tw.serve_options import ServePubSubOptions
from tw.services.pubsub import PubSubService

PORT = 1025


class Rig(ClientRig):
    def __init__(self, net: Network, notes: Notes, **options: Any) -> None:
        super().__init__(net, notes, PubSubPing(net, ProbePubSubOptions(**options), notes, net.measured))

    @property
    def delivery(self) -> Delivery:
        found = self.report.delivery
        assert found is not None
        return found


def serve(net: Network, **options: Any) -> PubSubService:
    service = PubSubService(net, ServePubSubOptions(**options), lambda event: None)
    net.run(service.start())
    return service


def to_all(net: Network, change: Callable[[bytes], bytes] = lambda line: line) -> Callable[[Peer, bytes], None]:
    """A server that sends what it gets to everyone, line by line, each as `change` makes it."""

    def hears(peer: Peer, data: bytes) -> None:
        for line in data.splitlines(keepends=True):
            for each in net.peers:
                each.say(change(line))

    return hears
