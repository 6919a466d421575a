"""The counter probe: its request, the answers and what their numbers say."""

from typing import Any

import pytest

from counter_script import PORT, Rig, answer, says, script
from memory import Network
from running import Notes
from tw.errors import ExitCode, UsageError
from tw.probe_options import ProbeCounterOptions
from tw.probes.counter import counter_target, request_for
from tw.report import InstanceShare, Numbers
from tw.serve_options import ServeCounterOptions
from tw.services.counter import CounterService


def serve(net: Network, **options: Any) -> CounterService:
    service = CounterService(net, ServeCounterOptions(**options), lambda event: None, net.measured)
    net.run(service.start())
    return service


# With its own server -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("keepalive", "connections"), [(True, 1), (False, 3)])
def test_the_matching_server_gets_a_good_verdict(net: Network, notes: Notes, keepalive: bool, connections: int) -> None:
    service = serve(net, start=5)
    rig = Rig(net, notes, count=3, interval_s=1.0, keepalive=keepalive)
    net.pass_s(1.9)
    assert not rig.running.over
    net.pass_s(0.1)
    assert rig.running.result is None
    report = rig.report
    assert (report.ok, report.sent, report.received, report.lost, rig.code) == (True, 3, 3, 0, ExitCode.OK)
    assert (report.probe, report.target, report.duration_s) == ("counter", "127.0.0.1:8080", 2.0)
    share = InstanceShare(instance=rig.numbers.shares[0].instance, answers=3, share=1.0, first=5, last=7, gaps=0)
    assert rig.numbers == Numbers(first=5, last=7, instances=1, shares=(share,))
    assert [sample.detail for sample in notes.samples] == ["#5", "#6", "#7"]
    assert rig.client._connector.connect_times.count == connections
    net.settle()
    assert net.run(service.stop()).result.connections == connections


@pytest.mark.parametrize("options", [{"method": "HEAD"}, {"headers": (("Accept", "application/json"),)}], ids=str)
def test_other_forms_of_the_same_answer_are_as_good(net: Network, notes: Notes, options: dict[str, Any]) -> None:
    service = serve(net)
    rig = Rig(net, notes, count=2, interval_s=0.0, **options)
    assert rig.running.result is None
    assert (rig.report.ok, rig.numbers.last) == (True, 2)
    assert net.run(service.stop()).over


def test_bytes_are_counted_both_ways(net: Network, notes: Notes) -> None:
    net.scripted(PORT, script(*says(answer(1), answer(2))))
    rig = Rig(net, notes, count=2, interval_s=0.0)
    assert rig.running.result is None
    assert (rig.report.sent_bytes, rig.report.received_bytes) == (len(net.peers[0].got), 2 * len(answer(1)))


# What comes back -----------------------------------------------------------------------------------------------------


def test_an_unexpected_status_is_a_bad_verdict(net: Network, notes: Notes) -> None:
    net.scripted(PORT, script(*says(answer(1), answer(2, status="503 Service Unavailable"))))
    rig = Rig(net, notes, count=2, interval_s=0.0)
    assert rig.running.result is None
    report = rig.report
    assert (report.received, report.lost, report.errors, report.ok) == (2, 0, {"status 503": 1}, False)
    assert (notes.outcomes, rig.code) == (["ok", "status 503"], ExitCode.BAD_VERDICT)


def test_the_expected_status_may_be_another_and_an_answer_need_have_no_number(net: Network, notes: Notes) -> None:
    net.scripted(PORT, script(*says(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")))
    rig = Rig(net, notes, count=1, expect_status=404)
    assert rig.running.result is None
    assert (rig.report.ok, rig.numbers, notes.samples[0].detail) == (True, Numbers(), "")


@pytest.mark.parametrize(
    ("data", "detail"),
    [
        (answer(7, body="I am request #8\n"), "#7 in its header, #8 in its body"),
        (answer("many", body="I am request #8\n"), "#None in its header, #8 in its body"),
    ],
)
def test_an_answer_that_contradicts_itself_is_corrupted(net: Network, notes: Notes, data: bytes, detail: str) -> None:
    net.scripted(PORT, script(*says(data)))
    rig = Rig(net, notes, count=1)
    assert rig.running.result is None
    assert (rig.report.corrupted, rig.report.received, rig.report.lost, rig.report.ok) == (1, 1, 0, False)
    assert (notes.outcomes, notes.samples[0].detail) == (["corrupted"], detail)


def test_numbers_that_come_twice_or_go_back_are_faults_and_gaps_and_restarts_are_not(
    net: Network, notes: Notes
) -> None:
    one, two = "X-Instance: one", "X-Instance: two"
    numbers = [(1, one), (4, one), (4, one), (2, one), (1, two), (2, two)]
    net.scripted(PORT, script(*says(*(answer(number, field) for number, field in numbers))))
    rig = Rig(net, notes, count=6, interval_s=0.0)
    assert rig.running.result is None
    report = rig.report
    assert (report.received, report.duplicated, report.reordered, report.lost, report.ok) == (6, 1, 1, 0, False)
    shares = (
        InstanceShare(instance="one", answers=4, share=0.666667, first=1, last=4, gaps=1),
        InstanceShare(instance="two", answers=2, share=0.333333, first=1, last=2, gaps=0),
    )
    assert rig.numbers == Numbers(first=1, last=2, gaps=1, duplicates=1, resets=1, instances=2, shares=shares)


def test_gaps_and_restarts_alone_are_no_fault(net: Network, notes: Notes) -> None:
    net.scripted(
        PORT, script(*says(answer(1, "X-Instance: a"), answer(9, "X-Instance: a"), answer(1, "X-Instance: b")))
    )
    rig = Rig(net, notes, count=3, interval_s=0.0)
    assert rig.running.result is None
    assert (rig.report.ok, rig.numbers.gaps, rig.numbers.resets) == (True, 7, 1)


def test_the_instances_can_be_told_without_their_names(net: Network, notes: Notes) -> None:
    net.scripted(PORT, script(*says(*(answer(number) for number in (1, 1, 2, 2, 3, 3)))))
    rig = Rig(net, notes, count=6, interval_s=0.0)
    assert rig.running.result is None
    assert (rig.report.ok, rig.numbers.instances, rig.numbers.doubtful) == (True, 2, 3)
    assert [(share.instance, share.share) for share in rig.numbers.shares] == [(None, 0.5), (None, 0.5)]


def test_what_a_cache_says_it_had_stored_is_a_duplicate(net: Network, notes: Notes) -> None:
    numbers = [answer(1), answer(1, "Age: 0"), answer(2), answer(2, "Age: 3")]
    net.scripted(PORT, script(*says(*numbers)))
    rig = Rig(net, notes, count=4, interval_s=0.0)
    assert rig.running.result is None
    assert (rig.report.ok, rig.report.duplicated, rig.numbers.instances) == (False, 2, 1)


def test_a_name_from_the_network_does_not_reach_the_terminal_as_it_is(net: Network, notes: Notes) -> None:
    net.scripted(PORT, script(*says(answer(1, "X-Instance: a\x9b2Jb" + "c" * 100))))
    rig = Rig(net, notes, count=1)
    assert rig.running.result is None
    name = rig.numbers.shares[0].instance
    assert name is not None
    assert name.startswith("aÂ\\x9b2Jbccc")
    assert len(name) == 80


# The request ---------------------------------------------------------------------------------------------------------

FORMS: list[tuple[dict[str, Any], str, str]] = [
    ({}, "127.0.0.1:8080", "/"),
    ({"target": "h:80"}, "h", "/"),
    ({"target": "http://h"}, "h", "/"),
    ({"target": "http://h:8080/a?b"}, "h:8080", "/a?b"),
    ({"target": "https://h/x"}, "h", "/x"),
    ({"target": "https://h:80"}, "h:80", "/"),
    ({"target": "h:443", "tls": True}, "h", "/"),
    ({"target": "h:443"}, "h:443", "/"),
    ({"target": "[::1]:80"}, "[::1]", "/"),
    ({"family": 6}, "[::1]:8080", "/"),
    ({"target": "::1"}, "[::1]:8080", "/"),
    ({"target": "unix:/run/s"}, "localhost", "/"),
    ({"target": "http://h/url", "path": "/option"}, "h", "/option"),
]


@pytest.mark.parametrize(("options", "host", "path"), FORMS, ids=str)
def test_host_and_path_follow_from_the_target(options: dict[str, Any], host: str, path: str) -> None:
    chosen = ProbeCounterOptions(**options)
    request = request_for(chosen, counter_target(chosen))
    assert (request.host, request.path) == (host, path)


@pytest.mark.parametrize("options", [{"target": "echo://h"}, {"path": "no-slash"}, {"method": "A B"}], ids=str)
def test_what_cannot_be_asked_for_is_told_before_anything_is_sent(
    net: Network, notes: Notes, options: dict[str, Any]
) -> None:
    with pytest.raises(UsageError):
        Rig(net, notes, **options)
    assert net.dialled == []


def test_an_address_can_stand_for_the_name(net: Network, notes: Notes) -> None:
    net.scripted(PORT, script(*says(answer(1))))
    rig = Rig(net, notes, target="h:8080", count=1, resolve=(("h", PORT, "127.0.0.7"),))
    assert rig.running.result is None
    assert net.dialled == [(("127.0.0.7", PORT), None)]
    assert b"\r\nHost: h:8080\r\n" in net.peers[0].got
