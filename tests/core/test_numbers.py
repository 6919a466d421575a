"""The account of a counter's answers beside naive ones that keep everything."""

from tw.core.numbers import HIGHEST_INSTANCES, HIGHEST_LOST, NumberLine


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
    line = _line((1, "a"), (2, "a"), (1, "a"), (2, "a"))
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


def test_one_that_answers_again_has_not_been_replaced() -> None:
    line = _line((1, "a"), (1, "b"), (2, "a"), (2, "b"), (4, "a"), (3, "b"))
    assert _figures(line) == {"first": 1, "last": 3, "gaps": 1, "instances": 2}


def test_an_answer_that_was_under_way_when_its_server_was_replaced_does_not_undo_that() -> None:
    line = NumberLine()
    marks = [line.mark() for _ in range(3)]
    line.feed(7, "a", marks[0])
    line.feed(1, "b", marks[1])
    line.feed(8, "a", marks[2])
    assert (line.resets, line.ok) == (1, True)
    line.feed(9, "a", line.mark())
    assert (line.resets, line.ok) == (0, True)


def test_each_instance_is_replaced_once_at_most() -> None:
    assert _line((5, "a"), (1, "b"), (2, "c")).resets == 1
    assert _line((5, "a"), (1, "b"), (1, "c")).resets == 2


def test_a_server_that_is_another_each_time_takes_no_more_memory_and_its_faults_stay_counted() -> None:
    answers = [(number, str(instance)) for instance in range(3 * HIGHEST_INSTANCES) for number in (3, 1, 1, 5)]
    line = _line(*answers)
    count = 3 * HIGHEST_INSTANCES
    assert len(line.counters()) == HIGHEST_INSTANCES
    assert _figures(line) == {
        "first": 3, "last": 5, "gaps": count, "duplicates": count, "reordered": count, "instances": count,
        "resets": HIGHEST_INSTANCES - 1,
    }  # fmt: skip


def test_who_has_been_silent_for_longest_is_forgotten() -> None:
    line = _line((1, "busy"), *((number, str(number)) for number in range(HIGHEST_INSTANCES - 1)))
    line.feed(2, "busy")
    line.feed(7, "new")
    line.feed(3, "busy")
    assert line.instances == HIGHEST_INSTANCES + 1
    assert line.counters()[0].answers == 3


# Under way together.


def test_answers_of_requests_under_way_together_have_no_order() -> None:
    line = NumberLine()
    marks = [line.mark() for _ in range(3)]
    for number, mark in zip((3, 1, 2), marks, strict=True):
        line.feed(number, "a", mark)
    assert _figures(line) == {"first": 3, "last": 2, "instances": 1}
    line.feed(8, "a", mark := line.mark())
    line.feed(5, "a", mark)
    line.feed(6, "a", line.mark())
    assert _figures(line) == {"first": 3, "last": 6, "gaps": 2, "reordered": 1, "instances": 1}


def test_an_old_mark_counts_for_its_own_instance_only() -> None:
    line = NumberLine()
    line.feed(100, "a", line.mark())
    line.feed(1, "b", mark := line.mark())
    line.feed(99, "a", mark - 1)
    assert line.ok
    line.feed(98, "a", mark)
    assert line.reordered == 1


# Lost answers.


def _lossy(*events: int | None) -> NumberLine:
    """Numbers of one instance in their order; None is a lost answer."""
    line = NumberLine()
    for event in events:
        if event is None:
            line.lose(line.mark())
        else:
            line.feed(event, "a")
    return line


def test_a_gap_where_an_answer_was_lost_can_be_its_request() -> None:
    assert (_lossy(1, None, 3).gaps, _lossy(1, None, 3).unanswered) == (1, 1)
    assert _lossy(1, None, None, None, 4).unanswered == 2
    assert (_lossy(1, None, 9).gaps, _lossy(1, None, 9).unanswered) == (7, 1)


def test_a_gap_from_before_the_lost_request_was_sent_went_to_others() -> None:
    assert (_lossy(1, 9, None, 10).gaps, _lossy(1, 9, None, 10).unanswered) == (7, 0)
    assert _lossy(1, 9, None, 11, None).unanswered == 1


def test_a_later_gap_may_be_that_of_a_request_that_was_long_under_way() -> None:
    assert _lossy(1, None, 2, 4).unanswered == 1


def test_before_the_first_number_and_after_the_last_nothing_is_known() -> None:
    assert _lossy(None, None, 3, None).unanswered == 0
    assert _lossy(None).unanswered == 0


def test_every_gap_stands_for_one_lost_request_at_most() -> None:
    line = _lossy(1, None, 3, None, None, 5, 7, None, 8)
    assert (line.gaps, line.unanswered) == (3, 3)


def test_lost_requests_take_no_more_memory_the_more_there_are_and_explain_no_less() -> None:
    line = NumberLine()
    for number in range(0, 6 * HIGHEST_LOST, 2):
        line.feed(number, "a")
        line.lose(line.mark())
    assert len(line._lost) <= HIGHEST_LOST
    assert sum(line._lost.values()) == 3 * HIGHEST_LOST
    assert line.unanswered == line.gaps == 3 * HIGHEST_LOST - 1
