"""`tw imap watch` and servers that misbehave: each ends in time, with its code and one safe line."""

import signal
import subprocess
import time
from collections.abc import Callable
from itertools import count

import pytest

from e2e.harness import TIMEOUT_S, TW, Ran, environment
from e2e.imap_peers import GREETING, Peer, scripted
from tw.errors import ExitCode

PASSWORD = "s3cret"
SHORT = ("--timeout", "1s")
"""For servers that would never end by themselves. Others have the 30 s that are the default, which is the harness's own
limit too: a fault that is only noticed at the deadline fails the test."""
MEMORY_LIMIT_KIB = 96 * 1024
"""For what it writes to (ulimit -d). Without a flood that is some 50 MiB."""

Fault = Callable[[Peer], None]
IDLING, POLLING = GREETING.replace(b" SASL-IR", b" IDLE SASL-IR"), GREETING
OPEN = (b"A2 EXAMINE", b"* 1 EXISTS\r\nA2 OK open\r\n")
IDLE = (b"A3 IDLE", b"+ idling\r\n")
NEWS = (b"A3 IDLE", b"+ idling\r\n* 2 EXISTS\r\n")
DONE = (b"DONE\r\n", b"A3 OK done\r\n")
MESSAGE = b"* 2 FETCH (UID 8 BODY[HEADER.FIELDS (SUBJECT FROM DATE)] {17}\r\nSubject: second\r\n)\r\n"
FETCHED = (b"A4 FETCH 2:*", MESSAGE + b"A4 OK done\r\n")

TIMEOUT, PROTOCOL = ExitCode.TIMEOUT, ExitCode.PROTOCOL


def says(*answers: tuple[bytes, bytes], greeting: bytes = IDLING) -> Fault:
    """A server that lets in, and says each answer once it has heard its command; then it is silent."""

    def play(peer: Peer) -> None:
        say(peer, greeting, *answers)
        peer.hear_all()

    return play


def say(peer: Peer, greeting: bytes, *answers: tuple[bytes, bytes]) -> None:
    peer.say(greeting)
    for heard, answer in ((b"A1 AUTHENTICATE PLAIN ", b"A1 OK in\r\n"), *answers):
        while heard not in peer.heard:
            peer.receive()
        peer.say(answer)


def leaves(*answers: tuple[bytes, bytes]) -> Fault:
    return lambda peer: say(peer, IDLING, *answers)


def drips_the_message(peer: Peer) -> None:
    say(peer, IDLING, OPEN, NEWS, DONE, (b"A4 FETCH", b""))
    peer.drip(FETCHED[1], every_s=0.02)


def floods(*answers: tuple[bytes, bytes], line: Callable[[int], bytes]) -> Fault:
    def play(peer: Peer) -> None:
        say(peer, IDLING, *answers)
        for start in count(2, 500):
            peer.say(b"".join(map(line, range(start, start + 500))))

    return play


def arguments(peer: Peer, *more: str) -> list[str]:
    place = ("--user", "alice", "--endpoint", peer.strport, "--security", "plain")
    # The end of its memory would be a bug of its own, with another exit code.
    limited = ("/bin/sh", "-c", f'ulimit -d {MEMORY_LIMIT_KIB}; exec "$0" "$@"', TW)
    return [*limited, "imap", "watch", *place, *more]


def watch(peer: Peer, *more: str) -> Ran:
    done = subprocess.run(
        arguments(peer, *more),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=environment(TW_IMAP_PASSWORD=PASSWORD),
        timeout=TIMEOUT_S,
        check=False,
    )
    return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())


def check(fault: Fault, code: ExitCode, words: tuple[str, ...], *more: str, out: str = "") -> None:
    """One safe line with the words; before that, the lines of messages."""
    with scripted(fault) as peer:
        ran = watch(peer, *more)
    assert (ran.code, ran.out) == (code, out), ran
    for expected in words:
        assert expected in ran.error_line
    assert ran.error_line.isprintable()
    assert PASSWORD not in ran.err


@pytest.mark.parametrize(
    ("fault", "phase"),
    [
        (lambda peer: peer.hear_all(), "greeting"),
        (lambda peer: (peer.say(IDLING), peer.hear_all()), "login"),
        (says(), "open"),
        (says(OPEN), "watch"),
        (says(OPEN, NEWS), "watch"),
        (says(OPEN, NEWS, DONE), "watch"),
        (drips_the_message, "watch"),
        (says(OPEN, greeting=POLLING), "watch"),
    ],
    ids=["greeting", "login", "examine", "IDLE", "DONE", "fetch", "dripping", "NOOP"],
)
def test_whatever_the_server_leaves_unanswered_ends_it_at_the_deadline(fault: Fault, phase: str) -> None:
    check(fault, TIMEOUT, ("no answer within 1 s", f", {phase})"), *SHORT, "--poll", "10ms")


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (says(OPEN, (b"A3 IDLE", b"+ idling\r\n\x00\xff \x1b[31m\r\n")), ("\\x00", "watch)")),
        (says(OPEN, (b"A3 IDLE", b"+ idling\r\n* 99999999999999999999 EXISTS\r\n")), ("watch)",)),
        (says(OPEN, (b"A3 IDLE", b"+ idling\r\n* BYE \x1b[31mnight\r\n")), ("hung up: \\x1b[31mnight", "watch)")),
        (says(OPEN, (b"A3 IDLE", b"A3 BAD what?\r\n")), ("refused the IDLE: what?", "watch)")),
        (says(OPEN, (b"A3 IDLE", b"+ idling\r\nA3 OK enough\r\n")), ("ended IDLE: enough",)),
        (says(OPEN, (b"A3 IDLE", b"A3 OK enough\r\n")), ("ended IDLE: enough",)),
        (says(OPEN, NEWS, DONE, (b"A4 FETCH", b"A4 NO \x1b[31mlater\r\n")), ("refused the fetch: \\x1b[31mlater",)),
        (says(OPEN, (b"A3 NOOP", b"A3 BAD what?\r\n"), greeting=POLLING), ("refused the NOOP: what?",)),
        (leaves(OPEN, NEWS, DONE, (b"A4 FETCH", MESSAGE[:-4])), ("closed the connection", "watch)")),
        (leaves(OPEN, IDLE), ("closed the connection", "watch)")),
    ],
)
def test_a_fault_is_noticed_at_once(fault: Fault, words: tuple[str, ...]) -> None:
    check(fault, PROTOCOL, words, "--poll", "10ms")


def test_what_was_told_before_a_fault_stands() -> None:
    check(says(OPEN, NEWS, DONE, FETCHED, (b"A5 IDLE", b"* BYE\r\n")), PROTOCOL, ("hung up",), out="second\n")


def test_a_message_that_is_announced_and_never_given_is_not_told_of() -> None:
    none = (b"A4 FETCH 2:*", b"A4 OK done\r\n")
    check(says(OPEN, NEWS, DONE, none, (b"A5 IDLE", b"* BYE\r\n")), PROTOCOL, ("hung up",), out="")


def test_the_last_message_stands_though_the_server_never_answers_the_goodbye() -> None:
    with scripted(says(OPEN, NEWS, DONE, FETCHED)) as peer:
        # `watch` here would give up long before what the server has for an answer is over.
        assert watch(peer, "--count", "1", "--timeout", "10m") == Ran(0, "second\n", "")
    assert peer.heard.endswith(b"A5 LOGOUT\r\n")


@pytest.mark.parametrize(
    ("fault", "code", "words"),
    [
        (floods(OPEN, IDLE, line=lambda number: b"* %d EXISTS\r\n" % number), TIMEOUT, ("no answer within 1 s",)),
        (floods(OPEN, NEWS, DONE, line=lambda number: b"* OK and on\r\n"), TIMEOUT, ("no answer within 1 s",)),
        (
            floods(OPEN, NEWS, DONE, line=lambda number: b"* %d FETCH (BODY[HEADER] {4}\r\nA: b)\r\n" % number),
            PROTOCOL,
            ("more than 10000 messages",),
        ),
    ],
    ids=["EXISTS", "words", "messages"],
)
def test_a_flood_ends_it_and_fills_no_memory(fault: Fault, code: ExitCode, words: tuple[str, ...]) -> None:
    check(fault, code, words, "--timeout", "1s" if code is TIMEOUT else "30s")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_at_once_amid_a_flood(number: int) -> None:
    with scripted(floods(OPEN, IDLE, line=lambda number: b"* OK still here\r\n")) as peer:
        with subprocess.Popen(
            arguments(peer, "--timeout", "10m"),  # `communicate` would give up long before
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(TW_IMAP_PASSWORD=PASSWORD),
        ) as process:
            while b"A3 IDLE" not in peer.heard:
                assert process.poll() is None
                time.sleep(0.01)
            process.send_signal(number)
            out, err = process.communicate(timeout=TIMEOUT_S)
    assert (process.returncode, out, err) == (128 + number, b"", b"")
