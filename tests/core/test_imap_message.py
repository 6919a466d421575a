"""An open mailbox, put together from untagged responses, and what a message says of itself."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tw.core.imap_message import HEADERS_LIMIT_BYTES, MESSAGES_LIMIT, OpenMailbox
from tw.core.imap_tokens import Data, MalformedError, ResponseReader
from tw.core.imap_types import Message


def say(box: OpenMailbox, *lines: bytes) -> None:
    reader = ResponseReader()
    for line in lines:
        reader.feed(b"* " + line + b"\r\n")
        response = reader.next_response()
        assert isinstance(response, Data)
        box.take(response)


def uids(box: OpenMailbox) -> list[tuple[int, int | None]]:
    return [(number, message.uid) for number, message in box.messages()]


def test_parts_of_a_fetch_are_put_together_and_what_came_first_stays() -> None:
    box = OpenMailbox()
    say(box, b"2 FETCH (UID 7)", b"2 FETCH (FLAGS (\\seen x))", b"2 FETCH (UID 8 BODY[HEADER] {3}\r\nA:b FLAGS ())")
    assert box.messages() == [(2, Message(uid=7, internal_date=None, header=b"A:b", is_seen=True))]
    box.forget()
    assert (box.messages(), box.exists) == ([], None)


@pytest.mark.parametrize(
    ("items", "message"),
    [
        (b"BODY[HEADER] NIL", {"header": b""}),
        (b"body[header.fields (SUBJECT)]<0> x", {"header": b"x"}),
        (b'BODY[HEADER] "" INTERNALDATE " 1-Jan-2024 01:00:00 +0100"', {"internal_date": "1-Jan-2024 01:00:00 +0100"}),
        (b'BODY[HEADER] "" INTERNALDATE "\x1b[2J"', {"internal_date": "\\x1b[2J"}),
        (b'BODY[HEADER] "" INTERNALDATE "%s"' % (b"9" * 99), {"internal_date": "9" * 59 + "…"}),
        (b'BODY[HEADER] "" INTERNALDATE "  "', {}),
        (b'BODY[HEADER] "" INTERNALDATE (x) UID (y) FLAGS z', {}),
        (b'BODY[HEADER] "" FLAGS (\\Answered (\\Seen) NIL)', {}),
        (b'BODY[HEADER] "" (x) y UID', {}),
    ],
)
def test_what_a_message_says_of_itself_is_taken_where_it_can_be(items: bytes, message: dict[str, Any]) -> None:
    box = OpenMailbox()
    say(box, b"1 FETCH (" + items + b")")
    expected: dict[str, Any] = {"uid": None, "internal_date": None, "header": b"", "is_seen": False, **message}
    assert [found for _, found in box.messages()] == [Message(**expected)]


@pytest.mark.parametrize("items", [b"(UID 5)", b"(BODY[HEADER] (x))", b"(BODY[TEXT] x)", b"NIL", b"", b"x"])
def test_without_a_header_there_is_no_message(items: bytes) -> None:
    box = OpenMailbox()
    say(box, b"1 FETCH " + items, b"FETCH 1", b"5 FETCHED (BODY[HEADER] x)")
    assert box.messages() == []


# Limits


def test_so_many_messages_are_held_and_one_more_is_malformed() -> None:
    box = OpenMailbox()
    for number in range(MESSAGES_LIMIT, 0, -1):
        say(box, b"%d FETCH (UID %d)" % (number, number))
    say(box, b"1 FETCH (UID 1 FLAGS ())")
    with pytest.raises(MalformedError, match=f"more than {MESSAGES_LIMIT} messages"):
        say(box, b"0 FETCH ()")
    box.forget()
    say(box, b"1 FETCH (UID 1)")


@pytest.mark.parametrize(
    "item",
    [b"X%d {60000}\r\n" + b"x" * 60_000, b"X%d (" + b"x " * 600 + b")", b"X%d" + b"x" * 30_000 + b" 1"],
    ids=["a string", "a list", "a name"],
)
def test_so_many_bytes_are_held_whatever_they_are_in(item: bytes) -> None:
    box = OpenMailbox()
    lines = [b"1 FETCH (" + item.replace(b"%d", b"%d" % count) + b")" for count in range(3_000)]
    with pytest.raises(MalformedError, match=f"than {HEADERS_LIMIT_BYTES} bytes"):
        say(box, *lines)
    box.forget()
    say(box, b"1 FETCH (" + item + b")")


# EXPUNGE, against a mailbox that is a list


class Model:
    """What a server's mailbox looks like, and what a client was told of it."""

    def __init__(self, count: int) -> None:
        self.live = list(range(100, 100 + count))
        self.fetched: set[int] = set()
        self.next_uid = 100 + count


STEPS = st.lists(st.tuples(st.sampled_from(["expunge", "fetch", "uid", "come"]), st.integers(0, 9)), max_size=25)


@given(st.integers(0, 6), STEPS)
def test_messages_keep_their_order_and_their_uids_through_any_expunge(count: int, steps: list[tuple[str, int]]) -> None:
    box, model = OpenMailbox(), Model(count)
    say(box, b"%d EXISTS" % count)
    for step, pick in steps:
        if step == "come":
            model.live.append(model.next_uid)
            model.next_uid += 1
            say(box, b"%d EXISTS" % len(model.live))
        elif pick < len(model.live):
            number, uid = pick + 1, model.live[pick]
            if step == "expunge":
                del model.live[pick]
                say(box, b"%d EXPUNGE" % number)
            elif step == "uid":
                say(box, b"%d FETCH (UID %d)" % (number, uid))
            else:
                model.fetched.add(uid)
                say(box, b"%d FETCH (UID %d BODY[HEADER] x)" % (number, uid))
        assert box.exists == len(model.live)
    assert [uid for _, uid in uids(box)] == sorted(model.fetched)
    still_there = [(number, uid) for number, uid in enumerate(model.live, 1) if uid in model.fetched]
    assert set(still_there) <= set(uids(box))


def test_an_expunge_of_nothing_changes_nothing() -> None:
    box = OpenMailbox()
    say(box, b"1 EXPUNGE", b"1 FETCH (UID 5 BODY[HEADER] x)", b"9 EXPUNGE")
    assert (uids(box), box.exists) == ([(1, 5)], None)
    say(box, b"0 EXISTS", b"3 EXPUNGE")
    assert box.exists == 0


# Times


def arrived_s(internal_date: str | None) -> float | None:
    return Message(uid=1, internal_date=internal_date, header=b"").arrived_s


@given(
    st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 28)).map(lambda at: at.replace(microsecond=0)),
    st.integers(-24 * 60 + 1, 24 * 60 - 1),
)
def test_a_time_of_arrival_is_what_datetime_makes_of_it(local: datetime, minutes: int) -> None:
    at = local.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    month = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"][at.month - 1]
    sign = "-" if minutes < 0 else "+"
    zone = f"{sign}{abs(minutes) // 60:02}{abs(minutes) % 60:02}"
    text = f"{at.day}-{month}-{at.year:04} {at:%H:%M:%S} {zone}"
    assert arrived_s(text) == at.timestamp()
    assert arrived_s(text.upper()) == arrived_s(f" {text}") == at.timestamp()


def test_the_rfcs_example_is_read() -> None:
    # RFC 3501, section 7.4.2.
    assert arrived_s("17-Jul-1996 02:44:25 -0700") == datetime(1996, 7, 17, 9, 44, 25, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "yesterday",
        "30-Feb-2024 00:00:00 +0000",
        "01-Foo-2024 00:00:00 +0000",
        "01-Jan-0000 00:00:00 +0000",
        "01-Jan-2024 24:00:00 +0000",
        "01-Jan-2024 00:00:60 +0000",
        "01-Jan-2024 00:00:00",
        "01-Jan-2024 00:00:00 +0000 ",
        "01-Jan-2024 00:00:00 +000",
        "\u0660\u0661-Jan-2024 00:00:00 +0000",
    ],
)
def test_what_is_no_time_is_not_known(text: str | None) -> None:
    assert arrived_s(text) is None
