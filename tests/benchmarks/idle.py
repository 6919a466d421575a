"""What idle connections cost: memory for each, and the latency of a busy one among them.

`python tests/benchmarks/idle.py [CONNECTIONS] [OPTION...]` (10,000) needs gcc, and as many file descriptors. The
options are the servers'.
"""

import os
import resource
import socket
import sys
from pathlib import Path

from bench import TW, Peer, load

SERVICES = ("echo", "counter", "pubsub")


def resident_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def main(connections: int, options: list[str]) -> None:
    wanted = connections + 200
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(wanted, min(hard, wanted)), max(hard, wanted)))
    print(f"{connections} idle connections {' '.join(options)}")
    # Those of the load and of the last question come on top: the limit must not turn away what is to be measured.
    options = ["--max-connections", str(wanted), *options]
    for service in SERVICES:
        peer = Peer("tw", lambda port, service=service: [TW, "serve", service, "--port", str(port), *options])
        peer.start()
        kept: list[socket.socket] = []
        try:
            alone = load(peer, "pingpong", seconds=1.0) if service == "echo" else {}
            before = resident_bytes(peer.pid)
            kept.extend(socket.create_connection(("127.0.0.1", peer.port)) for _ in range(connections))
            # One more that is answered: the ones before it have been accepted then.
            with socket.create_connection(("127.0.0.1", peer.port)) as last:
                last.sendall(b"GET / HTTP/1.0\r\n\r\n")
                if not last.recv(1000):
                    raise SystemExit(f"{service}: one of the connections was turned away")
            if service == "echo":
                among = load(peer, "pingpong", seconds=1.0)
                print(f"  p50 of one busy connection: {alone['p50_us']} us alone, {among['p50_us']} us among them")
            each = (resident_bytes(peer.pid) - before) / connections
            print(f"  {service:8} {each / 1024:6.2f} KiB each")
        finally:
            peer.stop()
            for one in kept:
                one.close()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000, sys.argv[2:])
