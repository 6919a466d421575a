"""The alarm of a watch, by which a silent server is noticed; its end; and that it holds nothing for long."""

import tracemalloc
from collections.abc import Callable

import pytest

from imap_script import message
from imap_watching import FETCH, IDLE, TIMEOUT_S, Watching
from tw.core.imap_watch import IDLE_S
from tw.errors import AnswerTimeout

# The alarm


def test_every_state_has_an_alarm_of_its_own() -> None:
    watching = Watching(exists=None)
    serials = [watching.watch.alarm]

    def note(_said: bytes) -> float:
        serials.append(watching.watch.alarm)
        return watching.alarm_s

    assert note(watching.say(b"* 3 EXISTS\r\nA2 OK\r\n")) == TIMEOUT_S
    assert note(watching.idle()) == IDLE_S
    assert note(watching.say(b"* 4 EXISTS\r\n")) == TIMEOUT_S
    assert note(watching.say(b"A3 OK\r\n")) == TIMEOUT_S
    assert note(watching.say(message(4) + b"A4 OK\r\n")) == TIMEOUT_S
    numbers = [serial for serial, _ in serials]
    assert numbers == sorted(set(numbers))  # each has changed


def test_a_server_that_talks_does_not_put_the_alarm_off() -> None:
    watching = Watching()
    watching.idle()
    before = watching.watch.alarm
    watching.say(b"* OK still here\r\n* 2 FETCH (FLAGS ())\r\n* 1 EXPUNGE\r\n* 2 EXISTS\r\n")
    assert watching.watch.alarm == before


def test_idle_is_begun_anew_before_anybody_forgets_the_connection() -> None:
    assert IDLE_S < 600
    watching = Watching()
    watching.idle()
    assert watching.wake() == b"DONE\r\n"
    assert watching.alarm_s == TIMEOUT_S
    assert watching.say(b"A3 OK\r\n") == IDLE % 4
    assert watching.idle() == b""
    assert watching.alarm_s == IDLE_S


SILENT: dict[str, Callable[[Watching], object]] = {
    "IDLE": lambda watching: None,
    "DONE": lambda watching: (watching.idle(), watching.wake()),
    "FETCH": lambda watching: (watching.idle(), watching.say(b"* 4 EXISTS\r\nA3 OK\r\n")),
}


@pytest.mark.parametrize("command", SILENT)
def test_a_dead_server_is_noticed_by_the_command_that_it_leaves_unanswered(command: str) -> None:
    watching = Watching()
    SILENT[command](watching)
    assert watching.alarm_s == TIMEOUT_S
    with pytest.raises(AnswerTimeout) as caught:
        watching.wake()
    assert str(caught.value) == "no answer within 5 s (mail.example.org:143, watch); see --timeout"
    assert watching.session.outgoing() == b""


def test_a_dead_server_is_noticed_by_a_noop_too() -> None:
    watching = Watching(idle=False)
    watching.wake()
    assert watching.alarm_s == TIMEOUT_S
    with pytest.raises(AnswerTimeout):
        watching.wake()


# The end


def test_in_idle_it_is_done_first() -> None:
    watching = Watching()
    watching.idle()
    assert watching.end() == b"DONE\r\n"
    assert watching.say(b"A3 OK\r\n") == b"A4 LOGOUT\r\n"
    assert watching.session.done


def test_before_idle_has_begun_it_waits_for_that() -> None:
    watching = Watching()
    assert watching.end() == b""
    assert watching.idle() == b"DONE\r\n"
    assert watching.say(b"A3 OK\r\n") == b"A4 LOGOUT\r\n"


def test_while_it_is_opened_it_waits_for_that() -> None:
    watching = Watching(exists=None)
    assert watching.end() == b""
    assert watching.say(b"* 3 EXISTS\r\nA2 OK\r\n") == b"A3 LOGOUT\r\n"


def test_what_is_being_fetched_is_told_yet() -> None:
    watching = Watching()
    watching.idle()
    assert watching.say(b"* 4 EXISTS\r\nA3 OK\r\n") == b"DONE\r\n" + FETCH % (4, 4)
    assert watching.end() == b""
    assert watching.say(b"* 5 EXISTS\r\n" + message(4) + b"A4 OK\r\n") == b"A5 LOGOUT\r\n"
    assert watching.told == ["4"]


def test_between_two_looks_without_idle_it_is_the_end_at_once() -> None:
    watching = Watching(idle=False)
    assert watching.end() == b"A3 LOGOUT\r\n"
    assert watching.session.done


# Memory


def test_a_flood_of_flags_is_not_held() -> None:
    """Somebody marks a large mailbox as read, again and again; also while a message is being fetched."""
    watching = Watching(exists=5_000)
    watching.idle()
    flood = b"".join(b"* %d FETCH (UID %d FLAGS (\\Seen))\r\n" % (number, number) for number in range(1, 5_001))
    watching.say(flood)
    tracemalloc.start()
    watching.say(flood)
    assert watching.say(b"* 5001 EXISTS\r\n" + flood + b"A3 OK\r\n") == b"DONE\r\n" + FETCH % (4, 5_001)
    watching.say(flood + message(5_001) + flood + b"A4 OK\r\n")
    held_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert watching.told == ["5001"]
    assert held_bytes < 125_000  # of some 770 KB in which the flags were said


def test_what_was_told_is_not_held() -> None:
    watching = Watching(exists=0)
    tag = 3
    tracemalloc.start()
    for number in range(1, 201):
        watching.idle()
        watching.say(b"* %d EXISTS\r\nA%d OK\r\n" % (number, tag))
        padded = message(number).replace(b"Subject: ", b"Subject: " + b"x" * 10_000, 1)
        size = int(padded.partition(b"{")[2].partition(b"}")[0])
        padded = padded.replace(b"{%d}" % size, b"{%d}" % (size + 10_000), 1)
        assert watching.say(padded + b"A%d OK\r\n" % (tag + 1)) == IDLE % (tag + 2)
        assert watching.told.pop().endswith(f"x{number}")
        tag += 2
    held_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held_bytes < 500_000  # of 2 MB
