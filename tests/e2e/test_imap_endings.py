"""How a run of `tw imap first-subject` ends: with an answer that stands, at a deadline, by a signal."""

import signal
import socket
import subprocess
from collections.abc import Callable

import pytest

from e2e.harness import TIMEOUT_S, TW, Ran, environment, tw
from e2e.imap_peers import GREETING, WHOLE, Peer, scripted
from tw.errors import ExitCode

PASSWORD = "s3cret"


def look(port: int, *more: str) -> Ran:
    place = ("--user", "alice", "--endpoint", f"tcp:localhost:{port}", "--security", "plain")
    return tw("imap", "first-subject", *place, *more, env={"TW_IMAP_PASSWORD": PASSWORD})


def no_goodbye(peer: Peer) -> None:
    peer.open()
    peer.say(b"* 4 FETCH (FLAGS (\\Seen))\r\n* 5 EXISTS\r\n" + WHOLE)
    peer.hear(b"A4 LOGOUT\r\n")
    peer.hear_all()


def breaks_down_after_the_answer(peer: Peer) -> None:
    peer.open()
    peer.say(WHOLE + b"\x00\xff nonsense\r\n* BYE\r\n")


def alerts(peer: Peer) -> None:
    peer.open()
    peer.say(b"* OK [ALERT] \x1b[2Jthe disk is full \xe2\x80\xae\r\n" + WHOLE)
    peer.hear_all()


def says_nothing_after_the_login(peer: Peer) -> None:
    peer.log_in()
    peer.hear_all()


def drips_fast_enough(peer: Peer) -> None:
    peer.say(GREETING[:10])
    peer.drip(GREETING[10:], every_s=0.001)
    peer.hear(b"\r\n")
    peer.drip(b"A1 OK in\r\n* 1 EXISTS\r\nA2 OK open\r\n" + WHOLE, every_s=0.001)
    peer.hear_all()


@pytest.mark.parametrize("play", [no_goodbye, breaks_down_after_the_answer, drips_fast_enough])
def test_an_answer_in_hand_stands_whatever_follows(play: Callable[[Peer], None]) -> None:
    with scripted(play) as peer:
        assert look(peer.port) == Ran(0, "The first\n", "")


def test_what_the_server_wants_a_person_to_see_is_shown_safely_on_stderr() -> None:
    with scripted(alerts) as peer:
        assert look(peer.port) == Ran(0, "The first\n", "tw: the server says: \\x1b[2Jthe disk is full \\u202e\n")


# Time and signals ----------------------------------------------------------------------------------------------------


def test_a_host_that_swallows_the_connection_is_3_at_the_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        place = full.getsockname()
        # One more than the backlog; from then on the kernel drops whoever comes.
        with socket.create_connection(place):
            ran = look(place[1], "--timeout", "1s", "--json")
    assert (ran.code, ran.json["error"]["kind"]) == (ExitCode.CONNECT, "connect")
    assert "--timeout" in ran.error_line


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("more", [(), ("--json",)], ids=["text", "json"])
def test_a_signal_ends_it_at_once_and_quietly(number: int, code: int, more: tuple[str, ...]) -> None:
    with scripted(says_nothing_after_the_login) as peer:
        arguments = ("--user", "alice", "--endpoint", peer.strport, "--security", "plain", *more)
        with subprocess.Popen(
            [TW, "imap", "first-subject", *arguments],
            env=environment(TW_IMAP_PASSWORD=PASSWORD),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            assert peer.logged_in.wait(TIMEOUT_S)
            process.send_signal(number)
            out, err = process.communicate(timeout=TIMEOUT_S)
    ran = Ran(process.returncode, out.decode(), err.decode())
    assert (ran.code, ran.err) == (code, "")
    if more:
        assert (ran.json["ok"], ran.json["error"]["kind"], ran.json["error"]["exit"]) == (False, "interrupted", code)
    else:
        assert ran.out == ""
