"""Small programs in processes of their own, for what needs a reactor: told to do things, and waited for."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from textwrap import dedent

TIMEOUT_S = 30.0

PREAMBLE = """
import os, signal, sys
from tw.options import CommonOptions
from tw.runtime import run

def say(*words):
    print(*words, flush=True)

def launch(main, **common):
    try:
        say("code", run(CommonOptions(**common), main))
    except BaseException as error:
        say("raised", repr(error))
"""


class Program:
    """A running script. What it says on stdout is read line by line."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().rstrip("\n")

    def rest(self) -> list[str]:
        """The lines that are left, once it has ended."""
        out, err = self.process.communicate(timeout=TIMEOUT_S)
        assert err == "", err
        return out.splitlines()

    @property
    def code(self) -> int:
        return self.process.returncode


@contextmanager
def program(script: str, *, preamble: str = PREAMBLE, nohup: bool = False) -> Iterator[Program]:
    """Start a script; it is killed at the end if it still runs."""
    process = subprocess.Popen(
        [sys.executable, "-c", preamble + dedent(script)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "XDG_CONFIG_HOME": "/nonexistent"},
        preexec_fn=(lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN) and None) if nohup else None,
    )
    try:
        yield Program(process)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(TIMEOUT_S)
        for stream in (process.stdout, process.stderr):
            assert stream is not None
            stream.close()


def output(script: str, *, preamble: str = PREAMBLE) -> list[str]:
    """What a script says until its end."""
    with program(script, preamble=preamble) as running:
        return running.rest()
