"""A program: TCP connections passed on with delay and cuts, where there are no network namespaces.

`python streams.py NAME=HOST:PORT,HOST:PORT …`: who connects to the first place gets to the second one, upwards. It is
told, and answers, as `frames.py`, in bytes. What is cut off waits, as it would at a sender that sends again. No loss:
between two TCP connections nothing can be lost.
"""

import asyncio
import json
import sys
from asyncio import StreamReader, StreamWriter
from contextlib import suppress

CHUNK_BYTES = 65_536


class Cable:
    """All connections of one place; `open` is by direction."""

    def __init__(self) -> None:
        self.delay_s = 0.0
        self.passed = 0
        self.open = {"up": asyncio.Event(), "down": asyncio.Event()}
        self.become(delay_s=0.0, loss=0.0, cut=[])

    def become(self, *, delay_s: float, loss: float, cut: list[str]) -> dict[str, int]:
        assert not loss, "nothing can be lost here"
        self.delay_s = delay_s
        for name, event in self.open.items():
            if name in cut:
                event.clear()
            else:
                event.set()
        return {"passed": self.passed, "lost": 0, "cut": 0}

    async def join(self, place: tuple[str, int], reader: StreamReader, writer: StreamWriter) -> None:
        """One connection, to its end; the end of either direction takes as long to come as its bytes."""
        for event in self.open.values():
            await event.wait()
        try:
            far_reader, far_writer = await asyncio.open_connection(*place)
        except OSError:
            writer.transport.abort()
            return
        with suppress(OSError):
            await asyncio.gather(self.carry("up", reader, far_writer), self.carry("down", far_reader, writer))
        writer.transport.abort()
        far_writer.transport.abort()

    async def carry(self, direction: str, reader: StreamReader, writer: StreamWriter) -> None:
        """One direction: what was read waits in a queue, so that a delay costs no rate."""
        waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(64)
        loop = asyncio.get_running_loop()

        async def take() -> None:
            data = b"."
            while data:
                data = await reader.read(CHUNK_BYTES)
                await waiting.put((loop.time() + self.delay_s, data))

        async def give() -> None:
            while True:
                due_s, data = await waiting.get()
                await asyncio.sleep(due_s - loop.time())
                await self.open[direction].wait()
                if not data:
                    writer.write_eof()
                    return
                self.passed += len(data)
                writer.write(data)
                await writer.drain()

        await asyncio.gather(take(), give())


def place_of(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host, int(port)


async def main(*pairs: str) -> None:
    cables = {}
    for pair in pairs:
        name, _, ends = pair.partition("=")
        near, far = map(place_of, ends.split(","))
        cables[name] = cable = Cable()
        await asyncio.start_server(lambda *ends, cable=cable, far=far: cable.join(far, *ends), *near)
    print("{}", flush=True)  # it can be used now
    orders = StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    while line := await orders.readline():
        order = json.loads(line)
        print(json.dumps(cables[order.pop("cable")].become(**order)), flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
