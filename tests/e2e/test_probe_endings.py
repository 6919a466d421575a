"""What `tw probe` leaves in a pipe, and how it ends with its server."""

import signal
import subprocess
import sys

from e2e.harness import TIMEOUT_S, TW, environment, serving, tw
from tw.errors import ExitCode

DYING = """
import os, signal, sys
from tw.protocols.{module} import {name} as Dying
Dying.heard, real = b"", Dying.dataReceived
def hear(self, data):
    self.heard += data
    if self.heard.count(b"{begins}") >= 3:
        os.kill(os.getpid(), signal.SIGKILL)
    real(self, data)
Dying.dataReceived = hear
sys.argv[0] = "tw"
from tw.__main__ import main
sys.exit(main())
"""
"""tw, which is killed when it hears the third message of a connection. What came before it has been answered."""


def test_the_report_in_a_pipe_is_plain_lines_without_escapes() -> None:
    ran = tw("probe", "echo", "--self", "--interval", "10ms")
    assert ran.out.splitlines()[0].endswith(": ok")
    assert "\x1b" not in ran.out
    assert ran.err == ""


def test_a_pipe_that_closes_early_ends_quietly() -> None:
    command = f"{TW} probe echo --self --interval 10ms | head -1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        env=environment(),
        capture_output=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(b"echo 127.0.0.1:")


def test_a_server_that_dies_in_the_middle_is_exit_7_for_streams_and_a_verdict_for_requests() -> None:
    for probe, name, begins, code in (
        ("echo", "EchoServer", "-000000000", ExitCode.PROTOCOL),
        ("counter", "CounterServer", "GET ", ExitCode.BAD_VERDICT),
    ):
        program = (sys.executable, "-c", DYING.format(module=probe, name=name, begins=begins))
        with serving(probe, program=program) as server:
            ran = tw("probe", probe, server.target, "--json", "--interval", "10ms")
            assert server.process.wait(TIMEOUT_S) == -signal.SIGKILL
        assert (ran.code, ran.json["ok"]) == (code, False), ran
        assert ran.json["received"] <= 2
