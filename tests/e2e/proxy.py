"""A TCP proxy that harms what passes through it, on purpose: the probes' verdicts are held against it."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

Harm = Callable[[bytes], list[bytes]]
"""One chunk from the server, to the chunks that the client gets."""


def untouched() -> Harm:
    return lambda data: [data]


def by_line(harm: Harm) -> Harm:
    """Let `harm` see one line at a time: on a busy machine two that were sent apart may be received as one chunk."""
    kept = b""

    def harm_lines(data: bytes) -> list[bytes]:
        nonlocal kept
        *lines, kept = (kept + data).split(b"\n")
        return [part for line in lines for part in harm(line + b"\n")]

    return harm_lines


@contextmanager
def proxy(port: int, harm: Callable[[], Harm] = untouched, split: int = 65_536) -> Iterator[str]:
    """A proxy to `port` on loopback; what the server sends on a connection passes a `harm`, `split` bytes at a time."""
    listener = socket.create_server(("127.0.0.1", 0))
    sockets: list[socket.socket] = [listener]
    threads: list[threading.Thread] = []

    def pump(source: socket.socket, sink: socket.socket, change: Harm) -> None:
        with suppress(OSError):
            while data := source.recv(split):
                for part in change(data):
                    sink.sendall(part)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    def accept() -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                server = socket.create_connection(("127.0.0.1", port))
                sockets.extend((client, server))
                for arguments in ((client, server, untouched()), (server, client, harm())):
                    thread = threading.Thread(target=pump, args=arguments)
                    threads.append(thread)
                    thread.start()

    accepting = threading.Thread(target=accept)
    accepting.start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        for kept in sockets:
            with suppress(OSError):
                kept.shutdown(socket.SHUT_RDWR)
        accepting.join()
        for thread in threads:
            thread.join()
        for kept in sockets:
            kept.close()
