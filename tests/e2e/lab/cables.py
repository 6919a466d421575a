"""Cables of a laboratory that can be made slow and bad, and cut: each set of them is a program, told over a pipe."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from e2e.harness import TIMEOUT_S
from e2e.lab.host import Host

PROGRAMS = Path(__file__).parent
ALONE = ("-I", "-S")
"""Nothing but Python itself: what is installed would only cost time, coverage of these programs too."""


class Cables:
    """`frames.py` or `streams.py`, running on a host. What it wants to know is in its docstring."""

    def __init__(self, host: Host, program: str, *arguments: str) -> None:
        self._process = host.inside(
            subprocess.Popen,
            [sys.executable, *ALONE, str(PROGRAMS / program), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._next()

    def _next(self) -> dict[str, int]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"the cables are gone: {self._process.wait(TIMEOUT_S)}"
        answer: dict[str, int] = json.loads(line)
        return answer

    def tell(self, **order: Any) -> dict[str, int]:
        """Once this returns, it is so. Gives what was done until then."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return self._next()

    def stop(self) -> None:
        self._process.kill()
        self._process.communicate()


BOTH = ("up", "down")
"""The directions of a cable: up is from a server to the bridge."""


class Cable:
    """One of them."""

    def __init__(self, cables: Cables, name: str) -> None:
        self._cables = cables
        self._name = name

    def become(self, *, delay_s: float = 0.0, loss: float = 0.0, cut: Sequence[str] = ()) -> dict[str, int]:
        """`delay_s` and `loss` (of 1) are each direction's, `cut` names those that pass nothing. Gives the frames
        (bytes, in the stand-in) that have passed, were lost, and were cut off until now."""
        return self._cables.tell(cable=self._name, delay_s=delay_s, loss=loss, cut=list(cut))
