"""Durations, sizes and lists as the command line takes them."""

import re
from collections.abc import Sequence
from typing import Any

import click

from tw.cli.texts import TEXT

DURATION = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*(ms|s|m|h|d)?", re.ASCII)
SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, None: 1.0}
MAX_DURATION_S = 365 * 24 * 3600.0
"""Longer waits overflow the timeouts of system calls, and mean "off" anyway."""

DAYS = re.compile(r"(\d{1,5})(?:\s*,\s*(\d{1,5}))?", re.ASCII)

SIZE = re.compile(r"(\d{1,20})\s*([kmg]?)", re.ASCII | re.IGNORECASE)
RATE = re.compile(r"(\d{1,20}(?:\.\d{0,20})?|\.\d{1,20})\s*([km]?)", re.ASCII | re.IGNORECASE)
RATE_FACTORS = {"": 1, "k": 1e3, "m": 1e6}
FACTORS = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3}


class DurationType(click.ParamType[Any]):
    """`250ms`, `2s`, `1m`, `1h`, `1d`, or a bare number of seconds; gives seconds as a float."""

    name = "duration"

    def __init__(self, *, zero: bool = False) -> None:
        self._zero = zero

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, int | float) and not isinstance(value, bool):
            seconds = float(value)
        else:
            match = DURATION.fullmatch(str(value).strip())
            if match is None:
                self.fail(f"{value!r} is not a duration; write 250ms, 2s, 1m or a number of seconds", param, ctx)
            seconds = float(match[1]) * SECONDS[match[2]]
        least = 0.0 if self._zero else 0.001
        if not least <= seconds <= MAX_DURATION_S:
            self.fail(f"{value!r} is out of range; use {'0' if self._zero else '1ms'} to 365 days", param, ctx)
        return seconds


class SizeType(click.ParamType[Any]):
    """`512`, `64k`, `8M`: bytes, in powers of 1,024; from `least` to `most`."""

    name = "bytes"

    def __init__(self, least: int, most: int) -> None:
        self._least = least
        self._most = most

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        match = SIZE.fullmatch(str(value).strip())
        if match is None or isinstance(value, bool):
            self.fail(f"{value!r} is not a size; write 512, 64k or 8M", param, ctx)
        size = int(match[1]) * FACTORS[match[2].lower()]
        if not self._least <= size <= self._most:
            self.fail(f"{value!r} is out of range; use {self._least} to {self._most}", param, ctx)
        return size


class RateType(click.ParamType[Any]):
    """`0.5`, `1000`, `20k`, `1M` a second, in powers of 1,000; from `least` to `most`."""

    name = "rate"

    def __init__(self, least: float, most: float) -> None:
        self._least = least
        self._most = most

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        match = RATE.fullmatch(str(value).strip())
        if match is None or isinstance(value, bool):
            self.fail(f"{value!r} is not a rate; write 0.5, 1000 or 20k for so many a second", param, ctx)
        rate = float(match[1]) * RATE_FACTORS[match[2].lower()]
        if not self._least <= rate <= self._most:
            self.fail(f"{value!r} is out of range; use {self._least:g} to {self._most:,.0f}", param, ctx)
        return rate


class DaysType(click.ParamType[Any]):
    """`W,C`: whole days, a warning below the first number, critical below the second, as check_http's -C has them. One
    number alone is the warning's; gives both."""

    name = "days"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        if isinstance(value, tuple):
            return value
        match = DAYS.fullmatch(str(value).strip())
        if match is None or isinstance(value, bool | float):
            self.fail(f"{value!r} is not W,C; write 30,7 for a warning below 30 days, critical below 7", param, ctx)
        return int(match[1]), int(match[2] or 0)


class ListType(click.ParamType[Any]):
    """One text of a repeatable option. From the environment, the list is split at newlines."""

    name = "text"
    envvar_list_splitter = "\n"

    def __init__(self, name: str = "text") -> None:
        self.name = name

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return str(value)

    def split_envvar_value(self, rv: str) -> Sequence[str]:
        return [item for item in rv.split("\n") if item]


class TextListType(ListType):
    """Likewise, with something in each."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return TEXT.convert(value, param, ctx)


class HeaderType(ListType):
    """`Name: value`, as curl's -H takes it; gives (name, value). RFC 9110, 5.1 and 5.5."""

    TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, tuple):
            return value
        name, colon, content = str(value).partition(":")
        if not colon or not self.TOKEN.fullmatch(name):
            # What follows the first word may be a secret whose colon was forgotten.
            first, *rest = str(value).split() or [""]
            self.fail(f"{first + ' …' * bool(rest)!r} is not a header; write 'Name: value'", param, ctx)
        if any((ord(char) < 32 and char != "\t") or ord(char) == 127 for char in content):
            self.fail(f"a control character in the header {name!r}", param, ctx)
        return name, content.strip()


class ResolveType(ListType):
    """`HOST:PORT:ADDR`, as curl's --resolve takes it; gives (host, port, address)."""

    FORM = re.compile(r"(\[[^\]]+\]|[^:]+):(\d{1,5}):(.+)")

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, tuple):
            return value
        match = self.FORM.fullmatch(str(value))
        if match is None or not 0 < int(match[2]) < 65536:
            self.fail(f"{value!r} is not HOST:PORT:ADDR", param, ctx)
        address = match[3].removeprefix("[").removesuffix("]")
        import ipaddress

        try:
            ipaddress.ip_address(address)
        except ValueError:
            self.fail(f"{address!r} is not an IP address", param, ctx)
        return match[1].removeprefix("[").removesuffix("]").lower(), int(match[2]), address


PORT = click.IntRange(0, 65535)
PEER_PORT = click.IntRange(1, 65535)
DURATION_TYPE = DurationType()
DURATION_OR_ZERO = DurationType(zero=True)
