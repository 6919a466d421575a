"""A client of the counter that reads nothing."""

from counter_memory import Rig, get

READ_BYTES = 65_536
REQUEST = get()
ANSWER_BYTES = 220
BAD = b"GET / HTTP/1.1\r\n\r\n"


def stalled(rig: Rig) -> int:
    """Fill the transport until it pauses the server; gives how many requests were sent."""
    rig.transport.reads = False
    sent = 0
    while rig.transport.is_reading:
        rig.send(REQUEST * (READ_BYTES // len(REQUEST)))
        sent += READ_BYTES // len(REQUEST)
    return sent
