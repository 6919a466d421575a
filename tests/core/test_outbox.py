"""What a node has published, on its way to the stream that servers share."""

import pytest

from tw.core.outbox import BATCH_COST, JOIN_LINES, SPAN_COST, Outbox, Outgoing


def outbox(batch_bytes: int = 1000, window: int = 2) -> Outbox[str]:
    return Outbox(batch_bytes=batch_bytes, window=window)


def numbers(batches: list[Outgoing[str]]) -> list[int]:
    return [batch.number for batch in batches]


def test_lines_of_one_turn_are_one_batch() -> None:
    box = outbox()
    assert box.add("a", b"<a> ", [b"one", b"two"]) == 1
    assert box.add("b", b"<b> ", [b"three"]) == 1
    (batch,) = box.due()
    assert batch.body == b"<a> one\n<a> two\n<b> three\n"
    assert batch.spans == [("a", 2), ("b", 1)]
    assert (batch.number, batch.lines, batch.total_lines) == (1, 3, 3)
    assert list(box.due()) == []


def test_the_lines_before_count_in_the_total() -> None:
    box = outbox()
    for turn in range(1, 3):
        box.add("a", b"", [b"x", b"y"])
        assert [batch.total_lines for batch in box.due()] == [2 * turn]


def test_one_who_publishes_on_has_one_span() -> None:
    box = outbox()
    box.add("a", b"", [b"x"])
    box.add("a", b"", [b"y", b"z"])
    assert next(box.due()).spans == [("a", 3)]


def test_a_batch_that_is_full_is_followed_by_another() -> None:
    box = outbox(batch_bytes=10)
    assert [box.add("a", b"", [b"12345"]) for _ in range(3)] == [1, 2, 3]
    assert [batch.body for batch in box.due()] == [b"12345\n", b"12345\n"]


def test_a_read_of_many_lines_is_cut_between_them() -> None:
    box = outbox(batch_bytes=JOIN_LINES * 2)
    lines = [b"%d" % (number % 10) for number in range(3 * JOIN_LINES + 1)]
    assert box.add("a", b"", lines) == 4
    assert numbers(list(box.due())) == [1, 2]
    box.taken(2)
    assert [batch.lines for batch in box.due()] == [JOIN_LINES, 1]


def test_while_many_are_on_their_way_lines_gather() -> None:
    box = outbox()
    sent = []
    for line in (b"1", b"2", b"3", b"4"):
        box.add("a", b"", [line])
        sent += list(box.due())
    assert numbers(sent) == [1, 2]
    box.taken(1)
    (third,) = box.due()
    assert third.body == b"3\n4\n"


def test_what_was_not_taken_is_sent_again_as_it_was() -> None:
    box = outbox(window=3)
    for line in (b"1", b"2", b"3"):
        box.add("a", b"", [line])
        assert len(list(box.due())) == 1
    box.taken(1)
    box.resend()
    again = list(box.due())
    assert numbers(again) == [2, 3]
    assert [batch.body for batch in again] == [b"2\n", b"3\n"]


def test_what_was_read_back_is_not_sent_again_though_its_answer_was_lost() -> None:
    box = outbox()
    for line in (b"1", b"2"):
        box.add("a", b"", [line])
        assert len(list(box.due())) == 1
    box.resend()
    assert numbers(box.back(1)) == [1]
    assert numbers(list(box.due())) == [2]


def test_those_that_will_not_come_any_more_are_given_with_the_one_that_came() -> None:
    box = outbox(window=9)
    for line in (b"1", b"2", b"3"):
        box.add("a", b"", [line])
        assert len(list(box.due())) == 1
    assert numbers(box.back(2)) == [1, 2]
    assert box.back(2) == []
    assert box.awaited
    assert numbers(box.back(3)) == [3]
    assert not box.awaited


def test_what_is_held_is_counted_until_it_is_back() -> None:
    box = outbox()
    box.add("a", b"", [b"123"])
    box.add("b", b"", [b"4"])
    assert box.held_bytes == BATCH_COST + 2 * SPAN_COST + 6
    assert box.untaken_lines == 2
    assert len(list(box.due())) == 1
    box.taken(1)
    assert box.untaken_lines == 0
    assert box.taken_and_missing() == 1
    assert box.held_bytes > 0
    box.back(1)
    assert box.held_bytes == box.taken_and_missing() == 0


def test_a_batch_that_was_never_sent_cannot_come_back() -> None:
    box = outbox()
    box.add("a", b"", [b"1"])
    with pytest.raises(ValueError, match="never sent"):
        box.back(1)


def test_after_a_refusal_one_batch_at_a_time_is_tried_until_one_is_taken() -> None:
    box: Outbox[str] = Outbox(batch_bytes=1)
    for line in (b"1", b"2", b"3"):
        box.add("a", b"", [line])
        assert len(list(box.due())) == 1
    box.refused()
    box.resend()
    assert [batch.number for batch in box.due()] == [1]
    assert list(box.due()) == []
    box.taken(1)
    assert [batch.number for batch in box.due()] == [2, 3]


@pytest.mark.parametrize("sizes", [{"batch_bytes": 0}, {"batch_bytes": 1, "window": 0}])
def test_sizes_are_positive(sizes: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="positive"):
        Outbox(**sizes)
