"""The limit on a process's open files, sockets among them (RLIMIT_NOFILE): raised as far as it has to be."""

import resource
from contextlib import suppress
from math import inf
from typing import TypeAlias

Limits: TypeAlias = tuple[float, float]
"""The soft limit, which counts, and the hard one, up to which anybody may raise it; `inf` where there is none."""


def limits() -> Limits:
    soft, hard = (inf if limit == resource.RLIM_INFINITY else limit for limit in _limits())
    return soft, hard


def raise_limit_to(needed: int) -> float:
    """Have the soft limit be `needed` at least, as far as the hard one lets it. Gives what the soft limit is then."""
    soft, hard = limits()
    if soft >= needed:
        return soft
    wanted = int(min(hard, needed))
    with suppress(OSError, ValueError):  # macOS says unlimited, and then allows less
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, _limits()[1]))
        return wanted
    return soft


def _limits() -> tuple[int, int]:
    return resource.getrlimit(resource.RLIMIT_NOFILE)
