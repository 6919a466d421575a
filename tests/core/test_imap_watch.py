"""Watching a mailbox: each new message is told once, by IDLE or by NOOP, and a silent server is noticed."""

import pytest

from imap_script import failure_of, message
from imap_watching import FETCH, IDLE, NOOP, POLL_S, TIMEOUT_S, Watching
from tw.core.imap_types import Phase
from tw.core.imap_watch import Watch
from tw.errors import AuthError, NothingThere, ProtocolError, TwError

# With IDLE


def test_a_message_that_comes_in_is_fetched_and_told_and_idle_begins_anew() -> None:
    watching = Watching()
    assert watching.said == IDLE % 3
    assert watching.idle() == b""
    assert (watching.session.phase, watching.told) == (Phase.WATCH, [])
    assert watching.say(b"* 4 EXISTS\r\n* 1 RECENT\r\n") == b"DONE\r\n"
    assert watching.say(b"A3 OK idle done\r\n") == FETCH % (4, 4)
    assert watching.say(message(4)) == b""
    assert watching.told == []
    assert watching.say(b"A4 OK\r\n") == IDLE % 5
    assert watching.told == ["4"]
    assert not watching.session.done


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_pieces_of_any_size_make_the_same_watch(size: int) -> None:
    watching = Watching()
    assert watching.say(b"+ idling\r\n* 2 FETCH (FLAGS (\\Seen))\r\n* 5 EXISTS\r\n", size) == b"DONE\r\n"
    assert watching.say(b"* 6 EXISTS\r\nA3 OK\r\n", size) == FETCH % (4, 4)
    assert watching.say(message(4) + message(5) + message(6) + b"A4 OK\r\n", size) == IDLE % 5
    assert watching.told == ["4", "5", "6"]


def test_one_that_comes_before_idle_has_begun_is_fetched_as_soon_as_it_has() -> None:
    watching = Watching()
    assert watching.say(b"* 4 EXISTS\r\n") == b""  # DONE would be no part of an IDLE yet
    assert watching.idle() == b"DONE\r\n"
    assert watching.say(b"A3 OK\r\n") == FETCH % (4, 4)


def test_one_that_comes_while_the_mailbox_is_opened_was_there_before() -> None:
    watching = Watching(exists=None)
    assert watching.say(b"* 3 EXISTS\r\n* 4 EXISTS\r\nA2 OK\r\n") == IDLE % 3


def test_one_that_comes_while_another_is_fetched_is_fetched_next_and_told_once() -> None:
    """Its EXISTS may stand before or after the answer, which need not hold it: it is neither lost nor told twice."""
    for said, then in [
        (message(4) + b"* 5 EXISTS\r\n", message(5)),
        (b"* 5 EXISTS\r\n" + message(4), message(5)),
        (b"* 5 EXISTS\r\n" + message(4) + message(5), message(5)),
    ]:
        watching = Watching()
        watching.idle()
        watching.say(b"* 4 EXISTS\r\nA3 OK\r\n")
        assert watching.say(said + b"A4 OK\r\n") == FETCH % (5, 5)
        assert watching.say(then + b"A5 OK\r\n") == IDLE % 6
        assert watching.told == ["4", "5"]


def test_one_that_came_and_went_is_not_asked_for() -> None:
    watching = Watching()
    watching.idle()
    assert watching.say(b"* 4 EXISTS\r\n* 4 EXPUNGE\r\n") == b"DONE\r\n"
    assert watching.say(b"A3 OK\r\n") == IDLE % 4
    watching.idle()
    watching.say(b"* 4 EXISTS\r\nA4 OK\r\n")
    assert watching.say(message(4) + b"A5 OK\r\n") == IDLE % 6
    assert watching.told == ["4"]


def test_one_that_is_gone_when_it_is_asked_for_is_not_asked_for_again() -> None:
    """`4:*` is then `3:*`, and brings one that was there before (RFC 3501, section 9, seq-range)."""
    watching = Watching()
    watching.idle()
    watching.say(b"* 4 EXISTS\r\nA3 OK\r\n")
    assert watching.say(message(3) + b"A4 OK\r\n") == IDLE % 5
    assert watching.idle() == b""
    assert watching.told == []


@pytest.mark.parametrize(
    ("expunged", "known"), [(b"* 1 EXPUNGE\r\n", 2), (b"* 3 EXPUNGE\r\n* 1 EXPUNGE\r\n", 1), (b"* 2 EXISTS\r\n", 2)]
)
def test_old_ones_that_go_make_room_for_new_numbers(expunged: bytes, known: int) -> None:
    watching = Watching()
    watching.idle()
    assert watching.say(expunged) == b""
    assert watching.say(b"* %d EXISTS\r\n" % (known + 1)) == b"DONE\r\n"
    assert watching.say(b"A3 OK\r\n") == FETCH % (4, known + 1)
    assert watching.say(message(known + 1, 7) + b"A4 OK\r\n") == IDLE % 5
    assert watching.told == ["7"]


def test_old_ones_that_go_after_new_ones_came_shift_what_is_asked_for() -> None:
    watching = Watching()
    watching.idle()
    assert watching.say(b"* 5 EXISTS\r\n* 1 EXPUNGE\r\n* 4 EXPUNGE\r\n") == b"DONE\r\n"
    assert watching.say(b"A3 OK\r\n") == FETCH % (4, 3)


@pytest.mark.parametrize("expunged", [b"* 1 EXPUNGE\r\n", b"* 4 EXPUNGE\r\n"])
def test_an_expunge_while_a_message_is_fetched_does_not_hide_the_next_one(expunged: bytes) -> None:
    """The RFC forbids it there (section 7.4.1), and servers send it."""
    watching = Watching()
    watching.idle()
    watching.say(b"* 4 EXISTS\r\nA3 OK\r\n")
    assert watching.say(message(4) + expunged + b"* 4 EXISTS\r\nA4 OK\r\n") == FETCH % (5, 4)
    assert watching.say(message(4, 7) + b"A5 OK\r\n") == IDLE % 6
    assert watching.told[-1] == "7"


@pytest.mark.parametrize(("count", "told"), [(1, ["4"]), (2, ["4", "5"]), (3, ["4", "5", "6"])])
def test_it_is_over_after_so_many(count: int, told: list[str]) -> None:
    watching = Watching(count=count)
    watching.idle()
    watching.say(b"* 6 EXISTS\r\nA3 OK\r\n")
    assert watching.say(message(6) + message(4) + message(5) + b"A4 OK\r\n") == b"A5 LOGOUT\r\n"
    assert (watching.told, watching.session.done, watching.session.phase) == (told, True, Phase.LOGOUT)


def test_so_many_are_counted_over_several_batches() -> None:
    watching = Watching(count=2)
    watching.idle()
    watching.say(b"* 4 EXISTS\r\nA3 OK\r\n")
    assert watching.say(message(4) + b"A4 OK\r\n") == IDLE % 5
    watching.idle()
    watching.say(b"* 5 EXISTS\r\nA5 OK\r\n")
    assert watching.say(message(5) + b"A6 OK\r\n") == b"A7 LOGOUT\r\n"


def test_an_empty_mailbox_can_be_watched() -> None:
    watching = Watching(exists=0)
    assert watching.said == IDLE % 3
    watching.idle()
    watching.say(b"* 1 EXISTS\r\nA3 OK\r\n")
    assert watching.say(message(1) + b"A4 OK\r\n") == IDLE % 5
    assert watching.told == ["1"]


def test_who_is_told_may_break_off() -> None:
    watching = Watching()
    watching.idle()
    watching.say(b"* 4 EXISTS\r\nA3 OK\r\n")

    def break_off(_message: object) -> None:
        raise ZeroDivisionError

    watching.watch._tell = break_off
    with pytest.raises(ZeroDivisionError):
        watching.say(message(4) + b"A4 OK\r\n")


# Without IDLE


def test_without_idle_the_server_is_asked_now_and_then() -> None:
    watching = Watching(idle=False)
    assert (watching.said, watching.alarm_s) == (b"", POLL_S)
    assert watching.wake() == NOOP % 3
    assert watching.say(b"* 2 FETCH (FLAGS ())\r\nA3 OK\r\n") == b""
    assert watching.wake() == NOOP % 4
    assert watching.say(b"* 5 EXISTS\r\nA4 OK\r\n") == FETCH % (5, 4)
    assert watching.say(message(4) + message(5) + b"A5 OK\r\n") == b""
    assert (watching.told, watching.alarm_s) == (["4", "5"], POLL_S)
    assert watching.wake() == NOOP % 6


def test_what_a_server_says_unasked_is_looked_at_without_waiting_for_the_alarm() -> None:
    watching = Watching(idle=False)
    assert watching.say(b"* 4 EXISTS\r\n") == NOOP % 3
    assert watching.say(b"* 5 EXISTS\r\n") == b""
    assert watching.say(b"A3 OK\r\n") == FETCH % (4, 4)


def test_idle_counts_where_the_server_names_it_after_the_login() -> None:
    watching = Watching(idle=False, exists=None)
    assert watching.say(b"* CAPABILITY IMAP4rev1 idle\r\n* 3 EXISTS\r\nA2 OK\r\n") == IDLE % 3


# What goes wrong


def watch() -> Watch:
    return Watch("INBOX", lambda one: None, poll_s=POLL_S, timeout_s=TIMEOUT_S, count=None)


GREETS = (b"* OK [CAPABILITY IDLE] hi\r\n", b"A1 OK in\r\n")
OPENS = b"* 3 EXISTS\r\nA2 OK\r\n"


@pytest.mark.parametrize(
    ("turns", "kind", "what", "phase"),
    [
        ([b"A2 NO none\r\n"], NothingThere, "cannot open the mailbox INBOX: none", "open"),
        ([b"A2 NO [NOPERM] no\r\n"], AuthError, "cannot open the mailbox INBOX: [NOPERM] no", "open"),
        ([b"* 0 EXISTS\r\nA2 NO none\r\n"], NothingThere, "cannot open the mailbox INBOX: none", "open"),
        ([b"A2 OK\r\n"], ProtocolError, "the server does not say how many messages there are", "fetch"),
        ([OPENS, b"A3 NO not for you\r\n"], ProtocolError, "the server refused the IDLE: not for you", "watch"),
        ([OPENS, b"A3 OK already\r\n"], ProtocolError, "the server ended IDLE: already", "watch"),
        ([OPENS, b"+ \r\n", b"A3 OK enough\r\n"], ProtocolError, "the server ended IDLE: enough", "watch"),
        ([OPENS, b"+ \r\n", b"A3 NO enough\r\n"], ProtocolError, "the server refused the IDLE: enough", "watch"),
        ([OPENS, b"+ \r\n", b"+ \r\n"], ProtocolError, "the server waits for more than there is: no reason given",
         "watch"),
        ([OPENS, b"+ \r\n", b"* BYE idle for too long\r\n"], ProtocolError, "the server hung up: idle for too long",
         "watch"),
        ([OPENS, b"+ \r\n* 4 EXISTS\r\n", b"A3 OK\r\nA4 NO no\r\n"], ProtocolError,
         "the server refused the fetch: no", "watch"),
        ([OPENS, b"+ \r\n* 4 EXISTS\r\nA3 OK\r\n", b"* 4 FETCH (\r\n"], ProtocolError,
         "the server sent a list without an end: (", "watch"),
    ],
)  # fmt: skip
def test_what_the_server_does_wrong_ends_the_watch(
    turns: list[bytes], kind: type[TwError], what: str, phase: str
) -> None:
    made: list[Watch] = []

    def errand() -> Watch:
        made.append(watch())
        made[-1].answer = None  # type: ignore[attr-defined]
        return made[-1]

    error = failure_of(*GREETS, *turns, errand=errand)
    assert (type(error), error.what, error.where) == (kind, what, f"mail.example.org:143, {phase}")


def test_a_refused_noop_ends_the_watch() -> None:
    watching = Watching(idle=False)
    watching.wake()
    with pytest.raises(ProtocolError, match="the server refused the NOOP: no"):
        watching.say(b"A3 BAD no\r\n")
