"""The counter with faults: each request meets one at most, and every one shows."""

import pytest

from counter_memory import get, post, responses
from faulty_memory import FaultyRig, lose
from tw.core.patience import Wait
from tw.protocols.counter import LINGER_S
from tw.protocols.outlet import HELD_BYTES

pytestmark = pytest.mark.usefixtures("quiet")


def test_an_error_takes_no_number_and_comes_instead_of_the_answer() -> None:
    rig = FaultyRig(statuses=((503, 20.0), (429, 20.0), (599, 10.0)))
    counter, transport = rig.counter()
    for _ in range(200):
        counter.dataReceived(get())
    answers = responses(transport.read())
    assert len(answers) == 200
    bad = [answer for answer in answers if answer.status != 200]
    assert {answer.status for answer in bad} == {503, 429, 599}
    assert all(answer.number is None for answer in bad)
    assert rig.made() == {"status": len(bad)}
    assert [answer.number for answer in answers if answer.status == 200] == list(range(1, 201 - len(bad)))
    assert rig.site.errors == len(bad)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("fields", [(), ("Accept: application/json",)])
def test_of_a_corrupted_answer_the_body_is_another_and_nothing_else(method: str, fields: tuple[str, ...]) -> None:
    harmed, plain = FaultyRig(corrupt_percent=30), FaultyRig(close_after_bytes=10**9)
    streams = []
    for rig in (harmed, plain):
        counter, transport = rig.counter()
        counter._site._instance = b"0123456789abcdef"
        for _ in range(100):
            counter.dataReceived(get("/", *fields, method=method))
        streams.append(transport.read())
    heads = range(100) if method == "HEAD" else ()
    pairs = list(zip(*(responses(stream, heads) for stream in streams), strict=True))
    assert all(one.headers == other.headers for one, other in pairs)
    differing = sum(one.body != other.body for one, other in pairs)
    assert differing == harmed.made().get("corrupt", 0)
    assert (differing > 10) == (method == "GET")


def test_a_truncated_answer_promises_more_and_is_the_last() -> None:
    rig = FaultyRig(truncate_percent=100)
    counter, transport = rig.counter()
    counter.dataReceived(get() * 3)
    head, _, body = transport.read().partition(b"\r\n\r\n")
    assert b"X-Request-Number: 1\r\n" in head + b"\r\n"
    assert b"Content-Length: 16" in head
    assert b"I am request #1\n".startswith(body)
    assert 8 <= len(body) < 16
    assert (transport.half_closed, rig.made(), rig.site.requests) == (True, {"truncate": 1}, 1)
    rig.pass_s(LINGER_S)
    assert transport.disconnecting
    lose(counter)
    assert rig.clock.getDelayedCalls() == []


@pytest.mark.parametrize("data", [get() * 5, get()])
def test_a_reset_takes_a_number_and_ends_the_connection(data: bytes) -> None:
    rig = FaultyRig(reset_percent=100)
    counter, transport = rig.counter()
    counter.dataReceived(data)
    assert (transport.read(), transport.aborted) == (b"", True)
    assert (rig.made(), rig.site.requests) == ({"reset": 1}, 1)


def test_a_repeated_read_stops_at_the_fault_as_well() -> None:
    """Byte for byte an earlier read: those are not parsed again."""
    rig = FaultyRig(reset_percent=15, seed=1)
    counter, transport = rig.counter()
    while not transport.aborted:
        counter.dataReceived(get() * 7)
    assert rig.made() == {"reset": 1}
    assert rig.site.requests == len(responses(transport.read())) + 1


def test_after_so_many_bytes_comes_the_end_of_the_stream() -> None:
    rig = FaultyRig(close_after_bytes=500)
    counter, transport = rig.counter()
    for _ in range(5):
        counter.dataReceived(get())
    assert (len(transport.read()), transport.half_closed, rig.made()) == (500, True, {"close": 1})
    assert rig.site.requests == 3


def test_what_gets_no_number_meets_no_fault() -> None:
    rig = FaultyRig(reset_percent=100)
    counter, transport = rig.counter()
    counter.dataReceived(post())
    counter.dataReceived(b"nonsense\r\n\r\n")
    assert [answer.status for answer in responses(transport.read())] == [405, 400]
    assert rig.made() == {}


# Delays ---------------------------------------------------------------------------------------------------------------


def test_answers_are_late_in_their_order() -> None:
    rig = FaultyRig(delay_s=1.0, delay_percent=40, jitter_s=1.0)
    counter, transport = rig.counter()
    counter.dataReceived(get() * 100)
    early = transport.read()
    rig.pass_s(0.99)
    assert transport.read() == b""
    rig.pass_s(1.01)
    answers = responses(early + transport.read())
    assert [answer.number for answer in answers] == list(range(1, 101))
    assert 25 < rig.made()["delay"] < 55


def test_delayed_answers_are_bounded_and_go_on_where_they_stood() -> None:
    rig = FaultyRig(delay_s=1.0)
    counter, transport = rig.counter()
    sent = 0
    while transport.is_reading:
        counter.dataReceived(get() * 50)
        sent += 50
        assert sent < 10_000
    assert counter._outlet._cost_bytes <= HELD_BYTES + 50 * 512
    came = b""
    while not transport.is_reading:
        rig.pass_s(1.0)
        came += transport.read()
    rig.pass_s(1.0)
    answers = responses(came + transport.read())
    assert [answer.number for answer in answers] == list(range(1, sent + 1))


@pytest.mark.parametrize("end", ["readConnectionLost", "drain"])
def test_an_answer_that_is_delayed_is_delivered_before_the_end(end: str) -> None:
    rig = FaultyRig(delay_s=3.0)
    counter, transport = rig.counter()
    counter.dataReceived(get())
    getattr(counter, end)()
    assert not transport.disconnecting
    rig.pass_s(3.0)
    assert (len(responses(transport.read())), transport.disconnecting) == (1, True)
    lose(counter)
    assert rig.clock.getDelayedCalls() == []


def test_nobody_runs_out_of_patience_with_a_client_whose_answer_is_late() -> None:
    rig = FaultyRig(delay_s=100.0)
    counter, _ = rig.counter()
    counter.dataReceived(get())
    wait = counter.wait()
    rig.pass_s(50.0)
    assert (counter.held, counter.wait() != wait) == (True, True)
    rig.pass_s(50.0)
    assert (counter.held, counter.wait()[0]) == (False, Wait.IDLE)
    before = counter.wait()
    rig.pass_s(50.0)
    assert counter.wait() == before


def test_a_client_that_takes_nothing_is_not_answered_until_it_does() -> None:
    rig = FaultyRig(corrupt_percent=0.001)
    counter, transport = rig.counter()
    transport.reads = False
    sent = 0
    while transport.is_reading:
        counter.dataReceived(get() * 100)
        rig.turn()
        sent += 100
    assert transport.largest_bytes < 3 * 65_536
    came = b""
    for _ in range(20):
        came += transport.read()
        rig.turn()
    assert [answer.number for answer in responses(came)] == list(range(1, sent + 1))
    assert transport.is_reading


def test_what_is_due_waits_for_a_client_that_does_not_read() -> None:
    rig = FaultyRig(delay_s=1.0)
    counter, transport = rig.counter()
    transport.reads = False
    for _ in range(500):
        counter.dataReceived(get())
    rig.pass_s(5.0)
    assert 65_536 < transport.largest_bytes < 66_000
    came = transport.read() + transport.read()
    assert len(responses(came)) == 500
