"""How many descriptors a server may have: as many as its connections need, where the hard limit lets it."""

from twisted.logger import Logger

from tw.net.descriptors import raise_limit_to

OWN_DESCRIPTORS = 50
"""What a server needs besides its connections. 14 were seen open with TLS and a state, and `net.gate` keeps 8 spare;
the rest is for further listeners, and for one connection more at a time, which is accepted to be refused."""

_log = Logger()


def raise_limit(connections: int) -> None:
    """Raise the soft limit to what `connections` need. What the hard limit does not allow is warned of, once."""
    needed = connections + OWN_DESCRIPTORS
    allowed = raise_limit_to(needed)
    if allowed < needed:
        _log.warn(
            "room for {room} connections, not {connections}: {soft} descriptors are allowed; raise the hard limit"
            " (ulimit -Hn {needed}) or lower --max-connections",
            room=max(0, int(allowed) - OWN_DESCRIPTORS),
            connections=connections,
            soft=int(allowed),
            needed=needed,
        )
