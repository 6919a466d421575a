"""One node's reading of a shared stream: what is new, what is a repetition, and what was lost."""

from tw.core.follower import Follower, Reading
from tw.core.relayed import Relayed, StreamId, fields_of, node_name, read_entry

EARLY, LATE = (5, 0), (50, 0)


def batch(number: int, total: int, lines: int = 1, *, node: int = 1, start: StreamId = LATE) -> Relayed:
    found = read_entry(fields_of(node_name(start, bytes([node] * 8)), number, total, b"x\n" * lines))
    assert found is not None
    return found


def follower(**options: int) -> Follower:
    made = Follower(**options)
    made.begin((10, 0))
    return made


def lost(reading: Reading | None) -> int:
    assert reading is not None
    return reading.lost_lines


def test_batches_in_their_order_are_new_and_nothing_is_lost() -> None:
    reader = follower()
    assert [lost(reader.read((11, n), batch(n, 2 * n, 2))) for n in (1, 2, 3)] == [0, 0, 0]
    assert (reader.place, reader.batches, reader.lost_lines) == ((11, 3), 3, 0)


def test_what_was_sent_again_is_read_once() -> None:
    reader = follower()
    read = [reader.read((11, place), batch(n, n)) for place, n in enumerate((5, 6, 5, 6, 7, 5, 6, 7, 8, 8), 1)]
    assert [reading.batch.number for reading in read if reading] == [5, 6, 7, 8]
    assert reader.repeated == 6
    assert reader.place == (11, 10)


def test_the_lines_of_batches_that_are_missing_are_counted() -> None:
    reader = follower()
    assert lost(reader.read((11, 1), batch(1, 3, 3))) == 0
    assert lost(reader.read((11, 2), batch(5, 20, 2))) == 15
    assert reader.lost_lines == 15


def test_one_that_came_later_than_we_did_has_lost_all_that_is_missing() -> None:
    reader = follower()
    assert lost(reader.read((60, 1), batch(3, 9, 2, start=LATE))) == 7


def test_one_that_was_here_before_us_has_lost_nothing_that_was_for_us() -> None:
    reader = follower()
    assert lost(reader.read((60, 1), batch(3, 9, 2, start=EARLY))) == 0
    assert lost(reader.read((60, 2), batch(5, 20, 2, start=EARLY))) == 9


def test_one_whose_start_is_no_place_of_this_stream_was_here_before_it() -> None:
    reader = Follower()
    reader.begin((0, 0), (40, 0))  # it was deleted, and is empty
    assert lost(reader.read((60, 1), batch(3, 9, 2, node=1, start=EARLY))) == 0
    assert lost(reader.read((60, 2), batch(3, 9, 2, node=2, start=LATE))) == 7
    assert lost(reader.read((60, 3), batch(3, 9, 2, node=3, start=(0, 0)))) == 7


def test_of_what_stood_in_the_stream_before_us_nothing_is_new_when_it_is_read_again() -> None:
    reader = follower()
    assert reader.read((9, 1), batch(1, 3, start=EARLY)) is None
    assert reader.read((9, 2), batch(2, 9, 2, start=EARLY)) is None
    assert lost(reader.read((60, 1), batch(4, 20, 2, start=EARLY))) == 0
    assert reader.batches == 1


def test_what_was_read_for_the_history_tells_how_far_each_is() -> None:
    reader = Follower()
    assert reader.read((9, 1), batch(3, 9, 2, start=EARLY)) is not None
    reader.begin(reader.place)
    assert (reader.batches, reader.lost_lines) == (0, 0)
    assert lost(reader.read((60, 1), batch(5, 20, 2, start=EARLY))) == 9
    assert reader.read((60, 2), batch(3, 9, 2, start=EARLY)) is None


def test_entries_of_strangers_are_counted() -> None:
    reader = follower()
    assert reader.read((11, 1), None) is None
    assert (reader.foreign, reader.place) == (1, (11, 1))


def test_what_is_given_up_is_lost_once() -> None:
    reader = follower()
    mine = batch(1, 2, 2)
    assert reader.read((11, 1), mine) is not None
    assert reader.give_up(mine.node, 4, 12) == 10
    assert reader.give_up(mine.node, 4, 12) == 0
    assert reader.read((11, 2), batch(4, 12)) is None
    assert lost(reader.read((11, 3), batch(5, 13))) == 0
    assert reader.lost_lines == 10


def test_the_nodes_heard_last_are_remembered() -> None:
    reader = follower(max_nodes=2)
    for place, (node, number) in enumerate([(1, 7), (2, 7), (1, 8), (3, 7), (1, 8), (4, 7)]):
        reader.read((11, place), batch(number, number, node=node, start=EARLY))
    assert reader.read((12, 1), batch(8, 8, node=1, start=EARLY)) is None
    assert reader.read((12, 2), batch(7, 7, node=2, start=EARLY)) is not None
