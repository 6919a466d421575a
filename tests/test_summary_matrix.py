"""The delivery matrix in words, and in JSON."""

from dataclasses import replace
from typing import Any

from tw.report import LoadFigures, ProbeReport
from tw.report.matrix import (
    MAX_LISTED,
    Deliveries,
    MatrixFigures,
    PairFigures,
    PublisherFigures,
    ShortTimes,
    SubscriberFigures,
)
from tw.summary import report_lines
from tw.summary_matrix import MOST_SUBSCRIBERS, matrix_rows

TIMES = ShortTimes(p50_ms=1.0, p99_ms=2.5, max_ms=3.0)
WELL = Deliveries(delivered=10)


def pair(publisher: int, subscriber: int, counts: Deliveries = WELL, *, joined: bool = True) -> PairFigures:
    return PairFigures(publisher=publisher, subscriber=subscriber, joined=joined, counts=counts, times=TIMES)


def subscriber(number: int, counts: Deliveries = WELL, **more: Any) -> SubscriberFigures:
    fields: dict[str, Any] = {
        "place": 1, "target": "h:1", "local": f"127.0.0.1:{number}", "foreign": 0, "dropped_notices": 0, "slow": False,
        "left_at_s": None, "left_reason": "", "joined_all": True, "order_differs": False, "times": TIMES,
    }  # fmt: skip
    return SubscriberFigures(subscriber=number, counts=counts, **fields | more)


def publisher(number: int, **more: Any) -> PublisherFigures:
    fields: dict[str, Any] = {"place": 1, "target": "h:1", "left_at_s": None, "left_reason": "", "unknown_fate": 0}
    return PublisherFigures(publisher=number, local=f"127.0.0.1:{number}", published=10, **fields | more)


def figures(publishers: int, subscribers: list[SubscriberFigures], pairs: list[PairFigures]) -> MatrixFigures:
    names = [publisher(index) for index in range(1, publishers + 1)]
    return MatrixFigures(publishers=names, subscribers=subscribers, pairs=pairs, targets=["h:1"])


# In words -------------------------------------------------------------------------------------------------------------


def test_a_small_matrix_is_a_table_of_who_missed_what() -> None:
    bad = Deliveries(delivered=4, lost=3, duplicated=1, reordered=2, corrupted=5)
    found = figures(
        2,
        [subscriber(1), subscriber(2, bad, slow=True), subscriber(3, joined_all=False)],
        [pair(1, 1), pair(2, 1), pair(1, 2, bad), pair(2, 2), pair(1, 3), pair(2, 3, joined=False)],
    )
    assert matrix_rows(found) == [
        ("subscribers", "1 of 3 got everything of 2 publishers", False),
        ("", "    p1                         p2", None),
        ("", "s1  ok 2.50 ms                 ok 2.50 ms", None),
        ("", "s2  3 lost 1 dup 2 late 5 bad  ok 2.50 ms      slow", False),
        ("", "s3  ok 2.50 ms                 no way through", False),
    ]


def test_what_became_of_a_subscriber_stands_behind_its_row() -> None:
    left = subscriber(
        1, dropped_notices=7, order_differs=True, left_at_s=1.5, left_reason="the peer closed the connection"
    )
    (_, _, (_, text, good)) = matrix_rows(figures(1, [left], [pair(1, 1)]))
    assert text == (
        "s1  ok 2.50 ms  the server says it dropped 7, in another order than the others, "
        "left after 1.500 s: the peer closed the connection"
    )
    assert good is False


def test_of_a_large_matrix_those_are_shown_that_missed_something() -> None:
    rows = [subscriber(number) for number in range(1, 1001)]
    rows[6] = subscriber(7, Deliveries(delivered=8, lost=2), slow=True)
    rows[8] = subscriber(9, joined_all=False)
    assert matrix_rows(figures(4, rows, [])) == [
        ("subscribers", "998 of 1000 got everything of 4 publishers", False),
        ("", "s7  2 lost, slow", False),
        ("", "s9  no way through from some", False),
    ]


def test_of_very_many_that_missed_something_some_are_shown_and_the_rest_is_counted() -> None:
    rows = [subscriber(number, Deliveries(lost=1)) for number in range(1, 101)]
    shown = matrix_rows(figures(9, rows, []))
    assert len(shown) == 2 + MOST_SUBSCRIBERS
    assert shown[-1] == ("", f"and {100 - MOST_SUBSCRIBERS} more", False)


def test_a_matrix_that_is_well_is_good() -> None:
    assert matrix_rows(figures(9, [subscriber(1)], []))[0] == (
        "subscribers", "1 of 1 got everything of 9 publishers", True,
    )  # fmt: skip


def test_a_run_that_was_cut_short_says_so() -> None:
    found = MatrixFigures(publishers=figures(1, [], []).publishers, subscribers=[subscriber(1)], pairs=[pair(1, 1)],
                          settled=False)  # fmt: skip
    assert matrix_rows(found)[0] == ("subscribers", "1 of 1 have missed nothing so far of 1 publisher", True)
    assert found.to_json()["settled"] is False


def test_the_rate_of_publishing_is_told_where_there_is_one() -> None:
    some = figures(1, [subscriber(1)], [pair(1, 1)])
    timed = MatrixFigures(
        publishers=some.publishers, subscribers=some.subscribers, pairs=some.pairs, published_per_s=1234.567
    )
    assert matrix_rows(timed) == [("published", "1234.6 lines per second", None), *matrix_rows(some)]


def test_a_pair_without_latencies_is_ok_all_the_same() -> None:
    bare = PairFigures(publisher=1, subscriber=1, joined=True, counts=WELL, times=None)
    assert matrix_rows(figures(1, [subscriber(1)], [bare]))[-1] == ("", "s1  ok", None)
    assert bare.to_json()["p99_ms"] is None


def test_a_publisher_that_left_is_named_with_what_nobody_can_tell() -> None:
    some = figures(4, [subscriber(1)], [pair(number, 1) for number in range(1, 5)])
    left = {"left_at_s": 1.5, "left_reason": "the peer broke the connection"}
    names = [publisher(1), publisher(2, **left, unknown_fate=12), publisher(3, **left, unknown_fate=1)]
    found = replace(some, publishers=[*names, publisher(4, **left)])
    assert matrix_rows(found)[1:6] == [
        ("publisher left", "p2 after 1.500 s: the peer broke the connection", False),
        ("unknown fate", "the last 12 lines of p2: nobody got them, and whether they were taken is not known", None),
        ("publisher left", "p3 after 1.500 s: the peer broke the connection", False),
        ("unknown fate", "a line of p3: nobody got it, and whether it was taken is not known", None),
        ("publisher left", "p4 after 1.500 s: the peer broke the connection", False),
    ]


def test_what_was_due_at_a_publisher_that_left_did_not_lack_room() -> None:
    left = publisher(1, left_at_s=1.5, left_reason="gone")
    matrix = replace(figures(1, [subscriber(1)], [pair(1, 1)]), publishers=[left])
    load = LoadFigures(pacing="open", connections=2, rate_asked_per_s=5.0, unsent=7)
    report = ProbeReport(probe="pubsub", target="h:1", ok=False, sent=10, received=10, matrix=matrix, load=load)
    assert "unsent: 7 were due, and not sent, since a publisher had left" in report_lines(report)
    assert "unsent: 7 were due, and found no room before the end" in report_lines(replace(report, matrix=None))


def test_with_several_targets_it_says_who_was_where_and_where_something_is_missing() -> None:
    bad = subscriber(2, Deliveries(lost=1), place=2, target="h:2")
    some = figures(1, [subscriber(1), bad, subscriber(3)], [pair(1, 1), pair(1, 2, Deliveries(lost=1)), pair(1, 3)])
    found = replace(some, targets=["h:1", "h:2"])
    assert matrix_rows(found) == [
        ("subscribers", "2 of 3 got everything of 1 publisher", False),
        ("target t1", "h:1, 1 publisher, 2 of 2 subscribers got everything", True),
        ("target t2", "h:2, no publishers, 0 of 1 subscriber got everything", False),
        ("", "       p1@t1", None),
        ("", "s1@t1  ok 2.50 ms", None),
        ("", "s2@t2  1 lost", False),
        ("", "s3@t1  ok 2.50 ms", None),
    ]
    many = replace(found, publishers=[publisher(number) for number in range(1, 10)])
    assert matrix_rows(many)[-1] == ("", "s2@t2  1 lost", False)


def test_a_target_without_subscribers_does_not_say_how_many_of_none_got_everything() -> None:
    found = replace(figures(1, [subscriber(1, place=2, target="h:2")], [pair(1, 1)]), targets=["h:1", "h:2"])
    assert matrix_rows(found)[1:3] == [
        ("target t1", "h:1, 1 publisher, no subscribers", None),
        ("target t2", "h:2, no publishers, 1 of 1 subscriber got everything", True),
    ]


def test_of_very_many_targets_those_are_shown_where_something_is_missing() -> None:
    rows = [subscriber(number, place=number, target=f"h:{number}") for number in range(1, 101)]
    targets = [row.target for row in rows]
    rows[6] = subscriber(7, Deliveries(lost=2), place=7, target="h:7")
    found = replace(figures(1, rows, []), targets=targets)
    assert [name for name, *_ in matrix_rows(found) if name.startswith("target")] == ["target t7"]
    lost = replace(found, subscribers=[subscriber(row.subscriber, Deliveries(lost=1), place=row.place) for row in rows])
    assert matrix_rows(lost)[1 + MOST_SUBSCRIBERS] == ("", f"and {100 - MOST_SUBSCRIBERS} more targets", False)


def test_the_report_shows_it() -> None:
    report = ProbeReport(
        probe="pubsub", target="h:1", ok=True, sent=10, received=10, matrix=figures(1, [subscriber(1)], [pair(1, 1)])
    )
    assert report_lines(report)[7:10] == [
        "subscribers: 1 of 1 got everything of 1 publisher",
        "      p1",
        "  s1  ok 2.50 ms",
    ]


# In JSON --------------------------------------------------------------------------------------------------------------


def test_the_json_has_every_pair_and_every_subscriber() -> None:
    lost = Deliveries(delivered=9, lost=1)
    left = subscriber(1, lost, left_at_s=1.23456789, left_reason="gone", foreign=3, dropped_notices=1)
    report = ProbeReport(
        probe="pubsub", target="h:1", ok=False, sent=10, received=9, matrix=figures(1, [left], [pair(1, 1, lost)])
    )
    counts = {"delivered": 9, "lost": 1, "duplicated": 0, "reordered": 0, "corrupted": 0}
    times = {"p50_ms": 1.0, "p99_ms": 2.5, "max_ms": 3.0}
    assert report.to_json()["matrix"] == {
        "publisher_count": 1,
        "subscriber_count": 1,
        "whole_subscribers": 0,
        "settled": True,
        "published_per_s": None,
        "targets": [{"target": "h:1", "publisher_count": 1, "subscriber_count": 1, "whole_subscribers": 0}],
        "publishers": [
            {
                "publisher": 1, "target": "h:1", "local": "127.0.0.1:1", "published": 10, "unknown_fate": 0,
                "connected": True, "left_at_s": None, "left_reason": None,
            }
        ],
        "subscribers": [
            {
                "subscriber": 1, "target": "h:1", "local": "127.0.0.1:1", **counts, "foreign": 3, "dropped_notices": 1,
                "slow": False, "connected": False, "left_at_s": 1.234568, "left_reason": "gone", "order_differs": False,
                **times,
            }
        ],
        "subscribers_left_off": 0,
        "pairs": [{"publisher": 1, "subscriber": 1, "joined": True, **counts, **times}],
        "pairs_left_off": 0,
    }  # fmt: skip


def test_of_very_many_subscribers_those_are_listed_that_missed_something() -> None:
    rows = [subscriber(number) for number in range(1, MAX_LISTED + 2)]
    rows[4] = subscriber(5, Deliveries(lost=1))
    document = figures(1, rows, [pair(1, 5, Deliveries(lost=1))]).to_json()
    assert [row["subscriber"] for row in document["subscribers"]] == [5]
    assert (document["subscribers_left_off"], document["pairs_left_off"]) == (MAX_LISTED, MAX_LISTED)
