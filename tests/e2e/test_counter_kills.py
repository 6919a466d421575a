"""A counter that is killed never repeats a number. `tests/benchmarks/kills.py` does it for longer."""

import os
from pathlib import Path

from kills import kill_owners, kill_servers, repeated
from tw.services.state import NumberFile


def test_hundreds_of_kills_in_the_middle_of_writing_repeat_no_number(tmp_path: Path) -> None:
    state = tmp_path / "state"
    rounds = kill_owners(state, 400, seed=1, most_s=30)  # all of them, but on a slow disk
    assert repeated(rounds) == []
    assert sum(map(bool, rounds)) >= len(rounds) // 2, "every other one got to take numbers"
    numbers = NumberFile(str(state))  # whole, and not locked; what a killed one left is swept up
    assert numbers.take() > max(max(taken, default=0) for taken in rounds)
    numbers.close()
    assert os.listdir(tmp_path) == ["state"]


def test_servers_that_are_killed_under_load_repeat_no_number(tmp_path: Path) -> None:
    rounds = kill_servers(tmp_path / "state", 10, seed=2)
    assert repeated(rounds) == []
    assert sum(map(len, rounds)) > 0
