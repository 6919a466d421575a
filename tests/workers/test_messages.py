"""What parent and workers tell each other arrives as it was; their summaries add up."""

import json
from dataclasses import replace
from typing import Any

import pytest

from tw.errors import AnswerTimeout, ConnectError, LocalError, TlsError, TwError, UsageError
from tw.events import (
    Closed,
    Dropped,
    Opened,
    Refused,
    Requested,
    ServerEvent,
    ServerSummary,
    StateWritten,
    Unwritten,
    ViaChanged,
)
from tw.options import CommonOptions
from tw.serve_options import ServeCounterOptions, ServeEchoOptions, ServeOptions, ServePubSubOptions
from tw.via_options import ViaOptions
from tw.workers.messages import (
    Job,
    error_content,
    error_of,
    event_of,
    event_text,
    job_of,
    job_text,
    message,
    options_of_one,
    read_message,
    service_of,
    sum_of,
)

SUMMARY = ServerSummary(
    service="counter",
    connections=3,
    received_bytes=10,
    sent_bytes=20,
    refused=2,
    refusals={"denied": 2},
    idle=1,
    accept_pauses=4,
    cut_off=5,
    duration_s=9.0,
    more={"requests": 7, "errors": 1},
)

TOLD: list[ServerEvent] = [
    Opened(id=1, peer="127.0.0.1:5"),
    Closed(id=1, peer="127.0.0.1:5", reason="why", received_bytes=1, sent_bytes=2, duration_s=0.5),
    Requested(number=None, method="GET", path="/\u2028\x00é", status=503, peer="[::1]:5"),
    Refused(peer="127.0.0.1:5", reason="denied", suppressed=3),
    Dropped(id=1, lines=2, dropped_bytes=3),
    StateWritten(problem=None),
    ViaChanged(problem="--via h: refused"),
    Unwritten(lines=7),
    SUMMARY,
]


@pytest.mark.parametrize("event", TOLD, ids=lambda event: event.name)
def test_an_event_arrives_as_it_was_with_the_worker_that_told_it(event: ServerEvent) -> None:
    line = event_text(event)
    assert "\n" not in line
    name, content = read_message(line)
    assert name == "event"
    came = event_of(content, 3)
    expected = event.to_json(0.0)
    assert came.to_json(0.0) == {**expected, "worker": 3}


@pytest.mark.parametrize(
    "options",
    [
        ServeEchoOptions(allow=("10.0.0.0/8", "::1"), idle_timeout_s=1.5, describe=True),
        ServeCounterOptions(max_header_bytes=1024, proxy_protocol=True, access_log=True),
        ServeCounterOptions(via=ViaOptions(url="redis://h"), lease=5, start=3),
        ServePubSubOptions(via=ViaOptions(url="redis://h"), via_maxlen=9, slow="drop", prefix=False),
    ],
)
def test_a_job_arrives_as_it_was_and_shows_no_key(options: ServeOptions) -> None:
    service = service_of(options)
    via = {"place": {"name": "n"}, "password": "a secret word", "authorities": None}
    tls = {"key": "a secret", "chain": "c", "authorities": None}
    common = CommonOptions(verbosity=2, reactor="stock")
    job = Job(
        service=service, common=common, options=options, listeners=(5, 6), numbers=7, tls=tls, via=via, replaces=True
    )
    name, content = read_message(job_text(job))
    assert name == "job"
    assert job_of(content) == job
    assert "secret" not in repr(job)


def test_one_worker_has_its_share_and_none_of_what_is_its_parents() -> None:
    whole = ServeCounterOptions(
        workers=3,
        max_connections=10,
        accept_rate=4,
        listen=("tcp:0",),
        tls_self_signed=True,
        tls_client_ca="ca",
        ready_file="r",
        duration_s=1.0,
        state="s",
        start=5,
        drain_timeout_s=7.0,
        access_log=True,
        json=True,
    )
    one = options_of_one(whole, 3)
    assert one == ServeCounterOptions(
        port=0, max_connections=4, accept_rate=2, drain_timeout_s=7.0, access_log=True, json=True
    )


def test_one_worker_has_none_of_the_files_that_are_its_parents_to_read() -> None:
    via = ViaOptions(url="rediss://h?stream=s", ca_file="ca", password_file="p")
    whole = ServePubSubOptions(workers=2, via=via, via_maxlen=9, history_lines=3, max_connections=5)
    one = options_of_one(whole, 2)
    url = ViaOptions(url="rediss://h?stream=s")
    assert one == ServePubSubOptions(port=0, via=url, via_maxlen=9, history_lines=3, max_connections=3)


def test_a_count_that_is_shared_begins_where_all_servers_say() -> None:
    one = options_of_one(ServeCounterOptions(workers=2, via=ViaOptions(url="redis://h"), start=7, lease=5), 2)
    assert isinstance(one, ServeCounterOptions)
    assert (one.start, one.lease) == (7, 5)


@pytest.mark.parametrize("kind", [UsageError, ConnectError, AnswerTimeout, TlsError, LocalError, TwError])
def test_an_error_arrives_with_its_kind_and_its_exit_code(kind: type[TwError]) -> None:
    error = kind("what", "where", "try this")
    came = error_of(json.loads(json.dumps(error_content(error))))
    assert (type(came), str(came), came.exit_code) == (kind, "what (where); try this", error.exit_code)


@pytest.mark.parametrize("line", ["", "x", "1", "[]", "{}", '{"a": 1, "b": 2}'])
def test_nonsense_is_no_message(line: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        read_message(line)


def test_a_message_may_be_its_name_alone() -> None:
    assert read_message(message("ready")) == ("ready", None)


def test_summaries_add_up() -> None:
    other = ServerSummary(
        service="counter",
        connections=1,
        received_bytes=1,
        sent_bytes=1,
        refused=1,
        refusals={"not allowed": 1},
        cut_off=0,
        duration_s=1.0,
        more={"requests": 1, "errors": 0},
    )
    whole: dict[str, Any] = sum_of(
        "counter", [[SUMMARY, SUMMARY], [other]], {"workers": 2, "restarts": 1}, 8.5
    ).to_json(0)
    assert {name: whole[name] for name in whole if name not in ("v", "at", "event")} == {
        "service": "counter",
        "connections": 7,
        "received_bytes": 21,
        "sent_bytes": 41,
        "refused": 5,
        "refusals": {"denied": 4, "not allowed": 1},
        "idle": 2,
        "accept_pauses": 8,
        "cut_off": 10,
        "duration_s": 8.5,
        "requests": 15,
        "errors": 2,
        "workers": 2,
        "restarts": 1,
    }


def test_what_every_worker_reads_for_itself_is_there_once() -> None:
    def read(lines: int, lost: int) -> ServerSummary:
        return replace(SUMMARY, more={"lines": lines, "relay_dropped_lines": lost})

    # The first place had two workers, one after the other, and missed some in between.
    places = [[read(40, 1), read(50, 0)], [read(100, 2)]]
    assert sum_of("pubsub", places, {}, 1.0).more == {"lines": 100, "relay_dropped_lines": 3}
