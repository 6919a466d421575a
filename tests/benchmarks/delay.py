"""A TCP proxy on loopback as far away as a server across an ocean: every chunk arrives so much later, each way.

`python delay.py PORT DELAY_MS` prints the port that it listens on. The handshake costs a round trip as well: the
server's greeting, and a client's first bytes, wait for it. It stands in for `tc netem`, which not every kernel has.
"""

import asyncio
import sys
from contextlib import suppress


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay_s: float) -> None:
    """Pass everything on, `delay_s` after it came: any number of chunks may be on their way at a time."""
    under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
    clock = asyncio.get_running_loop().time

    async def arrive() -> None:
        while True:
            due, data = await under_way.get()
            await asyncio.sleep(max(due - clock(), 0))
            if not data:
                return
            writer.write(data)

    arriving = asyncio.create_task(arrive())
    with suppress(ConnectionError):
        while data := await reader.read(65_536):
            under_way.put_nowait((clock() + delay_s, data))
    under_way.put_nowait((clock() + delay_s, b""))
    with suppress(ConnectionError):
        await arriving
    writer.close()


async def main(port: int, delay_s: float) -> None:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(delay_s)  # the SYN; its answer's delay is that of the first chunk, which goes with it
        from_server, to_server = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(pump(reader, to_server, delay_s), pump(from_server, writer, delay_s))

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), float(sys.argv[2]) / 1e3))
