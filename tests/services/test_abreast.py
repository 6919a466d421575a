"""Subscribers that have kept up, over real sockets: each gets every line once, and costs nobody else anything."""

import ssl
from contextlib import closing

import pytest

from pubsub_sockets import serving
from reactor_loop import Loop
from tw.net.stream import PAUSE_BYTES
from tw.serve_options import ServePubSubOptions
from tw.services.pubsub import TURN_BYTES, PubSubService

pytestmark = pytest.mark.usefixtures("quiet")

ROOMY = 1 << 20
"""Room for all that one of these tests sends."""

# Keeping up -----------------------------------------------------------------------------------------------------------


def test_who_has_kept_up_is_abreast_and_gets_every_line_once_and_in_order() -> None:
    with serving() as served:
        one, two = served.call(), served.call()
        assert (one.abreast, two.abreast, served.cursors) == (False, False, 2)
        for number in range(50):
            line = b"%d\n" % number
            one.says(line)
            assert (one.reads(), two.reads()) == (b"", b"")  # not before the turn is over
            served.ends_turn()
            assert (one.reads(), two.reads()) == (line, line)
            assert (one.abreast, two.abreast) == (True, True)
            assert (served.cursors, served.held_bytes) == (0, 0)
            assert served.reactor.getWriters() == []
        assert served.stop().sent_bytes == len(one.got + two.got)


def test_lines_of_one_turn_have_one_order_and_leave_once_for_all_who_are_abreast_and_who_are_not() -> None:
    with serving() as served:
        one, two = served.calls(2)
        late = served.call()
        one.says(b"1\n2\n")
        two.says(b"3\n")
        one.says(b"4\n")
        served.ends_turn()
        assert [caller.reads() for caller in (one, two, late)] == [b"1\n2\n3\n4\n"] * 3
        served.ends_turn()
        assert [caller.reads() for caller in (one, two, late)] == [b""] * 3
        served.stop()


def test_a_turn_that_grows_large_reaches_them_at_once() -> None:
    with serving() as served:
        publisher, subscriber = served.calls(2, ROOMY)
        line = b"x" * 60_000 + b"\n"
        count = TURN_BYTES // len(line) + 1
        for _ in range(count):
            assert subscriber.reads() == b""
            publisher.says(line)
        assert subscriber.reads() == line * count
        assert subscriber.abreast
        served.ends_turn()
        assert (subscriber.reads(), served.reactor.getDelayedCalls()) == (b"", [])
        served.stop()


def test_on_the_lean_reactor_the_lines_of_a_batch_of_events_leave_at_its_end_without_a_delayed_call() -> None:
    with closing(Loop()) as loop:
        service = PubSubService(loop.reactor, ServePubSubOptions(port=0, prefix=False), lambda event: None)
        one, two, silent = (loop.attach(service._build(service.listener, None)) for _ in range(3))
        for number in range(3):
            one.send(b"%d\n" % number)
            two.send(b"%d\n" % number)
            loop.poll()
            assert [end.recv(100) for end in (one, two, silent)] == [b"%d\n" % number * 2] * 3
            assert loop.reactor.getDelayedCalls() == []


@pytest.mark.parametrize("published_before", [b"", b"in this turn\n"])
def test_a_newcomer_gets_its_history_first_and_is_then_abreast(published_before: bytes) -> None:
    with serving(history_lines=3) as served:
        (publisher,) = served.calls(1)
        served.order(b"1\n2\n3\n")
        if published_before:
            publisher.says(published_before)
        late = served.call()
        publisher.says(b"next\n")
        served.ends_turn()
        history = (b"first\n1\n2\n3\n" + published_before).splitlines(keepends=True)[-3:]
        assert late.reads() == b"".join(history) + b"next\n"
        assert late.abreast
        served.order(b"last\n")
        assert (late.reads(), publisher.reads()) == (b"last\n", b"1\n2\n3\n" + published_before + b"next\nlast\n")
        summary = served.stop()
        assert summary.sent_bytes == len(b"first\n" + publisher.got + late.got)


def test_a_newcomer_whose_history_takes_its_time_is_abreast_once_it_has_it() -> None:
    with serving(history_lines=9) as served:
        (quick,) = served.calls(1, ROOMY)
        history = b"".join(b"%d" % number * 5000 + b"\n" for number in range(9))
        served.order(history)
        late = served.call()
        assert late.waiting_bytes > 0
        served.order(b"next\n")
        assert not late.abreast
        served.all_read()
        served.order(b"last\n")
        assert late.abreast
        assert late.reads() == quick.reads() == b"last\n"
        assert late.got == quick.got == history + b"next\nlast\n"
        served.stop()


# Falling behind -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("size", "takes_some"), [(1000, False), (20_000, True)])
def test_who_does_not_read_falls_behind_gets_the_rest_in_order_and_is_taken_in_again(
    size: int, takes_some: bool
) -> None:
    with serving() as served:
        slow, quick = served.call(), served.call(ROOMY)
        ordered = b""
        while not ordered or slow.abreast:
            line = b"%04d" % len(ordered) * (size // 4) + b"\n"
            ordered += line
            quick.says(line)
            served.ends_turn()
            assert quick.reads() == line
        assert 0 < slow.waiting_bytes <= len(line)
        assert (slow.waiting_bytes < len(line)) == takes_some
        assert quick.abreast
        for number in range(3):
            ordered += b"while it is behind %d\n" % number
            served.order(b"while it is behind %d\n" % number)
            assert not slow.abreast
        served.all_read()
        assert slow.got == quick.got == ordered
        assert (served.cursors, served.held_bytes, slow.waiting_bytes) == (1, 0, 0)
        served.order(b"level\n")
        assert (slow.abreast, quick.abreast, served.cursors) == (True, True, 0)
        served.order(b"abreast again\n")
        assert slow.reads() == quick.reads() == b"level\nabreast again\n"
        assert served.stop().sent_bytes == len(slow.got + quick.got)
        assert served.sent == [len(slow.got)] * 2


def test_of_several_pieces_in_one_turn_each_gets_all_wherever_it_falls_behind() -> None:
    with serving() as served:
        small, middle, large = served.call(), served.call(2 * PAUSE_BYTES), served.call(ROOMY)
        callers = [small, middle, large]
        served.order(b"first\n")
        pieces = b"".join(b"%03d" % number * 333 + b"\n" for number in range(240))
        assert 3 * PAUSE_BYTES < len(pieces) < TURN_BYTES
        large.says(pieces)
        served.ends_turn()
        assert [caller.abreast for caller in callers] == [False, False, True]
        assert small.waiting_bytes < 2 * PAUSE_BYTES  # the rest waits in the log
        assert PAUSE_BYTES < len(middle.reads()) < len(pieces)
        assert len(small.reads()) < PAUSE_BYTES
        assert large.reads() == b"first\n" + pieces
        served.all_read()
        served.order(b"last\n")
        assert [caller.abreast for caller in callers] == [True] * 3
        served.all_read()
        assert [caller.got for caller in callers] == [b"first\n" + pieces + b"last\n"] * 3
        assert served.stop().sent_bytes == 3 * len(large.got)


def test_who_reads_between_the_short_send_and_the_rest_is_sent_that_at_once_too() -> None:
    """The rest is written after everybody was sent to: there may be room by then, and a place for it again."""
    with serving() as served:
        slow, quick = served.call(), served.call(ROOMY)
        served.order(b"first\n")
        fall_behind = served.service.fall_behind

        def read_first(connection: object) -> None:
            slow.reads()
            fall_behind(connection)

        served.service.fall_behind = read_first
        line = b"x" * 8000 + b"\n"
        served.order(line)
        assert (slow.abreast, slow.waiting_bytes, served.cursors) == (True, 0, 0)
        served.order(b"next\n")
        assert slow.reads().endswith(b"next\n")
        assert slow.got == quick.reads() == b"first\n" + line + b"next\n"
        served.stop()
        assert served.sent == [len(slow.got)] * 2


def test_a_slow_consumer_is_disconnected_and_its_loss_is_counted_to_the_byte() -> None:
    with serving(backlog_bytes=100_000) as served:
        slow, quick = served.calls(2)
        ordered = []
        while not served.dropped:
            ordered += [b"%06d%s\n" % (len(ordered) + index, b"x" * 2000) for index in range(3)]
            quick.says(b"".join(ordered[-3:]))
            served.ends_turn()
            served.reactor.turn()
            quick.reads()
            assert len(ordered) < 1000
        drop = served.dropped[1]
        served.all_read()
        assert quick.got == b"".join(ordered)
        assert slow.got == b"".join(ordered[: len(ordered) - drop.lines])
        assert len(slow.got) + drop.dropped_bytes == len(quick.got)
        assert drop.dropped_bytes > 100_000
        served.order(b"after\n")
        assert (quick.reads(), served.cursors, served.held_bytes) == (b"after\n", 0, 0)
        more = served.stop().more
        assert (more["slow_consumers"], more["dropped_lines"]) == (1, drop.lines)
        assert more["dropped_bytes"] == drop.dropped_bytes
        assert served.closed[1].reason == "slow consumer"
        assert served.closed[1].sent_bytes == len(b"first\n" + slow.got)


# Without an echo ------------------------------------------------------------------------------------------------------


def test_without_an_echo_a_publisher_that_was_abreast_gets_all_but_its_own_lines() -> None:
    with serving(echo=False) as served:
        one, two, silent = served.calls(3)
        for turn in range(3):
            two.says(b"two before %d\n" % turn)
            one.says(b"one %d\n" % turn)
            two.says(b"two after %d\n" % turn)
            assert silent.abreast
            served.ends_turn()
            assert one.reads() == b"two before %d\ntwo after %d\n" % (turn, turn)
            assert two.reads() == b"one %d\n" % turn
            assert silent.reads() == b"two before %d\none %d\ntwo after %d\n" % (turn, turn, turn)
            assert (one.abreast, two.abreast, served.cursors) == (True, True, 0)
        one.says(b"to the others alone\n")
        served.ends_turn()
        assert (one.reads(), two.reads()) == (b"", b"to the others alone\n")
        assert one.abreast
        served.stop()
        assert served.sent == [len(b"first\n" + caller.got) for caller in served.callers]


# Other transports -----------------------------------------------------------------------------------------------------


def _trusting() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def test_over_tls_nobody_is_abreast_and_everybody_gets_everything() -> None:
    with serving(tls_self_signed=True) as served:
        one = served.call()
        client = one.far = _trusting().wrap_socket(one.far, do_handshake_on_connect=False)
        while True:
            try:
                client.do_handshake()
                break
            except ssl.SSLWantReadError:
                served.reactor.turn()
        served.reactor.turn()
        for number in range(3):
            one.says(b"%d\n" % number)
            served.ends_turn()
            assert client.recv(100) == b"%d\n" % number
            assert not one.abreast
        one.close()
        served.stop()
        assert served.closed[1].sent_bytes == 6


def test_transports_that_are_not_sockets_are_written_to_beside_those_who_are_abreast() -> None:
    with serving() as served:
        (one,) = served.calls(1)
        other = served.visit(9)
        for number in range(3):
            line = b"%d\n" % number
            other.says(line)
            served.ends_turn()
            assert one.reads() == other.reads() == line
            assert (one.abreast, other.protocol.abreast, served.cursors) == (True, False, 1)
        other.leaves()
        assert served.cursors == 0
        served.stop()
