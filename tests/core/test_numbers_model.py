"""The account of a counter's answers beside a world that knows what happened."""

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from counter_world import World

WHICH = st.integers(0, 7)
STEPS = st.one_of(
    st.tuples(st.just("send")),
    st.tuples(st.just("send")),
    st.tuples(st.just("handle"), WHICH, WHICH),
    st.tuples(st.just("handle"), WHICH, WHICH),
    st.tuples(st.just("arrive"), WHICH),
    st.tuples(st.just("arrive"), WHICH),
    st.tuples(st.just("lose"), WHICH),
)
OTHERS = st.tuples(st.just("other"), WHICH)
RESTARTS = st.tuples(st.just("restart"), WHICH, st.none() | st.integers(1, 5))


def lived(world: World, steps: list[tuple[object, ...]]) -> World:
    for name, *arguments in steps:
        getattr(world, str(name))(*arguments)
    return world


@given(st.lists(st.integers(1, 5), min_size=1, max_size=3), st.lists(st.one_of(STEPS, OTHERS, RESTARTS), max_size=60))
@settings(max_examples=300)
def test_with_names_all_is_told_as_it_was(starts: list[int], steps: list[tuple[object, ...]]) -> None:
    world = lived(World(starts), steps)
    line = world.line
    assert line.instances == len(world.instances)
    assert line.gaps == sum(len(world.gaps(instance)) for instance in world.instances)
    assert (line.duplicates, line.reordered, line.doubtful) == (0, 0, 0)
    assert line.ok == bool(world.arrived)
    shares = [(c.name, c.answers, c.first, c.highest, c.gaps) for c in line.counters()]
    assert shares == [
        (name, len(numbers), min(numbers), max(numbers), len(world.gaps(name)))
        for name in world.instances
        for numbers in [world.numbers(name)]
    ]
    # As many of the lost ones as are known to the world, and no more than there are lost ones and gaps.
    assert world.lost_in_gaps() <= line.unanswered <= min(line.gaps, len(world.lost))


@given(st.lists(st.integers(1, 5), min_size=1, max_size=3), st.lists(STEPS, max_size=60))
@settings(max_examples=300)
def test_where_nobody_else_counts_every_gap_is_a_lost_answer(
    starts: list[int], steps: list[tuple[object, ...]]
) -> None:
    world = lived(World(starts), steps)
    while world.under_way:
        world.lose(0)
    assert world.line.unanswered == world.line.gaps == world.lost_in_gaps()


@given(st.integers(1, 5), st.lists(st.one_of(STEPS, OTHERS), max_size=60))
@settings(max_examples=300)
def test_one_counter_without_a_name_is_told_as_one(start: int, steps: list[tuple[object, ...]]) -> None:
    world = lived(World([start], named=False), steps)
    line = world.line
    assert line.instances == len(world.instances)
    assert line.gaps == sum(len(world.gaps(instance)) for instance in world.instances)
    assert (line.duplicates, line.reordered, line.resets, line.doubtful) == (0, 0, 0, 0)
    assert world.lost_in_gaps() <= line.unanswered <= min(line.gaps, len(world.lost))


@given(st.lists(st.integers(1, 5), min_size=1, max_size=3), st.lists(STEPS, max_size=60), st.data())
def test_any_copy_of_a_named_answer_is_a_duplicate(
    starts: list[int], steps: list[tuple[object, ...]], data: st.DataObject
) -> None:
    world = lived(World(starts), steps)
    before = world.line.gaps, world.line.instances, world.line.unanswered
    copies = data.draw(st.lists(st.sampled_from(world.arrived), max_size=5)) if world.arrived else []
    for copy in copies:
        world.line.feed(copy.number or 0, copy.instance)
    assert (world.line.duplicates, world.line.reordered) == (len(copies), 0)
    assert (world.line.gaps, world.line.instances, world.line.unanswered) == before


APART = st.lists(st.integers(0, 3), min_size=1, max_size=3, unique=True)


@given(APART, st.lists(st.tuples(st.integers(0, 2), st.sampled_from([False] * 9 + [True])), min_size=40, max_size=80))
def test_counters_far_apart_are_told_without_names(places: list[int], asked: list[tuple[int, bool]]) -> None:
    """Any choice of the balancer's and any losses; each has to answer again and again, or it looks like a gap."""
    world = World([1 + 10_000 * place for place in places], named=False)
    for counter, loses in asked:
        world.ask(counter, loses=loses)
    for counter in range(len(places)):
        world.ask(counter)
    for counter in range(len(places)):
        world.ask(counter)
    line = world.line
    assert line.instances == len(places)
    assert (line.duplicates, line.reordered, line.resets, line.doubtful) == (0, 0, 0, 0)
    assert line.gaps == line.unanswered == sum(len(world.gaps(instance)) for instance in world.instances)
    told = sorted((c.answers, c.first, c.highest, c.gaps) for c in line.counters())
    assert told == sorted(
        (len(numbers), min(numbers), max(numbers), len(world.gaps(name)))
        for name in world.instances
        for numbers in [world.numbers(name)]
    )


@given(st.integers(1, 5), st.integers(0, 3), st.integers(0, 60))
def test_turns_of_counters_that_begin_together_are_told_without_names(counters: int, start: int, more: int) -> None:
    world = World([start] * counters, named=False)
    for turn in range(counters * counters + more):
        world.ask(turn)
    line = world.line
    assert line.instances == counters
    assert (line.duplicates, line.reordered, line.resets, line.gaps) == (0, 0, 0, 0)
    assert sorted(c.answers for c in line.counters()) == sorted(len(world.numbers(name)) for name in world.instances)
    assert line.doubtful == sum(request.instance != world.instances[0] for request in world.arrived)


def test_random_choices_between_two_side_by_side_are_told_without_names_nearly_always() -> None:
    """Where the two cross, a number may be put down to the wrong one: then there is a gap that was none."""
    random, wrong = Random(5), 0
    for _ in range(300):
        world = World([1, 1 + random.randint(0, 3)], named=False)
        for choice in (*(0, 1) * 4, *random.choices((0, 1), k=random.randint(40, 80))):
            world.ask(choice)
        line = world.line
        wrong += (line.instances, line.duplicates, line.reordered, line.gaps) != (2, 0, 0, 0)
    assert wrong <= 3
