"""What the benchmarks share: servers side by side, runs interleaved, ratios of medians.

A figure of one machine means little, and less on a shared one: what counts is a server beside its peers in one run.
`cost` is the server's CPU time for each message, the steadier figure; `rate` is bounded by the generator as well.
"""

import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
PYTHON = sys.executable
TW = str(Path(PYTHON).parent / "tw")
BUILT = Path(tempfile.gettempdir()) / "tw-benchmarks"

Figures = dict[str, float]


@dataclass
class Peer:
    """One server: how to start it on a port, and what of its figures was collected."""

    name: str
    command: Callable[[int], list[str]]
    needs: str = ""
    """A program that must be installed, or `module:NAME` for a Python one."""
    proto: str = "line"
    generator: str = "loadgen"
    port: int = 0
    process: subprocess.Popen[bytes] | None = None
    figures: dict[str, list[Figures]] = field(default_factory=dict)

    @property
    def missing(self) -> bool:
        if self.needs.startswith("module:"):
            found = subprocess.run([PYTHON, "-c", f"import {self.needs[7:]}"], capture_output=True, check=False)
            return found.returncode != 0
        return bool(self.needs) and shutil.which(self.needs) is None

    def start(self) -> None:
        self.port = free_port()
        self.process = subprocess.Popen(
            self.command(self.port),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            env={name: value for name, value in os.environ.items() if not name.startswith(("COVERAGE", "TW_"))},
        )
        until = time.monotonic() + 60
        while time.monotonic() < until:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 0.2):
                return
            time.sleep(0.05)
        raise SystemExit(f"{self.name} does not listen on {self.port}")

    def stop(self) -> None:
        """Asked to first: nginx's worker outlives a master that is killed."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def ports(self) -> str:
        """Where the load goes, as the generator takes it."""
        return str(self.port)

    @property
    def pids(self) -> str:
        """Whose CPU time is its cost."""
        return str(self.pid)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = reserved.getsockname()[1]
        assert isinstance(port, int)
        return port


def built(name: str) -> str:
    """The path of a C program of this folder, compiled if need be."""
    BUILT.mkdir(exist_ok=True)
    source, program = HERE / f"{name}.c", BUILT / name
    if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
        libraries = ["-lssl", "-lcrypto"] if name == "tlsgen" else []
        half = program.with_suffix(f".{os.getpid()}")  # others may be at it as well
        subprocess.run(["gcc", "-O2", "-o", str(half), str(source), *libraries], check=True)
        half.replace(program)
    return str(program)


def certificate() -> tuple[str, str]:
    """The paths of a throw-away certificate for localhost and of its key: P-256, as `--tls-self-signed` makes one."""
    BUILT.mkdir(exist_ok=True)
    cert, key = BUILT / "cert.pem", BUILT / "key.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    subprocess.run([*command.split(), "-keyout", str(key), "-out", str(cert)], check=True, capture_output=True)
    return str(cert), str(key)


def load(peer: Peer, *options: str, seconds: float) -> Figures:
    """One run of the load generator. A wrong byte, a missing line or a closed connection of `tw`'s ends the benchmark;
    a peer's is told."""
    command = [built(peer.generator), *options, "-p", peer.ports, "-k", peer.pids, "-t", str(seconds)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        fault = f"{peer.name}: {' '.join(options)}: {done.stdout}{done.stderr}"
        if peer.name.startswith("tw") or "rate_s=" not in done.stdout:
            raise SystemExit(fault)
        print(f"at fault: {fault.rstrip()}")
    pairs = (word.split("=") for word in done.stdout.split() if "=" in word)
    return {name: float(value) for name, value in pairs if _is_number(value)}


def _is_number(text: str) -> bool:
    with suppress(ValueError):
        float(text)
        return True
    return False


def run(peers: Sequence[Peer], works: Sequence[tuple[str, Callable[[Peer], Figures]]], rounds: int) -> list[Peer]:
    """Start every peer that is there, and give each every work in turn, `rounds` times over."""
    here = [peer for peer in peers if not peer.missing]
    for peer in peers:
        if peer not in here:
            print(f"not here: {peer.name} (needs {peer.needs})")
    with ExitStack() as stack:
        for peer in here:
            stack.callback(peer.stop)
            peer.start()
        for _ in range(rounds):
            for name, work in works:
                for peer in here:
                    peer.figures.setdefault(name, []).append(work(peer))
    return here


def table(peers: Sequence[Peer], work: str, columns: Sequence[tuple[str, str, float]], base: str) -> None:
    """Print medians with their spread, and each peer's figure as a ratio to that of `base`.

    `columns` are (heading, key of the figure, what to divide it by).
    """
    print(f"\n{work}, medians of {len(peers[0].figures[work])} interleaved runs (spread: lowest to highest)")
    print(f"  {'':14}" + "".join(f"{heading:>12} {'x ' + base:>10} {'spread':>15}" for heading, _, _ in columns))
    reference = next(peer for peer in peers if peer.name == base)
    for peer in peers:
        cells = ""
        for _, key, unit in columns:
            values = [figures[key] / unit for figures in peer.figures[work]]
            middle = statistics.median(values)
            other = statistics.median(figures[key] / unit for figures in reference.figures[work])
            ratio = middle / other if other else float("nan")
            cells += f"{middle:12.4g} {ratio:9.2f}x {min(values):7.4g}-{max(values):<7.4g}"
        print(f"  {peer.name:14}{cells}")
