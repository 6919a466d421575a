"""The verdict beside naive accounts that keep everything."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tw.core.number_set import HIGHEST_RUNS
from tw.core.payload import PayloadFormat
from tw.core.verdict import Kind, Outcome, Verdict

ECHO = PayloadFormat(b"0123abcd", 40)
LINE = PayloadFormat(b"0123abcd", 40, line_feed=False)


def _verdict(sent: int, form: PayloadFormat = ECHO, *, exclusive: bool = True, first: int = 0) -> Verdict:
    verdict = Verdict(form, exclusive=exclusive)
    for number in range(first, first + sent):
        verdict.sent(number)
    return verdict


def _counts(verdict: Verdict) -> dict[str, int]:
    names = ("sent_count", "received", "lost", "duplicated", "reordered", "corrupted", "foreign")
    return {name: getattr(verdict, name) for name in names if getattr(verdict, name)}


def test_all_back_once_and_in_order_is_fine() -> None:
    verdict = _verdict(3, first=7)
    assert [verdict.receive(ECHO.payload(number)) for number in (7, 8, 9)] == [
        Outcome(Kind.OK, number) for number in (7, 8, 9)
    ]
    assert verdict.ok
    assert _counts(verdict) == {"sent_count": 3, "received": 3}


def test_nothing_sent_is_not_fine() -> None:
    assert not _verdict(0).ok


def test_what_has_not_come_back_is_lost() -> None:
    verdict = _verdict(3)
    verdict.receive(ECHO.payload(0))
    verdict.receive(ECHO.payload(2))
    assert not verdict.ok
    assert _counts(verdict) == {"sent_count": 3, "received": 2, "lost": 1}


def test_a_late_one_is_reordered_and_a_second_copy_is_duplicated() -> None:
    verdict = _verdict(3)
    outcomes = [verdict.receive(ECHO.payload(number)) for number in (1, 0, 0, 2, 1)]
    assert outcomes == [
        Outcome(Kind.OK, 1),
        Outcome(Kind.REORDERED, 0),
        Outcome(Kind.DUPLICATED, 0),
        Outcome(Kind.OK, 2),
        Outcome(Kind.DUPLICATED, 1),
    ]
    assert not verdict.ok
    assert _counts(verdict) == {"sent_count": 3, "received": 3, "duplicated": 2, "reordered": 1}


def test_numbers_must_be_sent_one_after_the_other() -> None:
    verdict = _verdict(2, first=5)
    with pytest.raises(ValueError, match="number 8 sent after 6"):
        verdict.sent(8)


@pytest.mark.parametrize("number", [0, 4, 8, 9_999_999_999])
def test_a_number_that_was_not_sent_is_corrupted_and_set_against_one_that_was(number: int) -> None:
    verdict = _verdict(3, first=5)
    assert verdict.receive(ECHO.payload(number)) == Outcome(Kind.CORRUPTED, None)
    assert _counts(verdict) == {"sent_count": 3, "corrupted": 1, "lost": 2}


def _harmed(payload: bytes) -> set[bytes]:
    changed = {
        payload[:at] + bytes([payload[at] ^ bit]) + payload[at + 1 :] for at in range(40) for bit in (1, 2, 32, 128)
    }
    cut = {payload[:at] for at in range(40)} | {payload[at:] for at in range(1, 40)}
    shorter = {payload[:at] + payload[at + 1 :] for at in range(40)}
    longer = {payload[:at] + b"x" + payload[at:] for at in range(41)} | {payload + payload, payload + b"\n"}
    swapped = {payload[:at] + ECHO.payload(2)[at:] for at in range(20, 39)}
    return changed | cut | shorter | longer | swapped | {b"\n"}


def test_any_harm_to_an_echo_is_corrupted_and_not_lost_as_well() -> None:
    for payload in _harmed(ECHO.payload(1)):
        verdict = _verdict(3)
        verdict.receive(ECHO.payload(0))
        assert verdict.receive(payload).kind is Kind.CORRUPTED, payload
        verdict.receive(ECHO.payload(2))
        assert not verdict.ok
        assert _counts(verdict) == {"sent_count": 3, "received": 2, "corrupted": 1}, payload


def test_a_corrupted_second_copy_stands_for_one_outstanding_payload_since_its_number_may_be_wrong() -> None:
    verdict = _verdict(3)
    verdict.receive(ECHO.payload(0))
    assert verdict.receive(ECHO.payload(0)[:-2] + b"\n") == Outcome(Kind.CORRUPTED, 0)
    assert _counts(verdict) == {"sent_count": 3, "received": 1, "corrupted": 1, "lost": 1}


def test_a_good_copy_after_a_corrupted_one_is_received() -> None:
    verdict = _verdict(1)
    verdict.receive(ECHO.payload(0)[:-2] + b"\n")
    assert verdict.receive(ECHO.payload(0)) == Outcome(Kind.OK, 0)
    assert _counts(verdict) == {"sent_count": 1, "received": 1, "corrupted": 1}


def test_a_corrupted_payload_before_the_number_is_sent_is_never_more_than_one_loss() -> None:
    verdict = _verdict(0)
    assert verdict.receive(b"noise\n").kind is Kind.CORRUPTED
    assert verdict.lost == 0


def test_published_lines_are_known_behind_any_prefix_and_other_lines_are_foreign() -> None:
    verdict = _verdict(2, LINE, exclusive=False)
    assert verdict.receive(b"<127.0.0.1:5> " + LINE.payload(0)) == Outcome(Kind.OK, 0)
    assert verdict.receive(b"<127.0.0.1:6> good morning") == Outcome(Kind.FOREIGN, None)
    assert verdict.receive(LINE.payload(1)) == Outcome(Kind.OK, 1)
    assert verdict.ok
    assert _counts(verdict) == {"sent_count": 2, "received": 2, "foreign": 1}


@pytest.mark.parametrize("line", [b"> " + LINE.payload(0)[:-1], b"> " + LINE.payload(0) + b"\r", b"> " + LINE.mark])
def test_a_published_line_that_came_back_cut_or_longer_is_corrupted(line: bytes) -> None:
    verdict = _verdict(1, LINE, exclusive=False)
    assert verdict.receive(line).kind is Kind.CORRUPTED
    assert _counts(verdict) == {"sent_count": 1, "corrupted": 1}


_ARRIVALS = st.lists(
    st.tuples(st.integers(0, 12), st.sampled_from(["good"] * 6 + ["cut", "noise", "foreign"])), max_size=30
)


@given(st.integers(0, 10), _ARRIVALS)
def test_any_sequence_is_judged_as_by_a_list_of_everything(sent: int, arrivals: list[tuple[int, str]]) -> None:
    verdict = _verdict(sent, LINE, exclusive=False)
    good: list[int] = []
    kinds: list[Kind] = []
    for number, state in arrivals:
        payload = LINE.payload(number)
        if state == "foreign":
            kinds.append(Kind.FOREIGN)
            payload = payload[1:]
        elif state != "good" or number >= sent:
            kinds.append(Kind.CORRUPTED)
            payload = {"good": payload, "cut": payload[:-1], "noise": LINE.mark + b"x" * 31}[state]
        else:
            kinds.append(
                Kind.DUPLICATED if number in good else Kind.REORDERED if number < max(good, default=0) else Kind.OK
            )
            good.append(number)
        assert verdict.receive(b"<p> " + payload).kind is kinds[-1]
    assert verdict.received == len(set(good))
    assert verdict.lost == max(0, sent - len(set(good)) - kinds.count(Kind.CORRUPTED))
    assert verdict.duplicated == kinds.count(Kind.DUPLICATED) == len(good) - len(set(good))
    assert verdict.reordered == kinds.count(Kind.REORDERED)
    assert verdict.corrupted == kinds.count(Kind.CORRUPTED)
    assert verdict.foreign == kinds.count(Kind.FOREIGN)
    assert verdict.ok == (good == list(range(sent)) != [] and Kind.CORRUPTED not in kinds)


def test_memory_stays_small_through_millions_of_samples_and_any_losses() -> None:
    verdict = Verdict(ECHO)
    for number in range(30_000):
        verdict.sent(number)
        if number % 3:
            verdict.receive(ECHO.payload(number))
    assert verdict.lost == 10_000
    assert len(verdict._good._firsts) == HIGHEST_RUNS


# What was cut short.


def test_a_payload_that_lacks_its_end_is_truncated_as_well_as_corrupted() -> None:
    payload = ECHO.payload(1)
    for cut in {payload[:at] for at in range(1, 40)} | {payload[:at] + b"\n" for at in range(1, 39)}:
        verdict = _verdict(3)
        assert verdict.receive(cut).kind is Kind.CORRUPTED
        assert (verdict.corrupted, verdict.truncated) == (1, 1), cut


def test_other_harm_is_no_truncation() -> None:
    payload = ECHO.payload(1)
    shorter = {payload[:at] + payload[at + 1 :] for at in range(38)} - {payload[:38] + b"\n"}
    ends = {payload[at:] for at in range(1, 40)}
    for harmed in shorter | ends | {payload + b"\n", b"\n", b"", b"0123abcd-00000x"}:
        verdict = _verdict(3)
        assert verdict.receive(harmed).kind is Kind.CORRUPTED
        assert verdict.truncated == 0, harmed
