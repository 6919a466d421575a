"""The counter whose numbers come later than the requests."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counter_memory import CONTINUE, Rig, get, post, responses
from late_memory import LateRig
from tw.core.patience import Wait
from tw.protocols.late import MAX_WAITING, RETRY_AFTER_S

REQUEST = get()


def test_an_answer_leaves_when_its_number_comes() -> None:
    rig = LateRig()
    assert rig.ask(REQUEST) == []
    rig.grant()
    (answer,) = responses(rig.read())
    assert (answer.status, answer.number, answer.body) == (200, 1, b"I am request #1\n")
    assert rig.site.requests == 1


def test_answers_leave_in_the_order_of_the_requests() -> None:
    rig = LateRig()
    assert rig.ask(REQUEST + post(b"abc") + REQUEST) == []
    rig.grant(1)
    assert [answer.status for answer in responses(rig.read())] == [200, 405]
    rig.grant(1)
    assert [answer.number for answer in responses(rig.read())] == [2]


def test_no_number_is_a_503_that_says_when_to_come_again() -> None:
    rig = LateRig()
    rig.ask(REQUEST)
    rig.deny("out of reach")
    (answer,) = responses(rig.read())
    assert (answer.status, answer.number, answer.headers["retry-after"]) == (503, None, str(RETRY_AFTER_S))
    assert answer.body == b"503 Service Unavailable: out of reach\n"
    assert (rig.site.requests, rig.site.errors) == (0, 1)
    assert not rig.closed, "the connection goes on"
    rig.ask(REQUEST)
    rig.grant()
    assert [answer.number for answer in responses(rig.read())] == [1]


def test_while_there_is_a_problem_nobody_waits() -> None:
    rig = LateRig()
    rig.ask(REQUEST)
    rig.slow.problem = "out of reach"
    assert rig.ask(REQUEST) == [], "its place is behind the first one's"
    assert len(rig.slow.waiting) == 1
    rig.grant()
    assert [answer.status for answer in responses(rig.read())] == [200, 503]
    assert [answer.status for answer in rig.ask(REQUEST)] == [503]


def test_a_number_at_hand_is_used_at_once() -> None:
    rig = LateRig()
    rig.slow.lent = 2
    assert [answer.number for answer in rig.ask(REQUEST * 3)] == [1, 2]
    rig.grant()
    assert [answer.number for answer in responses(rig.read())] == [3]


def test_head_json_and_the_last_request_are_as_they_were_asked_for() -> None:
    rig = LateRig()
    rig.send(get(method="HEAD") + get("/", "Accept: application/json") + get("/", "Connection: close") + REQUEST)
    assert len(rig.slow.waiting) == 3, "nothing counts after the last one"
    assert not rig.closed
    rig.grant()
    head, json, last = responses(rig.read(), [0])
    assert (head.number, head.body, head.headers["content-length"]) == (1, b"", "16")
    assert json.body == b'{"v": 1, "request": 2}\n'
    assert last.headers["connection"] == "close"
    assert rig.closed


def test_continue_does_not_overtake_an_answer_that_waits() -> None:
    rig = LateRig()
    rig.send(REQUEST + get("/", "Content-Length: 3", "Expect: 100-continue"))
    assert rig.read() == b""
    rig.grant()
    assert rig.read().endswith(b"#1\n" + CONTINUE)
    rig.send(b"abc")
    rig.grant()
    assert [answer.number for answer in responses(rig.read())] == [2]


def test_a_refusal_waits_for_its_turn_and_the_end_for_it() -> None:
    rig = LateRig()
    rig.send(REQUEST + b"nonsense\r\n\r\n")
    assert rig.read() == b""
    assert not rig.closed
    assert not rig.transport.half_closed
    rig.grant()
    assert [answer.status for answer in responses(rig.read())] == [200, 400]
    assert rig.transport.half_closed, "it lingers, as ever"
    rig.lose()


def test_a_client_that_half_closed_gets_what_it_asked_for() -> None:
    rig = LateRig()
    rig.send(REQUEST * 2)
    rig.server.readConnectionLost()
    assert not rig.closed
    rig.grant(1)
    assert not rig.closed
    rig.grant(1)
    assert [answer.number for answer in responses(rig.read())] == [1, 2]
    assert rig.closed


@pytest.mark.parametrize("begun", [b"", REQUEST[:9]])
def test_a_drain_gives_the_answers_that_wait_and_the_last_says_so(begun: bytes) -> None:
    rig = LateRig()
    rig.send(REQUEST * 2 + begun)
    rig.server.drain()
    assert not rig.closed
    rig.grant()
    if begun:
        assert not rig.closed
        rig.send(REQUEST[9:])
        rig.grant()
    answers = responses(rig.read())
    assert [answer.headers.get("connection") for answer in answers] == [None] * (len(answers) - 1) + ["close"]
    assert [answer.number for answer in answers] == list(range(1, len(answers) + 1))
    assert rig.closed


def test_a_drain_after_the_last_request_waits_for_its_answer() -> None:
    rig = LateRig()
    rig.send(get("/", "Connection: close"))
    rig.server.drain()
    assert not rig.closed
    rig.grant()
    assert len(responses(rig.read())) == 1
    assert rig.closed


def test_a_drain_after_a_refusal_waits_for_the_answers_before_it() -> None:
    rig = LateRig()
    rig.send(REQUEST + b"GET / HTTP/1.1\r\nHost: a\r\nbad header\r\n")
    rig.server.drain()
    assert not rig.closed
    rig.grant()
    assert [answer.status for answer in responses(rig.read())] == [200, 400]
    rig.lose()


def test_an_idle_connection_is_drained_at_once() -> None:
    rig = LateRig()
    rig.server.drain()
    assert rig.closed


def test_who_is_gone_gets_nothing_and_harms_nobody() -> None:
    rig = LateRig()
    rig.send(REQUEST)
    other, transport = rig.connect()
    other.dataReceived(REQUEST)
    rig.lose()
    rig.grant()
    assert [answer.number for answer in responses(transport.read())] == [2], "its number is a gap"
    assert rig.transport.value() == b""
    assert rig.site.requests == 1


def test_no_more_is_read_than_may_wait() -> None:
    rig = LateRig()
    sent = 0
    while rig.transport.is_reading:
        rig.send(REQUEST * 50)
        sent += 50
        assert sent < 10 * MAX_WAITING, "it reads for ever"
    slice_count = 8192 // len(REQUEST)
    assert MAX_WAITING < len(rig.slow.waiting) <= MAX_WAITING + slice_count + 1
    rig.grant()
    assert rig.transport.is_reading
    rig.grant()
    assert [answer.number for answer in responses(rig.read())] == list(range(1, sent + 1))


def test_what_was_read_at_once_is_worked_off_as_answers_leave() -> None:
    rig = LateRig()
    count = 5 * MAX_WAITING
    rig.send(REQUEST * count)
    while rig.slow.waiting:
        assert len(rig.slow.waiting) <= MAX_WAITING + 8192 // len(REQUEST) + 1
        rig.grant(100)
    assert len(responses(rig.read())) == count
    assert rig.transport.is_reading


def test_a_client_that_does_not_read_is_not_read_from_either() -> None:
    rig = LateRig()
    rig.transport.reads = False
    for _ in range(4):
        rig.send(REQUEST * 300)
        rig.grant()
    assert not rig.transport.is_reading
    rig.transport.reads = True
    rig.read()
    rig.grant()
    assert rig.transport.is_reading


def test_the_sweep_waits_as_long_as_an_answer_does() -> None:
    rig = LateRig()
    rig.send(REQUEST)
    looks = [rig.server.wait() for _ in range(3)]
    assert len(set(looks)) == 3, "each look sees another wait, so that none is ever too long"
    rig.grant()
    assert rig.server.wait()[0] is Wait.IDLE
    assert rig.server.wait() == rig.server.wait()


def test_the_access_log_tells_of_an_answer_when_it_is_known() -> None:
    rig = LateRig(access_log=True)
    rig.send(get("/a") + get("/b", method="HEAD") + get("/c"))
    assert rig.requested == []
    rig.grant(2)
    rig.deny()
    told = [(event.number, event.method, event.path, event.status) for event in rig.requested]
    assert told == [(1, "GET", "/a", 200), (2, "HEAD", "/b", 200), (None, "GET", "/c", 503)]


PIECES = [
    REQUEST,
    get(method="HEAD"),
    get("/", "Accept: application/json"),
    get("/", "Connection: keep-alive", version="1.0"),
    get("/", "Connection: close"),
    get("/", version="1.0"),
    post(b"body"),
    get("/", "Content-Length: 4") + b"body",
    get("/", "Content-Length: 4", "Expect: 100-continue") + b"body",
    get("/", "Upgrade: h2c", "Connection: Upgrade"),
    get("/", "Host: b"),
    b"BREW / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"nonsense\r\n\r\n",
    b"\r\n",
    REQUEST[:20],
]


@given(
    pieces=st.lists(st.sampled_from(PIECES), max_size=8),
    cuts=st.lists(st.integers(1, 90), max_size=12),
    grants=st.lists(st.integers(0, 3), max_size=12),
    half_closes=st.booleans(),
)
def test_whenever_numbers_come_a_client_gets_the_same_bytes(
    pieces: list[bytes], cuts: list[int], grants: list[int], half_closes: bool
) -> None:
    now, late = Rig(), LateRig()
    data = b"".join(pieces)
    while data:
        size = cuts.pop() if cuts else len(data)
        now.send(data[:size])
        late.send(data[:size])
        data = data[size:]
        if grants:
            late.grant(grants.pop())
    if half_closes:
        now.server.readConnectionLost()
        late.server.readConnectionLost()
    while late.slow.waiting:
        late.grant()
    assert late.transport.value() == now.transport.value()
    # Who half-closed before the last answer was known is not waited for once more.
    assert (late.closed or late.transport.half_closed) == (now.closed or now.transport.half_closed)
    assert late.closed >= now.closed
    assert late.site.requests == now.site.requests
