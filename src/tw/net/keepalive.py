"""TCP keepalive on what a listener accepts, so that a peer that has vanished is noticed (RFC 9293, 3.8.4).

A peer whose cable is pulled, whose machine loses power or whose entry a firewall forgets says nothing more: without
this, its connection would stay for ever, and count for every limit.
"""

import math
import socket
from contextlib import suppress
from typing import Any

IDLE_S = 60
"""After so much silence the kernel asks whether the peer is still there; a NAT forgets a connection after minutes.

That is the rule. Who wants to know after how many is in the way of its own questions: they keep the NAT awake.
"""

INTERVAL_S = 15
PROBES = 4
"""How often it asks, and how many of these go unanswered before the connection counts as lost: 2 minutes in all."""


def keep_alive(port: Any, idle_s: float = IDLE_S) -> None:
    """Have everything that this bound port accepts asked for, if it is TCP; anything else is left alone. 0: nobody is.

    Linux and the BSDs hand a listening socket's options on to what it accepts: no connection costs a system call.
    Where bytes are under way to the peer, it is not this that tells but retransmission (`net.ipv4.tcp_retries2`, some
    15 minutes): TCP_USER_TIMEOUT would shorten that, but also ends a peer that is there and does not read.
    """
    listening = getattr(port, "socket", None)
    if (
        not idle_s
        or not isinstance(listening, socket.socket)
        or listening.family not in (socket.AF_INET, socket.AF_INET6)
    ):
        return
    with suppress(OSError):  # UDP has no such thing
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in (
            ("TCP_KEEPIDLE", math.ceil(idle_s)),
            ("TCP_KEEPINTVL", INTERVAL_S),
            ("TCP_KEEPCNT", PROBES),
        ):
            if hasattr(socket, name):  # not everywhere by this name
                listening.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
