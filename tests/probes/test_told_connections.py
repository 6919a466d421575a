"""What `-v` tells of a run's connections: each of the first few, then how many there are; `-vv` tells of each."""

from collections.abc import Iterator
from contextlib import contextmanager

from twisted.logger import LogEvent, LogLevel, formatEvent, globalLogPublisher

from load_rig import EchoRig, SlowEcho
from memory import Network
from running import Notes
from tw.probes.told import TOLD_ONE_BY_ONE


@contextmanager
def overheard() -> Iterator[list[LogEvent]]:
    told: list[LogEvent] = []
    globalLogPublisher.addObserver(told.append)
    try:
        yield told
    finally:
        globalLogPublisher.removeObserver(told.append)


def at_least(level: LogLevel, told: list[LogEvent]) -> list[str]:
    return [formatEvent(event) for event in told if event["log_level"] >= level and "tw." in event["log_namespace"]]


def test_a_load_tells_of_its_first_connections_and_then_how_many_there_are(net: Network, notes: Notes) -> None:
    SlowEcho(net)
    with overheard() as told:
        EchoRig(net, notes, connections=1234, count=1234)
        net.pass_s(3)
    lines = at_least(LogLevel.info, told)
    ones = [line for line in lines if line.startswith("connected to 127.0.0.1:1234 in ")]
    assert len(ones) == TOLD_ONE_BY_ONE
    assert lines[TOLD_ONE_BY_ONE:] == ["100 connections so far; -vv tells of each", "1000 connections so far"]
    everything = at_least(LogLevel.debug, told)
    assert sum(line.startswith("connected to") for line in everything) == 1234


def test_a_few_are_all_told_of(net: Network, notes: Notes) -> None:
    SlowEcho(net)
    with overheard() as told:
        EchoRig(net, notes, connections=3, count=30)
        net.pass_s(3)
    assert len(at_least(LogLevel.info, told)) == 3
