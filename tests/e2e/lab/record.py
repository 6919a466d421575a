"""What stood in a stream that servers share, in its order: what each client's lines are held against."""

import re
import socket
import threading
from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise
from typing import Any

import hiredis

from e2e.harness import TIMEOUT_S
from e2e.redis import Redis

DROPPED = re.compile(rb"<tw> dropped (\d+) lines")


class Record:
    """Reads the stream beside the servers, over the unix socket, in a thread of its own, from its beginning on.

    `lines` are those that servers should deliver; an entry that stands there again is counted in `repeated`.
    """

    def __init__(self, redis: Redis, stream: str) -> None:
        self.lines: list[bytes] = []
        self.repeated = 0
        self.place = b"0-0"
        self._seen: set[tuple[bytes, bytes]] = set()
        self._path = str(redis.path)
        self._stream = stream
        self._over = False
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        while not self._over:
            # Redis may be killed, or cut its connections.
            with suppress(OSError, hiredis.ReplyError), socket.socket(socket.AF_UNIX) as link:
                link.settimeout(TIMEOUT_S)
                link.connect(self._path)
                replies = hiredis.Reader()
                while not self._over:
                    words = ("XREAD", "COUNT", "1000", "BLOCK", "100", "STREAMS", self._stream, self.place)
                    link.sendall(hiredis.pack_command(words))
                    self._take(self._reply(link, replies))

    def _reply(self, link: socket.socket, replies: hiredis.Reader) -> Any:
        while (reply := replies.gets()) is False:
            data = link.recv(65_536)
            if not data:
                raise ConnectionResetError
            replies.feed(data)
        if isinstance(reply, hiredis.ReplyError):
            raise reply
        return reply

    def _take(self, reply: Any) -> None:
        for place, (_, node, _, number, _, _, _, body, *_) in reply[0][1] if reply else ():
            if (node, number) in self._seen:
                self.repeated += 1
            else:
                self._seen.add((node, number))
                self.lines += body.split(b"\n")[:-1]
            self.place = place

    def stop(self) -> None:
        self._over = True
        self._thread.join(TIMEOUT_S)

    def published(self, name: bytes) -> list[bytes]:
        """The lines that begin with this, without their sources."""
        texts = (line.partition(b"> ")[2] for line in self.lines)
        return [text for text in texts if text.startswith(name)]


def dropped_between(lines: Sequence[bytes], got: Sequence[bytes], *, to_the_end: bool) -> int:
    """How many of the record's lines a client was told it has not got. `lines` are all different.

    From the first line that it has, it has all that follow, once and in their order, `to_the_end` or to some line; and
    where it has not, it is told of as many as are missing in all. (Of each server's lines it is told when the next one
    of that server's comes, so that notices of several may stand among lines.) Raises AssertionError for anything else.
    """
    places = {line: place for place, line in enumerate(lines)}
    own = [places.get(line, -1) for line in got if not DROPPED.fullmatch(line)]
    told = sum(int(notice[1]) for notice in map(DROPPED.fullmatch, got) if notice)
    assert own, "nothing came"
    assert -1 not in own, "a line came that is not in the record"
    for before, after in pairwise(own):
        assert before < after, f"{lines[after]!r}, {after} of the record, came after {before}, {lines[before]!r}"
    last = len(lines) - 1 if to_the_end else own[-1]
    missing = last + 1 - own[0] - len(own)
    assert missing == told, f"{missing} lines are missing, {told} were told, the last is {last - own[-1]} from the end"
    return told
