"""A real nginx in front of servers, on a port that the test has bound for it."""

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
daemon off;
{user}
worker_processes 1;
pid {folder}/pid;
error_log stderr error;
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    proxy_cache_path {folder}/cache keys_zone=answers:1m;
    upstream behind {{
        {servers}
    }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://behind;
            {rules}
        }}
    }}
}}
"""


@contextmanager
def nginx(places: Sequence[str], *rules: str) -> Iterator[str]:
    """nginx with these servers behind it, in turn; gives its target. `rules` stand in its `location`.

    It has one worker, and so one turn: each of several would have its own. The socket is handed over as in an upgrade
    of its binary (`NGINX=FD;`), so whoever connects before it is up waits in the socket's queue.
    """
    need("nginx")
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as door:
        port: int = door.getsockname()[1]
        config, errors = Path(folder, "nginx.conf"), Path(folder, "stderr")
        servers = "\n".join(f"server {place};" for place in places)
        # Its worker would be nobody, who may not write into this folder.
        user = "user root;" if os.getuid() == 0 else ""
        lines = "\n".join(f"{rule};" for rule in rules)
        config.write_text(CONFIG.format(folder=folder, port=port, servers=servers, rules=lines, user=user))
        with open(errors, "wb") as stderr:
            process = subprocess.Popen(
                ["nginx", "-e", "stderr", "-p", folder, "-c", str(config)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                pass_fds=[door.fileno()],
                env={**os.environ, "NGINX": f"{door.fileno()};"},
            )
        try:
            yield f"127.0.0.1:{port}"
            assert process.poll() is None, errors.read_text()
        finally:
            # Not killed: that would leave its worker behind.
            process.terminate()
            process.wait(TIMEOUT_S)
