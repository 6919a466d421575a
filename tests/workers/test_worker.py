"""A worker's end of the socket to its parent: the job, what comes behind it, and a parent that is gone."""

import json
import socket
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet import unix

from sockets import HandReactor
from tw.events import Opened
from tw.options import CommonOptions
from tw.serve_options import ServeEchoOptions
from tw.workers.messages import Job, job_text, message
from tw.workers.worker import Inbox, Parent

JOB = Job(service="echo", common=CommonOptions(), options=ServeEchoOptions(), listeners=(5,), numbers=None, tls=None)
SAID = job_text(JOB).encode() + b"\n" + message("tls", {"key": "k"}).encode() + b"\n" + message("stop").encode() + b"\n"


class Chunks:
    """A socket that gives these, and then its end."""

    def __init__(self, *chunks: bytes) -> None:
        self.chunks = list(chunks)

    def recv(self, most: int) -> bytes:
        return self.chunks.pop(0) if self.chunks else b""


@given(st.lists(st.integers(0, len(SAID)), max_size=6))
def test_the_job_and_what_came_behind_it_are_the_same_however_they_are_split(cuts: list[int]) -> None:
    places = sorted({0, len(SAID), *cuts})
    chunks = [SAID[start:end] for start, end in pairwise(places)]
    channel: Any = Chunks(*chunks)
    inbox = Inbox()
    assert inbox.job(channel) == JOB
    told = inbox.feed(b"")
    for chunk in channel.chunks:
        told += inbox.feed(chunk)
    assert told == [("tls", {"key": "k"}), ("stop", None)]


@pytest.mark.parametrize("began", [b"", SAID[:20]])
def test_without_a_job_there_is_nothing_to_do(began: bytes) -> None:
    channel: Any = Chunks(*([began] if began else []))
    assert Inbox().job(channel) is None


class Reactor(HandReactor):
    """One that takes connected unix sockets, as a real one does."""

    def adoptStreamConnection(self, descriptor: int, family: int, factory: Any) -> Any:
        kind: Any = unix.Server
        return kind._fromConnectedSocket(descriptor, factory, self)


class Ends:
    """A worker's parent, and the other end of the socket."""

    def __init__(self, waiting: bytes = b"") -> None:
        self.reactor = Reactor()
        self.ours, theirs = socket.socketpair()
        self.theirs = theirs
        self.done: list[str] = []
        inbox = Inbox()
        if waiting:
            channel: Any = Chunks(waiting)
            inbox.job(channel)
        self.parent = Parent(self.reactor, theirs, inbox, lambda: self.done.append("gone"))

    def hears(self) -> None:
        self.parent.hears(lambda: self.done.append("stop"), lambda handed: self.done.append(f"show {handed['key']}"))

    def said(self) -> list[Any]:
        self.ours.setblocking(False)
        return [json.loads(line) for line in self.ours.recv(65_536).splitlines()]


@pytest.fixture
def ends() -> Iterator[Ends]:
    made = Ends()
    yield made
    made.ours.close()
    made.reactor.turns(3)
    made.theirs.close()


def test_what_the_parent_says_is_done(ends: Ends) -> None:
    ends.hears()
    ends.ours.send(SAID[len(job_text(JOB)) + 1 :])
    ends.reactor.turn()
    assert ends.done == ["show k", "stop"]


def test_what_came_with_the_job_is_done_once_somebody_hears_it() -> None:
    ends = Ends(SAID)
    assert ends.done == []
    ends.hears()
    assert ends.done == ["show k", "stop"]
    ends.ours.close()
    ends.reactor.turns(3)
    ends.theirs.close()


def test_a_worker_ends_with_its_parent(ends: Ends) -> None:
    ends.hears()
    ends.ours.close()
    ends.reactor.turn()
    assert ends.done == ["gone"]


def test_one_that_has_said_its_last_ends_by_itself(ends: Ends) -> None:
    ends.parent.last("last", {})
    assert ends.said() == [{"last": {}}]
    ends.ours.close()
    ends.reactor.turn()
    assert ends.done == []


def test_a_parent_that_does_not_read_holds_nobody_up_and_is_told_what_it_missed(ends: Ends) -> None:
    for number in range(20_000):
        ends.parent.event(Opened(id=number, peer="127.0.0.1:5" * 10))
    ends.ours.setblocking(False)
    got, quiet = b"", 0
    while quiet < 2:  # it looks for room every now and then
        try:
            got += ends.ours.recv(65_536)
            quiet = 0
        except BlockingIOError:
            ends.reactor.advance(0.2)
            quiet += 1
    told = [json.loads(line)["event"] for line in got.splitlines()]
    ends.parent.event(Opened(id=0, peer="h:1"))
    told += [each["event"] for each in ends.said()]
    opened = [event["id"] for event in told if event["event"] == "open"]
    missed = sum(event["lines"] for event in told if event["event"] == "unwritten")
    assert missed > 0
    assert len(opened) + missed == 20_001
    assert opened[:-1] == list(range(len(opened) - 1))
