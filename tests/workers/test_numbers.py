"""Numbers that a parent lends: unique over the workers, rising within each, a gap where one dies."""

import errno
import os
import select
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from sockets import HandReactor
from state_files import next_in, take
from tw.errors import LocalError
from tw.services.state import NumberFile, Numbers
from tw.workers.numbers import FIRST_LOAN, LARGEST_LOAN, PATIENCE_S, BorrowedNumbers, Desk


class Lending:
    """A parent whose reactor turns in a thread, as it would in a process, and workers' ends of its desks."""

    def __init__(self, numbers: Numbers) -> None:
        self.reactor = HandReactor()
        self.numbers = numbers
        self.over = False
        self.ends: list[socket.socket] = []
        self.thread = threading.Thread(target=self._turn)

    def borrower(self) -> BorrowedNumbers:
        """To be asked for before the thread is started."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        Desk(self.reactor, ours, self.numbers)
        self.ends.append(theirs)
        return BorrowedNumbers(theirs)

    def _turn(self) -> None:
        while not self.over:
            self.reactor.turn()

    def finish(self) -> None:
        self.over = True
        if self.thread.is_alive():
            self.thread.join()
        for end in self.ends:
            end.close()
        self.reactor.turns(2)
        assert self.reactor.getReaders() == [], "a desk is closed with its worker's end"


@pytest.fixture
def lending(tmp_path: Path) -> Iterator[Lending]:
    made = Lending(NumberFile(str(tmp_path / "state")))
    yield made
    made.finish()
    made.numbers.close()


def test_two_workers_have_all_numbers_once_and_each_in_order(lending: Lending, tmp_path: Path) -> None:
    one, other = lending.borrower(), lending.borrower()
    lending.thread.start()
    ones: list[int] = []
    others: list[int] = []
    for _ in range(20):
        ones += take(one, 700)
        others += take(other, 450)
    assert ones == sorted(ones)
    assert others == sorted(others)
    assert len(set(ones + others)) == len(ones) + len(others)
    assert one.instance != other.instance
    assert max(ones + others) < next_in(tmp_path / "state"), "what a crash leaves is a gap"


def test_what_is_left_at_a_clean_stop_is_handed_out_again(lending: Lending, tmp_path: Path) -> None:
    one, other = lending.borrower(), lending.borrower()
    lending.thread.start()
    take(one, 3)
    take(other, 5)
    for each in (one, other):
        each.close()
    lending.numbers.take_back(one.unused() + other.unused())
    lending.numbers.close()
    # `other` has the higher block; what `one` did not use lies below numbers that were taken.
    state = tmp_path / "state"
    assert FIRST_LOAN // 4 < next_in(state) <= FIRST_LOAN + 6


def test_a_block_that_is_on_its_way_at_the_stop_is_given_back_too(lending: Lending, tmp_path: Path) -> None:
    one = lending.borrower()
    lending.thread.start()
    # 64 is the file's first block: from 32 on, the next is asked for.
    last = take(one, 40)[-1]
    one.close()
    lending.numbers.take_back(one.unused())
    lending.numbers.close()
    assert next_in(tmp_path / "state") == last + 1


def test_a_closed_one_hands_out_nothing(lending: Lending) -> None:
    one = lending.borrower()
    lending.thread.start()
    take(one, 1)
    one.close()
    with pytest.raises(LocalError, match="used up"):
        one.take()


def test_loans_grow_and_are_bounded() -> None:
    asked = []

    class Generous(Numbers):
        def lend(self, count: int) -> range:
            asked.append(count)
            return super().lend(count)

    lending = Lending(Generous())
    one = lending.borrower()
    lending.thread.start()
    take(one, 6 * LARGEST_LOAN)
    lending.finish()
    assert asked[:3] == [FIRST_LOAN, 2 * FIRST_LOAN, 4 * FIRST_LOAN]
    assert max(asked) == asked[-1] == LARGEST_LOAN


def test_the_next_block_is_asked_for_before_it_is_needed() -> None:
    lending = Lending(Numbers())
    one = lending.borrower()
    lending.thread.start()
    take(one, FIRST_LOAN // 2)
    lending.over = True
    lending.thread.join()
    assert lending.reactor.getReaders()
    take(one, 1)  # asks
    lending.reactor.turns(2)  # is answered, although nobody waits
    assert take(one, FIRST_LOAN // 2) == list(range(FIRST_LOAN // 2 + 2, FIRST_LOAN + 2))
    lending.finish()


# What goes wrong ------------------------------------------------------------------------------------------------------


def test_a_full_disk_is_the_workers_error_too_and_passes(lending: Lending, monkeypatch: pytest.MonkeyPatch) -> None:
    one = lending.borrower()
    with monkeypatch.context() as disk:
        disk.setattr("os.fsync", _full)
        lending.thread.start()
        for _ in range(2):
            with pytest.raises(LocalError, match="no space left on device"):
                one.take()
    assert one.take() == 1


def test_a_refusal_of_some_time_ago_is_asked_about_again(lending: Lending, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next block was asked for while the disk was full, and is needed when it is no longer."""
    one = lending.borrower()
    lending.numbers.lend(60)  # four are left of the file's first block
    lending.thread.start()
    with monkeypatch.context() as disk:
        disk.setattr("os.fsync", _full)
        assert take(one, 3) == [61, 62, 63]
        select.select([lending.ends[0]], [], [], 30)
    assert take(one, 2) == [64, 65]


def _full(*args: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_parent_that_says_nothing_is_waited_for_once() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    now_s = [0.0]
    with ours, theirs:
        one = BorrowedNumbers(theirs, lambda: now_s[0])
        one._ask()
        now_s[0] = PATIENCE_S
        for _ in range(3):
            with pytest.raises(LocalError, match="late"):
                one.take()
        assert ours.recv(100) == b"%d" % FIRST_LOAN
        ours.send(b'{"block": [7, 9]}')
        assert take(one, 2) == [7, 8]
        ours.setblocking(False)
        assert ours.recv(100) == b"%d" % (2 * FIRST_LOAN), "one question, and then the next"


def test_a_parent_that_is_gone_has_no_numbers() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        one = BorrowedNumbers(theirs)
        ours.close()
        with pytest.raises(LocalError, match="nobody"):
            one.take()
