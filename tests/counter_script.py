"""A run of the counter probe, and servers that answer it by a script."""

from collections.abc import Callable
from functools import partial
from typing import Any

from ends import Peer
from memory import Network
from running import ClientRig, Notes
from tw.probe_options import ProbeCounterOptions
from tw.probes.counter import CounterPing
from tw.report import Numbers

PORT = 8080


class Rig(ClientRig):
    def __init__(self, net: Network, notes: Notes, **options: Any) -> None:
        super().__init__(net, notes, CounterPing(net, ProbeCounterOptions(**options), notes, net.measured))

    @property
    def numbers(self) -> Numbers:
        assert self.report.numbers is not None
        return self.report.numbers


def answer(number: object, *fields: str, status: str = "200 OK", body: str | None = None) -> bytes:
    text = f"I am request #{number}\n" if body is None else body
    head = [f"HTTP/1.1 {status}", f"X-Request-Number: {number}", f"Content-Length: {len(text)}", *fields, "", text]
    return "\r\n".join(head).encode()


Step = Callable[[Peer], object]


def script(*steps: Step) -> Callable[[Peer, bytes], object]:
    """A server that does one step after the other, each at a request."""
    left = list(steps)
    return lambda peer, data: left.pop(0)(peer)


def says(*answers: bytes) -> list[Step]:
    return [partial(Peer.say, data=data) for data in answers]


def silent(peer: Peer) -> None:
    """Answer nothing."""
