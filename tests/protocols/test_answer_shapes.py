"""Answers that are read by their shape say just what the parser makes of them, or are left to it."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tw.errors import ProtocolError
from tw.protocols.answer_shapes import MOST_SHAPES, AnswerShapes, Quick
from tw.protocols.http_exchange import Answer, Exchange
from tw.protocols.http_request import HttpRequest

REQUEST = HttpRequest(host="a")
DATES = ("Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:38 GMT")


def answer(number: object, *, date: str = DATES[0], instance: str = "i", body: str | None = None) -> bytes:
    """As `tw serve counter` answers."""
    text = f"I am request #{number}\n" if body is None else body
    head = (
        "HTTP/1.1 200 OK", "Content-Type: text/plain", f"Date: {date}", f"X-Instance: {instance}",
        f"Content-Length: {len(text)}", f"X-Request-Number: {number}",
    )  # fmt: skip
    return "\r\n".join((*head, "", text)).encode()


def parsed(data: bytes) -> Answer:
    exchange = Exchange(REQUEST, "somewhere")
    exchange.feed(data)
    assert exchange.complete
    return exchange.answer()


def learnt(*examples: bytes) -> AnswerShapes:
    shapes = AnswerShapes()
    for example in examples:
        shapes.learn(example, parsed(example))
    return shapes


def numbers(quick: Quick | None) -> tuple[int | None, int | None] | None:
    return None if quick is None else (quick.number, quick.body_number)


def test_nothing_is_known_at_first() -> None:
    assert AnswerShapes().read(answer(1)) is None


@pytest.mark.parametrize("number", [0, 1, 8, 9, 10, 99, 100, 12345, 9_999_999_999_999_999_999])
def test_an_answer_with_another_number_is_read(number: int) -> None:
    shapes = learnt(answer(7))
    for _ in range(3):
        assert numbers(shapes.read(answer(number))) == (number, number)


def test_another_date_is_read() -> None:
    shapes = learnt(answer(7))
    assert numbers(shapes.read(answer(8, date=DATES[1]))) == (8, 8)
    assert numbers(shapes.read(answer(9, date=DATES[0]))) == (9, 9)


def test_what_else_it_says_is_what_the_known_one_said() -> None:
    quick = learnt(answer(7, instance="x")).read(answer(8, instance="x"))
    assert quick is not None
    assert (quick.like.instance, quick.like.status, quick.like.keep_alive) == ("x", 200, True)


def test_two_numbers_that_differ_are_told() -> None:
    shapes = learnt(answer(7))
    assert numbers(shapes.read(answer(8))) == (8, 8)
    mixed = answer(8, body="I am request #9\n")
    assert numbers(shapes.read(mixed)) == (8, 9)


def test_an_answer_without_any_number_is_read_too() -> None:
    plain = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
    assert numbers(learnt(plain).read(plain)) == (None, None)
    assert learnt(plain).read(plain.replace(b"hi", b"ho")) is None


@pytest.mark.parametrize("body", ['{"v": 1, "request": 7}', '{"v": 1, "request": 7}\n', "I am request #7\r\n"])
def test_a_number_in_the_body_alone_is_read(body: str) -> None:
    data = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
    other = body.replace("7", "12")
    second = f"HTTP/1.1 200 OK\r\nContent-Length: {len(other)}\r\n\r\n{other}".encode()
    assert numbers(learnt(data).read(second)) == (12, 12)


@pytest.mark.parametrize(
    "changed",
    [
        answer(8, instance="j"),
        answer(8)[:-1],
        answer(8) + b"x",
        answer(8).replace(b"200 OK", b"500 No"),
        answer(8).replace(b"Content-Length: 16", b"Content-Length: 17"),
        answer(8).replace(b"Number: 8", b"Number: "),
        answer(8).replace(b"Number: 8", b"Number: +8"),
        answer(8).replace(b"#8", b"#8 "),
        answer(8).replace(b"GMT", b"UTC!"),
        answer(8).replace(b"Sun", b"\x00un"),
        answer(8).replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"),
        answer("8" * 20),
        b"",
    ],
)
def test_what_differs_in_anything_else_is_left_to_the_parser(changed: bytes) -> None:
    shapes = learnt(answer(7))
    assert shapes.read(changed) is None
    assert numbers(shapes.read(answer(8))) == (8, 8)
    assert shapes.read(changed) is None


@pytest.mark.parametrize(
    "example",
    [
        answer(7).replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi",
    ],
)
def test_an_answer_of_no_certain_length_or_the_last_one_is_not_learnt(example: bytes) -> None:
    assert learnt(example).read(example) is None


def test_the_answers_of_several_servers_are_known_at_once_and_not_of_any_number() -> None:
    names = [f"server-{number:02}" for number in range(MOST_SHAPES + 1)]
    shapes = learnt(*(answer(1, instance=name) for name in names))
    assert shapes.read(answer(2, instance=names[0])) is None
    found = [shapes.read(answer(2, instance=name)) for name in names[1:]]
    assert [quick.like.instance for quick in found if quick] == names[1:]


def test_a_body_that_is_nearly_a_counters_has_no_number() -> None:
    shapes = learnt(answer(5, body="I am request #5}"))
    like = answer(6, body="I am request #6}")
    assert parsed(like).body_number is None
    assert shapes.read(like) is None


def test_a_field_that_is_there_twice_stays_as_it_is() -> None:
    twice = b"HTTP/1.1 200 OK\r\nDate: %b\r\nDate: %b\r\nContent-Length: 2\r\n\r\nhi"
    first, second = (date.encode() for date in DATES)
    shapes = learnt(twice % (first, first))
    assert numbers(shapes.read(twice % (first, first))) == (None, None)
    assert shapes.read(twice % (second, second)) is None


@given(st.integers(0, 10**19 - 1), st.integers(0, 10**19 - 1), st.sampled_from(DATES), st.binary(max_size=3), st.data())
def test_what_is_read_is_what_the_parser_says(
    known: int, number: int, date: str, noise: bytes, data: st.DataObject
) -> None:
    """Whatever is cut out of an answer, or put into it."""
    shapes = learnt(answer(known))
    good = answer(number, date=date)
    shapes.read(answer(known))
    place = data.draw(st.integers(0, len(good)))
    cut = data.draw(st.integers(0, 2))
    harmed = good[:place] + noise + good[place + cut :]
    quick = shapes.read(harmed)
    if harmed == good:
        assert quick is not None
    if quick is None:
        return
    try:
        by_parser = parsed(harmed)
    except (ProtocolError, AssertionError):
        pytest.fail(f"read what the parser refuses: {harmed!r}")
    assert (quick.number, quick.body_number) == (by_parser.number, by_parser.body_number)
    assert (quick.like.status, quick.like.instance) == (by_parser.status, by_parser.instance)
    assert re.sub(r"\d+", "", quick.like.body.decode()) == re.sub(r"\d+", "", by_parser.body.decode())
