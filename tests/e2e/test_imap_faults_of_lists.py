"""`tw imap subjects`, `mailboxes` and `status` and servers that misbehave: each ends in time, with its code and one
safe line, and takes no more memory than it should."""

import subprocess
from collections.abc import Callable
from itertools import count

import pytest

from e2e.harness import TIMEOUT_S, TW, Ran, environment
from e2e.imap_peers import Peer, scripted
from tw.errors import ExitCode

PASSWORD = "s3cret"
SHORT = ("--timeout", "1s")
"""For servers that would never end by themselves. Others have the 30 s that are the default, which is the harness's own
limit too: a fault that is only noticed at the deadline fails the test."""
MEMORY_LIMIT_KIB = 128 * 1024
"""For what it writes to (ulimit -d). Without a flood that is some 50 MiB, and 32 MiB of headers are held on purpose."""

Fault = Callable[[Peer], None]
OPEN = b"* 3 EXISTS\r\nA2 OK open\r\n"
MESSAGE = b"* 1 FETCH (UID 7 BODY[HEADER.FIELDS (SUBJECT FROM DATE)] {1000}\r\nSubject: "
NONSENSE = b"\x00\xff* \x1b[31m nonsense\r\n"

SUBJECTS, SEARCH, MAILBOXES, STATUS = "subjects", "subjects --search ALL", "mailboxes", "status INBOX other"
TIMEOUT, PROTOCOL, NOTHING = ExitCode.TIMEOUT, ExitCode.PROTOCOL, ExitCode.NOTHING


def says(*answers: tuple[bytes, bytes]) -> Fault:
    """A server that lets in, and says each answer once it has heard its command; then it is silent."""

    def play(peer: Peer) -> None:
        peer.log_in()
        for command, answer in answers:
            peer.hear(command)
            peer.say(answer)
        peer.hear_all()

    return play


def floods(*answers: tuple[bytes, bytes], command: bytes, line: Callable[[int], bytes]) -> Fault:
    """The same, and from `command` on it says one line after the other, numbered, without an end."""

    def play(peer: Peer) -> None:
        peer.log_in()
        for heard, answer in answers:
            peer.hear(heard)
            peer.say(answer)
        peer.hear(command)
        for start in count(1, 500):
            peer.say(b"".join(map(line, range(start, start + 500))))

    return play


def drips(*answers: tuple[bytes, bytes]) -> Fault:
    """The same as `says`, but the last answer comes a byte at a time."""

    def play(peer: Peer) -> None:
        peer.log_in()
        for command, answer in answers[:-1]:
            peer.hear(command)
            peer.say(answer)
        peer.hear(answers[-1][0])
        peer.drip(answers[-1][1], every_s=0.02)

    return play


def look(peer: Peer, command: str, *more: str) -> Ran:
    name, *args = command.split()
    place = ("--user", "alice", "--endpoint", peer.strport, "--security", "plain")
    # The end of its memory would be a bug of its own, with another exit code.
    limited = ("/bin/sh", "-c", f'ulimit -d {MEMORY_LIMIT_KIB}; exec "$0" "$@"', TW)
    done = subprocess.run(
        [*limited, "imap", name, *place, *args, "--json", *more],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=environment(TW_IMAP_PASSWORD=PASSWORD),
        timeout=TIMEOUT_S,
        check=False,
    )
    return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())


def check(command: str, fault: Fault, code: ExitCode, words: tuple[str, ...], *more: str) -> None:
    """One safe line with the words, and one JSON object."""
    with scripted(fault) as peer:
        ran = look(peer, command, *more)
    assert ran.code == code, ran
    for expected in words:
        assert expected in ran.error_line
    assert ran.error_line.isprintable()
    assert (ran.json["ok"], ran.json["error"]["exit"]) == (False, code)
    assert f"tw: {ran.json['error']['message']}" == ran.error_line
    assert PASSWORD not in ran.out + ran.err


@pytest.mark.parametrize(
    ("command", "fault", "phase"),
    [
        (SUBJECTS, says(), "open"),
        (SUBJECTS, says((b"EXAMINE", OPEN)), "fetch"),
        (SUBJECTS, drips((b"EXAMINE", OPEN), (b"FETCH", MESSAGE + b"x" * 2000)), "fetch"),
        (SEARCH, says((b"EXAMINE", OPEN)), "search"),
        (SEARCH, says((b"EXAMINE", OPEN), (b"SEARCH", b"* SEARCH 7\r\nA3 OK\r\n")), "fetch"),
        (MAILBOXES, says(), "list"),
        (MAILBOXES, drips((b"LIST", b'* LIST () "." {900}\r\n' + b"x" * 2000)), "list"),
        (STATUS, says((b"A3 STATUS", b"* STATUS INBOX (MESSAGES 1)\r\nA2 OK\r\n")), "status"),
    ],
)
def test_a_server_that_goes_silent_costs_the_deadline_which_names_the_phase(
    command: str, fault: Fault, phase: str
) -> None:
    check(command, fault, TIMEOUT, ("no answer within 1 s", f", {phase})"), *SHORT)


@pytest.mark.parametrize(
    ("command", "fault", "code", "words"),
    [
        (SUBJECTS, says((b"EXAMINE", NONSENSE)), PROTOCOL, ("\\x00", "open)")),
        (
            SUBJECTS,
            says((b"EXAMINE", OPEN), (b"FETCH", b"* 1 FETCH (UID (\r\nA3 OK\r\n")),
            PROTOCOL,
            ("without an end",),
        ),
        (SUBJECTS, says((b"EXAMINE", b"A2 OK open\r\n")), PROTOCOL, ("does not say how many",)),
        (SUBJECTS, says((b"EXAMINE", OPEN), (b"FETCH", b"A3 OK\r\n")), PROTOCOL, ("without a message",)),
        (
            SUBJECTS,
            says((b"EXAMINE", OPEN), (b"FETCH", b"* BYE \x1b[31mgone\r\n")),
            PROTOCOL,
            ("\\x1b[31mgone", "fetch)"),
        ),
        (SEARCH, says((b"EXAMINE", OPEN), (b"SEARCH", NONSENSE)), PROTOCOL, ("\\x00", "search)")),
        (SEARCH, says((b"EXAMINE", OPEN), (b"SEARCH", b"* BYE\r\n")), PROTOCOL, ("hung up", "search)")),
        (
            SEARCH,
            says((b"EXAMINE", OPEN), (b"SEARCH", b"* SEARCH -1 x 9999999999999999999999\r\nA3 OK\r\n")),
            NOTHING,
            ("no message matches",),
        ),
        (MAILBOXES, says((b"LIST", NONSENSE)), PROTOCOL, ("\\x00", "list)")),
        (MAILBOXES, says((b"LIST", b"* LIST INBOX\r\nA2 OK\r\n")), PROTOCOL, ("a LIST that is none",)),
        (MAILBOXES, says((b"LIST", b"* BYE\r\n")), PROTOCOL, ("hung up", "list)")),
        (MAILBOXES, says((b"LIST", b"A2 BAD what?\r\n")), PROTOCOL, ("refused the list: what?",)),
        (STATUS, says((b"A3 STATUS", NONSENSE)), PROTOCOL, ("\\x00", "status)")),
        (STATUS, says((b"A3 STATUS", b"* STATUS INBOX\r\nA2 OK\r\n")), PROTOCOL, ("a STATUS that is none",)),
        (STATUS, says((b"A3 STATUS", b"A2 OK\r\n* BYE\r\n")), PROTOCOL, ("hung up", "status)")),
    ],
)
def test_a_fault_is_noticed_at_once(command: str, fault: Fault, code: ExitCode, words: tuple[str, ...]) -> None:
    check(command, fault, code, words)


@pytest.mark.parametrize(
    ("command", "fault", "code", "words"),
    [
        (
            SUBJECTS,
            floods(
                (b"EXAMINE", OPEN),
                command=b"FETCH",
                line=lambda n: b"* %d FETCH (BODY[HEADER] {9}\r\nSubject: )\r\n" % n,
            ),
            PROTOCOL,
            ("more than 10000 messages", "fetch)"),
        ),
        (
            SUBJECTS,
            floods(
                (b"EXAMINE", OPEN),
                command=b"FETCH",
                line=lambda n: b"* %d FETCH (BODY[HEADER] {9000}\r\n" % n + b"x" * 9000 + b")\r\n",
            ),
            PROTOCOL,
            ("more than", "fetch)"),
        ),
        (
            MAILBOXES,
            floods(command=b"LIST", line=lambda n: b'* LIST () "." box%d\r\n' % n),
            PROTOCOL,
            ("10000 mailboxes",),
        ),
        (
            MAILBOXES,
            floods(command=b"LIST", line=lambda n: b'* LIST () "." %s\r\n' % (b"%d" % n * 500)),
            PROTOCOL,
            ("bytes",),
        ),
        (
            SEARCH,
            floods((b"EXAMINE", OPEN), command=b"SEARCH", line=lambda n: b"* SEARCH %d\r\n" % n),
            TIMEOUT,
            ("search)",),
        ),
        (
            STATUS,
            floods(command=b"STATUS", line=lambda n: b"* STATUS box%d (MESSAGES 1)\r\n" % n),
            TIMEOUT,
            ("status)",),
        ),
        (STATUS, floods(command=b"STATUS", line=lambda n: b"* OK [ALERT] number %d\r\n" % n), TIMEOUT, ("status)",)),
    ],
)
def test_a_flood_ends_at_a_limit_or_the_deadline_and_fills_no_memory(
    command: str, fault: Fault, code: ExitCode, words: tuple[str, ...]
) -> None:
    check(command, fault, code, words, *(("--timeout", "1s") if code is TIMEOUT else ()))
