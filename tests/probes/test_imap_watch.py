"""The run of a watch: its clock, its goodbye, and what ends it."""

from typing import Any

import pytest
from twisted.internet.defer import CancelledError

from ends import Peer
from imap_runs import PORT, all_closed, options
from imap_script import GREETING, PASSWORD, message
from memory import Network
from running import Running
from tw.core.imap_watch import IDLE_S, Watch
from tw.errors import AnswerTimeout, AuthError, ConnectError, ProtocolError
from tw.probes.imap import GOODBYE_S, MailRun
from tw.secret import Secret

TIMEOUT_S = 5.0
POLL_S = 30.0


class Server:
    """Answers what it is asked, but for the words in `silent`. It offers IDLE, unless told otherwise."""

    def __init__(self, net: Network, *, idle: bool = True, greeting: bytes = GREETING) -> None:
        self.silent: set[bytes] = set()
        self.heard: list[bytes] = []
        self.exists = 3
        self._can = b"IMAP4rev1 IDLE" if idle else b"IMAP4rev1"
        self._idling = b""
        self._peer: Peer
        net.scripted(PORT, self._hears, lambda peer: peer.say(greeting))

    def _hears(self, peer: Peer, data: bytes) -> None:
        self._peer = peer
        for line in data.split(b"\r\n")[:-1]:
            words = line.split()
            self.heard.append(words[-1] if len(words) < 3 else words[1])
            if self.heard[-1] not in self.silent:
                self._answer(words[0], self.heard[-1])

    def _answer(self, tag: bytes, name: bytes) -> None:
        say = self._peer.say
        match name:
            case b"AUTHENTICATE":
                say(tag + b" OK [CAPABILITY " + self._can + b"] in\r\n")
            case b"EXAMINE":
                say(b"* %d EXISTS\r\n" % self.exists + tag + b" OK\r\n")
            case b"IDLE":
                self._idling = tag
                say(b"+ idling\r\n")
            case b"DONE":
                say(self._idling + b" OK\r\n")
            case b"NOOP":
                say(b"* %d EXISTS\r\n" % self.exists + tag + b" OK\r\n")
            case b"FETCH":
                say(message(self.exists) + tag + b" OK\r\n")
            case b"LOGOUT":
                say(b"* BYE bye\r\n" + tag + b" OK\r\n")

    def deliver(self, net: Network) -> None:
        self.exists += 1
        self._peer.say(b"* %d EXISTS\r\n" % self.exists)
        net.settle()


class Run:
    """A watch under way."""

    def __init__(self, net: Network, *, count: int | None = None, tell: Any = None, **more: Any) -> None:
        self.told: list[str] = []
        watch = Watch(
            "INBOX",
            tell or (lambda one: self.told.append(one.subject)),
            poll_s=POLL_S,
            timeout_s=TIMEOUT_S,
            count=count,
        )
        chosen = options(timeout_s=TIMEOUT_S, **more)
        self.running: Running = net.run(MailRun(net, chosen, watch, password=Secret(PASSWORD)).watch(watch))

    def cancel(self, net: Network) -> None:
        self.running.deferred.cancel()
        net.settle()
        assert isinstance(self.running.error, CancelledError)
        assert all_closed(net)


LOG_IN = [b"AUTHENTICATE", b"EXAMINE"]


def test_what_comes_in_is_told_at_once_and_after_so_many_it_says_goodbye(net: Network) -> None:
    server, run = Server(net), Run(net, count=2)
    assert server.heard == [*LOG_IN, b"IDLE"]
    server.deliver(net)
    assert run.told == ["4"]
    server.deliver(net)
    assert run.told == ["4", "5"]
    assert run.running.result is None
    assert server.heard[-3:] == [b"DONE", b"FETCH", b"LOGOUT"]
    assert (net.seconds(), all_closed(net)) == (0.0, True)


def test_the_deadline_does_not_end_a_watch_and_idle_is_begun_anew(net: Network) -> None:
    server, run = Server(net), Run(net)
    net.pass_s(IDLE_S - 1.0)
    assert server.heard == [*LOG_IN, b"IDLE"]
    net.pass_s(1.0)
    assert server.heard == [*LOG_IN, b"IDLE", b"DONE", b"IDLE"]
    net.pass_s(3 * IDLE_S)
    assert server.heard.count(b"IDLE") == 5
    server.deliver(net)
    assert run.told == ["4"]
    run.cancel(net)


def test_news_begin_the_time_of_an_idle_anew(net: Network) -> None:
    server, run = Server(net), Run(net)
    net.pass_s(IDLE_S - 1.0)
    server.deliver(net)
    net.pass_s(IDLE_S - 1.0)
    assert server.heard[-1] == b"IDLE"
    net.pass_s(1.0)
    assert server.heard[-2:] == [b"DONE", b"IDLE"]
    run.cancel(net)


def test_without_idle_it_asks_now_and_then(net: Network) -> None:
    server, run = Server(net, idle=False), Run(net)
    net.pass_s(POLL_S)
    assert server.heard == [*LOG_IN, b"NOOP"]
    server.exists += 1
    net.pass_s(POLL_S - 1.0)
    assert run.told == []
    net.pass_s(1.0)
    assert (run.told, server.heard[2:]) == (["4"], [b"NOOP", b"NOOP", b"FETCH"])
    run.cancel(net)


# Silence and other ends


@pytest.mark.parametrize("word", [b"AUTHENTICATE", b"EXAMINE"])
def test_the_beginning_has_the_deadline(net: Network, word: bytes) -> None:
    server = Server(net)
    server.silent.add(word)
    run = Run(net)
    net.pass_s(TIMEOUT_S - 0.5)
    assert not run.running.over
    net.pass_s(0.5)
    error = run.running.error
    assert type(error) is AnswerTimeout
    phase = "login" if word == b"AUTHENTICATE" else "open"
    assert str(error) == f"no answer within 5 s (localhost:143, {phase}); see --timeout"
    assert all_closed(net)


@pytest.mark.parametrize("word", [b"IDLE", b"DONE", b"FETCH"])
def test_a_dead_server_is_noticed_by_what_it_leaves_unanswered(net: Network, word: bytes) -> None:
    server, run = Server(net), Run(net)
    net.pass_s(100.0)
    server.silent.add(word)
    server.deliver(net)
    net.pass_s(TIMEOUT_S - 0.5)
    assert not run.running.over
    net.pass_s(0.5)
    error = run.running.error
    assert type(error) is AnswerTimeout
    assert str(error) == "no answer within 5 s (localhost:143, watch); see --timeout"
    assert all_closed(net)


def test_a_dead_server_that_nothing_comes_from_is_noticed_when_idle_is_begun_anew(net: Network) -> None:
    server, run = Server(net), Run(net)
    server.silent.add(b"DONE")
    net.pass_s(IDLE_S + TIMEOUT_S - 0.5)
    assert not run.running.over
    net.pass_s(0.5)
    assert type(run.running.error) is AnswerTimeout


def test_a_dead_server_without_idle_is_noticed_by_the_next_question(net: Network) -> None:
    server, run = Server(net, idle=False), Run(net)
    server.silent.add(b"NOOP")
    net.pass_s(POLL_S + TIMEOUT_S)
    assert type(run.running.error) is AnswerTimeout
    assert all_closed(net)


@pytest.mark.parametrize(
    ("greeting", "kind"),
    [
        (b"* BYE full\r\n", ConnectError),
        (b"220 smtp\r\n", ProtocolError),
        (b"* OK [CAPABILITY LOGINDISABLED]\r\n", AuthError),
    ],
)
def test_a_failure_is_the_sessions_own_and_leaves_no_clock_behind(
    net: Network, greeting: bytes, kind: type[Exception]
) -> None:
    Server(net, greeting=greeting)
    assert type(Run(net).running.error) is kind
    assert all_closed(net)
    assert net.getDelayedCalls() == []


def test_a_server_that_hangs_up_ends_it_and_leaves_no_clock_behind(net: Network) -> None:
    Server(net)
    run = Run(net)
    net.ends[1].loseConnection()
    net.settle()
    assert str(run.running.error) == "the server closed the connection (localhost:143, watch)"
    assert net.getDelayedCalls() == []


def test_no_connection_is_told_as_for_any_other_command(net: Network) -> None:
    error = Run(net, host_given=False).running.error
    assert type(error) is ConnectError
    assert "TW_IMAP_HOST" in str(error)
    net.silent.add(PORT)
    run = Run(net)
    net.pass_s(TIMEOUT_S)
    assert type(run.running.error) is ConnectError


@pytest.mark.parametrize("silent", [b"AUTHENTICATE", b"EXAMINE", b"none"])
def test_a_cancelled_watch_cuts_the_connection(net: Network, silent: bytes) -> None:
    server = Server(net)
    server.silent.add(silent)
    Run(net).cancel(net)


def test_whoever_is_told_may_cancel_it_in_that_moment(net: Network) -> None:
    """A reader that is gone: the write that fails asks the run to stop, in the middle of it."""
    runs: list[Run] = []
    server = Server(net)

    def cancel(_message: object) -> None:
        runs[0].running.deferred.cancel()

    runs.append(Run(net, count=1, tell=cancel))
    server.deliver(net)
    assert isinstance(runs[0].running.error, CancelledError)
    assert all_closed(net)
    assert b"LOGOUT" not in server.heard
    assert net.getDelayedCalls() == []


def in_the_goodbye(net: Network) -> Run:
    """A watch that has told all, and whose LOGOUT does not get through."""
    server, run = Server(net), Run(net, count=1)
    end = net.ends[0]
    end.heeds_end = False
    lose = end.loseConnection

    def lose_slowly() -> None:
        end.stuck = True
        lose()

    end.loseConnection = lose_slowly
    server.deliver(net)
    assert (run.told, run.running.over) == (["4"], False)
    return run


def test_a_goodbye_is_not_waited_for_longer_than_it_may_take(net: Network) -> None:
    run = in_the_goodbye(net)
    net.pass_s(GOODBYE_S)
    assert run.running.result is None
    assert all_closed(net)


def test_a_watch_can_be_cancelled_in_the_goodbye(net: Network) -> None:
    run = in_the_goodbye(net)
    run.running.deferred.cancel()
    assert isinstance(run.running.error, CancelledError)
    assert net.getDelayedCalls() == []
