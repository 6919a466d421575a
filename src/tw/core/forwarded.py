"""`Forwarded` (RFC 7239) and `X-Forwarded-For`, in pieces: who has passed a request on for whom."""

import re
from collections.abc import Iterable

MAX_ELEMENTS = 64
"""Of all fields together: more hops than any path has, and a bound for what a stranger makes of one header."""

_PAIR = re.compile(r'\s*([!#$%&\'*+.^_`|~0-9A-Za-z-]+)=("(?:[^"\\]|\\.)*"|[^",;\s]*)\s*', re.ASCII)
_SEPARATOR = re.compile(r"[;,]")


def parse_forwarded(values: Iterable[str]) -> tuple[dict[str, str], ...]:
    """The elements of all `Forwarded` fields, in order: parameter names in lower case, values without their quotes.

    What is no element (RFC 7239, 4) is left out, and with it the rest of its field: nothing is guessed from it.
    """
    elements: list[dict[str, str]] = []
    for value in values:
        element: dict[str, str] = {}
        at = 0
        while at < len(value) and (match := _PAIR.match(value, at)) is not None:
            element[match[1].lower()] = _unquoted(match[2])
            at = match.end()
            separator = _SEPARATOR.match(value, at)
            if separator is None:
                if at < len(value):
                    element = {}  # cut in the middle of something
                break
            at = separator.end()
            if separator[0] == ",":
                elements.append(element)
                element = {}
        if element:
            elements.append(element)
    return tuple(elements[:MAX_ELEMENTS])


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if text.startswith('"') else text


def parse_forwarded_for(values: Iterable[str]) -> tuple[str, ...]:
    """The addresses of all `X-Forwarded-For` fields, the farthest first, as they are written."""
    addresses = [part.strip() for value in values for part in value.split(",")]
    return tuple(address for address in addresses if address)[:MAX_ELEMENTS]
