"""Servers with limits, and clients that try them."""

import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from e2e.harness import TIMEOUT_S, TW, Server, environment


@contextmanager
def limited(limits: str, service: str, *args: str, errors: Path) -> Iterator[Server]:
    """`tw serve SERVICE --json`, in a shell that has set these limits; its stderr goes to a file."""
    line = f'{limits}; exec "$@"'
    with errors.open("wb") as stderr:
        process = subprocess.Popen(
            ["sh", "-c", line, "sh", TW, "serve", service, "--json", "--port", "0", *args],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=environment(),
        )
    server = Server(process, [])
    try:
        server.listening.append(server.wait_for("listening"))
        yield server
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(TIMEOUT_S)
        server.stdout.close()


class Clients:
    """Connections to one server, closed at the end."""

    def __init__(self, server: Server, stack: ExitStack) -> None:
        self.server = server
        self.stack = stack

    def connect(self, source: str = "", host: str = "127.0.0.1") -> socket.socket:
        bind = (source, 0) if source else None
        client = socket.create_connection((host, self.server.port), TIMEOUT_S, bind)
        return self.stack.enter_context(client)

    def served(self, source: str = "", host: str = "127.0.0.1") -> bool:
        """Whether one more gets its bytes back, rather than a close."""
        return echoes(self.connect(source, host))


def echoes(client: socket.socket) -> bool:
    try:
        client.sendall(b"hello")
        return client.recv(5) == b"hello"
    except (ConnectionResetError, BrokenPipeError):
        return False
