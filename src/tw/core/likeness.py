"""Whose was it? A harmed payload is set against those that are waited for."""

from collections.abc import Iterable
from itertools import chain, islice
from operator import eq

from tw.core.payload import PayloadFormat

CANDIDATES = 64
"""Payloads that one is compared with, oldest first: a stream keeps its order, so it is the oldest nearly always."""

COMPARED_BYTES = 256
"""Of each: what they have in common, token and leading zeros, is 17 bytes or so."""


def most_alike(form: PayloadFormat, payload: bytes, named: int | None, waiting: Iterable[int]) -> int | None:
    """The number of the payload that `payload` once was, None where it is like none of them.

    `named` is the number that can be read in it, which may be what was changed; `waiting` has the numbers that are
    waited for, oldest first. It is the one with the most bytes in place, more than half, and the earlier one of two.
    """
    head = payload[max(0, payload.find(form.mark)) :][:COMPARED_BYTES]
    best, most = None, len(head) // 2
    for number in chain(() if named is None else (named,), islice(waiting, CANDIDATES)):
        alike = sum(map(eq, head, form.payload(number)))
        if alike > most:
            best, most = number, alike
        if alike >= len(head) - 1:
            break
    return best
