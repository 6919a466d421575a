"""The numbers: each once, in order, also across restarts."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from state_files import next_in, take
from tw.errors import ExitCode, LocalError, UsageError
from tw.services.lockedfile import LockedFile
from tw.services.state import (
    FIRST_BLOCK,
    LARGEST_BLOCK,
    NUMBER_LIMIT,
    NumberFile,
    Numbers,
    format_state,
    parse_state,
)

# In memory -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("start", "first"), [(None, 1), (0, 0), (7, 7), (NUMBER_LIMIT - 3, NUMBER_LIMIT - 3)])
def test_numbers_count_from_the_first(start: int | None, first: int) -> None:
    assert take(Numbers(start), 3) == [first, first + 1, first + 2]


def test_numbers_end_where_a_signed_64_bit_integer_does() -> None:
    numbers = Numbers(NUMBER_LIMIT - 1)
    assert numbers.take() == 2**63 - 1
    with pytest.raises(LocalError, match="used up"):
        numbers.take()


@pytest.mark.parametrize("start", [-1, NUMBER_LIMIT])
def test_a_first_number_out_of_range_is_a_usage_error(start: int, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        Numbers(start)
    with pytest.raises(UsageError):
        NumberFile(str(tmp_path / "state"), start)
    assert not list(tmp_path.iterdir())


def test_every_start_is_another_instance(tmp_path: Path) -> None:
    path = str(tmp_path / "state")
    instances = set()
    for _ in range(3):
        numbers = NumberFile(path)
        instances |= {numbers.instance, Numbers().instance}
        numbers.close()
    assert len(instances) == 6
    assert all(len(instance) == 16 and int(instance, 16) >= 0 for instance in instances)


def test_no_number_is_taken_after_the_end(tmp_path: Path) -> None:
    for numbers in (Numbers(), NumberFile(str(tmp_path / "state"))):
        numbers.discard()
        with pytest.raises(LocalError):
            numbers.take()


# Across restarts -----------------------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 3 * FIRST_BLOCK), max_size=6))
@settings(max_examples=20)  # each a few fsyncs
def test_a_clean_restart_leaves_no_gap(tmp_path_factory: pytest.TempPathFactory, runs: list[int]) -> None:
    path = tmp_path_factory.mktemp("state") / "state"
    taken: list[int] = []
    for count in runs:
        numbers = NumberFile(str(path))
        taken += take(numbers, count)
        numbers.close()
    assert taken == list(range(1, len(taken) + 1))
    assert [entry.name for entry in path.parent.iterdir()] == (["state"] if runs else [])


def test_a_first_number_is_the_first_of_a_new_file(tmp_path: Path) -> None:
    path = tmp_path / "state"
    numbers = NumberFile(str(path), 100)
    assert next_in(path) == 100  # before anything is served: a crash now leaves no gap
    assert take(numbers, 2) == [100, 101]
    numbers.close()
    assert next_in(path) == 102


@pytest.mark.parametrize("start", [0, 1, 100, NUMBER_LIMIT - 4])
def test_a_command_line_with_a_first_number_goes_on_again_and_again(tmp_path: Path, start: int) -> None:
    path = tmp_path / "state"
    for run in range(4):
        numbers = NumberFile(str(path), start)
        assert numbers.take() == start + run
        numbers.close()
        assert parse_state(path.read_bytes(), "state") == (start, start + run + 1)


def test_a_file_remembers_its_first_number_over_blocks_crashes_and_runs_without_one(tmp_path: Path) -> None:
    path = tmp_path / "state"
    for start in (9, None, 9):
        numbers = NumberFile(str(path), start)
        take(numbers, 2 * FIRST_BLOCK)
        assert parse_state(path.read_bytes(), "state")[0] == 9  # as a crash would leave it
        numbers.close()
    assert parse_state(path.read_bytes(), "state") == (9, 9 + 6 * FIRST_BLOCK)


def test_the_number_that_is_next_after_a_crash_is_not_the_first(tmp_path: Path) -> None:
    path = tmp_path / "state"
    path.write_bytes(format_state(7, 7 + FIRST_BLOCK))  # reserved, and never handed out
    numbers = NumberFile(str(path), 7)
    assert numbers.take() == 7 + FIRST_BLOCK
    numbers.close()


def test_a_file_that_was_begun_without_a_first_number_began_at_one(tmp_path: Path) -> None:
    path = tmp_path / "state"
    NumberFile(str(path)).close()
    assert parse_state(path.read_bytes(), "state") == (1, 1)
    NumberFile(str(path), 1).close()
    with pytest.raises(UsageError, match="began at 1 "):
        NumberFile(str(path), 0)


@pytest.mark.parametrize("start", [0, 99, 101, 102])
def test_a_first_number_that_contradicts_the_file_is_a_usage_error(tmp_path: Path, start: int) -> None:
    """The next number, 101, contradicts it as well: only the number that it began with is the same command line."""
    path = tmp_path / "state"
    path.write_bytes(format_state(100, 101))
    with pytest.raises(UsageError) as caught:
        NumberFile(str(path), start)
    assert caught.value.what == f"--start {start} contradicts the state, which began at 100"
    assert (caught.value.exit_code, caught.value.where) == (ExitCode.USAGE, str(path))
    assert path.read_bytes() == format_state(100, 101)
    NumberFile(str(path)).close()  # it is not locked


def test_the_file_is_a_line_of_json(tmp_path: Path) -> None:
    path = tmp_path / "state"
    NumberFile(str(path), 5).close()
    document = json.loads(path.read_text())
    assert (document["v"], document["start"], document["next"]) == (1, 5, 5)
    assert path.read_bytes().endswith(b"}\n")


def test_the_disk_is_written_once_a_block_and_blocks_grow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = NumberFile(str(tmp_path / "state"))
    writes: list[int] = []
    replace = LockedFile.replace
    monkeypatch.setattr(LockedFile, "replace", lambda file, content: (writes.append(1), replace(file, content)))
    take(numbers, FIRST_BLOCK)
    assert len(writes) == 1
    take(numbers, 2 * FIRST_BLOCK)
    assert len(writes) == 2
    take(numbers, 5 * LARGEST_BLOCK)
    assert len(writes) <= 17
    numbers.close()


def test_a_crash_leaves_a_gap_no_larger_than_the_run_and_one_block(tmp_path: Path) -> None:
    path = tmp_path / "state"
    numbers = NumberFile(str(path))
    for taken in range(1, 5 * FIRST_BLOCK):
        numbers.take()
        assert taken < next_in(path) <= 2 * taken + FIRST_BLOCK
    numbers.close()


def test_the_last_numbers_are_handed_out_and_then_no_more(tmp_path: Path) -> None:
    path = tmp_path / "state"
    numbers = NumberFile(str(path), NUMBER_LIMIT - 2)
    assert take(numbers, 2) == [NUMBER_LIMIT - 2, NUMBER_LIMIT - 1]
    with pytest.raises(LocalError, match="used up"):
        numbers.take()
    numbers.close()
    numbers = NumberFile(str(path))
    with pytest.raises(LocalError, match="used up"):
        numbers.take()
    numbers.close()
