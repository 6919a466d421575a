"""What `tw probe` leaves in a pipe, and how it ends with its server."""

import json
import subprocess

from e2e.harness import TIMEOUT_S, TW, environment, serving, tw
from tw.errors import ExitCode


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
    for probe, code in (("echo", ExitCode.PROTOCOL), ("counter", ExitCode.BAD_VERDICT)):
        with serving(probe, "--access-log") as server:
            process = subprocess.Popen(
                [TW, "probe", probe, server.target, "--json", "--interval", "300ms"],
                env=environment(),
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
            server.wait_for("open")
            if probe == "counter":
                # Once the second is here, the first has been answered.
                server.wait_for("request")
                server.wait_for("request")
            server.process.kill()
            out, _ = process.communicate(timeout=TIMEOUT_S)
            assert process.returncode == code, out
            assert json.loads(out)["ok"] is False
