"""Requests however they come: any split, any order, any harm done to them."""

from hypothesis import given, settings
from hypothesis import strategies as st

from counter_memory import CHUNKED, Rig, get, post, responses

SCRIPT = (
    b"\r\n"
    + get("/a", "Accept: application/json")
    + post(b"some body")
    + get("/b", method="HEAD")
    + b"GET /c HTTP/1.1\r\nHost: a\r\n"
    + CHUNKED
    + b"\r\n3\r\nabc\r\n0\r\nT: 1\r\n\r\n"
    + get("/d", "Connection: Upgrade", "Upgrade: h2c")
    + get("/e", "Connection: close")
)


def answers_to(pieces: list[bytes]) -> bytes:
    rig = Rig()
    for piece in pieces:
        rig.send(piece)
    assert rig.closed
    return rig.transport.read()


def test_the_answers_are_the_same_wherever_the_input_is_split() -> None:
    whole = answers_to([SCRIPT])
    assert [a.number for a in responses(whole, heads=[2])] == [1, None, 2, 3, 4, 5]
    for at in range(1, len(SCRIPT)):
        assert answers_to([SCRIPT[:at], SCRIPT[at:]]) == whole
    assert answers_to([SCRIPT[i : i + 1] for i in range(len(SCRIPT))]) == whole


REQUESTS = st.sampled_from(
    [
        get(),
        get("/x", "Accept: application/json"),
        get("/y", method="HEAD"),
        get("/", "Connection: keep-alive", version="1.0"),
        get("/", "Content-Length: 4") + b"\r\n\r\n",
        post(b"GET / HTTP/1.1"),
        get("/", "Transfer-Encoding: chunked") + b"2\r\n\r\n\r\n0\r\n\r\n",
        b"\r\n",
    ]
)


@given(st.lists(REQUESTS, max_size=30), st.lists(st.integers(1, 400), min_size=1))
@settings(max_examples=150)
def test_every_request_is_answered_once_however_they_come(requests: list[bytes], sizes: list[int]) -> None:
    rig = Rig()
    data = b"".join(requests)
    turn = 0
    while data:
        size = sizes[turn % len(sizes)]
        rig.send(data[:size])
        data = data[size:]
        turn += 1
    wanted = [request for request in requests if request != b"\r\n"]
    answers = responses(rig.transport.read(), [i for i, request in enumerate(wanted) if request.startswith(b"HEAD")])
    assert len(answers) == len(wanted)
    numbers = [a.number for a in answers if a.number is not None]
    assert numbers == list(range(1, len(numbers) + 1))
    assert [a.status == 405 for a in answers] == [request.startswith(b"POST") for request in wanted]


@given(st.data())
@settings(max_examples=300)
def test_no_input_raises_and_nothing_after_a_refusal_is_answered(data: st.DataObject) -> None:
    script = bytearray(SCRIPT)
    for _ in range(data.draw(st.integers(0, 4))):
        at = data.draw(st.integers(0, len(script) - 1))
        script[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
    rig = Rig(access_log=True)
    rig.send(bytes(script), data.draw(st.integers(1, len(script) or 1)))
    statuses = [event.status for event in rig.requested]
    numbers = [event.number for event in rig.requested if event.number is not None]
    assert numbers == list(range(1, len(numbers) + 1))
    assert rig.numbers.take() == len(numbers) + 1
    assert not [status for status in statuses[:-1] if status not in (200, 405, 501)]


@given(st.binary(max_size=300), st.integers(1, 50))
@settings(max_examples=200)
def test_garbage_takes_no_number(garbage: bytes, size: int) -> None:
    rig = Rig()
    rig.send(garbage, size)
    assert rig.site.requests == 0
    assert rig.site.errors <= 1
