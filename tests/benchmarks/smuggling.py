"""What nginx and tw answer to the shapes of `tests/http_shapes.py`: `python tests/benchmarks/smuggling.py [--all]`.

Each shape is sent with a good request behind it, on a connection of its own. An answer is its status; `end` says that
the connection was closed then. Only the lines on which the two differ are printed; `--all` prints the others too.
"""

import re
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from bench import TW, Peer
from counter import nginx

sys.path.insert(0, str(Path(__file__).parents[1]))
from http_shapes import NEXT, REFUSED, TAKEN, Shape

SILENCE_S = 0.5
"""Who has said nothing for so long waits for more."""

CONNECTIONS = 8


def answers(port: int, shape: Shape) -> str:
    with socket.create_connection(("127.0.0.1", port), 5) as client:
        client.settimeout(SILENCE_S)
        got, ended = b"", ""
        try:
            client.sendall(shape.data + NEXT)
            while data := client.recv(65_536):
                got += data
            ended = " end"
        except TimeoutError:
            pass
        except OSError:
            ended = " reset"
    statuses = [status.decode() for status in re.findall(rb"^HTTP/1\.\d (\d{3})", got, re.MULTILINE)]
    if got and not got.startswith(b"HTTP/"):
        statuses.insert(0, "text")  # HTTP/0.9 has no status
    return (" ".join(statuses) or "nothing") + ended


def main(everything: bool) -> None:
    peers = [Peer("nginx", nginx, "nginx"), Peer("tw", lambda port: [TW, "serve", "counter", "--port", str(port)])]
    for peer in peers:
        if peer.missing:
            raise SystemExit(f"needs {peer.needs}")
    shapes = REFUSED + TAKEN
    try:
        for peer in peers:
            peer.start()
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            columns = [list(pool.map(partial(answers, peer.port), shapes)) for peer in peers]
    finally:
        for peer in peers:
            peer.stop()
    print(f"{'':58}{'nginx':22}tw")
    laxer = stricter = 0
    for shape, theirs, ours in zip(shapes, *columns, strict=True):
        laxer += "200" in ours.split()[0] and "200" not in theirs.split()[0]
        stricter += "200" not in ours.split()[0] and "200" in theirs.split()[0]
        if everything or theirs != ours:
            print(f"{shape.name:58}{theirs:22}{ours}")
    print(f"\n{len(shapes)} shapes: tw refuses {stricter} that nginx answers, and answers {laxer} that nginx refuses")


if __name__ == "__main__":
    main("--all" in sys.argv[1:])
