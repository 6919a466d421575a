"""Starting and stopping: signals at any moment, what a run ends with, and threads that hang."""

import os
import signal
from collections.abc import Iterator
from textwrap import dedent

import pytest

from memory import Network
from scripts import output, program
from tw.runtime import Stop, _leave_busy_threads

WAITS = """
async def main(reactor, stop):
    stop.at_once = lambda: say("removed")
    say("ready")
    await stop.wait()
    say("stopping", stop.signal and stop.signal.name)
    {more}
    return 5
launch(main)
"""
pytestmark = pytest.mark.usefixtures("quiet")

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


class Ended(BaseException):
    """The process would be over."""


@pytest.fixture
def net() -> Iterator[Network]:
    made = Network()
    yield made
    assert made.getDelayedCalls() == []


# What a run ends with ------------------------------------------------------------------------------------------------


def test_a_run_gives_what_its_main_gives() -> None:
    assert output("async def main(reactor, stop): return 3\nlaunch(main)") == ["code 3"]


@pytest.mark.parametrize("raised", ["ValueError('x')", "SystemExit(4)", "KeyboardInterrupt()"])
def test_what_main_raises_is_raised_to_the_caller(raised: str) -> None:
    assert output(f"async def main(reactor, stop): raise {raised}\nlaunch(main)") == [f"raised {raised}"]


@pytest.mark.parametrize(
    ("before", "choice", "kind"),
    [
        ("", "auto", "LeanReactor"),
        ("", "stock", "EPollReactor"),
        ("import tw.net.reactor; tw.net.reactor.usable = lambda: False", "auto", "EPollReactor"),
        ("from twisted.internet import reactor", "auto", "EPollReactor"),
    ],
)
def test_the_reactor_is_the_lean_one_where_it_may_be(before: str, choice: str, kind: str) -> None:
    script = f"""
    {before}
    async def main(reactor, stop):
        say(type(reactor).__name__)
        return 0
    launch(main, reactor="{choice}")
    """
    assert output(script) == [kind, "code 0"]


# Signals -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", SIGNALS)
def test_a_first_signal_asks_main_to_end(number: signal.Signals) -> None:
    with program(WAITS.format(more="")) as running:
        assert running.line() == "ready"
        running.process.send_signal(number)
        assert running.rest() == [f"stopping {number.name}", "code 5"]


@pytest.mark.parametrize("number", SIGNALS)
def test_a_second_signal_ends_the_process_at_once(number: signal.Signals) -> None:
    with program(WAITS.format(more="from twisted.internet.defer import Deferred; await Deferred()")) as running:
        assert running.line() == "ready"
        running.process.send_signal(number)
        assert running.line() == f"stopping {number.name}"
        running.process.send_signal(signal.SIGTERM)
        assert running.rest() == ["removed"]
        assert running.code == 143


def test_a_second_signal_ends_a_main_that_never_yields() -> None:
    with program(WAITS.format(more="while True: pass")) as running:
        assert running.line() == "ready"
        running.process.send_signal(signal.SIGINT)
        assert running.line() == "stopping SIGINT"
        running.process.send_signal(signal.SIGINT)
        assert running.rest() == ["removed"]
        assert running.code == 130


def test_under_nohup_a_hang_up_is_no_reason_to_end() -> None:
    with program(WAITS.format(more=""), nohup=True) as running:
        assert running.line() == "ready"
        running.process.send_signal(signal.SIGHUP)
        running.process.send_signal(signal.SIGTERM)
        assert running.rest() == ["stopping SIGTERM", "code 5"]


def test_behind_an_ampersand_in_a_script_ctrl_c_is_no_reason_to_end() -> None:
    """A shell without job control starts such a command with SIGINT ignored (POSIX, 2.11)."""
    with program("signal.signal(signal.SIGINT, signal.SIG_IGN)\n" + WAITS.format(more="")) as running:
        assert running.line() == "ready"
        running.process.send_signal(signal.SIGINT)
        running.process.send_signal(signal.SIGTERM)
        assert running.rest() == ["stopping SIGTERM", "code 5"]


def test_a_signal_before_the_reactor_runs_is_not_forgotten() -> None:
    script = """
    from twisted.internet import task
    react = task.react
    def late(*args, **more):
        os.kill(os.getpid(), signal.SIGINT)
        react(*args, **more)
    task.react = late
    """
    assert output(dedent(script) + WAITS.format(more="")) == ["ready", "stopping SIGINT", "code 5"]


def test_a_signal_that_reaches_twisteds_own_handler_ends_main_in_good_order() -> None:
    """The reactor installs its handlers as it starts, and ours come a moment later."""
    script = """
    from twisted.internet import reactor
    reactor.callWhenRunning(lambda: os.kill(os.getpid(), signal.SIGTERM))
    """
    assert output(dedent(script) + WAITS.format(more="")) == ["ready", "stopping SIGTERM", "code 5"]


def test_a_reactor_that_stops_waits_for_main_to_clean_up() -> None:
    script = """
    async def main(reactor, stop):
        from tw.probes.timing import pause
        reactor.callLater(0, reactor.stop)
        await stop.wait()
        await pause(reactor, 0.01)
        say("cleaned up")
        return 7
    launch(main)
    """
    assert output(script) == ["cleaned up", "code 7"]


@pytest.mark.parametrize("fails", [False, True])
def test_the_handler_in_memory(net: Network, monkeypatch: pytest.MonkeyPatch, fails: bool) -> None:
    codes: list[int] = []
    removed: list[bool] = []

    def end(code: int) -> None:
        codes.append(code)
        raise Ended

    def remove() -> None:
        removed.append(True)
        if fails:
            raise OSError("already gone")

    monkeypatch.setattr(os, "_exit", end)
    stop = Stop(net)
    stop.at_once = remove
    stop.on_signal(signal.SIGINT, None)
    assert (stop.signal, stop.fired, removed) == (signal.SIGINT, False, [])
    net.hear_thread()
    assert stop.fired
    with pytest.raises(Ended):
        stop.on_signal(signal.SIGHUP, None)
    assert (codes, removed, stop.signal) == ([129], [True], signal.SIGINT)


def test_a_hang_up_may_ask_for_something_else_as_often_as_it_comes(net: Network) -> None:
    asked: list[bool] = []
    stop = Stop(net)
    stop.on_hangup = lambda: asked.append(stop.fired)
    for _ in range(2):
        stop.on_signal(signal.SIGHUP, None)
        net.hear_thread()
    assert (asked, stop.signal) == ([False, False], None)
    stop.on_signal(signal.SIGTERM, None)
    net.hear_thread()
    stop.on_signal(signal.SIGHUP, None)  # no second signal that would end it at once
    net.hear_thread()
    assert (asked, stop.signal) == ([False, False, True], signal.SIGTERM)


# Threads that hang ---------------------------------------------------------------------------------------------------

HANGS = """
import socket, sys, threading
socket.getaddrinfo = lambda *args, **more: threading.Event().wait()
from tw.__main__ import main
sys.argv = ["tw", "probe", *{args}, "--timeout", "100ms", "--json"]
main()
"""


@pytest.mark.parametrize("args", [["echo", "h.example"], ["echo", "h.example", "--udp"], ["counter", "h.example"]])
def test_a_name_server_that_hangs_does_not_keep_the_process(args: list[str]) -> None:
    with program(HANGS.format(args=args), preamble="") as running:
        out, err = running.process.communicate(timeout=30)
    assert running.code == 3
    assert '"kind": "connect"' in out
    assert len(err.splitlines()) == 1


class Threads:
    """As much of a reactor as its thread pool touches."""

    def __init__(self, **has: object) -> None:
        vars(self).update(has)
        self.removed: list[object] = []

    def removeSystemEventTrigger(self, trigger: object) -> None:
        self.removed.append(trigger)


class Pool:
    def __init__(self, *working: str) -> None:
        self.working = working


@pytest.mark.parametrize(
    ("reactor", "removed"),
    [
        (Threads(), []),
        (Threads(threadpool=None, threadpoolShutdownID=None), []),
        (Threads(threadpool=Pool("one"), threadpoolShutdownID=None), []),
        (Threads(threadpool=Pool(), threadpoolShutdownID=9), []),
        (Threads(threadpool=Pool("one"), threadpoolShutdownID=9), [9]),
    ],
)
def test_a_pool_is_waited_for_unless_one_of_its_threads_is_busy(reactor: Threads, removed: list[object]) -> None:
    _leave_busy_threads(reactor)
    assert reactor.removed == removed
