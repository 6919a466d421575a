"""What the environment says of passed sockets, and which of them an endpoint string means."""

import os
import socket
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.interfaces import IStreamServerEndpoint
from twisted.internet.testing import MemoryReactorClock

from tw.core.text import safe
from tw.errors import UsageError
from tw.net.passed import FIRST, MAX_SOCKETS, Passed, passed_endpoint, taken

PID = 4711
OURS = {"LISTEN_PID": str(PID), "LISTEN_FDS": "2"}


@pytest.mark.parametrize(
    ("more", "names"),
    [
        ({}, ["", ""]),
        ({"LISTEN_FDNAMES": "web:mail"}, ["web", "mail"]),
        ({"LISTEN_FDNAMES": "web"}, ["web", ""]),
        ({"LISTEN_FDNAMES": "web:mail:one too many"}, ["web", "mail"]),
    ],
)
def test_the_sockets_count_from_3_and_have_their_names(more: dict[str, str], names: list[str]) -> None:
    environ = {**OURS, **more, "PATH": "/bin"}
    assert taken(environ, PID) == (Passed(FIRST, names[0]), Passed(FIRST + 1, names[1]))
    assert environ == {"PATH": "/bin"}, "a child must not take them for its own"


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"LISTEN_FDS": "1"},
        {"LISTEN_PID": str(PID)},
        {**OURS, "LISTEN_PID": "1"},
        {**OURS, "LISTEN_FDS": "x"},
        {**OURS, "LISTEN_FDS": "-1"},
        {**OURS, "LISTEN_FDS": "٣"},
        {**OURS, "LISTEN_FDS": "0"},
    ],
)
def test_nothing_was_passed_to_us(environ: dict[str, str]) -> None:
    assert taken(environ, PID) == ()
    assert environ == {}


def test_an_absurd_count_is_bounded() -> None:
    assert len(taken({**OURS, "LISTEN_FDS": "9" * 50}, PID)) == MAX_SOCKETS


# Which one is meant --------------------------------------------------------------------------------------------------


@pytest.fixture
def passed() -> Iterator[list[Passed]]:
    """A listening socket, one that does not listen, a datagram socket and a pipe; the names of the last two are one."""
    with (
        socket.create_server(("127.0.0.1", 0)) as listens,
        socket.socket() as idle,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams,
    ):
        reads, writes = os.pipe()
        numbers = [listens.fileno(), idle.fileno(), datagrams.fileno(), reads]
        yield [Passed(number, name) for number, name in zip(numbers, ("web", "idle", "two", "two"), strict=True)]
        os.close(reads)
        os.close(writes)


@pytest.mark.parametrize("text", ["systemd:INET:name=web", "systemd:name=web", "systemd:domain=INET:name=web"])
def test_a_name_finds_its_socket(passed: list[Passed], text: str) -> None:
    assert IStreamServerEndpoint.providedBy(passed_endpoint(MemoryReactorClock(), text, passed))


@pytest.mark.parametrize(
    ("text", "what", "hint"),
    [
        ("systemd:INET6:name=web", "the passed socket's domain is INET", "write domain=INET"),
        ("systemd:INET:name=idle", "the passed socket does not listen for connections", "Accept=no"),
        ("systemd:INET:name=two", "several sockets of that name were passed", "by its index"),
        ("systemd:INET:name=gone", "no such socket was passed", "they are called web, idle, two, two"),
        ("systemd:INET:99999999999999999999", "no such socket was passed", "there are 4"),
        ("systemd:INET", "not an endpoint string: it needs an index or a name, and not both", "its form is"),
        ("systemd:INET:0:web", "not an endpoint string: it needs an index or a name, and not both", "its form is"),
        ("systemd:INET:index=0:index=0", "not an endpoint string: an argument is unknown or one too many", "its form"),
        ("systemd:INET:٣", "not an endpoint string: '٣' is not a number", "its form is"),
    ],
)
def test_what_does_not_fit_is_a_usage_error(passed: list[Passed], text: str, what: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        passed_endpoint(MemoryReactorClock(), text, passed)
    assert caught.value.what == what
    assert hint in caught.value.hint
    assert caught.value.where == f"--listen {text}"


@pytest.mark.parametrize(("number", "what"), [(2, "does not listen"), (3, "no socket")])
def test_what_is_no_stream_is_a_usage_error(passed: list[Passed], number: int, what: str) -> None:
    alone = [Passed(passed[number].descriptor, "it")]
    with pytest.raises(UsageError, match=what):
        passed_endpoint(MemoryReactorClock(), "systemd:name=it", alone)


@given(st.lists(st.one_of(st.text(max_size=5), st.sampled_from(["INET", "0", "name=web", "index=0", "domain=UNIX"]))))
def test_any_string_is_an_endpoint_or_a_usage_error(parts: list[str]) -> None:
    text = ":".join(["systemd", *parts])
    with socket.create_server(("127.0.0.1", 0)) as listens:
        try:
            passed_endpoint(MemoryReactorClock(), text, [Passed(listens.fileno(), "web")])
        except UsageError as error:
            told = str(error)
        else:
            told = ""
    assert safe(told) == told
