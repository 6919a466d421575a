"""How often each command of `tw imap` waits for the server: a distant one makes each flight dear, and little else."""

import re
import select
import ssl
from collections.abc import Callable
from contextlib import suppress

import pytest
import trustme

from e2e.harness import Ran, tw
from e2e.imap_peers import FETCHED, HEADER, Peer, scripted

CAPABILITIES = b"IMAP4rev1 SASL-IR LITERAL+ ID IDLE AUTH=PLAIN"
SILENCE_S = 0.05
"""Whatever comes within so long of what came before is of the same flight."""

ANSWERS: dict[bytes, bytes] = {
    b"CAPABILITY": b"* CAPABILITY %s\r\n" % CAPABILITIES,
    b"EXAMINE": b"* 3 EXISTS\r\n",
    b"UID SEARCH": b"* SEARCH 7\r\n",
    b"LIST": b'* LIST () "." INBOX\r\n',
    b"STATUS": b"* STATUS INBOX (MESSAGES 3 UNSEEN 3)\r\n",
    b"LOGOUT": b"* BYE see you\r\n",
}

Flights = list[list[str]]


def message(number: int) -> bytes:
    return FETCHED.replace(b"* 1", b"* %d" % number) % len(HEADER) + HEADER + b")\r\n"


class Recorder:
    """A server with three messages that answers what it is asked for, and notes in which flights that came."""

    def __init__(
        self, capabilities: bytes = CAPABILITIES, greeting: bytes = b"[CAPABILITY %s] " % CAPABILITIES
    ) -> None:
        self.flights: Flights = []
        self._offers_initial_response = b"SASL-IR" in capabilities
        self._greeting = greeting
        self._pending = b""

    def play(self, peer: Peer) -> None:
        peer.say(b"* OK %sready\r\n" % self._greeting)
        self.answer(peer)

    def answer(self, peer: Peer) -> None:
        """Until the client leaves, which ends the connection with an error."""
        while True:
            flight = peer.receive()
            with suppress(ConnectionError):
                while select.select([peer], [], [], SILENCE_S)[0]:
                    flight += peer.receive()
            said = flight.removesuffix(b"\r\n").split(b"\r\n")
            # The text of a literal, and no command's beginning, is whatever has no tag.
            lines = [line for line in said if re.match(rb"A\d+ ", line)] or said
            self.flights.append([self._name(line) for line in lines])
            peer.say(b"".join(self._answer(line) for line in lines))

    @staticmethod
    def _name(line: bytes) -> str:
        found = re.match(rb"A\d+ ((?:UID )?[A-Z]+)", line)
        return found[1].decode() if found else "DONE" if line == b"DONE" else "(more)"

    def _answer(self, line: bytes) -> bytes:
        name, tag = self._name(line).encode(), line.split()[0]
        if name == b"AUTHENTICATE" and not self._offers_initial_response:
            self._pending = tag
            return b"+ \r\n"
        if name == b"IDLE":
            self._pending = tag
            return b"+ idling\r\n* 4 EXISTS\r\n"
        if name in (b"DONE", b"(more)"):
            return self._pending + b" OK done\r\n"
        data = ANSWERS.get(name, b"")
        if name.endswith(b"FETCH"):
            first = {b"1": 1, b"1:*": 1, b"4:*": 4}.get(line.split(b"FETCH ")[1].split()[0], 3)
            data = b"".join(message(number) for number in range(first, 5 if first == 4 else 2 if b" 1 " in line else 4))
        return data + tag + b" OK done\r\n"


def look(peer: Peer, command: str, *more: str, security: str = "plain") -> Ran:
    place = ("--user", "alice", "--endpoint", peer.strport, "--security", security)
    return tw("imap", command, *place, *more, env={"TW_IMAP_PASSWORD": "s3cret"})


LOGIN = ["AUTHENTICATE"]


@pytest.mark.parametrize(
    ("command", "flights"),
    [
        (("first-subject",), [["EXAMINE", "FETCH", "LOGOUT"]]),
        (("first-subject", "--send-id"), [["ID", "EXAMINE", "FETCH", "LOGOUT"]]),
        (("subjects", "--newest"), [["EXAMINE", "FETCH", "LOGOUT"]]),
        (("subjects",), [["EXAMINE"], ["FETCH", "LOGOUT"]]),
        (("subjects", "--search", "SUBJECT Größe"), [["EXAMINE"], ["UID SEARCH"], ["UID FETCH", "LOGOUT"]]),
        (("mailboxes",), [["LIST", "LOGOUT"]]),
        (("status", "INBOX", "one", "two"), [["STATUS", "STATUS", "STATUS", "LOGOUT"]]),
        (("check",), [["STATUS", "EXAMINE"], ["FETCH", "FETCH"], ["LOGOUT"]]),
        (("check", "--expect-subject", "first"), [["STATUS", "EXAMINE"], ["FETCH", "LOGOUT"]]),
        (("watch", "--count", "1"), [["EXAMINE"], ["IDLE"], ["DONE"], ["FETCH"], ["LOGOUT"]]),
    ],
)
def test_a_command_logs_in_by_one_flight_and_does_its_errand_in_few(command: tuple[str, ...], flights: Flights) -> None:
    recorder = Recorder()
    with scripted(recorder.play) as peer:
        ran = look(peer, *command)
    assert (ran.code, ran.err) == (0, "")
    assert recorder.flights == [LOGIN, *flights]


@pytest.mark.parametrize(
    ("recorder", "flights"),
    [
        (lambda: Recorder(greeting=b""), [["CAPABILITY"], LOGIN]),
        (
            lambda: Recorder(capabilities=b"IMAP4rev1", greeting=b"[CAPABILITY IMAP4rev1 AUTH=PLAIN] "),
            [LOGIN, ["(more)"]],
        ),
        (lambda: Recorder(greeting=b"[CAPABILITY IMAP4rev1] "), [["LOGIN"]]),
    ],
    ids=["a greeting without capabilities", "no SASL-IR", "the LOGIN command"],
)
def test_what_a_server_leaves_out_costs_one_flight_each(recorder: Callable[[], Recorder], flights: Flights) -> None:
    played = recorder()
    with scripted(played.play) as peer:
        assert look(peer, "first-subject").out == "The first\n"
    assert played.flights == [*flights, ["EXAMINE", "FETCH", "LOGOUT"]]


def test_starttls_costs_two_more_and_the_handshake() -> None:
    recorder = Recorder(greeting=b"")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("localhost").configure_cert(context)
    before: list[bytes] = []

    def play(peer: Peer) -> None:
        peer.say(b"* OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n")
        before.append(peer.receive())
        peer.say(b"A1 OK go ahead\r\n")
        peer.start_tls(context)
        recorder.answer(peer)

    with scripted(play) as peer:
        assert look(peer, "first-subject", "--insecure", security="starttls").out == "The first\n"
    assert before == [b"A1 STARTTLS\r\n"]
    assert recorder.flights == [["CAPABILITY"], LOGIN, ["EXAMINE", "FETCH", "LOGOUT"]]
