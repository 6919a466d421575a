"""A counter's connection and its transport: pausing, half-close, draining, and refusals that arrive."""

from counter_memory import Rig, get, responses, take_turns
from counter_stalls import ANSWER_BYTES, BAD, READ_BYTES, REQUEST, stalled
from tw.protocols.counter import LINGER_S, SLICE_BYTES
from tw.protocols.request_rules import BODY_LIMIT_BYTES

# A client that does not read -----------------------------------------------------------------------------------------


def test_a_client_that_reads_nothing_costs_one_read_and_one_slice_of_answers() -> None:
    rig = Rig()
    sent = stalled(rig)
    most = READ_BYTES + (SLICE_BYTES // len(REQUEST) + 1) * ANSWER_BYTES
    assert rig.transport.largest_bytes <= most
    assert rig.site.requests < sent
    assert len(rig.server._held) <= READ_BYTES


def test_what_was_held_is_answered_as_the_client_reads_and_then_reading_goes_on() -> None:
    rig = Rig()
    sent = stalled(rig)
    data = b""
    while not rig.transport.is_reading:
        data += rig.read()
        assert len(rig.transport.value()) <= READ_BYTES + SLICE_BYTES // len(REQUEST) * ANSWER_BYTES + ANSWER_BYTES
    data += rig.read()
    assert [a.number for a in responses(data)] == list(range(1, sent + 1))
    rig.transport.reads = True
    assert [a.number for a in rig.ask(REQUEST)] == [sent + 1]


def test_a_request_that_is_cut_by_a_pause_is_whole_afterwards() -> None:
    rig = Rig()
    sent = stalled(rig)
    rig.send(REQUEST[:9])  # over TLS, input still comes after reading has stopped
    rig.send(REQUEST[9:])
    data = b""
    while not rig.transport.is_reading:
        data += rig.read()
    data += rig.read()
    assert [a.number for a in responses(data)][-1] == sent + 1


def test_a_resume_without_anything_held_reads_on() -> None:
    rig = Rig()
    rig.server.pauseProducing()
    assert not rig.transport.is_reading
    rig.server.resumeProducing()
    assert rig.transport.is_reading


def test_one_client_that_stalls_does_not_stop_another() -> None:
    rig = Rig()
    stalled(rig)
    taken = rig.site.requests
    server, transport = rig.connect()
    server.dataReceived(REQUEST)
    assert [a.number for a in responses(transport.read())] == [taken + 1]


# A client that sends much at once ------------------------------------------------------------------------------------


def test_a_client_that_sends_much_at_once_gets_a_slice_answered_before_others_have_their_turn() -> None:
    rig = Rig()
    count = 4 * SLICE_BYTES // len(REQUEST)
    rig.server.dataReceived(REQUEST * count)
    assert len(responses(rig.transport.read())) == SLICE_BYTES // len(REQUEST)
    assert not rig.transport.is_reading
    other, transport = rig.connect()
    other.dataReceived(REQUEST)
    assert len(responses(transport.read())) == 1
    take_turns(rig.clock)
    assert rig.transport.is_reading
    assert rig.site.requests == count + 1


def test_what_comes_over_tls_after_a_pause_without_anything_held_is_parsed_from_its_start() -> None:
    rig = Rig()
    rig.send(REQUEST * 1000)  # some of it was held, and none is now
    rig.server.pauseProducing()
    rig.server.dataReceived(get("/", "Accept: application/json"))
    rig.transport.clear()
    rig.server.resumeProducing()
    assert [(answer.number, answer.body[:1]) for answer in responses(rig.read())] == [(1001, b"{")]


def test_a_client_that_is_gone_before_its_next_turn_leaves_nothing_behind() -> None:
    rig = Rig()
    rig.server.dataReceived(REQUEST * 1000)
    assert len(rig.clock.getDelayedCalls()) == 1
    rig.lose()
    assert rig.clock.getDelayedCalls() == []


def test_a_client_that_waits_for_its_turn_may_be_drained_or_shut_its_side() -> None:
    for end in ("drain", "readConnectionLost"):
        rig = Rig()
        rig.server.dataReceived(REQUEST * 1000)
        getattr(rig.server, end)()
        assert not rig.closed
        take_turns(rig.clock)
        assert rig.closed
        answered = len(responses(rig.transport.read()))
        assert answered == (1000 if end == "readConnectionLost" else SLICE_BYTES // len(REQUEST) + 1)


def test_a_refusal_in_a_later_slice_is_the_end_and_the_rest_is_thrown_away() -> None:
    rig = Rig()
    rig.send(REQUEST * 500 + BAD + REQUEST * 500)
    assert [answer.status for answer in responses(rig.transport.read())] == [200] * 500 + [400]
    assert rig.transport.half_closed
    assert rig.transport.is_reading


# Half-close ----------------------------------------------------------------------------------------------------------


def test_a_client_that_has_shut_its_side_gets_its_answers_and_then_the_end() -> None:
    rig = Rig()
    rig.send(REQUEST * 3)
    rig.server.readConnectionLost()
    assert [a.number for a in responses(rig.transport.read())] == [1, 2, 3]
    assert rig.closed


def test_a_client_that_shuts_its_side_while_it_stalls_gets_every_answer() -> None:
    rig = Rig()
    sent = stalled(rig)
    rig.server.readConnectionLost()
    assert not rig.closed
    data = b""
    while not rig.closed:
        data += rig.read()
    data += rig.read()
    assert [a.number for a in responses(data)] == list(range(1, sent + 1))
    assert not rig.transport.is_reading  # reading a shut side would only give its end again


def test_a_client_that_shuts_its_side_and_stalls_on_its_last_answer_is_closed_after_it() -> None:
    rig = Rig()
    rig.send(REQUEST)
    rig.server.pauseProducing()
    rig.server.readConnectionLost()
    assert rig.closed
    assert len(responses(rig.transport.read())) == 1
    rig.server.resumeProducing()
    assert not rig.transport.is_reading


def test_a_request_that_is_cut_short_is_refused() -> None:
    rig = Rig()
    rig.send(REQUEST + REQUEST[:-1])
    rig.server.readConnectionLost()
    assert [a.status for a in responses(rig.transport.read())] == [200, 400]
    assert rig.closed
    assert not rig.transport.half_closed  # nothing more can come: there is nothing to wait for


def test_a_method_that_is_cut_short_is_refused() -> None:
    rig = Rig()
    rig.send(b"BRE")
    rig.server.readConnectionLost()
    assert [a.status for a in responses(rig.transport.read())] == [400]


def test_a_client_that_sends_nothing_gets_nothing() -> None:
    rig = Rig()
    rig.server.readConnectionLost()
    assert rig.transport.read() == b""
    assert rig.closed


# Refusals that arrive ------------------------------------------------------------------------------------------------


def test_a_refused_client_may_go_on_sending_for_a_while() -> None:
    rig = Rig()
    rig.send(BAD)
    assert rig.transport.half_closed
    assert not rig.closed
    rig.send(bytes(100_000))
    assert rig.transport.is_reading
    rig.server.writeConnectionLost()
    rig.clock.advance(LINGER_S * 0.9)
    assert not rig.closed
    rig.clock.advance(LINGER_S * 0.2)
    assert rig.closed
    rig.lose()
    assert rig.clock.getDelayedCalls() == []


def test_a_refused_client_that_closes_is_gone_at_once() -> None:
    rig = Rig()
    rig.send(BAD)
    rig.server.writeConnectionLost()
    rig.server.readConnectionLost()
    assert rig.closed
    rig.lose()
    assert rig.clock.getDelayedCalls() == []


def test_a_refused_client_that_does_not_read_is_heard_out_all_the_same() -> None:
    rig = Rig()
    rig.transport.reads = False
    rig.send(REQUEST * (READ_BYTES // ANSWER_BYTES))
    assert rig.transport.is_reading
    rig.send(REQUEST * 20 + BAD)
    assert rig.transport.paused_producer
    assert rig.transport.half_closed
    assert rig.transport.is_reading


def test_over_tls_a_refused_client_is_closed_at_once() -> None:
    rig = Rig(tls=True)
    rig.send(BAD)
    assert rig.closed


def test_an_upload_with_an_upgrade_is_heard_out() -> None:
    rig = Rig()
    rig.send(get("/", "Connection: Upgrade", "Upgrade: h2c", f"Content-Length: {BODY_LIMIT_BYTES}"))
    assert [a.number for a in responses(rig.transport.read())] == [1]
    rig.send(bytes(BODY_LIMIT_BYTES))
    assert rig.transport.half_closed
