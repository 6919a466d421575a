"""Endpoint strings: whatever a user types, Twisted makes an endpoint of it, or a typed error comes out."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from twisted.internet import endpoints
from twisted.internet.interfaces import IStreamClientEndpoint, IStreamServerEndpoint
from twisted.internet.testing import MemoryReactorClock
from twisted.plugin import getPlugins

from tw.core.text import safe
from tw.errors import ExitCode, TwError
from tw.net.endpoint import client_from_string, server_endpoint

pytestmark = pytest.mark.usefixtures("quiet")

KINDS = ["tcp", "tcp6", "unix", "ssl", "systemd", "tls", "fd", "haproxy", "stdio", "TCP", "tcp4", "host", ""]

pieces = st.one_of(
    st.sampled_from(
        [":", "\\", "=", "\\:", "0", "1", "-1", "99999", "٣", "1e3", "interface=::1", "backlog=x", "mode=9", "INET",
         "index=0", "domain=UNIX", "privateKey=", "localhost", "timeout=", "address=", "lockfile=2", "\ud800", "\x00"]
    ),
    st.text(max_size=5),
)  # fmt: skip


def description(kind: str, rest: list[str]) -> str:
    """`tls:` looks through all below the folder that it names: let that be the test's own, and not the whole disk."""
    text = ":".join([kind, *rest])
    return text.replace("/", "").replace(".", "") if kind == "tls" else text


descriptions = st.one_of(
    st.text(max_size=20), st.builds(description, st.sampled_from(KINDS), st.lists(pieces, max_size=5))
)
fuzzing = settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@pytest.fixture
def little_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An empty folder to look through; and Twisted's parsers, for which it searches the disk each time, found once."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(endpoints, "getPlugins", cache(lambda interface: tuple(getPlugins(interface))))


def outcome(make: Callable[[Any, str], Any], text: str) -> Any:
    """The endpoint, or the typed error; whatever else is raised fails the test."""
    try:
        return make(MemoryReactorClock(), text)
    except TwError as problem:
        return problem


@pytest.mark.usefixtures("little_disk")
@fuzzing
@given(descriptions)
@example("tcp")
@example("tcp:1:2:3:4:5:6:7")
@example("tcp:1:colour=red")
@example("ssl:0:privateKey=/nonexistent")
@example("systemd:domain=INET:index=7")
@example("haproxy:\x1b[31m")
def test_any_server_string_is_an_endpoint_or_a_typed_error(text: str) -> None:
    made = outcome(server_endpoint, text)
    if isinstance(made, TwError):
        assert made.exit_code in (ExitCode.USAGE, ExitCode.LOCAL)
        assert made.where.startswith("--listen ")
        assert safe(str(made)) == str(made)
    else:
        assert IStreamServerEndpoint.providedBy(made)


@pytest.mark.usefixtures("little_disk")
@fuzzing
@given(descriptions)
@example("tls:a..b:1")
@example("tls:localhost:1:certificate=/nonexistent")
def test_any_client_string_is_an_endpoint_or_a_typed_error(text: str) -> None:
    made = outcome(client_from_string, text)
    if isinstance(made, TwError):
        assert made.exit_code in (ExitCode.USAGE, ExitCode.LOCAL)
        assert safe(str(made)) == str(made)
    else:
        assert IStreamClientEndpoint.providedBy(made)
