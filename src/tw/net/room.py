"""Whether this machine lets one process have so many connections: told before a run begins, and not in its middle."""

import os
from contextlib import suppress
from pathlib import Path

from tw.errors import LocalError
from tw.net.descriptors import limits, raise_limit_to

MARGIN = 32
"""Files that a run may yet open: for names (a socket for each of 10 threads), certificates, reports; and the 8 that
`net.gate` keeps spare with a server in the same process."""

UNKNOWN_OPEN = 32
"""What is open already, where the system does not tell: 11 were seen, and a shell may hand some down."""

PORT_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
"""What ports the kernel gives to connections (ip(7)), over IPv6 as well."""


def make_room_for(connections: int, *, self_test: bool, places: int = 1) -> None:
    """Make sure that so many connections can be opened, and raise the soft limit on files for them.

    `self_test`: the server is in this process, and has its end of each. `places`: so many share them, each of which all
    local ports can connect to; 0 where no ports are needed. To be called before a listener is bound, which keeps to the
    limit that it finds. Raises LocalError.
    """
    needed = descriptors_needed(connections, open_now=open_descriptors(), self_test=self_test)
    allowed = raise_limit_to(needed)
    if allowed < needed:
        raise _too_few_files(connections, int(allowed), needed)
    ports = local_ports(port_range()) if places else None
    if ports is not None and connections > ports * places:
        raise LocalError(
            f"cannot open {connections} connections: one source address has {ports} ports",
            "net.ipv4.ip_local_port_range",
            "widen the range with sysctl -w, or share the load among probes with a --bind of their own",
        )


def _too_few_files(connections: int, allowed: int, needed: int) -> LocalError:
    """The soft limit has been raised as far as it goes: where that is the hard one, no shell of the user's goes on."""
    if limits()[1] >= needed:
        what = f"cannot open {connections} connections: the limit is {allowed} files"
        return LocalError(what, "RLIMIT_NOFILE", f"raise it with ulimit -n {needed}")
    what = f"cannot open {connections} connections: the hard limit is {allowed} files"
    ways = (
        f"prlimit --pid $$ --nofile={needed} as root, for this shell",
        f"`* hard nofile {needed}` in /etc/security/limits.conf, from the next login on",
        f"LimitNOFILE={needed} in a systemd unit",
    )
    return LocalError(what, "RLIMIT_NOFILE", f"raise it: {'; '.join(ways[:2])}; or {ways[2]}")


def descriptors_needed(connections: int, *, open_now: int, self_test: bool) -> int:
    """How many descriptors a process has at most, that opens so many connections."""
    return connections * (2 if self_test else 1) + open_now + MARGIN


def open_descriptors() -> int:
    """How many this process has open (proc(5))."""
    with suppress(OSError):
        return len(os.listdir("/proc/self/fd"))
    return UNKNOWN_OPEN


def port_range() -> str:
    """The kernel's own words; empty where it has none."""
    with suppress(OSError):
        return PORT_RANGE.read_text("ascii")
    return ""


def local_ports(text: str) -> int | None:
    """How many ports there are in `first last`; None where it is something else."""
    with suppress(ValueError):
        first, last = map(int, text.split())
        return max(0, last - first + 1)
    return None
