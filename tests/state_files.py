"""What tests of the counter's state share: its numbers, its file, and a disk that fills up."""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tw.errors import LocalError
from tw.services.state import Numbers, parse_state


def take(numbers: Numbers, count: int) -> list[int]:
    return [numbers.take() for _ in range(count)]


def next_in(path: Path) -> int:
    return parse_state(path.read_bytes(), str(path))[1]


STEPS = ("open", "fchmod", "write", "fsync", "replace")
"""The system calls of a replacement, by their names in `os`."""


def failing(real: Callable[..., Any], left: list[int]) -> Callable[..., Any]:
    """Fails as a full disk does, at the call that `left` counts down to, and works again afterwards."""

    def call(*args: Any, **keywords: Any) -> Any:
        left[0] -= 1
        if left[0] == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(*args, **keywords)

    return call


def refused(call: Callable[[], object]) -> bool:
    """Whether it failed for want of space; every other failure is raised."""
    try:
        call()
    except LocalError as error:
        if "no space left on device" not in error.what:
            raise
        return True
    return False
