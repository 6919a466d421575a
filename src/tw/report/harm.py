"""What harm came to what was sent, beside the counts of the verdict: and of the first case, all that can be shown."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from tw.core.payload import first_difference, is_truncated
from tw.schema import Json

ROW_BYTES = 16
"""Of a dump's row, as xxd has it."""

FaultKind: TypeAlias = Literal["corrupted", "truncated"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstFault:
    """Of payload (or answer) `number`, None where that can no longer be told, the byte at `offset` is the first wrong.

    `expected` and `received` are the row of 16 bytes with the difference and the one before it, from `from_offset` on:
    32 bytes at most. `size_bytes` is what the whole one should have.
    """

    kind: FaultKind
    number: int | None
    offset: int
    size_bytes: int
    from_offset: int
    expected: bytes
    received: bytes

    @classmethod
    def between(
        cls, expected: bytes, received: bytes, number: int | None, *, truncated: bool | None = None
    ) -> "FirstFault":
        """What is wrong with `received`; `truncated` where the caller knows better than the bytes do.

        Where the number cannot be told, `expected` is empty, and nothing is compared.
        """
        cut = is_truncated(expected, received) if truncated is None else truncated
        offset = first_difference(expected, received) or 0
        start = max(0, offset // ROW_BYTES - 1) * ROW_BYTES
        shown = slice(start, (offset // ROW_BYTES + 1) * ROW_BYTES)
        return cls(
            kind="truncated" if cut else "corrupted",
            number=number,
            offset=offset,
            size_bytes=len(expected),
            from_offset=start,
            expected=expected[shown],
            received=received[shown],
        )

    def to_json(self) -> Json:
        return {
            "kind": self.kind,
            "number": self.number,
            "offset": self.offset,
            "from_offset": self.from_offset,
            "expected_hex": self.expected.hex(),
            "received_hex": self.received.hex(),
        }

    @property
    def detail(self) -> str:
        """Where it is, in a few words."""
        return f"differs from byte {self.offset} of {self.size_bytes}"

    @property
    def summary(self) -> str:
        """What it is, in a few words."""
        if self.number is None:
            return f"{self.kind}, and its number cannot be told"
        return f"#{self.number} {self.kind}, {self.detail}"

    def dump(self) -> list[str]:
        """Rows as xxd makes them; where they differ, what was expected stands above what was received."""
        rows = []
        for at in range(0, max(len(self.expected), len(self.received)), ROW_BYTES):
            place = f"{self.from_offset + at:08x}"
            expected, received = self.expected[at : at + ROW_BYTES], self.received[at : at + ROW_BYTES]
            if expected == received:
                rows.append(_row(f"both     {place}", expected))
            else:
                rows += [_row(f"expected {place}", expected), _row(f"received {place}", received)]
        return rows


@dataclass(frozen=True, slots=True, kw_only=True)
class HarmFigures:
    """`truncated`: how many of the corrupted only lack their end. `first_fault`: the first of the corrupted.

    None where it is not counted: `stalled`, how many of the lost were waited for in vain while nothing at all came any
    more, though the connection was open; `retried`, requests that were sent again since a kept connection ended under
    them.
    """

    truncated: int = 0
    stalled: int | None = None
    retried: int | None = None
    first_fault: FirstFault | None = None

    def to_json(self) -> Json:
        counted = {"truncated": self.truncated, "stalled": self.stalled, "retried": self.retried}
        first = None if self.first_fault is None else self.first_fault.to_json()
        return {**{name: count for name, count in counted.items() if count is not None}, "first_fault": first}


def _row(label: str, data: bytes) -> str:
    pairs = " ".join(data[at : at + 2].hex() for at in range(0, len(data), 2))
    text = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in data)
    return f"{label}: {pairs:<39}  {text}".rstrip()
