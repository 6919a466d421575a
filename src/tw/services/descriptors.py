"""How many descriptors the process may have: as many as its connections need, where the hard limit lets it."""

import resource
from contextlib import suppress

from twisted.logger import Logger

OWN_DESCRIPTORS = 50
"""What a server needs besides its connections. 14 were seen open with TLS and a state, and `net.gate` keeps 8 spare;
the rest is for further listeners, and for one connection more at a time, which is accepted to be refused."""

_log = Logger()


def raise_limit(connections: int) -> None:
    """Raise the soft limit to what `connections` need. What the hard limit does not allow is warned of, once."""
    needed = connections + OWN_DESCRIPTORS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    wanted = needed if hard == resource.RLIM_INFINITY else min(hard, needed)
    with suppress(OSError, ValueError):  # macOS says unlimited, and then allows less
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    if soft < needed:
        _log.warn(
            "room for {room} connections, not {connections}: {soft} descriptors are allowed; raise the hard limit"
            " (ulimit -Hn {needed}) or lower --max-connections",
            room=max(0, soft - OWN_DESCRIPTORS),
            connections=connections,
            soft=soft,
            needed=needed,
        )
