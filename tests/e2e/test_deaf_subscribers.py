"""Subscribers who never read while 100 publishers push: memory is bounded by the backlog, and the readers get all."""

import socket
import threading
from contextlib import suppress

from e2e.badpeers import connect, descriptors, reset
from e2e.harness import TIMEOUT_S, serving, tw, until

MIB = 1024 * 1024
PUBLISHERS = 100
DEAF = 20
LINES = 400
LINE = b"x" * 999 + b"\n"
BACKLOG_BYTES = 8 * MIB
DEAF_BYTES = 256 * 1024
"""What a subscriber who does not read costs beside the log, which is shared: 128 KiB on their way, and objects."""


def read_all(client: socket.socket, got: list[int]) -> None:
    with suppress(OSError):
        while data := client.recv(65_536):
            got[0] += len(data)


def test_the_deaf_are_parted_from_and_the_log_stays_within_the_backlog() -> None:
    with descriptors(1000), serving("pubsub", "--no-prefix", "--no-echo", "--backlog", "8M") as server:
        reader = connect(server.port)
        got = [0]
        reading = threading.Thread(target=read_all, args=(reader, got))
        reading.start()
        deaf = [connect(server.port, small=True) for _ in range(DEAF)]
        publishers = [connect(server.port) for _ in range(PUBLISHERS)]
        before = server.resident_bytes()
        most = 0

        def publish(round_: int) -> None:
            """Each publishes a few lines; the reader has them all before the next do, so that it never lags."""
            nonlocal most
            for publisher in publishers:
                publisher.sendall(LINE * 4)
            wanted = (round_ + 1) * PUBLISHERS * 4 * len(LINE)
            until(lambda: got[0] >= wanted)
            most = max(most, server.resident_bytes() - before)

        ears = [threading.Thread(target=read_all, args=(one, [0])) for one in publishers]
        for ear in ears:
            ear.start()
        try:
            for round_ in range(LINES // 4):
                publish(round_)
            # The log with its 12 % for small batches, one turn, one batch; and what is on its way to each.
            assert most < 1.12 * BACKLOG_BYTES + MIB + DEAF * DEAF_BYTES
            assert tw("probe", "pubsub", "--count", "5", "--interval", "0", server.target).code == 0
            assert got[0] >= PUBLISHERS * LINES * len(LINE)
            summary = server.stop()
            assert summary["slow_consumers"] == DEAF
            assert summary["dropped_lines"] > 0
        finally:
            for client in deaf:
                reset(client)
            for client in (reader, *publishers):
                with suppress(OSError):
                    client.shutdown(socket.SHUT_RDWR)
            for thread in (reading, *ears):
                thread.join(TIMEOUT_S)
            for client in (reader, *publishers):
                client.close()
