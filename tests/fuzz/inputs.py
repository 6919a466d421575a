"""What the fuzzers feed: bytes from nowhere, valid input with a few changes, and where it is split.

`FUZZ_EXAMPLES` is how many examples each test tries: 200 unless set, which keeps the whole folder below a minute in CI.
A night's run sets 100,000.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "200"))

fuzz = settings(
    max_examples=EXAMPLES,
    deadline=None,
    # One example is a whole conversation, and drawing it takes its time.
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)

NASTY = [
    b"\r",
    b"\n",
    b"\r\n",
    b"\0",
    b"\x1b[2J",
    b"\xff",
    b"\x80",
    b"\xc2\x9b",
    b" ",
    b":",
    b"*",
    b"{9999999999}",
    b"-1",
]


@st.composite
def mutated(draw: st.DrawFn, valid: Sequence[bytes], most: int = 4) -> bytes:
    """One of `valid` as it is, or with up to `most` changes."""
    data = draw(st.sampled_from(valid))
    for _ in range(draw(st.integers(0, most))):
        at = draw(st.integers(0, len(data)))
        end = min(len(data), at + draw(st.integers(1, 20)))
        match draw(st.sampled_from(["insert", "delete", "change", "repeat", "cut", "swap"])):
            case "insert":
                data = data[:at] + draw(st.sampled_from(NASTY) | st.binary(max_size=8)) + data[at:]
            case "delete":
                data = data[:at] + data[end:]
            case "change":
                data = data[:at] + draw(st.binary(min_size=1, max_size=1)) + data[at + 1 :]
            case "repeat":
                data = data[:end] + data[at:end] * draw(st.sampled_from([1, 2, 50])) + data[end:]
            case "cut":
                data = data[:at]
            case "swap":
                data = data[at:] + data[:at]
    return data


def noise() -> st.SearchStrategy["bytes | Repeated"]:
    """Bytes from nowhere, at times many of them."""
    return st.binary(max_size=60) | bulk(st.binary(min_size=1, max_size=9))


@dataclass(frozen=True)
class Repeated:
    """The same over and over: in a failure's report it must not be written out."""

    data: bytes
    total_bytes: int

    @property
    def whole(self) -> bytes:
        return self.data * (self.total_bytes // max(1, len(self.data)))


def bulk(data: st.SearchStrategy[bytes]) -> st.SearchStrategy[Repeated]:
    """The same over and over, up to what fills every buffer on the way."""
    return st.builds(Repeated, data, st.sampled_from([1_000, 70_000, 150_000, 300_000]))


def pieces(data: bytes, sizes: Sequence[int]) -> Iterator[bytes]:
    """`data` split by these sizes, over and over; what is left after 2,000 pieces comes in large ones."""
    at = turn = 0
    while at < len(data):
        size = sizes[turn % len(sizes)] if sizes and turn < 2000 else 65_536
        yield data[at : at + size]
        at, turn = at + size, turn + 1


SIZES = st.lists(st.integers(1, 40) | st.integers(1, 5000), max_size=5)
