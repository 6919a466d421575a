"""The counter beside nginx's `return 200`, node's http and twisted.web: `python tests/benchmarks/counter.py [ROUNDS]`.

Needs Debian's wrk; nginx-light and nodejs are peers where they are installed. nginx sends a constant.
"""

import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench import HERE, PYTHON, TW, Figures, Peer, run, table

SECONDS = 2
CONNECTIONS = 50

NGINX = """
worker_processes 1; daemon off; pid {folder}/pid; error_log /dev/null;
events {{ worker_connections 4096; }}
http {{ access_log off; keepalive_requests 100000000; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{ listen 127.0.0.1:{port} backlog=1024;
    location / {{ default_type text/plain; return 200 "I am request #1\\n"; }} }} }}
"""

NODE = """
let n = 0;
require('http').createServer((q, r) => {
  r.setHeader('Content-Type', 'text/plain; charset=utf-8'); r.end(`I am request #${++n}\\n`);
}).listen(+process.argv[1], '127.0.0.1', 1024);
"""

PIPELINE = """
init = function(args) local one = wrk.format(); all = string.rep(one, 16) end
request = function() return all end
"""

CLOSE = 'wrk.headers["Connection"] = "close"'


def nginx(port: int) -> list[str]:
    folder = tempfile.mkdtemp(prefix="tw-nginx-")
    config = Path(folder) / "nginx.conf"
    config.write_text(NGINX.format(folder=folder, port=port))
    return ["nginx", "-c", str(config)]


PEERS = [
    Peer("tw", lambda port: [TW, "serve", "counter", "--port", str(port)]),
    Peer("twisted.web", lambda port: [PYTHON, str(HERE / "peers.py"), "plain_counter", str(port)]),
    Peer("nginx", nginx, "nginx"),
    Peer("node", lambda port: ["node", "-e", NODE, str(port)], "node"),
]


def cpu_s(pid: int) -> float:
    """CPU seconds of a process and its children that live."""
    pids = [pid]
    children = Path(f"/proc/{pid}/task/{pid}/children")
    pids += [int(child) for child in children.read_text().split()]
    ticks = 0
    for one in pids:
        fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / 100


def requests(script: str) -> Callable[[Peer], Figures]:
    """One run of wrk."""

    def work(peer: Peer) -> Figures:
        with tempfile.NamedTemporaryFile("w", suffix=".lua") as lua:
            lua.write(script)
            lua.flush()
            scripted = ["-s", lua.name] if script else []
            url = f"http://127.0.0.1:{peer.port}/"
            command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", *scripted, url]
            before, began = cpu_s(peer.pid), time.perf_counter()
            out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            spent, took = cpu_s(peer.pid) - before, time.perf_counter() - began
        done = re.search(r"(\d+) requests in", out)
        assert done is not None, out
        if "Non-2xx" in out or ("Socket errors" in out and "close" not in script):
            print(f"at fault: {peer.name}: {out}")
        count = int(done[1])
        return {"rate_s": count / took, "srv_us_msg": spent / count * 1e6}

    return work


def main(rounds: int) -> None:
    works = [
        (f"{CONNECTIONS} connections, keep-alive", requests("")),
        (f"{CONNECTIONS} connections, pipelined by 16", requests(PIPELINE)),
        (f"{CONNECTIONS} connections, Connection: close", requests(CLOSE)),
    ]
    here = run(PEERS, works, rounds)
    for name, _ in works:
        table(here, name, [("k req/s", "rate_s", 1e3), ("us/req cost", "srv_us_msg", 1)], "tw")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
