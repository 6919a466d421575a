"""A tunnel's command does not outlive the process, nor even its reactor."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.error import ConnectionAborted

from tunnels import STUBBORN, HandTurned, Tunnels
from tw.net.tunnel import GRACE_S


@pytest.fixture
def tunnels(tmp_path: Path) -> Iterator[Tunnels]:
    reactor = HandTurned()
    made = Tunnels(reactor, tmp_path)
    yield made
    made.close()
    reactor.close()


@pytest.mark.usefixtures("quiet")
def test_a_reactor_that_stops_waits_for_the_commands_end(tunnels: Tunnels) -> None:
    done, end = tunnels.run("true"), tunnels.opened(STUBBORN)
    stopped: list[bool] = []
    tunnels.reactor.addSystemEventTrigger("during", "shutdown", stopped.append, True)
    tunnels.reactor.fireSystemEvent("shutdown")
    tunnels.reactor.turns()
    assert type(end.ends[0]) is ConnectionAborted
    assert stopped == []
    tunnels.reactor.pass_s(GRACE_S)
    tunnels.reactor.until(lambda: stopped)
    assert tunnels.all_over()
    assert len(done.ends) == 1


RUN = """
import sys
from tw.net.tunnel import connect_tunnel
from tw.options import CommonOptions
from tw.protocols.client import ClientConnection
from tw.runtime import run
from twisted.internet.defer import Deferred

life = sys.argv[2]
STUBBORN = f"trap '' TERM; exec 9> {life}; echo up; while :; do sleep 1000; done"

async def main(reactor, stop):
    got, over = bytearray(), Deferred()
    cat = ClientConnection(received=got.extend, gone=lambda reason: over.callback(reason.type.__name__))
    connect_tunnel(reactor, "cat", cat)
    cat.stream.write(b"x" * 3_000_000)
    cat.stream.half_close()
    reason = await over
    print(type(reactor).__name__, len(got), reason, flush=True)
    up = Deferred()
    connect_tunnel(reactor, STUBBORN, ClientConnection(received=up.callback))
    await up
    return 7

sys.exit(run(CommonOptions(reactor=sys.argv[1]), main))
"""


@pytest.mark.parametrize(("reactor", "name"), [("auto", "LeanReactor"), ("stock", "EPollReactor")])
def test_nothing_of_a_tunnel_outlives_the_process(reactor: str, name: str, tunnels: Tunnels) -> None:
    life = tunnels.fifo()
    command: list[Any] = [sys.executable, "-c", RUN, reactor, life.path]
    done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (7, b"")
    assert done.stdout.split() == [name.encode(), b"3000000", b"ConnectionDone"]
    assert life.said() == b""


def test_nothing_of_a_tunnel_outlives_a_process_that_is_told_to_end(tunnels: Tunnels) -> None:
    life = tunnels.fifo()
    program = RUN.replace("return 7", "print('up', flush=True)\n    await stop.wait()\n    return 143")
    with subprocess.Popen([sys.executable, "-c", program, "auto", str(life.path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert [process.stdout.readline() for _ in range(2)][1] == b"up\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 143
    assert life.said() == b""
