"""What a run is asserted to be: `NAME OP VALUE[UNIT]`, as in `p99<50ms`, `loss=0`, `errors<=0.1%`, `rate>=1000`.

Times always have their unit: a limit that was meant in milliseconds and read in seconds would hold for ever.
"""

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from tw.errors import UsageError

Unit: TypeAlias = Literal["ms", "s", "per_s", "%", ""]
"""What a limit and its figure are in; "" is a plain count."""

OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
    "==": operator.eq,
    "!=": operator.ne,
}
MS = {"us": "e-3", "µs": "e-3", "ms": "", "s": "e3", "m": "e3"}
S = {"us": "e-6", "µs": "e-6", "ms": "e-3", "s": "", "m": ""}
FACTORS = {"": "", "k": "e3", "M": "e6"}
"""Powers of ten, as they are appended to a number's digits: the float is then the nearest one to what was written."""

ENDS = ("min", "mean", "max")
USUAL = ("p50", "p90", "p95", "p99", "p99.9", "p99.99", *ENDS)
SHORT = {"p999": "p99.9", "p9999": "p99.99"}
PERCENTILE = re.compile(r"p(100|\d{1,2}(?:\.\d{1,6})?)", re.ASCII)

ALIASES = {"loss": "lost"}
FAULTS = ("lost", "duplicated", "reordered", "corrupted", "errors", "timeouts")
SHARES = frozenset({*FAULTS, "received"})
"""Counts that may also be given as a share of what was sent."""
NUMBERS = ("gaps", "resets", "instances", "duplicates")
COUNTS = ("sent", "received", *FAULTS, *NUMBERS, "foreign", "unsent")

IDLE_TIMEOUT = "idle_timeout"
"""How long a silent connection is kept: two bounds, of which the one that speaks against an assertion counts."""

SECONDS = frozenset({"duration", IDLE_TIMEOUT})
"""Times that are given in seconds, and are no distribution."""

NEEDS = {
    "rtt": "a run that waits for its answers",
    **dict.fromkeys(("connect", "dns", "tcp", "tls"), "a connection; UDP has none"),
    **dict.fromkeys(("first_byte", "body"), "the counter's probe"),
    "service": "an open loop: --rate",
    "late": "an open loop: --rate",
    "unsent": "an open loop: --rate",
    **dict.fromkeys(NUMBERS, "the counter's probe"),
    "foreign": "the pub/sub probe",
    IDLE_TIMEOUT: "--find-idle-timeout, of the echo or the counter's probe",
}
"""What a known name takes, where not every run has it."""

FORM = re.compile(r"([^\s<>=!]+)\s*(<=|>=|==|!=|<|>|=)\s*(\d{1,15}(?:\.\d{0,9})?|\.\d{1,9})\s*([a-zA-Zµ%]*)", re.ASCII)
LONGEST_CHARS = 100
EXAMPLES = "'p99<50ms', 'loss=0', 'errors<=0.1%' or 'rate>=1000'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurable:
    """What a run can measure: names of its distributions (`rtt` first) and of its counts."""

    distributions: tuple[str, ...]
    counts: tuple[str, ...]

    def names(self) -> list[str]:
        """Every name that an assertion about the run may begin with; of percentiles, the usual ones."""
        prefixes = ["" if name == "rtt" else f"{name}." for name in self.distributions]
        return [prefix + usual for prefix in prefixes for usual in USUAL] + [*self._count_names(), "rate", "duration"]

    def summary(self) -> str:
        """The same, short enough for one line."""
        others = [f"{name}.p99" for name in self.distributions if name != "rtt"]
        times = " ".join(USUAL) if "rtt" in self.distributions else ""
        also = f"{' and ' if times else ''}{' '.join(others)} …" if others else ""
        counts = [name for name in self._count_names() if name not in ALIASES.values()]
        return f"{times}{also}, " * bool(times or also) + " ".join((*counts, "rate", "duration"))

    def _count_names(self) -> list[str]:
        also = {meant: alias for alias, meant in ALIASES.items()}
        return [name for count in self.counts for name in (count, also.get(count)) if name is not None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Assertion:
    """One of them, understood. `expr` is what was written.

    `distribution` is None but for times; `name` is then one of `min`, `mean`, `max`, or `p` and a percentile. `limit`
    and the figure that it is compared with are in `unit`.
    """

    expr: str
    name: str
    distribution: str | None
    op: str
    limit: float
    unit: Unit

    @property
    def percentile(self) -> float | None:
        return float(self.name[1:]) if self.distribution is not None and self.name not in ENDS else None

    def holds(self, measured: float | None) -> bool:
        """Whether it does; nothing holds of what was not measured."""
        return measured is not None and OPERATORS[self.op](measured, self.limit)


def parse(text: str, known: Measurable) -> Assertion:
    """Read an assertion about a run that measures what is `known`.

    Raises UsageError that shows the nearest valid form, and for a name that is not there the ones that are.
    """
    expr = text.strip()
    match = FORM.fullmatch(expr) if len(expr) <= LONGEST_CHARS else None
    if match is None:
        near = _nearest(re.split(r"[^\w.()]", expr[:LONGEST_CHARS], maxsplit=1)[0], known)
        hint = f"write NAME OP VALUE, as in {_example(near)!r}" if near else f"write NAME OP VALUE, as in {EXAMPLES}"
        raise UsageError(f"cannot read the assertion {_quoted(expr)}", "--assert", hint)
    name, op, value, unit = match.groups()
    distribution, figure = _named(name, known, expr)
    if figure == IDLE_TIMEOUT and op in ("=", "==", "!="):
        what = f"{name!r} is found with a precision, and equals nothing exactly"
        raise UsageError(what, f"--assert {expr}", f"write {name}>={value}{unit} or {name}<{value}{unit}")
    limit, in_unit = _limit(figure, distribution, op, value, unit, name)
    return Assertion(expr=expr, name=figure, distribution=distribution, op=op, limit=limit, unit=in_unit)


def _named(name: str, known: Measurable, expr: str) -> tuple[str | None, str]:
    """The distribution, None for what is no time, and the figure. Raises UsageError."""
    prefix, dot, rest = name.partition(".")
    if not dot or not rest[:1].isalpha():
        prefix, rest = "rtt", name
    rest = SHORT.get(rest, rest)
    is_time = rest in ENDS or PERCENTILE.fullmatch(rest) is not None
    if is_time and prefix in known.distributions:
        return prefix, rest
    count = ALIASES.get(name, name)
    if count in known.counts or count in {"rate", "duration"}:
        return None, count
    needed = NEEDS.get(prefix) if is_time else NEEDS.get(count)
    if needed is not None or count in COUNTS:
        what = f"{name!r} is not measured in this run"
        wanted = f"it takes {needed}; " if needed else ""
        raise UsageError(what, f"--assert {expr}", f"{wanted}there are: {known.summary()}")
    near = _nearest(name, known)
    meant = f"did you mean {near + expr[len(name) :]!r}? " if near else ""
    raise UsageError(f"unknown figure {_quoted(name)}", f"--assert {expr}", f"{meant}there are: {known.summary()}")


def _limit(figure: str, distribution: str | None, op: str, value: str, unit: str, name: str) -> tuple[float, Unit]:
    """The limit, and what it is in. Raises UsageError for a unit that is none of the figure's, or missing."""
    if distribution is not None or figure in SECONDS:
        if unit in S:
            sixty = 60 if unit == "m" else 1
            return (
                (float(value + S[unit]) * sixty, "s")
                if distribution is None
                else (float(value + MS[unit]) * sixty, "ms")
            )
        guess = "s" if distribution is None else "ms"
        what = f"a time needs its unit, not {unit!r}" if unit else "a time needs its unit"
        raise UsageError(what, "--assert", f"write {name}{op}{value}{guess} (us, ms, s or m)")
    if unit == "%" and figure in SHARES:
        return float(value), "%"
    if unit in FACTORS:
        return float(value + FACTORS[unit]), "per_s" if figure == "rate" else ""
    shares = ", or % of what was sent" if figure in SHARES else ""
    form = f"{name}{op}{value}"
    raise UsageError(f"{unit!r} is no unit of {figure!r}", "--assert", f"write {form} (with k or M for more{shares})")


def _nearest(name: str, known: Measurable) -> str | None:
    from difflib import get_close_matches

    plain = re.sub(r"[()]", "", name)
    if SHORT.get(plain, plain) in (names := known.names()):
        return plain
    near = get_close_matches(plain.lower(), names, 1)
    return near[0] if near else None


def _example(name: str) -> str:
    if name in {*COUNTS, *ALIASES}:
        return f"{name}=0"
    times = {"duration": "duration<10s", IDLE_TIMEOUT: f"{IDLE_TIMEOUT}>=60s"}
    return {"rate": "rate>=1000", **times}.get(name, f"{name}<50ms")


def _quoted(text: str) -> str:
    return repr(text if len(text) <= LONGEST_CHARS else text[:LONGEST_CHARS] + "…")
