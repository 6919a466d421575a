"""Bytes, as they come, into lines that end in LF or CR LF, none of them longer than a limit."""


class LineSplitter:
    """Splits a byte stream into lines; the lines are the same however the stream is split.

    A line ends in LF or CR LF and is given without that end. Only a CR directly before the LF belongs to the end; every
    other CR is content, also one that is the stream's last byte.

    `limit_bytes` is what a line may hold, its end not counted. The first longer line ends the splitting: the lines
    before it are still given, `overlong` becomes True, and everything after is dropped. Between two chunks no more is
    held than the limit and one byte (a CR, which may turn out to be half of an end).

    Raises ValueError for a limit below 1.
    """

    __slots__ = ("_limit_bytes", "_overlong", "_pending")

    def __init__(self, limit_bytes: int) -> None:
        if limit_bytes < 1:
            raise ValueError(f"limit_bytes must be 1 or more, not {limit_bytes}")
        self._limit_bytes = limit_bytes
        self._overlong = False
        # A bytearray grows in place: a line that comes byte by byte costs linear time, where adding up bytes objects is
        # quadratic.
        self._pending = bytearray()

    @property
    def overlong(self) -> bool:
        """Whether a line was longer than the limit. It stays True."""
        return self._overlong

    @property
    def pending_bytes(self) -> int:
        """The bytes held of a line that has not ended."""
        return len(self._pending)

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that end within these bytes, in order, without their ends; none once a line was too long."""
        if self._overlong:
            return []
        pending = self._pending
        if pending.endswith(b"\r") and data.startswith(b"\n"):
            pending.pop()  # a CR LF that was split
        if b"\r" in data:
            # Cheaper than looking at every line, and a CR before a CR LF survives: replace() goes over the data once.
            data = data.replace(b"\r\n", b"\n")
        lines = data.split(b"\n")
        rest = lines.pop()
        if lines and pending:
            pending += lines[0]
            lines[0] = bytes(pending)
            pending.clear()
        too_long = self._first_too_long(lines, len(data))
        if too_long is not None:
            self._give_up()
            return lines[:too_long]
        if rest:
            # A CR at the end does not count yet: the next byte may make it half of a line's end.
            if len(pending) + len(rest) - rest.endswith(b"\r") > self._limit_bytes:
                self._give_up()
            else:
                pending += rest
        return lines

    def finish(self) -> bytes | None:
        """The last line, which nothing ended, now that the stream has; None if there is none.

        A CR at its very end is content. If that takes it over the limit, the line is too long: None, and `overlong`.
        """
        last = bytes(self._pending)
        self._pending.clear()
        if len(last) > self._limit_bytes:
            self._give_up()
            return None
        return last or None

    def _first_too_long(self, lines: list[bytes], data_bytes: int) -> int | None:
        """The index of the first line over the limit. Only the first line can be longer than the chunk it came in."""
        if not lines:
            return None
        if len(lines[0]) > self._limit_bytes:
            return 0
        if data_bytes <= self._limit_bytes:
            return None
        return next((index for index, line in enumerate(lines) if len(line) > self._limit_bytes), None)

    def _give_up(self) -> None:
        self._overlong = True
        self._pending = bytearray()
