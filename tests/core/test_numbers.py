"""The account of a counter's answers beside naive ones that keep everything."""

from hypothesis import given
from hypothesis import strategies as st

from tw.core.numbers import HIGHEST_INSTANCES, NumberLine


def _line(*answers: tuple[int, str | None]) -> NumberLine:
    line = NumberLine()
    for number, instance in answers:
        line.feed(number, instance)
    return line


def _figures(line: NumberLine) -> dict[str, int | None]:
    names = ("first", "last", "gaps", "duplicates", "resets", "reordered", "instances")
    return {name: getattr(line, name) for name in names if getattr(line, name) != 0}


def test_no_answer_is_not_fine() -> None:
    assert _figures(NumberLine()) == {"first": None, "last": None}
    assert not NumberLine().ok


def test_numbers_that_others_took_are_gaps_and_no_fault() -> None:
    line = _line((5, "a"), (6, "a"), (9, "a"), (20, "a"))
    assert _figures(line) == {"first": 5, "last": 20, "gaps": 12, "instances": 1}
    assert line.ok


def test_a_number_that_comes_twice_is_a_fault() -> None:
    line = _line((1, None), (2, None), (1, None), (2, None))
    assert _figures(line) == {"first": 1, "last": 2, "duplicates": 2, "instances": 1}
    assert not line.ok


def test_a_number_that_goes_back_is_a_fault_and_fills_its_gap() -> None:
    line = _line((5, "a"), (8, "a"), (6, "a"), (2, "a"), (3, "a"))
    assert _figures(line) == {"first": 5, "last": 3, "gaps": 1, "reordered": 3, "instances": 1}
    assert not line.ok


def test_a_restart_from_the_beginning_is_a_reset_and_one_that_goes_on_is_neither_reset_nor_gap() -> None:
    line = _line((5, "a"), (1, "b"), (2, "b"), (2, "c"), (1000, "d"), (1001, "d"))
    assert _figures(line) == {"first": 5, "last": 1001, "resets": 2, "instances": 4}
    assert line.ok


def test_two_servers_behind_one_address_are_counted_apart() -> None:
    line = _line((1, "a"), (1, "b"), (2, "a"), (2, "b"), (4, "a"), (3, "b"))
    assert _figures(line) == {"first": 1, "last": 3, "gaps": 1, "resets": 1, "instances": 2}


def test_a_server_that_is_another_each_time_takes_no_more_memory() -> None:
    line = _line(*((number, str(number)) for number in range(3 * HIGHEST_INSTANCES)))
    assert line.instances == 3 * HIGHEST_INSTANCES
    assert len(line._series) == HIGHEST_INSTANCES


@given(st.lists(st.tuples(st.integers(1, 15), st.sampled_from("ab")), max_size=25))
def test_any_answers_are_judged_as_by_a_list_of_everything(answers: list[tuple[int, str]]) -> None:
    line = _line(*answers)
    resets = duplicates = reordered = 0
    for at, (number, instance) in enumerate(answers):
        own = [n for n, i in answers[:at] if i == instance]
        if not own:
            resets += at > 0 and number <= answers[at - 1][0]
        elif number in own:
            duplicates += 1
        elif number < max(own):
            reordered += 1
    gaps = 0
    for instance in "ab":
        own = [n for n, i in answers if i == instance]
        gaps += sum(n not in own for n in range(own[0], max(own))) if own else 0
    assert (line.resets, line.duplicates, line.reordered, line.gaps) == (resets, duplicates, reordered, gaps)
    assert line.instances == len({instance for _number, instance in answers})
    assert (line.first, line.last) == ((answers[0][0], answers[-1][0]) if answers else (None, None))
    assert line.ok == (bool(answers) and not duplicates and not reordered)
