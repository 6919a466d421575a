"""The installed `tw`, started and stopped as a user would: real processes, real sockets, free ports."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

TW = str(Path(sys.executable).parent / "tw")
TIMEOUT_S = 60.0

CONNECTED = ("--wait-for", "1m")
"""Of a probe with a short `--timeout`, which is for answers: where a busy machine takes longer to connect, it is asked
again."""


def environment(**more: str) -> dict[str, str]:
    """This process's environment without any setting of `tw`'s, and with no settings file in reach."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TW_")}
    return {**kept, "XDG_CONFIG_HOME": "/nonexistent", "NO_COLOR": "", **more}


@dataclass
class Ran:
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one object on stdout."""
        lines = self.out.splitlines()
        assert len(lines) == 1, self
        return json.loads(lines[0])

    @property
    def error_line(self) -> str:
        """The one line on stderr."""
        lines = self.err.splitlines()
        assert len(lines) == 1, self
        assert lines[0].startswith("tw: "), self
        return lines[0]


def tw(*args: str, stdin: str | bytes | None = None, env: dict[str, str] | None = None, cwd: Path | None = None) -> Ran:
    """Run `tw` to its end."""
    data = stdin.encode() if isinstance(stdin, str) else stdin
    done = subprocess.run(
        [TW, *args],
        input=data,
        stdin=subprocess.DEVNULL if data is None else None,
        capture_output=True,
        env=environment(**(env or {})),
        timeout=TIMEOUT_S,
        cwd=cwd,
        check=False,
    )
    return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())


@dataclass
class Server:
    """A running `tw serve`, told by its `listening` events."""

    process: subprocess.Popen[bytes]
    listening: list[dict[str, Any]]
    events: list[dict[str, Any]] = field(default_factory=list)
    first_descriptors: int = 0
    """Files that it had open when it was ready."""

    @property
    def port(self) -> int:
        port = self.listening[0]["port"]
        assert isinstance(port, int)
        return port

    @property
    def host(self) -> str:
        host = self.listening[0]["host"]
        assert isinstance(host, str)
        return host

    @property
    def target(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def stdout(self) -> IO[bytes]:
        assert self.process.stdout is not None
        return self.process.stdout

    def next_event(self) -> dict[str, Any]:
        """The next line of stdout; waits for it."""
        line = self.stdout.readline()
        assert line, f"the server ended: {self.process.wait(TIMEOUT_S)}"
        event: dict[str, Any] = json.loads(line)
        self.events.append(event)
        return event

    def wait_for(self, name: str) -> dict[str, Any]:
        """The next event of that name."""
        while True:
            event = self.next_event()
            if event["event"] == name:
                return event

    def stop(self, number: int = signal.SIGTERM) -> dict[str, Any]:
        """Stop it, and give its summary."""
        self.process.send_signal(number)
        rest, _ = self.process.communicate(timeout=TIMEOUT_S)
        self.events.extend(json.loads(line) for line in rest.splitlines())
        assert self.process.returncode == 0, self.events
        assert self.events[-1]["event"] == "summary"
        return self.events[-1]

    def descriptors(self) -> int:
        """How many files, sockets among them, it has open now."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def resident_bytes(self) -> int:
        """What the process holds in memory now."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def wait_until_connected(self, count: int) -> None:
        """Until it has so many connections more than when it was ready."""
        before = self.first_descriptors
        until(lambda: self.descriptors() >= before + count)

    def wait_until_idle(self) -> None:
        """Until it waits, and has used no CPU to speak of for half a second: all that came is worked off."""
        deadline = time.monotonic() + 4 * TIMEOUT_S
        before = -1.0
        while (now := self.cpu_s()) - before > 0.02 or self._wants_to_run():
            assert time.monotonic() < deadline, "the server is busy for ever"
            before = now
            time.sleep(0.5)

    def cpu_s(self) -> float:
        """Seconds of CPU so far (proc(5): utime and stime)."""
        fields = self._stat()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _wants_to_run(self) -> bool:
        """Whether it has work: on a busy machine it may have got no CPU for all that."""
        return self._stat()[0] != "S"

    def _stat(self) -> list[str]:
        """Its state and what follows it (proc(5))."""
        return Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()


def until(holds: Callable[[], object]) -> None:
    """Look again and again until it is so."""
    deadline = time.monotonic() + TIMEOUT_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@contextmanager
def serving(
    service: str,
    *args: str,
    listeners: int = 1,
    place: tuple[str, ...] = ("--port", "0"),
    program: Sequence[str] = (TW,),
    stderr: IO[bytes] | None = None,
) -> Iterator[Server]:
    """`tw serve SERVICE --json` on a free port, ready to be used; killed at the end if it still runs.

    `program` is what is run instead of the installed `tw`, `stderr` where its errors go instead of the test's own.
    """
    process = subprocess.Popen(
        [*program, "serve", service, "--json", *place, *args],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=stderr,
        env=environment(),
    )
    server = Server(process, [])
    try:
        for _ in range(listeners):
            server.listening.append(server.wait_for("listening"))
        server.first_descriptors = server.descriptors()
        yield server
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(TIMEOUT_S)
        server.stdout.close()
