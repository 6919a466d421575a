"""A real HAProxy in front of a server, on a port that the test has bound for it."""

import os
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from e2e.harness import TIMEOUT_S
from e2e.programs import need

CONFIG = """
global
    maxconn 100
    nbthread 1
defaults
    mode tcp
    timeout connect 30s
    timeout client 60s
    timeout server 60s
listen door
    bind fd@{fd} {door}
    server behind {place} {options}
    {more}
"""


@contextmanager
def haproxy(place: str, options: str, door: str = "", more: str = "", *, host: str = "127.0.0.1") -> Iterator[int]:
    """HAProxy in TCP mode; gives its port. `place` and `options` are of its `server` line, `door` of its `bind`, and
    `more` is lines of the section that both are in.

    It has one thread: with more, the connections that a probe opens one after the other may reach the server the other
    way round, and a publisher's first line is then over before there is a subscriber.
    """
    need("haproxy")
    with tempfile.TemporaryDirectory() as folder, socket.create_server((host, 0)) as listener:
        config, errors = Path(folder, "haproxy.cfg"), Path(folder, "stderr")
        config.write_text(CONFIG.format(fd=listener.fileno(), door=door, place=place, options=options, more=more))
        with open(errors, "wb") as stderr:
            # Whoever connects before it is up waits in the socket's queue.
            process = subprocess.Popen(
                ["haproxy", "-db", "-f", str(config)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                pass_fds=[listener.fileno()],
                env={**os.environ, "NOTIFY_SOCKET": ""},
            )
        port: int = listener.getsockname()[1]
        try:
            yield port
            assert process.poll() is None, errors.read_text()
        finally:
            process.kill()
            process.wait(TIMEOUT_S)
