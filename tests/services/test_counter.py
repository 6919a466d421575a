"""The counter as a service: what it needs is had before it binds, and given back whatever happens."""

from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import ensureDeferred
from twisted.internet.error import ConnectionDone
from twisted.logger import LogEvent, globalLogPublisher
from twisted.python.failure import Failure

from counter_memory import get, responses
from counter_service import Running, result
from tw.errors import ConnectError, ExitCode, LocalError, UsageError
from tw.events import Closed, Opened, Requested, StateWritten
from tw.serve_options import ServeCounterOptions
from tw.services.counter import QUIET_S
from tw.services.state import FIRST_BLOCK, NumberFile, format_state


@pytest.fixture
def logged() -> Any:
    """What reaches the log while a test runs."""
    events: list[LogEvent] = []
    globalLogPublisher.addObserver(events.append)
    yield events
    globalLogPublisher.removeObserver(events.append)


def test_it_listens_where_it_is_told_and_sums_up_what_it_did() -> None:
    running = Running(ServeCounterOptions(port=8080)).start()
    assert running.listening.service == "counter"
    port, _, _, interface = running.reactor.tcpServers[0]
    assert (port, interface) == (8080, "127.0.0.1")
    assert running.ask(get() * 3 + get(method="POST") + b"\0") == [200, 200, 200, 405, 400]
    assert running.ask(get()) == [200]
    summary = running.stop()
    assert summary.service == "counter"
    assert (summary.connections, summary.more) == (2, {"requests": 4, "errors": 2, "timeouts": 0})
    assert summary.sent_bytes > summary.received_bytes > 0
    assert running.events == []


def test_the_date_is_the_clocks_that_it_was_given() -> None:
    running = Running(ServeCounterOptions(port=0)).start()
    protocol, transport = running.connect()
    protocol.dataReceived(get())
    assert responses(transport.read())[0].headers["date"] == "Sun, 06 Nov 1994 08:49:37 GMT"


@pytest.mark.parametrize("state", [True, False])
def test_the_first_number_is_as_asked(tmp_path: Path, state: bool) -> None:
    path = str(tmp_path / "state") if state else None
    running = Running(ServeCounterOptions(port=0, start=41, state=path)).start()
    protocol, transport = running.connect()
    protocol.dataReceived(get() * 2)
    assert [answer.number for answer in responses(transport.read())] == [41, 42]


@pytest.mark.parametrize("start", [None, 1, 41])
def test_the_count_goes_on_after_a_restart_under_another_instance(tmp_path: Path, start: int | None) -> None:
    options = ServeCounterOptions(port=0, start=start, state=str(tmp_path / "state"))
    answers = []
    for _ in range(3):
        running = Running(options).start()
        protocol, transport = running.connect()
        protocol.dataReceived(get())
        answers += responses(transport.read())
        protocol.connectionLost(Failure(ConnectionDone()))
        running.stop()
    first = start or 1
    assert [answer.number for answer in answers] == [first, first + 1, first + 2]
    assert len({answer.headers["x-instance"] for answer in answers}) == 3


def test_the_access_log_tells_of_connections_and_requests_in_order() -> None:
    running = Running(ServeCounterOptions(port=0, access_log=True)).start()
    running.ask(get("/x"))
    opened, requested, closed = running.events
    assert isinstance(opened, Opened)
    assert isinstance(closed, Closed)
    assert isinstance(requested, Requested)
    assert (requested.number, requested.path, requested.peer) == (1, "/x", opened.peer)


# What goes wrong before it serves ------------------------------------------------------------------------------------


@pytest.mark.parametrize("before", [None, 6])
def test_a_taken_port_leaves_the_state_as_it_was(tmp_path: Path, before: int | None) -> None:
    path = tmp_path / "state"
    if before is not None:
        path.write_bytes(format_state(1, before))
    running = Running(ServeCounterOptions(port=8080, state=str(path)))
    running.reactor.taken = True
    with pytest.raises(ConnectError):
        running.start()
    assert [entry.read_bytes() for entry in tmp_path.iterdir()] == ([format_state(1, before)] if before else [])
    running.reactor.taken = False
    assert running.start().ask(get()) == [200]
    running.stop()
    assert path.read_bytes() == format_state(1, (before or 1) + 1)


@pytest.mark.parametrize(
    ("content", "start", "error", "code"),
    [
        (b"damaged", None, LocalError, ExitCode.LOCAL),
        (None, None, LocalError, ExitCode.LOCAL),
        (b"", -1, UsageError, ExitCode.USAGE),
        (format_state(41, 50), 50, UsageError, ExitCode.USAGE),
    ],
)
def test_a_state_that_cannot_be_used_binds_nothing(
    tmp_path: Path, content: bytes | None, start: int | None, error: type[Exception], code: ExitCode
) -> None:
    path = tmp_path / "state"
    if content is None:
        path = tmp_path / "missing" / "state"
    elif content:
        path.write_bytes(content)
    running = Running(ServeCounterOptions(port=0, start=start, state=str(path)))
    with pytest.raises(error) as caught:
        running.start()
    assert caught.value.exit_code == code
    assert running.reactor.tcpServers == []


# What goes wrong while it serves -------------------------------------------------------------------------------------


def test_a_state_that_cannot_be_written_any_more_is_logged_once_in_a_while(
    tmp_path: Path, logged: list[LogEvent]
) -> None:
    path = tmp_path / "here" / "state"
    path.parent.mkdir()
    running = Running(ServeCounterOptions(port=0, state=str(path))).start()
    assert set(running.ask(get() * FIRST_BLOCK)) == {200}
    path.parent.rename(tmp_path / "gone")
    assert running.ask(get() * 3) == [503] * 3
    assert len(logged) == 1
    running.reactor.advance(QUIET_S)
    assert running.ask(get()) == [503]
    assert len(logged) == 2
    (tmp_path / "gone").rename(path.parent)
    assert running.ask(get()) == [200]
    assert running.stop().more == {"requests": FIRST_BLOCK + 1, "errors": 4, "timeouts": 0}
    assert len(logged) == 3


def test_with_json_the_loss_of_the_state_and_its_return_are_an_event_each(tmp_path: Path) -> None:
    path = tmp_path / "here" / "state"
    path.parent.mkdir()
    running = Running(ServeCounterOptions(port=0, state=str(path), json=True)).start()
    for _ in range(2):
        while 503 not in running.ask(get()):
            if path.parent.exists():
                path.parent.rename(tmp_path / "gone")
        assert running.ask(get() * 3) == [503] * 3
        (tmp_path / "gone").rename(path.parent)
        assert running.ask(get() * 3) == [200] * 3
    events = [event for event in running.events if isinstance(event, StateWritten)]
    assert [event.problem is None for event in events] == [False, True, False, True]
    assert "no such file or directory" in (events[0].problem or "")
    running.stop()


def test_numbers_that_cannot_be_given_back_are_told_of_and_the_summary_comes(
    tmp_path: Path, logged: list[LogEvent]
) -> None:
    path = tmp_path / "here" / "state"
    path.parent.mkdir()
    running = Running(ServeCounterOptions(port=0, state=str(path))).start()
    assert running.ask(get()) == [200]
    path.parent.rename(tmp_path / "gone")
    assert running.stop().more == {"requests": 1, "errors": 0, "timeouts": 0}
    assert ["gap" in str(event["log_format"]) for event in logged] == [True]
    numbers = NumberFile(str(tmp_path / "gone" / "state"))
    assert numbers.take() == 1 + FIRST_BLOCK
    numbers.close()


# Stopping ------------------------------------------------------------------------------------------------------------


def test_a_stop_waits_for_a_request_under_way_and_for_nothing_else(tmp_path: Path) -> None:
    running = Running(ServeCounterOptions(port=0, state=str(tmp_path / "state"))).start()
    idle, idle_transport = running.connect()
    busy, busy_transport = running.connect()
    busy.dataReceived(get()[:10])
    stopped = ensureDeferred(running.service.stop())
    assert idle_transport.disconnecting
    assert not busy_transport.disconnecting
    assert running.reactor.tcpServers[0][1].buildProtocol(None) is None
    idle.connectionLost(Failure(ConnectionDone()))
    assert not stopped.called
    busy.dataReceived(get()[10:])
    (answer,) = responses(busy_transport.read())
    assert (answer.number, answer.headers["connection"]) == (1, "close")
    busy.connectionLost(Failure(ConnectionDone()))
    assert result(stopped).more == {"requests": 1, "errors": 0, "timeouts": 0}
    assert running.reactor.getDelayedCalls() == []
    numbers = NumberFile(str(tmp_path / "state"))
    assert numbers.take() == 2
    numbers.close()


def test_a_request_that_never_ends_is_cut_off(tmp_path: Path) -> None:
    running = Running(ServeCounterOptions(port=0, drain_timeout_s=5)).start()
    busy, transport = running.connect()
    busy.dataReceived(get()[:10])
    stopped = ensureDeferred(running.service.stop())
    running.reactor.advance(5)
    assert transport.aborted
    busy.connectionLost(Failure(ConnectionDone()))
    assert result(stopped).cut_off == 1
