"""Faults on demand: as often as asked for, the same again for a seed, and each one shows."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tw.core.faults import NAMES, PIECE_BYTES, Fate, Faults, Harm, Messages, corrupted, harmed, truncated
from tw.fault_options import FaultOptions

ALL = FaultOptions(
    delay_s=2.0,
    delay_percent=20.0,
    jitter_s=1.0,
    reset_percent=1.0,
    corrupt_percent=2.0,
    truncate_percent=3.0,
    statuses=((503, 4.0), (429, 5.0)),
)
SHARES = st.floats(0.0, 1.0, exclude_max=True)
FATES = st.builds(Fate, place=SHARES, change=SHARES)


def test_each_fault_is_as_frequent_as_it_was_asked_for() -> None:
    faults = Faults(ALL, 1)
    fates = [faults.fate() for _ in range(100_000)]
    delays = [fate.delay_s for fate in fates if fate.delay_s]
    assert len(delays) / 1000 == pytest.approx(20, abs=0.5)
    assert 2.0 <= min(delays) < 2.01
    assert 2.99 < max(delays) < 3.0
    kinds = Counter((fate.harm, fate.status) for fate in fates)
    shares = {(Harm.RESET, 0): 1, (Harm.CORRUPT, 0): 2, (Harm.TRUNCATE, 0): 3, (Harm.STATUS, 503): 4}
    for kind, percent in {**shares, (Harm.STATUS, 429): 5}.items():
        assert kinds[kind] / 1000 == pytest.approx(percent, abs=0.3)


@given(st.integers(0, 2**63 - 1))
def test_a_seed_gives_the_same_faults_again_and_another_one_others(seed: int) -> None:
    first, again, other = (Faults(ALL, each) for each in (seed, seed, seed + 1))
    fates = [first.fate() for _ in range(100)]
    assert fates == [again.fate() for _ in range(100)]
    assert fates != [other.fate() for _ in range(100)]


def test_the_fate_of_a_message_does_not_depend_on_what_else_was_asked_for() -> None:
    """As many draws for each: the lines that are corrupted stay the same ones when a delay is added."""
    plain, delayed = Faults(FaultOptions(corrupt_percent=30), 1), Faults(FaultOptions(corrupt_percent=30, delay_s=1), 1)
    fates = [(plain.fate(), delayed.fate()) for _ in range(1000)]
    assert all(one == other._replace(delay_s=0.0) for one, other in fates)


def test_all_is_all_and_nothing_is_made_that_was_not_asked_for() -> None:
    every = Faults(FaultOptions(delay_s=0.5, reset_percent=100), 3)
    assert all(every.fate()[:2] == (0.5, Harm.RESET) for _ in range(1000))
    none = Faults(FaultOptions(close_after_bytes=1), 3)
    assert all(none.fate() == Fate() for _ in range(1000))
    assert none.made == dict.fromkeys(NAMES, 0)


@given(st.binary(max_size=40), FATES)
def test_one_byte_is_corrupted_and_lines_end_where_they_did(message: bytes, fate: Fate) -> None:
    came = corrupted(message, fate)
    differing = [at for at in range(len(message)) if came[at] != message[at]]
    assert len(came) == len(message)
    assert len(differing) == (message not in (b"", b"\n"))
    assert all(came[at] != 10 for at in differing)
    assert came.endswith(b"\n") == message.endswith(b"\n")


@pytest.mark.parametrize("byte", [0, 9, 10, 11, 255])
def test_a_byte_becomes_every_other_one_but_a_line_feed(byte: int) -> None:
    others = {corrupted(bytes((byte, 0)), Fate(change=share / 1000))[0] for share in range(1000)}
    assert others == set(range(256)) - {byte, 10}


@given(st.binary(max_size=40), FATES)
def test_a_truncated_message_lacks_its_end_and_keeps_half(message: bytes, fate: Fate) -> None:
    came = truncated(message, fate)
    assert message.startswith(came)
    assert len(came) * 2 >= len(message)
    assert (len(came) < len(message)) == (len(message) > 1)


@pytest.mark.parametrize("harm", [Harm.CORRUPT, Harm.TRUNCATE])
def test_what_cannot_be_harmed_is_no_fault(harm: Harm) -> None:
    assert harmed(b"\n", Fate(1.0, harm)) == (b"\n", Fate(1.0))
    message, fate = harmed(b"ab\n", Fate(1.0, harm))
    assert (message != b"ab\n", fate) == (True, Fate(1.0, harm))


@given(st.lists(st.sampled_from([b"", b"a", b"b\n", b"\n", b"c\nd\n", b"e\r\n"])), st.integers(1, 5))
def test_messages_are_lines_however_they_are_split(pieces: list[bytes], size: int) -> None:
    data = b"".join(pieces)
    messages, taken = Messages(), []
    for at in range(0, len(data), size):
        messages.feed(data[at : at + size])
        while messages.has_message:
            taken.append(messages.take())
        assert messages.take() is None
    whole = data.splitlines(keepends=True) if b"\r" not in data else data.replace(b"\r", b"").splitlines(keepends=True)
    rest = [whole.pop()] if whole and not whole[-1].endswith(b"\n") else []
    assert [None if one is None else one.replace(b"\r", b"") for one in taken] == whole
    assert messages.kept_bytes == len(b"".join(rest))
    assert messages.rest() == b"".join(rest)
    assert (messages.rest(), messages.kept_bytes) == (b"", 0)


@pytest.mark.parametrize("size", [1000, PIECE_BYTES, 3 * PIECE_BYTES])
def test_without_a_line_feed_a_message_ends_at_64_kib(size: int) -> None:
    data = bytes(2 * PIECE_BYTES) + b"end\n"
    messages, taken = Messages(), []
    for at in range(0, len(data), size):
        messages.feed(data[at : at + size])
        while (message := messages.take()) is not None:
            taken.append(message)
    assert taken == [bytes(PIECE_BYTES), bytes(PIECE_BYTES), b"end\n"]
