"""What tests of `--workers` share: who the workers are, whether they live, and clients that are dealt out to them."""

import re
import socket
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from e2e.harness import TIMEOUT_S, Server, until

GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"


def pids(server: Server) -> list[int]:
    """The workers that it was ready with."""
    found: list[int] = server.listening[0]["worker_pids"]
    return found


def lives(pid: int) -> bool:
    """Whether the process is there, and no zombie."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def until_gone(*gone: int) -> None:
    until(lambda: not any(lives(pid) for pid in gone))


def until_stopped(pid: int) -> None:
    """Until a SIGSTOP has come to it."""
    until(lambda: Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T")


def connect(server: Server, stack: ExitStack) -> socket.socket:
    return stack.enter_context(socket.create_connection(("127.0.0.1", server.port), TIMEOUT_S))


def open_all(server: Server, count: int, stack: ExitStack) -> tuple[list[socket.socket], dict[str, Any]]:
    """Clients, all of them accepted (needs `--access-log`), and which worker has which peer.

    That one of two workers has none of 24 comes once in 8 million times.
    """
    clients = [connect(server, stack) for _ in range(count)]
    opened = [server.wait_for("open") for _ in range(count)]
    return clients, {event["peer"]: event["worker"] for event in opened}


def name(client: socket.socket) -> str:
    """As events call this peer."""
    host, port = client.getsockname()
    return f"{host}:{port}"


def read_all(client: socket.socket) -> bytes:
    """To the end, or what came before a reset."""
    got = b""
    with suppress(ConnectionError):
        while data := client.recv(65_536):
            got += data
    return got


def numbers(answers: bytes) -> list[int]:
    return [int(number) for number in re.findall(rb"I am request #(\d+)\n", answers)]


def children(pid: int) -> list[int]:
    """Processes whose parent it is."""
    with suppress(OSError):
        return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []
