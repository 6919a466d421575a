"""A watch under way, for its tests: what it was told, what it says, and its alarm."""

from typing import Any

from imap_script import Visit, converse
from tw.core.imap_message import FETCH_ITEMS
from tw.core.imap_watch import Watch

TIMEOUT_S = 5.0
POLL_S = 30.0
IDLE = b"A%d IDLE\r\n"
NOOP = b"A%d NOOP\r\n"
FETCH = b"A%d FETCH %d:* " + FETCH_ITEMS + b"\r\n"


class Watching:
    """The server's side of a watch. It has opened the mailbox: commands begin at A3."""

    def __init__(self, exists: int | None = 3, *, idle: bool = True, count: int | None = None, **asked: Any) -> None:
        self.told: list[str] = []
        self.watch = Watch(
            "INBOX", lambda one: self.told.append(one.subject), poll_s=POLL_S, timeout_s=TIMEOUT_S, count=count
        )
        self.session = Visit(self.watch, **asked)
        can = b"* OK [CAPABILITY IMAP4rev1 IDLE] ready\r\n" if idle else b"* OK [CAPABILITY IMAP4rev1] ready\r\n"
        self.said = converse(self.session, can, b"A1 OK in\r\n")[-1]
        if exists is not None:
            self.said = self.say(b"* %d EXISTS\r\nA2 OK [READ-ONLY] open\r\n" % exists)

    def say(self, data: bytes, size: int = 0) -> bytes:
        """Have the server say it; gives what is said to that."""
        return converse(self.session, data, size=size)[-1]

    def idle(self) -> bytes:
        """The server agrees to the IDLE under way."""
        return self.say(b"+ idling\r\n")

    def wake(self) -> bytes:
        """The alarm rings; gives what is said then."""
        self.watch.wake()
        return self.session.outgoing()

    def end(self) -> bytes:
        self.watch.end()
        return self.session.outgoing()

    @property
    def alarm_s(self) -> float:
        return self.watch.alarm[1]
