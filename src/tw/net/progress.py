"""Whether a peer reads: how much it has taken of what was sent to it."""

import fcntl
import struct
import termios
from contextlib import suppress
from typing import Any

from twisted.protocols.policies import ProtocolWrapper

from tw.net.stream import Stream


def taken_bytes(stream: Stream) -> int:
    """How many bytes the peer's kernel has taken. It changes when the peer reads, however slowly, and not otherwise.

    Twisted's buffer and the kernel's (SIOCOUTQ, tcp(7)) hold the rest of what was written. Over TLS it is not a count
    of anything, but it changes all the same.
    """
    transport: Any = stream.transport
    while isinstance(transport, ProtocolWrapper):
        transport = transport.transport
    waiting = getattr(transport, "_tempDataLen", 0)
    waiting += len(getattr(transport, "dataBuffer", b"")) - getattr(transport, "offset", 0)
    with suppress(AttributeError, OSError, ValueError):
        waiting += struct.unpack("i", fcntl.ioctl(transport.fileno(), termios.TIOCOUTQ, bytes(4)))[0]
    return stream.sent_bytes - waiting
