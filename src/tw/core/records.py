"""Counting TLS records (RFC 8446, 5.1; RFC 5246, 6.2.1) in a stream, without looking into them."""

HEADER_BYTES = 5
"""Type, version, and the length of what follows: 1, 2 and 2 bytes."""


class RecordCounter:
    """Tells how many records each chunk of a TLS stream completes; the sums are the same however it is split.

    What is not TLS is counted as if it were: the one who decrypts refuses it.
    """

    __slots__ = ("_header", "_missing", "at_boundary")

    def __init__(self) -> None:
        # Of the record that is under way: the header, while it is incomplete, and after that how much is to come.
        self._header = b""
        self._missing = 0
        self.at_boundary = True
        """Whether the stream up to here is whole records: what comes next is a header."""

    def feed(self, data: bytes) -> int:
        """Take the next chunk, and give the number of records that end in it."""
        if self._header:
            data = self._header + data
        size, end, whole = len(data), self._missing, 0
        under_way = end > 0
        while end <= size:
            whole += under_way
            if size - end < HEADER_BYTES:
                under_way = False
                break
            under_way = True
            end += HEADER_BYTES + (data[end + 3] << 8 | data[end + 4])
        self._header = b"" if under_way else data[end:]
        self._missing = end - size if under_way else 0
        self.at_boundary = not under_way and not self._header
        return whole
