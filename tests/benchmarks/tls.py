"""Echo over TLS beside a plain Twisted Protocol and a uvloop Protocol, all with one certificate.

`python tests/benchmarks/tls.py [ROUNDS]` needs gcc, openssl and Debian's libssl-dev; uvloop from the package index is a
peer where it is installed. The generator checks every byte. A connection takes TLS 1.3 and the cipher that both prefer.
"""

import sys
from collections.abc import Callable

from bench import HERE, PYTHON, TW, Figures, Peer, certificate, load, run, table

SECONDS = 1.5


def peers() -> list[Peer]:
    cert, key = certificate()
    tw = [TW, "serve", "echo", "--tls-cert", cert, "--tls-key", key, "--port"]
    script = [PYTHON, str(HERE / "peers.py")]
    commands: dict[str, Callable[[int], list[str]]] = {
        "tw": lambda port: [*tw, str(port)],
        "plain Twisted": lambda port: [*script, "plain_echo", str(port), cert, key],
        "uvloop": lambda port: [*script, "uvloop_echo", str(port), cert, key],
    }
    needs = {"uvloop": "module:uvloop"}
    return [Peer(name, make, needs.get(name, ""), generator="tlsgen") for name, make in commands.items()]


def pingpong(connections: int, size: int) -> tuple[str, object]:
    def work(peer: Peer) -> Figures:
        return load(peer, "pingpong", "-c", str(connections), "-s", str(size), seconds=SECONDS)

    return f"{connections} connections, {size} bytes", work


def bulk(peer: Peer) -> Figures:
    figures = load(peer, "bulk", "-c", "8", seconds=SECONDS)
    return figures | {"srv_us_kib": figures["srv_cores"] * 1e6 / (figures["bytes_s"] / 1024)}


def main(rounds: int) -> None:
    works = [pingpong(50, 64), pingpong(50, 4096), ("8 bulk streams", bulk)]
    here = run(peers(), works, rounds)
    for name, _ in works:
        if "bulk" in name:
            columns = [("MB/s", "bytes_s", 1e6), ("us/KiB cost", "srv_us_kib", 1.0)]
        else:
            columns = [("k msg/s", "rate_s", 1e3), ("us/msg cost", "srv_us_msg", 1.0)]
        table(here, name, columns, "tw")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
