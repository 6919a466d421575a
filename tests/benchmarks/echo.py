"""Echo beside a plain Twisted Protocol, a uvloop Protocol and a C epoll server.

`python tests/benchmarks/echo.py [ROUNDS]` needs gcc; uvloop from the package index is a peer where it is installed. The
generator checks every byte.
"""

import sys

from bench import HERE, PYTHON, TW, Figures, Peer, built, load, run, table

PEERS = [
    Peer("tw", lambda port: [TW, "serve", "echo", "--port", str(port)]),
    Peer("plain Twisted", lambda port: [PYTHON, str(HERE / "peers.py"), "plain_echo", str(port)]),
    Peer("uvloop", lambda port: [PYTHON, str(HERE / "peers.py"), "uvloop_echo", str(port)], "module:uvloop"),
    Peer("C epoll", lambda port: [built("echo_c"), str(port)], "gcc"),
]
SECONDS = 1.5


def pingpong(connections: int, size: int) -> tuple[str, object]:
    def work(peer: Peer) -> Figures:
        return load(peer, "pingpong", "-c", str(connections), "-s", str(size), seconds=SECONDS)

    return f"{connections} connections, {size} bytes", work


def bulk(peer: Peer) -> Figures:
    return load(peer, "bulk", "-c", "8", seconds=SECONDS)


def main(rounds: int) -> None:
    works = [pingpong(50, 64), pingpong(50, 4096), pingpong(500, 64), ("8 bulk streams", bulk)]
    here = run(PEERS, works, rounds)
    for name, _ in works:
        rate = ("MB/s", "bytes_s", 1e6) if "bulk" in name else ("k msg/s", "rate_s", 1e3)
        table(here, name, [rate, ("us/msg cost", "srv_us_msg", 1)], "tw")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
