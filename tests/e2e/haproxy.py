"""A real HAProxy in front of a server, on a port that the test has bound for it."""

import os
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from e2e.harness import TIMEOUT_S
from e2e.programs import need

CONFIG = """
global
    maxconn 100
    nbthread 1
defaults
    mode {mode}
    timeout connect 30s
    timeout client 60s
    timeout server 60s
{sections}
listen door
    bind fd@{fd}
    {lines}
"""


@contextmanager
def haproxy(place: str, options: str) -> Iterator[int]:
    """HAProxy in TCP mode; gives its port. `place` and `options` are of its `server` line."""
    with _running("tcp", [f"server behind {place} {options}"]) as port:
        yield port


@contextmanager
def http_haproxy(places: Sequence[str], *rules: str, options: str = "", sections: str = "") -> Iterator[str]:
    """HAProxy in HTTP mode with these servers behind it, in turn; gives its target.

    `rules` are lines of the proxy, `options` stand behind each server, `sections` beside the proxy.
    """
    servers = [f"server s{number} {place} {options}" for number, place in enumerate(places)]
    with _running("http", ["balance roundrobin", *rules, *servers], sections) as port:
        yield f"127.0.0.1:{port}"


@contextmanager
def _running(mode: str, lines: Sequence[str], sections: str = "") -> Iterator[int]:
    """It has one thread: with more, the connections that a probe opens one after the other may reach the server the
    other way round, and a publisher's first line is then over before there is a subscriber.
    """
    need("haproxy")
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as door:
        config, errors = Path(folder, "haproxy.cfg"), Path(folder, "stderr")
        config.write_text(CONFIG.format(mode=mode, fd=door.fileno(), lines="\n    ".join(lines), sections=sections))
        with open(errors, "wb") as stderr:
            # Whoever connects before it is up waits in the socket's queue.
            process = subprocess.Popen(
                ["haproxy", "-db", "-f", str(config)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                pass_fds=[door.fileno()],
                env={**os.environ, "NOTIFY_SOCKET": ""},
            )
        port: int = door.getsockname()[1]
        try:
            yield port
            assert process.poll() is None, errors.read_text()
        finally:
            process.kill()
            process.wait(TIMEOUT_S)
