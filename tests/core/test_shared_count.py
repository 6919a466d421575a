"""Numbers of a count that others share."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tw.core.shared_count import Lease, SharedCount


def test_a_block_ends_where_the_count_stands() -> None:
    count = SharedCount(0)
    assert count.block(3, 3) == range(1, 4)
    assert count.block(10, 2) == range(9, 11)
    assert count.highest == 10


@pytest.mark.parametrize(("end", "size"), [(10, 1), (12, 3), (1, 1), (11, 2)])
def test_a_count_that_went_back_has_no_block(end: int, size: int) -> None:
    count = SharedCount(10)
    assert count.block(end, size) is None
    assert count.highest == 10


@given(highest=st.integers(-1, 50), steps=st.lists(st.tuples(st.integers(0, 60), st.integers(1, 9))))
def test_no_number_is_in_two_blocks_however_the_count_jumps(highest: int, steps: list[tuple[int, int]]) -> None:
    count = SharedCount(highest)
    seen = [number for end, size in steps for number in count.block(end, size) or ()]
    assert len(set(seen)) == len(seen)
    assert seen == sorted(seen)
    assert all(number > highest for number in seen)


def test_the_next_lease_is_fetched_when_half_of_one_is_left_and_only_once() -> None:
    lease = Lease(4)
    assert lease.begin(0)
    assert not lease.begin(1), "one is under way"
    lease.add(range(1, 5))
    assert (lease.left, lease.begin(0)) == (4, False)
    assert [lease.take() for _ in range(2)] == [1, 2]
    assert lease.begin(0)
    lease.add(range(11, 15))
    assert [lease.take() for _ in range(3)] == [3, 4, 11]
    assert lease.left == 3


def test_who_waits_is_fetched_for_whatever_is_left() -> None:
    lease = Lease(4)
    assert lease.begin(0)
    lease.add(range(4))
    assert lease.begin(1)


def test_a_lease_that_did_not_come_may_be_asked_for_again() -> None:
    lease = Lease(1)
    assert lease.begin(1)
    lease.miss()
    assert lease.begin(1)


@given(st.integers(1, 6), st.lists(st.sampled_from(["take", "fetch", "answer", "miss"])))
def test_a_lease_gives_each_number_once_in_order(size: int, steps: list[str]) -> None:
    lease, under_way, end = Lease(size), False, 0
    given: list[int] = []
    for step in steps:
        if step == "take" and lease.left:
            given.append(lease.take())
        elif step == "fetch":
            began = lease.begin(0)
            assert began == (not under_way and lease.left <= size // 2)
            under_way = under_way or began
        elif step == "answer" and under_way:
            lease.add(range(end, end + size))
            under_way, end = False, end + size
        elif step == "miss" and under_way:
            lease.miss()
            under_way = False
    assert given == list(range(len(given)))
    assert lease.left == end - len(given)
