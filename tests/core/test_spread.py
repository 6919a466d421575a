"""Who of a delivery matrix is at which server."""

from hypothesis import given
from hypothesis import strategies as st

from tw.core.spread import deal

COUNTS = st.integers(1, 40)


@given(COUNTS, COUNTS, COUNTS)
def test_everyone_is_somewhere_and_nowhere_are_two_more_than_elsewhere(
    publishers: int, subscribers: int, servers: int
) -> None:
    places = deal(publishers, subscribers, servers)
    assert (len(places.publishers), len(places.subscribers)) == (publishers, subscribers)
    for crew in places:
        counts = [crew.count(server) for server in range(servers)]
        assert sum(counts) == len(crew)
        assert max(counts) - min(counts) <= 1


@given(COUNTS, COUNTS, COUNTS)
def test_no_server_is_left_out_where_there_are_enough(publishers: int, subscribers: int, servers: int) -> None:
    places = deal(publishers, subscribers, servers)
    everywhere = set(range(servers))
    assert (set(places.publishers) == everywhere) == (publishers >= servers)
    assert (set(places.subscribers) == everywhere) == (subscribers >= servers)
    assert ({*places.publishers, *places.subscribers} == everywhere) == (publishers + subscribers >= servers)


def test_one_publisher_and_one_subscriber_are_at_two_servers() -> None:
    assert deal(1, 1, 2) == ([0], [1])
    assert deal(1, 1, 1) == ([0], [0])
    assert deal(2, 4, 3) == ([0, 1], [2, 0, 1, 2])
