"""The fan-out: what subscribers get, in what pieces, and who of them is too slow."""

import pytest

from fanout_lines import ALL, publish_turn, whole_lines
from tw.core.batches import MERGE_BYTES
from tw.core.fanout import MIN_SPANS, FanOut

# What subscribers get.


def test_a_line_reaches_every_subscriber_its_publisher_included() -> None:
    fanout = FanOut(backlog_bytes=1000)
    first, second = fanout.subscribe(), fanout.subscribe()
    fanout.publish(first, b"<a> ", [b"one", b""])
    fanout.publish(None, b"<b> ", [b"two"])
    assert (first.take(ALL), second.take(ALL)) == (b"", b"")  # not before the turn is over
    assert fanout.seal()
    assert first.take(ALL) == second.take(ALL) == b"<a> one\n<a> \n<b> two\n"
    assert not fanout.seal()


def test_subscribers_that_keep_up_share_the_bytes_of_the_turn() -> None:
    fanout = FanOut(backlog_bytes=1000)
    cursors = [fanout.subscribe() for _ in range(3)]
    publish_turn(fanout, b"one")
    taken = [cursor.take(ALL) for cursor in cursors]
    assert all(data is taken[0] for data in taken)


def test_every_line_ends_in_the_line_end_asked_for() -> None:
    fanout = FanOut(backlog_bytes=1000, history_lines=2, line_end=b"\r\n")
    for line in (b"1", b"2", b"3"):
        publish_turn(fanout, line)
    assert fanout.subscribe().take(ALL) == b"2\r\n3\r\n"


def test_without_echo_a_subscriber_gets_all_but_its_own_lines() -> None:
    fanout = FanOut(backlog_bytes=1000)
    quiet = fanout.subscribe(echo=False)
    for source, name in ((quiet, b"own"), (None, b"other"), (quiet, b"own"), (quiet, b"own"), (None, b"last")):
        fanout.publish(source, b"", [name])
    fanout.seal()
    assert (quiet.backlog_bytes, quiet.backlog_lines) == (len(b"other\nlast\n"), 2)
    assert quiet.take(ALL) == b"other\nlast\n"
    publish_turn(fanout, b"own", source=quiet)
    assert (quiet.backlog_bytes, quiet.caught_up) == (0, False)
    assert quiet.take(ALL) == b""
    assert (quiet.caught_up, fanout.held_bytes) == (True, 0)


def test_a_subscriber_gets_nothing_that_was_published_before_it_in_the_same_turn() -> None:
    fanout = FanOut(backlog_bytes=1000)
    fanout.publish(None, b"", [b"before"])
    late = fanout.subscribe()
    fanout.publish(None, b"", [b"after"])
    assert late.caught_up
    fanout.seal()
    assert late.take(ALL) == b"after\n"


def test_the_history_comes_first_and_in_order_the_unsealed_turn_included() -> None:
    fanout = FanOut(backlog_bytes=1000, history_lines=3)
    publish_turn(fanout, b"1", b"2", b"3")
    fanout.publish(None, b"<p> ", [b"4"])
    late = fanout.subscribe()
    fanout.publish(None, b"", [b"5"])
    assert late.take(ALL) == b"2\n3\n"
    fanout.seal()
    assert late.take(ALL) == b"<p> 4\n5\n"


@pytest.mark.parametrize(("backlog_bytes", "expected"), [(11, b"333\n444\n"), (12, b"222\n333\n444\n")])
def test_the_history_is_whole_lines_within_the_backlog(backlog_bytes: int, expected: bytes) -> None:
    fanout = FanOut(backlog_bytes=backlog_bytes, history_lines=9)
    publish_turn(fanout, b"111", b"222", b"333", b"444")
    late = fanout.subscribe()
    assert (late.backlog_bytes, late.backlog_lines) == (len(expected), expected.count(b"\n"))
    assert late.take(ALL) == expected


def test_a_line_longer_than_the_backlog_is_no_history() -> None:
    fanout = FanOut(backlog_bytes=10, history_lines=9)
    publish_turn(fanout, b"x" * 50)
    assert fanout.subscribe().take(ALL) == b""


def test_a_finished_cursor_gets_what_was_published_up_to_then_and_nothing_later() -> None:
    fanout = FanOut(backlog_bytes=1000)
    leaving, staying = fanout.subscribe(echo=False), fanout.subscribe()
    fanout.publish(leaving, b"", [b"own"])
    fanout.publish(None, b"", [b"before"])
    assert not leaving.finished
    leaving.finish()
    fanout.publish(leaving, b"", [b"own, too late"])
    fanout.publish(None, b"", [b"after"])
    leaving.finish()
    fanout.seal()
    assert (leaving.backlog_bytes, leaving.backlog_lines, leaving.finished) == (7, 1, False)
    assert leaving.take(ALL) == b"before\n"
    assert leaving.finished
    more = b"x" * 2 * MERGE_BYTES
    publish_turn(fanout, more)
    publish_turn(fanout, more)
    assert (leaving.take(ALL), leaving.backlog_bytes, leaving.backlog_lines) == (b"", 0, 0)
    assert staying.take(ALL) == b"own\nbefore\nown, too late\nafter\n" + 2 * (more + b"\n")


# How it comes in pieces.


def test_a_take_is_whole_batches_up_to_the_limit() -> None:
    fanout = FanOut(backlog_bytes=10**6, batch_bytes=5000)
    cursor = fanout.subscribe()
    for letter in (b"a", b"b", b"c"):
        publish_turn(fanout, letter * 4999)
    assert cursor.take(10_000) == b"a" * 4999 + b"\n" + b"b" * 4999 + b"\n"
    assert cursor.take(1) == b"c" * 4999 + b"\n"
    assert cursor.take(1) == b""


def test_a_turn_is_cut_into_batches_between_lines_and_a_huge_line_is_a_batch_of_its_own() -> None:
    fanout = FanOut(backlog_bytes=10**6, batch_bytes=10)
    cursor = fanout.subscribe()
    fanout.publish(None, b"", [b"1234", b"12345", b"x" * 30, b"1", b"2"])
    fanout.publish(None, b"", [b"345", b"6", b"7"])
    fanout.seal()
    taken = []
    while data := cursor.take(1):
        taken.append(data)
    assert taken == [b"1234\n", b"12345\n", b"x" * 30 + b"\n", b"1\n2\n", b"345\n6\n7\n"]


def test_own_lines_are_skipped_over_many_batches() -> None:
    fanout = FanOut(backlog_bytes=10**6, batch_bytes=10)
    quiet = fanout.subscribe(echo=False)
    fanout.publish(quiet, b"", [b"own"] * 20)
    fanout.publish(None, b"", [b"other"])
    fanout.seal()
    other = fanout.subscribe()
    publish_turn(fanout, b"last")
    assert (quiet.backlog_bytes, quiet.backlog_lines) == (11, 2)
    assert quiet.take(1) == b"other\n"
    assert quiet.take(1) == b"last\n"
    assert (quiet.backlog_bytes, quiet.backlog_lines) == (0, 0)
    assert other.take(ALL) == b"last\n"


def test_subscribers_that_stall_at_different_turns_may_leave_or_get_all_after_theirs() -> None:
    fanout = FanOut(backlog_bytes=10**6)
    lines = [b"%d" % turn for turn in range(20)]
    cursors = []
    for line in lines:
        cursors.append(fanout.subscribe())
        publish_turn(fanout, line)
    assert [cursor.backlog_lines for cursor in cursors] == list(range(20, 0, -1))
    for cursor in cursors[10:]:
        fanout.unsubscribe(cursor)
    for at, cursor in enumerate(cursors[:10]):
        assert whole_lines(cursor.take(ALL)) == [line + b"\n" for line in lines[at:]]
    assert fanout.held_bytes == 0


# Who is too slow.


def test_a_subscriber_is_overdue_when_its_backlog_passes_the_limit_and_not_when_it_reaches_it() -> None:
    fanout = FanOut(backlog_bytes=10)
    slow, quick, slower = fanout.subscribe(), fanout.subscribe(), fanout.subscribe()
    publish_turn(fanout, b"123456789")
    assert quick.take(ALL)
    assert fanout.overdue() == []
    publish_turn(fanout, b"")
    assert quick.take(ALL)
    assert fanout.overdue() == [slow, slower]
    assert (slow.backlog_bytes, slow.backlog_lines) == (11, 2)
    fanout.unsubscribe(slow)
    assert fanout.overdue() == [slower]
    assert slower.take(ALL) == b"123456789\n\n"
    assert fanout.overdue() == []
    assert quick.caught_up


def test_own_lines_make_a_subscriber_overdue_while_it_does_not_take() -> None:
    fanout = FanOut(backlog_bytes=10)
    quiet = fanout.subscribe(echo=False)
    publish_turn(fanout, b"1234567890", source=quiet)
    assert (quiet.backlog_bytes, fanout.overdue()) == (0, [quiet])
    assert (quiet.take(ALL), fanout.overdue()) == (b"", [])


def test_too_many_spans_of_own_lines_make_a_subscriber_overdue() -> None:
    fanout = FanOut(backlog_bytes=100_000)
    quiet = fanout.subscribe(echo=False)
    for _ in range(MIN_SPANS):
        fanout.publish(None, b"", [b""])
        fanout.publish(quiet, b"", [b""])
    fanout.seal()
    assert fanout.overdue() == []
    fanout.publish(None, b"", [b""])
    publish_turn(fanout, b"", source=quiet)
    assert fanout.overdue() == [quiet]
    assert quiet.take(ALL) == b"\n" * (MIN_SPANS + 1)
    assert fanout.overdue() == []


def test_unsubscribing_is_idempotent_and_leaves_nothing_to_take() -> None:
    fanout, other = FanOut(backlog_bytes=10), FanOut(backlog_bytes=10)
    cursor, stranger = fanout.subscribe(echo=False), other.subscribe()
    publish_turn(fanout, b"one")
    publish_turn(other, b"one")
    for _ in range(2):
        fanout.unsubscribe(cursor)
    fanout.unsubscribe(stranger)
    assert (cursor.take(ALL), cursor.backlog_bytes, cursor.backlog_lines, cursor.caught_up) == (b"", 0, 0, True)
    assert stranger.take(ALL) == b"one\n"
    assert fanout.held_bytes == 0


def test_an_unsubscribed_publisher_may_still_publish() -> None:
    fanout = FanOut(backlog_bytes=10)
    gone, other = fanout.subscribe(echo=False), fanout.subscribe()
    fanout.unsubscribe(gone)
    publish_turn(fanout, b"last", source=gone)
    assert (gone.take(ALL), other.take(ALL)) == (b"", b"last\n")


@pytest.mark.parametrize(
    "options", [{"backlog_bytes": 0}, {"batch_bytes": 0}, {"history_lines": -1}, {"line_end": b"\r"}, {"line_end": b""}]
)
def test_senseless_values_are_refused(options: dict[str, int | bytes]) -> None:
    with pytest.raises(ValueError, match=r"positive|LF or CRLF"):
        FanOut(**{"backlog_bytes": 1, **options})
