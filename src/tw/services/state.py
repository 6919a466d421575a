"""Where the counter's numbers come from: memory, or a file that keeps the count across restarts (`--state`).

The number in the file was never handed out, nor was any above it. Numbers are reserved in blocks: the file moves first,
then they are handed out, so that a crash leaves a gap and never a repetition.
"""

import re
import secrets
import zlib
from collections.abc import Iterable

from tw.core.text import safe
from tw.core.workers import lowest_free
from tw.errors import LocalError, UsageError
from tw.services.lockedfile import LockedFile

NUMBER_LIMIT = 2**63
"""Numbers stay below it: a signed 64-bit integer is the largest that every reader of JSON and databases can hold."""

FIRST_BLOCK = 64
LARGEST_BLOCK = 65_536
"""Each block is twice the one before, up to this. So a crash leaves a gap of at most as many numbers as were handed out
since the start and 64 more, and a busy server waits for the disk once in 65,536 answers."""

_FORM = re.compile(
    rb'\{"tw": "counter", "v": 1, "start": ([0-9]{1,19}), "next": ([0-9]{1,19}), "crc32": "[0-9a-f]{8}"\}\n'
)


class Numbers:
    """Numbers from `start` (1) on. `instance` is random, so that a probe can tell a restart from a loss."""

    def __init__(self, start: int | None = None) -> None:
        if start is not None and not 0 <= start < NUMBER_LIMIT:
            raise UsageError("the first number is out of range", f"--start {start}", "use 0 to 2^63 - 1")
        self.instance = secrets.token_hex(8)
        self._next = 1 if start is None else start
        self._end = NUMBER_LIMIT

    def take(self) -> int:
        """The next number. Raises LocalError where it could be handed out twice; nothing is taken then."""
        number = self._next
        if number >= self._end:
            self._reserve()
        self._next = number + 1
        return number

    def _reserve(self) -> None:
        raise LocalError("the numbers are used up", "--start", "start again from a lower one")

    def lend(self, count: int) -> range:
        """A block of at most `count` numbers, for another to hand out: it need not be told of what becomes of them.
        Raises LocalError as `take` does."""
        if self._next >= self._end:
            self._reserve()
        block = range(self._next, min(self._next + count, self._end))
        self._next = block.stop
        return block

    def take_back(self, blocks: Iterable[range]) -> None:
        """What was lent, and never used. What lies directly below the next number is lent or taken again."""
        self._next = lowest_free(self._next, blocks)

    def close(self) -> None:
        """No number is taken any more."""
        self._end = self._next

    def discard(self) -> None:
        """Close, and leave nothing behind that a run made in which no number was taken."""
        self.close()


class NumberFile(Numbers):
    """Numbers that go on from those in the file at `path`. It is locked until `close` or `discard`.

    Raises LocalError for a file that is in use, damaged, or cannot be written, and UsageError for a `start` that is not
    the one that the file was begun with: a command line with both can be started again and again. A file that does not
    exist is made, with mode 0600.
    """

    def __init__(self, path: str, start: int | None = None) -> None:
        super().__init__(start)
        self._path = path
        self._block = FIRST_BLOCK
        self._start = self._next
        self._file = LockedFile(path, format_state(self._start, self._next))
        self._stored: int | None = self._next  # what the file says; None where that is not certain
        try:
            self._resume(start)
        except BaseException:
            self._file.close()
            raise
        self._first = self._end = self._next

    def _resume(self, start: int | None) -> None:
        if self._file.created:
            return
        self._start, self._next = parse_state(self._file.content, self._path)
        if start is not None and start != self._start:
            what = f"--start {start} contradicts the state, which began at {self._start}"
            raise UsageError(what, safe(self._path), "leave --start out")
        self._store(self._next)  # now rather than at the first request: whether it can be written

    def _store(self, number: int) -> None:
        self._stored = None
        self._file.replace(format_state(self._start, number))
        self._stored = number

    def _reserve(self) -> None:
        end = min(self._next + self._block, NUMBER_LIMIT)
        if end == self._next:
            raise LocalError("the numbers are used up", safe(self._path), "remove the file to start over")
        self._store(end)
        self._end = end
        self._block = min(2 * self._block, LARGEST_BLOCK)

    def close(self) -> None:
        """Give back what is left of the block, and unlock. Raises LocalError where that fails: a gap stays then."""
        super().close()
        try:
            if self._stored != self._next and self._file.is_open:
                self._store(self._next)
        finally:
            self._file.close()

    def discard(self) -> None:
        if self._file.created and self._next == self._first:
            self._file.remove()
        self.close()


def format_state(start: int, number: int) -> bytes:
    """The file's content: one line of JSON, for people too. The checksum finds what a disk or an editor changed.

    `start` is the first number that the file ever held, `number` the next one.
    """
    checksum = zlib.crc32(b"counter 1 %d %d" % (start, number))
    return b'{"tw": "counter", "v": 1, "start": %d, "next": %d, "crc32": "%08x"}\n' % (start, number, checksum)


def parse_state(content: bytes, path: str) -> tuple[int, int]:
    """The first and the next number. Raises LocalError for anything but what `format_state` makes."""
    match = _FORM.fullmatch(content)
    if match is not None:
        start, number = int(match[1]), int(match[2])
        if start <= number <= NUMBER_LIMIT and content == format_state(start, number):
            return start, number
    what = "the state is damaged" if content else "the state is empty"
    raise LocalError(what, safe(path), "restore the file, or remove it to start over")
