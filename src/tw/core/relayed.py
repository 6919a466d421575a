"""A batch of lines as an entry of a stream that several servers share: what is written there, and what is read back.

An entry has four fields, in this order: `n` the node, `s` the batch's number there, from 1 on without a gap, `t` how
many lines the node has published up to the end of this batch, `b` the lines, prefixes and line feeds included. One that
was sent before, and may stand in the stream already, has a fifth: `a` for again.

The node's name is where the stream stood when the node started, and a random part: `1712345678901-0.9f8e7d6c5b4a3210`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

# What a server writes has 30 to 60 characters here. A stranger's must not be kept in a table at any length.
_NODE = re.compile(rb"(\d{1,20})-(\d{1,20})\.[0-9a-f]{16}")
_NUMBER = re.compile(rb"[1-9]\d{0,18}")
_ID = re.compile(rb"(\d{1,20})-(\d{1,20})")

FIELDS = (b"n", b"s", b"t", b"b")
AGAIN = (b"a", b"1")

StreamId = tuple[int, int]
"""Where an entry stands: milliseconds, and a number among those. Later entries have larger ones."""

START: StreamId = (0, 0)
"""Before every entry."""


class Unreadable(ValueError):
    """The engine has answered in a form that is not known here."""


@dataclass(frozen=True, slots=True)
class Relayed:
    """A batch as it was read. `total_lines` are the node's lines up to the end of this batch; `is_again`: it may have
    stood in the stream before."""

    node: bytes
    node_start: StreamId
    number: int
    total_lines: int
    lines: list[bytes]
    is_again: bool = False


def node_name(start: StreamId, random: bytes) -> bytes:
    """The name of a node that starts where the stream stands at `start`; `random` are 8 bytes of chance."""
    return b"%d-%d." % start + random.hex().encode()


def fields_of(node: bytes, number: int, total_lines: int, body: bytes, *, is_again: bool = False) -> tuple[bytes, ...]:
    """An entry's names and values, one after the other, as XADD takes them."""
    return (b"n", node, b"s", b"%d" % number, b"t", b"%d" % total_lines, b"b", body, *(AGAIN if is_again else ()))


def read_entry(fields: Sequence[object]) -> Relayed | None:
    """The batch in an entry's names and values; None where somebody else has written it."""
    own, more = fields[: 2 * len(FIELDS)], tuple(fields[2 * len(FIELDS) :])
    if tuple(own[::2]) != FIELDS or len(own) % 2 or more not in ((), AGAIN):
        return None
    node, number, total, body = own[1::2]
    if not (isinstance(node, bytes) and isinstance(number, bytes) and isinstance(total, bytes)):
        return None
    named = _NODE.fullmatch(node)
    if not isinstance(body, bytes) or named is None or not (_NUMBER.fullmatch(number) and _NUMBER.fullmatch(total)):
        return None
    lines = body.split(b"\n")
    if lines.pop() or not lines or int(total) < len(lines):
        return None
    return Relayed(node, (int(named[1]), int(named[2])), int(number), int(total), lines, more == AGAIN)


def read_id(text: object) -> StreamId:
    """An entry's place from the engine's `MS-N`. Raises Unreadable for anything else."""
    match = _ID.fullmatch(text) if isinstance(text, bytes) else None
    if match is None:
        raise Unreadable(f"no id of an entry: {str(text)[:60]}")
    return int(match[1]), int(match[2])


def read_entries(reply: object) -> list[tuple[StreamId, list[object]]]:
    """The entries that XRANGE and its like give: of each its place, its names and values. Those of one that was removed
    meanwhile are missing. Raises Unreadable for anything else."""
    entries: list[tuple[StreamId, list[object]]] = []
    for entry in reply if isinstance(reply, list) else [None]:
        if not isinstance(entry, list) or len(entry) != 2 or not isinstance(entry[1], list | None):
            raise Unreadable(f"no entries of a stream: {str(reply)[:60]}")
        if not all(isinstance(each, bytes) for each in entry[1] or ()):
            raise Unreadable(f"no names and values: {str(entry[1])[:60]}")
        entries.append((read_id(entry[0]), entry[1] or []))
    return entries


def read_last_id(info: object) -> StreamId:
    """The last place that a stream has given out, from XINFO's answer. Raises Unreadable for anything else."""
    if not isinstance(info, list):
        raise Unreadable(f"nothing of a stream: {str(info)[:60]}")
    told = [value for name, value in zip(info[::2], info[1::2], strict=False) if name == b"last-generated-id"]
    return read_id(told[0] if told else None)


def write_id(place: StreamId) -> bytes:
    """As the engine takes it."""
    return b"%d-%d" % place
