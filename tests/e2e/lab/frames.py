"""A program: cables between network interfaces, with delay, loss and cuts. (Not every kernel has netem.)

`python frames.py SEED NAME=ONE,OTHER …`, in the network that has these interfaces. What comes in at one of a pair goes
out at the other: frames as they are, so that TCP at both ends meets true delay and true loss. Each line on stdin says
how a cable is to be from now on: `{"cable": NAME, "delay_s": 0.05, "loss": 0.01, "cut": false}`; the answer is a line
with what it has done until then: `{"passed": N, "lost": N, "cut": N}`, in frames, both ways. It ends with stdin.
"""

import json
import os
import random
import selectors
import socket
import sys
import time
from collections import deque

ETH_P_ALL = 3
SO_SNDBUFFORCE, SO_RCVBUFFORCE = 32, 33
SOL_PACKET, PACKET_IGNORE_OUTGOING = 263, 23
ROOM_BYTES = 8 * 1024 * 1024
"""Of a socket, so that nothing is lost where this program comes late. Whoever is root in a namespace of users alone has
no more than the system allows (net.core.rmem_max)."""

LONGEST_FRAME = 65_600
AT_ONCE = 64
"""Frames of one direction before the others are looked at."""


def open_interface(name: str) -> socket.socket:
    opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    opened.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    for forced, asked in ((SO_RCVBUFFORCE, socket.SO_RCVBUF), (SO_SNDBUFFORCE, socket.SO_SNDBUF)):
        try:
            opened.setsockopt(socket.SOL_SOCKET, forced, ROOM_BYTES)
        except PermissionError:
            opened.setsockopt(socket.SOL_SOCKET, asked, ROOM_BYTES)
    opened.bind((name, ETH_P_ALL))
    opened.setblocking(False)
    return opened


class Cable:
    """One pair of interfaces."""

    def __init__(self, name: str, one: str, other: str, seed: str) -> None:
        self.delay_s = 0.0
        self.loss = 0.0
        self.passed = self.lost = self.cut = 0
        bottom, top = open_interface(one), open_interface(other)
        self.ways = {
            "up": Way(self, bottom, top, random.Random(f"{seed} {name} up")),
            "down": Way(self, top, bottom, random.Random(f"{seed} {name} down")),
        }

    def become(self, *, delay_s: float, loss: float, cut: list[str]) -> dict[str, int]:
        self.delay_s, self.loss = delay_s, loss
        for name, way in self.ways.items():
            way.is_cut = name in cut
        return {"passed": self.passed, "lost": self.lost, "cut": self.cut}


class Way:
    """One direction. Frames keep their order, also where the delay becomes less."""

    def __init__(self, cable: Cable, source: socket.socket, sink: socket.socket, chance: random.Random) -> None:
        self.source = source
        self.is_cut = False
        self._cable = cable
        self._sink = sink
        self._chance = chance
        self._waiting: deque[tuple[float, bytes]] = deque()

    def take(self, now_s: float) -> None:
        """What has come in."""
        cable = self._cable
        for _ in range(AT_ONCE):
            try:
                frame = self.source.recv(LONGEST_FRAME)
            except BlockingIOError:
                return
            if self.is_cut:
                cable.cut += 1
            elif cable.loss and self._chance.random() < cable.loss:
                cable.lost += 1
            elif cable.delay_s or self._waiting:
                self._waiting.append((now_s + cable.delay_s, frame))
            else:
                self._send(frame)

    def give(self, now_s: float) -> None:
        """What is due."""
        while self._waiting and self._waiting[0][0] <= now_s:
            frame = self._waiting.popleft()[1]
            if self.is_cut:
                self._cable.cut += 1
            else:
                self._send(frame)

    def _send(self, frame: bytes) -> None:
        try:
            self._sink.send(frame)
        except OSError:  # no room there, or the host is gone: a wire does not wait
            self._cable.lost += 1
        else:
            self._cable.passed += 1

    @property
    def due_s(self) -> float:
        return self._waiting[0][0] if self._waiting else float("inf")


def serve(cables: dict[str, Cable]) -> None:
    ways = [way for cable in cables.values() for way in cable.ways.values()]
    orders = b""
    with selectors.DefaultSelector() as selector:
        selector.register(sys.stdin, selectors.EVENT_READ)
        for way in ways:
            selector.register(way.source, selectors.EVENT_READ, way)
        while True:
            wait_s = min(way.due_s for way in ways) - time.monotonic()
            ready = selector.select(None if wait_s == float("inf") else max(0.0, wait_s))
            now_s = time.monotonic()
            for key, _ in ready:
                if key.data is not None:
                    key.data.take(now_s)
                    continue
                data = os.read(0, 65_536)
                if not data:
                    return
                *lines, orders = (orders + data).split(b"\n")
                for line in lines:
                    order = json.loads(line)
                    print(json.dumps(cables[order.pop("cable")].become(**order)), flush=True)
            for way in ways:
                way.give(now_s)


def main(seed: str, *pairs: str) -> None:
    cables = {}
    for pair in pairs:
        name, _, ends = pair.partition("=")
        one, other = ends.split(",")
        cables[name] = Cable(name, one, other, seed)
    print("{}", flush=True)  # it can be used now
    serve(cables)


if __name__ == "__main__":
    main(*sys.argv[1:])
