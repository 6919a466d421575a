"""A real nginx, on a port that the test has bound for it."""

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
daemon off;
{user}
pid {folder}/pid;
error_log stderr warn;
events {{ worker_connections 100; }}
http {{
    client_body_temp_path {folder};
    proxy_temp_path {folder};
    fastcgi_temp_path {folder};
    uwsgi_temp_path {folder};
    scgi_temp_path {folder};
    log_format seen '{log}';
    access_log {folder}/access seen;
    {http}
    server {{
        listen 127.0.0.1:{port} {listen};
        {server}
    }}
}}
"""


class Nginx:
    """A running nginx. `seen` gives its access log, which it has written once it is stopped."""

    def __init__(self, port: int, folder: Path, process: subprocess.Popen[bytes]) -> None:
        self.port = port
        self.target = f"127.0.0.1:{port}"
        self._folder = folder
        self._process = process

    def stop(self) -> None:
        """In good order: a master that is killed leaves its workers behind."""
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait(TIMEOUT_S)

    def seen(self) -> list[str]:
        """Stop it, and give the lines of its access log."""
        self.stop()
        return (self._folder / "access").read_text().splitlines()


@contextmanager
def nginx(server: str, *, listen: str = "", http: str = "", log: str = "$remote_addr") -> Iterator[Nginx]:
    """`server` and `http` are for the blocks of these names, `listen` follows the port, `log` is a line of the log.

    It gets its socket as nginx hands it on to itself at an upgrade: the variable NGINX names the descriptor. Whoever
    connects before it is up waits in the socket's queue.
    """
    need("nginx")
    with tempfile.TemporaryDirectory() as path, socket.create_server(("127.0.0.1", 0)) as listener:
        folder, port, number = Path(path), listener.getsockname()[1], listener.fileno()
        values = {"folder": folder, "port": port, "listen": listen, "http": http, "server": server, "log": log}
        values["user"] = "user root;" if os.geteuid() == 0 else ""  # the folder is ours alone
        (folder / "nginx.conf").write_text(CONFIG.format(**values))
        with (folder / "stderr").open("wb") as stderr:
            process = subprocess.Popen(
                ["nginx", "-c", str(folder / "nginx.conf"), "-e", "stderr"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                pass_fds=[number],
                env={**os.environ, "NGINX": f"{number};"},
            )
        running = Nginx(port, folder, process)
        try:
            yield running
            assert process.poll() in (None, 0), (folder / "stderr").read_text()
        finally:
            running.stop()
